/**
 * What one image hash commits to. `row`: all cells at once, so an image is shown whole or not at all. `column`: each cell
 * for itself, so that one can be shown without the others (docs/audit-format.md §12).
 */
export type Disclosure = 'row' | 'column';
