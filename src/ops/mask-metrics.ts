import { Counter, type Registry } from '@prometheus-io/client';
import type { MaskedRun, MaskedTable } from '../model/masked.ts';

/** Counts what the mask decided. By method, not by value: no cell is looked at. */
export class MaskMetrics {
  readonly #cells: Counter<string>;
  readonly #methods = new WeakMap<MaskedTable, ReadonlyMap<string, number>>();

  constructor(registry: Registry) {
    this.#cells = new Counter({
      name: 'rowseal_masked_cells_total',
      help: 'Cells of row images that passed through the mask, by the method of their column; nulls and unchanged ones count.',
      labelNames: ['method'],
      registers: [registry],
    });
  }

  masked(run: MaskedRun): void {
    const width = run.table.columns.length;
    if (width === 0) return;
    const images = run.cells.length / width;
    for (const [method, columns] of this.#of(run.table)) this.#cells.labels({ method }).inc(columns * images);
  }

  #of(table: MaskedTable): ReadonlyMap<string, number> {
    const known = this.#methods.get(table);
    if (known !== undefined) return known;
    const methods = new Map<string, number>();
    for (const { method } of table.columns) methods.set(method, (methods.get(method) ?? 0) + 1);
    this.#methods.set(table, methods);
    return methods;
  }
}
