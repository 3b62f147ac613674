import type { MaskedRun } from '../../model/masked.ts';
import type { ChangeTaker } from './group-events.ts';
import { HistoryPiece } from './history-piece.ts';
import { KeylessPiece } from './keyless-piece.ts';
import { MirrorPiece } from './mirror-piece.ts';
import type { RowBlock } from './row-block.ts';
import type { RunPlace } from './row-proof.ts';
import type { Target } from './target.ts';

/** Rows of a piece: large enough that a statement's fixed cost is small, small enough to bound memory. */
const PIECE_ROWS = 8_192;
/** Cells of a piece, for wide tables, and their bytes, for large values. */
const PIECE_CELLS = 1_000_000;
export const PIECE_BYTES = 16 * 1024 * 1024;

/** What a warehouse does with a piece of one table's changes. Pieces come in order and are not empty. */
export interface PieceApplier {
  applyMirror(piece: MirrorPiece): Promise<void>;
  applyKeyless(piece: KeylessPiece): Promise<void>;
  /** See `HistoryPiece.take`. */
  applyHistory(rows: RowBlock): Promise<void>;
  emptyMirror(): Promise<void>;
}

/** Gathers one table's changes of a batch into pieces of bounded size. */
export class PieceCollector implements ChangeTaker {
  readonly #applier: PieceApplier;
  readonly #mirror: MirrorPiece;
  readonly #keyless: KeylessPiece;
  readonly #history: HistoryPiece | null;
  readonly #pieceRows: number;
  #bytes = 0;

  /** @param history rows go to the history too */
  constructor(target: Target, history: boolean, applier: PieceApplier) {
    this.#applier = applier;
    this.#mirror = new MirrorPiece(target);
    this.#keyless = new KeylessPiece(target);
    this.#history = history ? new HistoryPiece(target) : null;
    this.#pieceRows = pieceRows(target.historyColumns.length);
  }

  async add(run: MaskedRun, place: RunPlace): Promise<void> {
    this.#history?.add(run, place);
    if (run.table.key.length === 0) {
      await this.#flushMirror();
      this.#keyless.add(run, place);
    } else {
      await this.#flushKeyless();
      if (this.#mirror.isKeyedOtherwise(run.table)) await this.#flushMirror();
      this.#mirror.add(run, place);
    }
    this.#bytes += run.bytes;
    const rows = Math.max(this.#mirror.size, this.#keyless.size, this.#history?.size ?? 0);
    if (rows >= this.#pieceRows || this.#bytes >= PIECE_BYTES) await this.flush();
  }

  async empty(why: 'truncate' | 'snapshot', place: RunPlace): Promise<void> {
    // Not for the mirror: what does not fit is kept aside whether or not the rows before an emptying came in one batch with it.
    await this.#flushKeyless();
    await this.#flushMirror();
    this.#history?.mark(why === 'truncate' ? 't' : 's', place);
    await this.#applier.emptyMirror();
  }

  async flush(): Promise<void> {
    this.#bytes = 0;
    if (this.#history !== null && this.#history.size > 0)
      await this.#applier.applyHistory(this.#history.take());
    await this.#flushKeyless();
    await this.#flushMirror();
  }

  async #flushMirror(): Promise<void> {
    if (this.#mirror.size === 0) return;
    await this.#applier.applyMirror(this.#mirror);
    this.#mirror.clear();
  }

  async #flushKeyless(): Promise<void> {
    if (this.#keyless.size === 0) return;
    await this.#applier.applyKeyless(this.#keyless);
    this.#keyless.clear();
  }
}

/** @param width columns */
export function pieceRows(width: number): number {
  return Math.max(128, Math.min(PIECE_ROWS, Math.floor(PIECE_CELLS / Math.max(1, width))));
}
