import { RowsealError } from '../error/rowseal-error.ts';
import { DROPPED, type MaskedCell, type RawCell } from '../model/cell.ts';
import type { RowRun } from '../model/change.ts';
import { MASK_WARRANT } from '../model/mask-warrant.ts';
import { MaskedRun, type MaskedTable } from '../model/masked.ts';
import { type ColumnMask, mendedCell, type UnfitCount, UnfitCounts, unfitCell } from './column-mask.ts';
import type { KeyTagger } from './key-tagger.ts';
import type { LeakCount, LeakGuard } from './leak-guard.ts';
import { type MaskResult, Mended, Unfit } from './method.ts';
import { imageCount } from './row-images.ts';

/**
 * The compiled policy of one table version. Works column by column: one tight loop for each column that has something
 * to do, over every image of the run alike, so that before, after and key images cannot be treated differently.
 */
export class TableMasker {
  readonly table: MaskedTable;
  /** Columns that the policy does not decide; they are redacted. */
  readonly undecided: readonly string[];
  readonly columns: readonly ColumnMask[];
  readonly #tagger: KeyTagger;
  readonly #guard: LeakGuard | null;
  readonly #unfit = new UnfitCounts();

  constructor(
    table: MaskedTable,
    columns: readonly ColumnMask[],
    tagger: KeyTagger,
    guard: LeakGuard | null,
    undecided: readonly string[],
  ) {
    this.table = table;
    this.columns = columns;
    this.#tagger = tagger;
    this.#guard = guard;
    this.undecided = undecided;
  }

  /** @throws RowsealError RS-MASK-007, -010, -012 */
  mask(run: RowRun): MaskedRun {
    const width = this.columns.length;
    if (run.cells.length !== imageCount(run) * width) {
      throw new RowsealError('RS-MASK-007', {
        detail: `${run.cells.length} cells, ${run.count} rows, ${width} columns`,
      });
    }
    const tags = this.#tagger.tag(run, width);
    const cells = (run.cells as readonly MaskedCell[]).slice();
    for (let column = 0; column < width; column++)
      maskColumn(run.cells, cells, column, width, this.columns[column]!, this.#unfit);
    this.#guard?.inspect(run, cells);
    return new MaskedRun(MASK_WARRANT, {
      table: this.table,
      count: run.count,
      ops: run.ops,
      images: run.images,
      cells,
      firstOrdinal: run.firstOrdinal,
      keyTags: tags.tags,
      oldKeyTags: tags.oldTags,
      bytes: run.bytes,
    });
  }

  /** What methods could not take since the last call. */
  takeUnfit(): readonly UnfitCount[] {
    return this.#unfit.empty ? NONE : this.#unfit.take();
  }

  get guardAction(): 'alert' | 'redact' | 'halt' {
    return this.#guard?.action ?? 'alert';
  }

  /** What the leak guard met since the last call. */
  takeLeaks(): readonly LeakCount[] {
    return this.#guard?.take() ?? NONE;
  }
}

const NONE: readonly never[] = [];

/** One column of every image of a run. `raw` is what `cells` was before any column of it was masked. */
export function maskColumn(
  raw: readonly RawCell[],
  cells: MaskedCell[],
  column: number,
  width: number,
  mask: ColumnMask,
  unfit: UnfitCounts,
): void {
  const { transform } = mask.method;
  const settle = (result: MaskResult, value: string): MaskedCell => {
    if (result instanceof Unfit) return unfitCell(mask, result.reason, value, unfit);
    return result instanceof Mended ? mendedCell(mask, result, unfit) : result;
  };
  switch (transform.kind) {
    case 'keep':
      break;
    case 'drop':
      for (let i = column; i < cells.length; i += width) cells[i] = DROPPED;
      return;
    case 'constant': {
      const { value } = transform;
      for (let i = column; i < cells.length; i += width) {
        // A cell that was not sent stays so: null would say that the row has no value.
        if (typeof cells[i] === 'string') cells[i] = value;
      }
      break;
    }
    case 'map': {
      const { map, mapAll } = transform;
      if (mapAll !== undefined) {
        maskTogether(cells, column, width, mapAll, settle);
        break;
      }
      for (let i = column; i < cells.length; i += width) {
        const cell = cells[i];
        if (typeof cell !== 'string') continue;
        const result = map(cell);
        cells[i] = typeof result === 'string' ? result : settle(result, cell);
      }
      break;
    }
    case 'map-by': {
      const { map, by } = transform;
      for (let i = column; i < cells.length; i += width) {
        const cell = cells[i];
        if (typeof cell !== 'string') continue;
        // Raw: the column that names the entity may be masked already.
        const entity = raw[i - column + by]!;
        cells[i] = typeof entity === 'string' ? settle(map(cell, entity), cell) : settle(NO_ENTITY, cell);
      }
      break;
    }
    case 'batch':
      maskTogether(cells, column, width, transform.map, settle);
  }
  if (mask.onNull === null) return;
  for (let i = column; i < cells.length; i += width) if (raw[i] === null) cells[i] = mask.onNull;
}

function maskTogether(
  cells: MaskedCell[],
  column: number,
  width: number,
  map: (values: readonly string[]) => readonly MaskResult[],
  settle: (result: MaskResult, value: string) => MaskedCell,
): void {
  const values: string[] = [];
  for (let i = column; i < cells.length; i += width) {
    const cell = cells[i];
    if (typeof cell === 'string') values.push(cell);
  }
  if (values.length === 0) return;
  const results = map(values);
  let next = 0;
  for (let i = column; i < cells.length; i += width) {
    if (typeof cells[i] !== 'string') continue;
    const result = results[next]!;
    cells[i] = typeof result === 'string' ? result : settle(result, values[next]!);
    next++;
  }
}

const NO_ENTITY = new Unfit('entity');
