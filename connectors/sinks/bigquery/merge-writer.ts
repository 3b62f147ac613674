import { imagePlaces } from '../../../src/deliver/warehouse/row-images.ts';
import { proofOf, type RowProof, type RunPlace } from '../../../src/deliver/warehouse/row-proof.ts';
import { UNCHANGED } from '../../../src/model/cell.ts';
import { Op } from '../../../src/model/change.ts';
import type { MaskedRun, MaskedTable } from '../../../src/model/masked.ts';
import { displayName } from '../../../src/model/table.ts';
import { HistoryLines } from './history-lines.ts';
import { KeyedPiece } from './keyed-piece.ts';
import { KeylessPiece } from './keyless-piece.ts';
import { RowReader } from './row-reader.ts';
import { SetAside } from './set-aside.ts';
import type { Holder } from './shared-bytes.ts';
import { cellMembers, member, stampMembers } from './staged-row.ts';
import { StagedLines } from './staging.ts';
import type { TableWriter, WriterServices } from './table-writer.ts';
import { keyColumns, type StoredColumn, type Target } from './target.ts';

/** Names and types of every staging table's first columns. */
const STAMP_COLUMNS: readonly StoredColumn[] = [
  { name: 'q', type: 'INT64' },
  { name: 'g', type: 'INT64' },
  { name: 'm', type: 'TIMESTAMP' },
  { name: 'o', type: 'STRING' },
];

/** Of rows with unchanged cells: which cells those are, and whether a copy has still to bring them. */
const PARTIAL_COLUMNS: readonly StoredColumn[] = [
  { name: 'u', type: 'STRING' },
  { name: 'w', type: 'STRING' },
];

/** Stages a table's changes, coalesced by key, and merges them in the batch's transaction. */
export class MergeWriter implements TableWriter, Holder {
  readonly #target: Target;
  readonly #services: WriterServices;
  readonly #name: string;
  readonly #reader: RowReader;
  readonly #aside: SetAside;
  /** Positions of the key among the mirror's columns, of the version whose rows are pending. */
  #keys: readonly number[];
  #table: MaskedTable | null = null;
  readonly #piece = new KeyedPiece();
  readonly #bag = new KeylessPiece();
  readonly #history: HistoryLines | null;
  #mirrorSteps: string[] = [];
  readonly #historySteps: string[] = [];
  #mayMissRows = false;

  constructor(target: Target, services: WriterServices) {
    this.#target = target;
    this.#services = services;
    this.#name = displayName(target.table);
    const { columns } = target.mirror;
    this.#reader = new RowReader(columns);
    this.#aside = new SetAside(this.#name, columns, this.#reader, services.keep);
    this.#keys = keyPositions(target, target.table);
    this.#history = target.history === null ? null : new HistoryLines(target.history);
  }

  get mayMissRows(): boolean {
    return this.#mayMissRows;
  }

  async add(run: MaskedRun, place: RunPlace): Promise<void> {
    if (this.#history !== null) {
      this.#history.add(run, place);
      if (this.#history.bytes >= this.#services.pieceBytes) await this.#flushHistory();
    }
    await this.#use(run.table);
    const places = imagePlaces(run);
    for (let row = 0; row < run.count; row++) {
      const before = places.before[row]!;
      const after = places.after[row]!;
      const proof = proofOf(place, run.ops[row]!, row);
      if (this.#keys.length === 0) this.#addToBag(run, before, after, proof);
      else if (after < 0) this.#delete(run, before, proof);
      else this.#upsert(run, run.ops[row]! === Op.update ? before : -1, after, proof);
    }
    if (this.#piece.bytes + this.#bag.bytes >= this.#services.pieceBytes) await this.#flushMirror();
    await this.#services.gathered.changed(this);
  }

  get heldBytes(): number {
    return this.#piece.bytes + this.#bag.bytes + (this.#history?.bytes ?? 0);
  }

  async letGo(): Promise<void> {
    await this.#flushHistory();
    await this.#flushMirror();
  }

  async empty(why: 'truncate' | 'snapshot', place: RunPlace): Promise<void> {
    this.#piece.clear();
    this.#bag.clear();
    this.#mirrorSteps = [this.#services.statements.truncate(this.#target.mirror)];
    this.#history?.mark(why === 'truncate' ? 't' : 's', place);
  }

  async finish(): Promise<void> {
    await this.letGo();
    this.#services.gathered.forget(this);
  }

  statements(): readonly string[] {
    return [...this.#mirrorSteps, ...this.#historySteps];
  }

  /** Rows of every version are found by the key that it had: those of another key go first. */
  async #use(table: MaskedTable): Promise<void> {
    if (this.#table === table) return;
    const keys = keyPositions(this.#target, table);
    if (keys.join() !== this.#keys.join()) await this.#flushMirror();
    this.#keys = keys;
    this.#table = table;
    this.#reader.use(table);
  }

  #delete(run: MaskedRun, at: number, proof: RowProof): void {
    const key = this.#aside.key(run, at, this.#keys, proof);
    if (key !== null) this.#piece.delete(key, proof);
  }

  #upsert(run: MaskedRun, before: number, after: number, proof: RowProof): void {
    const key = this.#aside.key(run, after, this.#keys, proof);
    const oldKey = before < 0 ? key : this.#aside.key(run, before, this.#keys, null);
    if (key === null) {
      // The row cannot be where it belongs; it is not where it was either.
      if (before >= 0 && oldKey !== null) this.#piece.delete(oldKey, proof);
      return;
    }
    const missing = proof.op === 'u' ? UNCHANGED : null;
    const cells = this.#reader.read(run, after, missing, this.#aside.cells(proof, key));
    if (!this.#piece.upsert(key, oldKey ?? key, cells, proof)) this.#aside.baseless(proof, key);
  }

  #addToBag(run: MaskedRun, before: number, after: number, proof: RowProof): void {
    if (before >= 0) this.#bag.take(this.#reader.read(run, before, null, () => {}));
    if (after >= 0) this.#bag.add(this.#reader.read(run, after, null, this.#aside.cells(proof, [])), proof);
  }

  async #flushMirror(): Promise<void> {
    if (this.#piece.rows > 0) await this.#flushKeyed();
    if (!this.#bag.empty) await this.#flushBag();
  }

  async #flushKeyed(): Promise<void> {
    const { statements, staging, copying } = this.#services;
    const lines = new StagedLines();
    let partial = false;
    for (const row of this.#piece.values()) {
      let line = stampMembers(row);
      if (row.cells === null) line += this.#keys.map((i, k) => member(`c${i}`, row.key[k]!)).join('');
      else line += cellMembers(row.cells);
      if (row.base !== null) {
        partial = true;
        line += member('u', row.cells!.map((cell) => (cell === UNCHANGED ? '1' : '0')).join(''));
        line += row.base.map((part, k) => member(`b${k}`, part)).join('');
        if (copying.has(row.group, this.#name)) line += member('w', '1');
      }
      lines.push(`{${line.slice(1)}}\n`);
    }
    this.#piece.clear();
    const { mirror } = this.#target;
    const keys = this.#keys.map((i) => mirror.columns[i]!);
    const columns = [
      ...STAMP_COLUMNS,
      ...textColumns('c', this.#target.mirror.columns.length),
      ...(partial ? [...PARTIAL_COLUMNS, ...textColumns('b', this.#keys.length)] : []),
    ];
    const table = await staging.stage(columns, lines, `staging rows of ${this.#name}`);
    if (partial) {
      this.#mayMissRows = true;
      this.#mirrorSteps.push(statements.keepBaseless(mirror, keys, table, this.#name));
    }
    this.#mirrorSteps.push(statements.merge(mirror, keys, table, partial));
  }

  async #flushBag(): Promise<void> {
    const { statements, staging } = this.#services;
    const { mirror } = this.#target;
    const texts = textColumns('c', mirror.columns.length);
    const removed = new StagedLines();
    for (const { cells, copies } of this.#bag.removed())
      removed.push(`{"i":${removed.lines},"n":${copies}${cellMembers(cells)}}\n`);
    const added = new StagedLines();
    for (const { cells, proof } of this.#bag.added())
      added.push(`{${(stampMembers(proof) + cellMembers(cells)).slice(1)}}\n`);
    this.#bag.clear();
    if (removed.lines > 0) {
      const columns: StoredColumn[] = [{ name: 'i', type: 'INT64' }, { name: 'n', type: 'INT64' }, ...texts];
      const table = await staging.stage(columns, removed, `staging deleted rows of ${this.#name}`);
      this.#mirrorSteps.push(statements.removeCopies(mirror, table));
    }
    if (added.lines > 0) {
      const table = await staging.stage([...STAMP_COLUMNS, ...texts], added, `staging rows of ${this.#name}`);
      this.#mirrorSteps.push(statements.append(mirror, table, false));
    }
  }

  async #flushHistory(): Promise<void> {
    const { history } = this.#target;
    if (history === null || this.#history === null || this.#history.lines === 0) return;
    const lines = this.#history.take();
    const columns: readonly StoredColumn[] = [
      ...STAMP_COLUMNS,
      { name: 'u', type: 'STRING' },
      ...textColumns('c', history.columns.length),
    ];
    const table = await this.#services.staging.stage(columns, lines, `staging history of ${this.#name}`);
    this.#historySteps.push(this.#services.statements.append(history, table, true));
  }
}

function keyPositions({ mirror }: Target, table: MaskedTable): readonly number[] {
  return keyColumns(mirror, table).map((column) => mirror.columns.indexOf(column));
}

function textColumns(prefix: string, count: number): readonly StoredColumn[] {
  return Array.from({ length: count }, (_, i) => ({ name: `${prefix}${i}`, type: 'STRING' }));
}
