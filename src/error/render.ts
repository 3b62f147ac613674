import type { RowsealError } from './rowseal-error.ts';

export interface RenderOptions {
  /** Paints text; identity where colour is off. */
  readonly paint: (style: 'red' | 'bold' | 'gray' | 'green', text: string) => string;
  /** Lines of the file that a place points into; null when it cannot be shown. */
  readonly lineOf: (file: string, line: number) => string | null;
}

/**
 * An error for people: what, where, what Rowseal did about it, and last, where eyes land, the fix. A source line is shown
 * only up to its key: what follows may be a secret.
 */
export function renderError(error: RowsealError, options: RenderOptions): string {
  const { paint } = options;
  const out = [`${paint('red', `error[${error.code}]`)}: ${paint('bold', error.message)}`];
  const { place } = error;
  if (place !== null) {
    const at = place.line === undefined ? place.file : `${place.file}:${place.line}:${place.column ?? 1}`;
    out.push(`  ${paint('gray', '-->')} ${at}${place.path === undefined ? '' : `  ${place.path}`}`);
    const source = place.line === undefined ? null : options.lineOf(place.file, place.line);
    if (source !== null && place.line !== undefined) {
      const key = /^\s*(?:- )?[^:]{1,60}:?/.exec(source)?.[0] ?? '';
      const indent = ' '.repeat(Math.max(0, (place.column ?? 1) - 1));
      const carets = '^'.repeat(
        Math.max(1, key.length - (place.column ?? 1) + 1 - (key.endsWith(':') ? 1 : 0)),
      );
      out.push(
        `  ${paint('gray', `${place.line} |`)} ${key}`,
        `  ${paint('gray', `${' '.repeat(String(place.line).length)} |`)} ${indent}${paint('red', carets)}`,
      );
    }
  }
  if (error.state !== null) out.push(`  ${paint('gray', 'state:')} ${error.state}`);
  out.push(
    `  ${paint('gray', 'more:')}  rowseal explain ${error.code}`,
    `  ${paint('green', 'fix:')}   ${error.fix}`,
  );
  return `${out.join('\n')}\n`;
}

export function errorJson(error: RowsealError): Record<string, unknown> {
  return {
    error: {
      code: error.code,
      kind: error.kind,
      message: error.message,
      place: error.place,
      state: error.state,
      fix: error.fix,
    },
  };
}
