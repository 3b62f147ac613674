import { imagePlaces } from '../../../src/deliver/warehouse/row-images.ts';
import { proofOf, type RowProof, type RunPlace } from '../../../src/deliver/warehouse/row-proof.ts';
import { UNCHANGED } from '../../../src/model/cell.ts';
import { Op } from '../../../src/model/change.ts';
import type { MaskedRun, MaskedTable } from '../../../src/model/masked.ts';
import { displayName } from '../../../src/model/table.ts';
import type { BaseRow, BaseRows } from './base-rows.ts';
import type { CdcStream } from './cdc-stream.ts';
import type { DeadLetter } from './dead-letters.ts';
import { historyRows, unchangedNames } from './history-lines.ts';
import { KeyedPiece, keyText, type PendingRow } from './keyed-piece.ts';
import { RowReader, type WrittenCell } from './row-reader.ts';
import { SetAside } from './set-aside.ts';
import type { Holder, SharedBytes } from './shared-bytes.ts';
import type { TableWriter } from './table-writer.ts';
import { keyColumns, type Relation, type Target } from './target.ts';

export interface CdcServices {
  /** The open stream of a relation's table, kept over batches. */
  readonly streamOf: (relation: Relation, history: boolean) => CdcStream;
  /** Looks rows up that are in the warehouse already. */
  readonly baseRows: BaseRows;
  readonly pieceBytes: number;
  /** What all tables of the batch gather together. */
  readonly gathered: SharedBytes;
  readonly keep: (letter: DeadLetter) => void;
  /** Makes an empty table the mirror's, for rows from `seq` on. */
  readonly nextVersion: (seq: number) => Promise<Target>;
}

/**
 * Streams a table's changes as upserts and deletes with sequence numbers, so that a replay changes nothing. Rows that come
 * whole go straight from canonical text to protobuf. From the first one that does not (unchanged cells, an older key),
 * changes are gathered by key, and what they lack is read from the warehouse.
 */
export class CdcWriter implements TableWriter, Holder {
  readonly mayMissRows = false;
  readonly #services: CdcServices;
  readonly #name: string;
  #target: Target;
  #stream: CdcStream;
  readonly #history: CdcStream | null;
  readonly #historyReader: RowReader | null;
  readonly #piece = new KeyedPiece();
  #reader: RowReader;
  #aside: SetAside;
  /** Positions among the mirror's columns of the table's primary key, and of the key of the version in use. */
  #primary: readonly number[];
  #keys: readonly number[];
  #table: MaskedTable | null = null;
  /** Rows are gathered, not streamed. */
  #gathering = false;

  constructor(target: Target, services: CdcServices) {
    this.#target = target;
    this.#services = services;
    this.#name = displayName(target.table);
    this.#stream = services.streamOf(target.mirror, false);
    this.#history = target.history === null ? null : services.streamOf(target.history, true);
    this.#historyReader = target.history === null ? null : new RowReader(target.history.columns);
    this.#reader = new RowReader(target.mirror.columns);
    this.#aside = new SetAside(this.#name, target.mirror.columns, this.#reader, services.keep);
    this.#primary = positions(target.mirror, target.table);
    this.#keys = this.#primary;
  }

  async add(run: MaskedRun, place: RunPlace): Promise<void> {
    if (this.#history !== null) await this.#addHistory(run, place);
    // A replay of what a truncate voided.
    if (place.seq + run.count <= this.#target.since) return;
    await this.#use(run.table);
    this.#stream.encoder.use(run.table);
    const places = imagePlaces(run);
    for (let row = 0; row < run.count; row++) {
      const before = places.before[row]!;
      const after = places.after[row]!;
      const op = run.ops[row]! as Op;
      const proof = proofOf(place, op, row);
      if (proof.seq < this.#target.since) continue;
      const old = op === Op.update || after < 0 ? before : -1;
      if (!this.#gathering && !this.#direct(run, old, after, proof)) this.#gathering = true;
      if (this.#gathering) this.#gather(run, old, after, proof);
      if (this.#stream.full) await this.#stream.flush();
    }
    if (this.#piece.bytes >= this.#services.pieceBytes) await this.#flushPiece();
    await this.#stream.changed();
    await this.#services.gathered.changed(this);
  }

  get heldBytes(): number {
    return this.#piece.bytes;
  }

  letGo(): Promise<void> {
    return this.#flushPiece();
  }

  async empty(why: 'truncate' | 'snapshot', place: RunPlace): Promise<void> {
    if (this.#history !== null) {
      const { encoder } = this.#history;
      encoder.begin();
      encoder.end('UPSERT', place, place.seq, why === 'truncate' ? 't' : 's', 0);
      this.#history.rowDone(place.seq, '');
    }
    if (place.seq < this.#target.since) return;
    this.#piece.clear();
    this.#gathering = false;
    await this.#stream.settled();
    this.#target = await this.#services.nextVersion(place.seq + 1);
    this.#stream = this.#services.streamOf(this.#target.mirror, false);
    const { columns } = this.#target.mirror;
    this.#reader = new RowReader(columns);
    this.#aside = new SetAside(this.#name, columns, this.#reader, this.#services.keep);
    this.#primary = positions(this.#target.mirror, this.#target.table);
    this.#keys = this.#primary;
    this.#table = null;
  }

  async finish(): Promise<void> {
    await this.#flushPiece();
    await this.#history?.settled();
    await this.#stream.settled();
    this.#services.gathered.forget(this);
  }

  statements(): readonly string[] {
    return [];
  }

  /** Rows of a version with another key than the table's cannot be streamed: their row has to be found first. */
  async #use(table: MaskedTable): Promise<void> {
    if (this.#table === table) return;
    // A version without a key has whole rows, and so the key of the others.
    const keys = table.key.length === 0 ? this.#primary : positions(this.#target.mirror, table);
    if (keys.join() !== this.#keys.join()) await this.#flushPiece();
    this.#keys = keys;
    this.#gathering ||= keys.join() !== this.#primary.join();
    this.#table = table;
    this.#reader.use(table);
  }

  /** @returns false when the row lacks something, and nothing was written of it */
  #direct(run: MaskedRun, before: number, after: number, proof: RowProof): boolean {
    const { encoder } = this.#stream;
    const key = this.#aside.key(run, after >= 0 ? after : before, this.#keys, proof);
    const oldKey = after >= 0 && before >= 0 ? this.#aside.key(run, before, this.#keys, null) : key;
    if (after >= 0 && key !== null) {
      const letters: DeadLetter[] = [];
      encoder.begin();
      if (
        !encoder.cells(
          run,
          after,
          this.#aside.cells(proof, key, (letter) => letters.push(letter)),
        )
      ) {
        encoder.bytes.undoRow();
        return false;
      }
      if (encoder.end('UPSERT', proof, proof.seq, proof.op, 1) > this.#stream.maxRowBytes) {
        encoder.bytes.undoRow();
        this.#aside.row(run, after, this.#keys, proof, 'larger than a request may be');
      } else {
        this.#stream.rowDone(proof.seq, key.join());
        for (const letter of letters) this.#services.keep(letter);
      }
    }
    const moved = oldKey !== null && (after < 0 || key === null || keyText(oldKey) !== keyText(key));
    if (moved) this.#sendDelete(this.#primary, oldKey, proof);
    return true;
  }

  #gather(run: MaskedRun, before: number, after: number, proof: RowProof): void {
    const key = this.#aside.key(run, after >= 0 ? after : before, this.#keys, proof);
    if (after < 0) {
      if (key !== null) this.#piece.delete(key, proof);
      return;
    }
    const oldKey = before >= 0 ? this.#aside.key(run, before, this.#keys, null) : key;
    if (key === null) {
      if (before >= 0 && oldKey !== null) this.#piece.delete(oldKey, proof);
      return;
    }
    const missing = proof.op === 'u' ? UNCHANGED : null;
    const cells = this.#reader.read(run, after, missing, this.#aside.cells(proof, key));
    if (!this.#piece.upsert(key, oldKey ?? key, cells, proof)) this.#aside.baseless(proof, key);
  }

  async #flushPiece(): Promise<void> {
    if (this.#piece.rows === 0) return;
    const foreign = this.#keys.join() !== this.#primary.join();
    const rows = [...this.#piece.values()];
    this.#piece.clear();
    // What was streamed before must be seen by the look-up.
    await this.#stream.settled();
    const wanted = rows.flatMap((row) => {
      if (row.base !== null) return [row.base, row.key];
      return foreign ? [row.key] : [];
    });
    const found = await this.#services.baseRows.find(this.#target.mirror, this.#keys, wanted);
    for (const row of rows) {
      this.#sendGathered(row, found, foreign);
      if (this.#stream.full) await this.#stream.flush();
    }
  }

  #sendGathered(row: PendingRow, found: ReadonlyMap<string, BaseRow>, foreign: boolean): void {
    const own = found.get(keyText(row.key));
    // A replay: this change, or a later one, is there already, and what it was made of may be gone.
    if (own !== undefined && own.seq >= row.seq) return;
    const there = foreign ? own?.cells : undefined;
    const primaryOf = (cells: readonly WrittenCell[]): readonly string[] =>
      this.#primary.map((i) => String(cells[i]));
    if (row.cells === null) {
      if (!foreign) this.#sendDelete(this.#primary, row.key, row);
      else if (there !== undefined) this.#sendDelete(this.#primary, primaryOf(there), row);
      return;
    }
    let { cells } = row;
    if (row.base !== null) {
      const base = found.get(keyText(row.base))?.cells;
      if (base === undefined) this.#aside.baseless(row, row.key);
      cells = cells.map((cell, i) => (cell === UNCHANGED ? (base?.[i] ?? null) : cell));
    }
    const primary = primaryOf(cells);
    if (there !== undefined && keyText(primaryOf(there)) !== keyText(primary))
      this.#sendDelete(this.#primary, primaryOf(there), row);
    const { encoder } = this.#stream;
    encoder.begin();
    encoder.converted(cells);
    encoder.end('UPSERT', row, row.seq, row.op, 1);
    this.#stream.rowDone(row.seq, primary.join());
  }

  #sendDelete(columns: readonly number[], key: readonly string[], proof: RowProof): void {
    const { encoder } = this.#stream;
    encoder.begin();
    encoder.convertedKey(columns, key);
    encoder.end('DELETE', proof, proof.seq, proof.op, 0);
    this.#stream.rowDone(proof.seq, key.join());
  }

  async #addHistory(run: MaskedRun, place: RunPlace): Promise<void> {
    const history = this.#target.history!;
    const stream = this.#history!;
    this.#historyReader!.use(run.table);
    for (const { op, seq, cells } of historyRows(run, place, this.#historyReader!)) {
      const { encoder } = stream;
      encoder.begin();
      encoder.converted(cells);
      const unchanged = unchangedNames(history, cells);
      if (unchanged !== null) encoder.extra(0, unchanged);
      encoder.end('UPSERT', place, seq, op, 0);
      stream.rowDone(seq, '');
      if (stream.full) await stream.flush();
    }
    await stream.changed();
  }
}

/** Positions of a version's key among the mirror's columns. */
function positions(mirror: Relation, table: MaskedTable): readonly number[] {
  return keyColumns(mirror, table).map((column) => mirror.columns.indexOf(column));
}
