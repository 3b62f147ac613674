import { RowsealError } from '../error/rowseal-error.ts';
import { DROPPED, type MaskedCell } from '../model/cell.ts';
import type { RowRun } from '../model/change.ts';
import { MASK_WARRANT } from '../model/mask-warrant.ts';
import { MaskedRun, type MaskedTable } from '../model/masked.ts';
import type { KeyTagger } from './key-tagger.ts';
import type { Transform } from './method.ts';
import { imageCount } from './row-images.ts';

/**
 * The compiled policy of one table version. Works column by column: one tight loop for each column that has something
 * to do, over every image of the run alike, so that before, after and key images cannot be treated differently.
 */
export class TableMasker {
  readonly table: MaskedTable;
  /** Columns that the policy does not decide; they are redacted. */
  readonly undecided: readonly string[];
  readonly #transforms: readonly Transform[];
  readonly #tagger: KeyTagger;

  constructor(
    table: MaskedTable,
    transforms: readonly Transform[],
    tagger: KeyTagger,
    undecided: readonly string[],
  ) {
    this.table = table;
    this.#transforms = transforms;
    this.#tagger = tagger;
    this.undecided = undecided;
  }

  mask(run: RowRun): MaskedRun {
    const width = this.#transforms.length;
    if (run.cells.length !== imageCount(run) * width) {
      throw new RowsealError('RS-MASK-007', {
        detail: `${run.cells.length} cells, ${run.count} rows, ${width} columns`,
      });
    }
    const tags = this.#tagger.tag(run, width);
    const cells = (run.cells as readonly MaskedCell[]).slice();
    for (let column = 0; column < width; column++)
      maskColumn(cells, column, width, this.#transforms[column]!);
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
}

function maskColumn(cells: MaskedCell[], column: number, width: number, transform: Transform): void {
  switch (transform.kind) {
    case 'keep':
      return;
    case 'drop':
      for (let i = column; i < cells.length; i += width) cells[i] = DROPPED;
      return;
    case 'constant': {
      const { value } = transform;
      for (let i = column; i < cells.length; i += width) {
        // A cell that was not sent stays so: null would say that the row has no value.
        if (typeof cells[i] === 'string') cells[i] = value;
      }
      return;
    }
    case 'map': {
      const { map } = transform;
      for (let i = column; i < cells.length; i += width) {
        const cell = cells[i];
        if (typeof cell === 'string') cells[i] = map(cell);
      }
    }
  }
}
