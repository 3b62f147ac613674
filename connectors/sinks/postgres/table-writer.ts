import type { Client } from 'pg';
import type { DeadLetter } from '../../../src/deliver/warehouse/dead-letters.ts';
import { UNKNOWN_UNCHANGED } from '../../../src/deliver/warehouse/dead-letters.ts';
import { HISTORY_LEAD } from '../../../src/deliver/warehouse/history-piece.ts';
import type { KeylessPiece } from '../../../src/deliver/warehouse/keyless-piece.ts';
import type { MirrorPiece, PartialRow, WholeRow } from '../../../src/deliver/warehouse/mirror-piece.ts';
import type { Overlap } from '../../../src/deliver/warehouse/overlap.ts';
import type { PieceApplier } from '../../../src/deliver/warehouse/piece-collector.ts';
import { blockOf, type ProvenBlock, type RowBlock } from '../../../src/deliver/warehouse/row-block.ts';
import { type Sifted, setAside, unfindable } from '../../../src/deliver/warehouse/set-aside.ts';
import {
  keyColumns,
  PROOF_COLUMNS,
  type Target,
  type TargetColumn,
  UNCHANGED_COLUMN,
} from '../../../src/deliver/warehouse/target.ts';
import { UNCHANGED } from '../../../src/model/cell.ts';
import { displayName } from '../../../src/model/table.ts';
import { copyIn, copyText } from './copy-in.ts';
import { PROOF_TYPES } from './dialect.ts';
import { isRowTooLarge } from './errors.ts';
import { qualified, quoteIdentifier, type TargetNames } from './identifier.ts';
import { needsSifting, unfitCells } from './sift.ts';
import { timestampText } from './timestamp.ts';
import type { Upsert, Upserts } from './upsert.ts';

const STAGE = 'pg_temp.rowseal_stage';
/** From so many rows on an upsert through a staging table is cheaper than a delete and an insert. */
const UPSERT_ROWS = 256;

/** Rows to insert. */
interface ReadyRows {
  readonly block: ProvenBlock;
  /** Some cell is not the plain text of its type. */
  readonly careful: boolean;
  /** What COPY reads; null: not yet, something may be taken out of them, or there are none. */
  readonly text: Buffer | null;
}

export interface WriterContext {
  readonly client: Client;
  readonly target: Target;
  readonly names: TargetNames;
  /** Of the batch: the next piece is made ready while one is applied. */
  readonly overlap: Overlap;
  readonly upserts: Upserts;
  /** Some value of the batch does not fit its type: every cell is checked. */
  readonly careful: boolean;
  readonly keep: (letters: readonly DeadLetter[]) => void;
}

/** Applies one table's changes inside the sink's open transaction. */
export class TableWriter implements PieceApplier {
  readonly #context: WriterContext;
  readonly #client: Client;
  readonly #target: Target;
  readonly #mirror: string;
  #staged = false;

  constructor(context: WriterContext) {
    const { target, names } = context;
    this.#context = context;
    this.#client = context.client;
    this.#target = target;
    this.#mirror = qualified(names.schema, names.mirror);
  }

  async emptyMirror(): Promise<void> {
    await this.#context.overlap.start(async () => {
      await this.#client.query(`TRUNCATE ${this.#mirror}`);
    });
  }

  async applyMirror(piece: MirrorPiece): Promise<void> {
    const { key } = piece;
    const partial = [...piece.partialRows()];
    if (key.includes(-1)) {
      const whole = this.#block(piece.wholeRows());
      this.#context.keep(unfindable(this.#target, piece.replacedKeys(), whole, partial));
      return;
    }
    const upsert = await this.#upsertOf(piece);
    const replaced = piece.replacedKeys(upsert === null ? 'all' : 'deleted');
    const whole = this.#ready(this.#block(piece.wholeRows(upsert === null ? 'all' : 'new')));
    const updated = upsert === null ? null : this.#ready(this.#block(piece.wholeRows('replacing')));
    await this.#context.overlap.start(async () => {
      const staged = partial.length === 0 ? null : await this.#fill(partial, key);
      await this.#deleteKeys(replaced, key);
      await this.#insert(whole, key);
      if (upsert !== null && updated !== null) await this.#upsert(upsert, updated, key);
      if (staged !== null) await this.#insertStaged(staged, key, upsert);
    });
  }

  /**
   * @returns null: rows are deleted and inserted again, because they are few, or some may have to be kept aside, or they are
   * of a version with another key: an upsert would look for them by this one
   */
  async #upsertOf(piece: MirrorPiece): Promise<Upsert | null> {
    if (this.#context.careful || piece.size < UPSERT_ROWS) return null;
    if (piece.key.join() !== keyColumns(this.#target, this.#target.table).join()) return null;
    const { upserts, overlap, names } = this.#context;
    const known = upserts.known(this.#target);
    if (known !== undefined) return known;
    // A question among statements that fail would fail too, and hide why.
    await overlap.settled();
    return upserts.find(this.#client, this.#target, names, this.#into());
  }

  /** Made in the transaction's first piece; empty again after each. */
  async #upsert(upsert: Upsert, rows: ReadyRows, key: readonly number[]): Promise<void> {
    if (rows.block.count === 0) return;
    if (rows.text === null) {
      // Something may not fit its type: those are looked at one by one.
      const keys = key.map((index) => rows.block.columns[index]! as string[]);
      await this.#deleteKeys(keys, key);
      await this.#insert(rows, key);
      return;
    }
    const before = this.#staged ? `TRUNCATE ${upsert.stage}` : upsert.create;
    this.#staged = true;
    await copyIn(this.#client, upsert.into, rows.text, { before, after: upsert.apply(upsert.stage) });
  }

  #ready(block: ProvenBlock): ReadyRows {
    const careful = this.#careful(this.#target.columns, block.columns);
    return {
      block,
      text: careful || block.count === 0 ? null : copyText(block.columns, block.count),
      careful,
    };
  }

  async #deleteKeys(keys: readonly (readonly string[])[], key: readonly number[]): Promise<void> {
    const columns = key.map((index) => this.#target.columns[index]!);
    // Keys that are no values of their type are in no row.
    const bad = this.#careful(columns, keys) ? await unfitCells(this.#client, columns, keys) : [];
    const gone = new Set(bad.map(({ row }) => row));
    const values = keys.map((cells) => (gone.size === 0 ? cells : cells.filter((_, row) => !gone.has(row))));
    if (values[0]!.length === 0) return;
    const arrays = keys.map((_, i) => `$${i + 1}::text[]`).join(', ');
    const names = keys.map((_, i) => `k${i}`).join(', ');
    const match = columns.map(({ name, type }, i) => `t.${quoteIdentifier(name)} = s.k${i}::${type}`);
    await this.#client.query(
      `DELETE FROM ${this.#mirror} AS t USING unnest(${arrays}) AS s(${names}) WHERE ${match.join(' AND ')}`,
      values as string[][],
    );
  }

  async #insert({ block, text, careful }: ReadyRows, key: readonly number[]): Promise<void> {
    if (block.count === 0) return;
    if (text !== null && !this.#context.careful) return copyIn(this.#client, this.#into(), text);
    const sifted = careful ? await this.#sift(block, this.#target.columns, key, 'aside') : null;
    await this.#load(this.#into(), sifted?.block ?? block, (rows, row) => this.#keepWhole(rows, row, key));
  }

  /**
   * Rows with unchanged cells: staged, and those cells fetched from the row they come from before that one is deleted. A
   * base row that is not there (a pipeline begun without a copy) leaves the cell null and a dead letter that says so.
   *
   * @returns the rows that are staged
   */
  async #fill(rows: readonly PartialRow[], key: readonly number[]): Promise<ProvenBlock | null> {
    const target = this.#target;
    const { columns } = target;
    const keys = key.map((index) => columns[index]!);
    const bases = keys.map((_, i) => rows.map(({ base }) => base[i]!));
    const block = this.#block(rows);
    const careful = this.#careful(columns, block.columns) || this.#careful(keys, bases);
    const sifted = careful ? await this.#sift(block, columns, key, 'aside') : null;
    const kept = rows.filter((_, row) => !(sifted?.gone.has(row) ?? false));
    if (kept.length === 0) return null;
    const unfitBases = new Set(
      careful ? (await unfitCells(this.#client, keys, bases)).map(({ row }) => rows[row]!) : [],
    );
    const types = [...columns.map(({ type }) => type), ...(target.proof ? PROOF_TYPES : [])];
    const definitions = [
      ...types.map((type, i) => `c${i} ${type}`),
      ...keys.map(({ type }, i) => `b${i} ${type}`),
      'flags text',
      'row int',
      'found boolean',
    ];
    await this.#client.query(
      `DROP TABLE IF EXISTS ${STAGE}; CREATE TEMP TABLE rowseal_stage (${definitions.join(', ')}) ON COMMIT DROP`,
    );
    const loaded = (sifted?.block ?? block).columns;
    const flags = kept.map(({ cells }) => cells.map((cell) => (cell === UNCHANGED ? '1' : '0')).join(''));
    const staged = [
      ...loaded,
      ...keys.map((_, i) => kept.map((row) => (unfitBases.has(row) ? null : row.base[i]!))),
      flags,
      kept.map((_, row) => String(row)),
    ];
    const into = `${STAGE} (${[...types.map((_, i) => `c${i}`), ...keys.map((_, i) => `b${i}`), 'flags', 'row'].join(', ')})`;
    const proofs = kept.map(({ proof }) => proof);
    await this.#load(into, { count: kept.length, columns: staged, proofs }, (part, row) =>
      this.#keepWhole(part, row, key),
    );
    const sets = columns.flatMap(({ name }, i) =>
      kept.some(({ cells }) => cells[i] === UNCHANGED)
        ? [
            `c${i} = CASE WHEN substr(s.flags, ${i + 1}, 1) = '1' THEN t.${quoteIdentifier(name)} ELSE s.c${i} END`,
          ]
        : [],
    );
    const match = keys.map(({ name }, i) => `t.${quoteIdentifier(name)} = s.b${i}`).join(' AND ');
    await this.#client.query(
      `UPDATE ${STAGE} AS s SET ${[...sets, 'found = true'].join(', ')} FROM ${this.#mirror} AS t WHERE ${match}`,
    );
    await this.#keepMissing(kept);
    return { count: kept.length, columns: loaded, proofs };
  }

  async #keepMissing(rows: readonly PartialRow[]): Promise<void> {
    const missing = await this.#client.query<[number]>({
      text: `SELECT row FROM ${STAGE} WHERE found IS NULL`,
      rowMode: 'array',
    });
    const table = displayName(this.#target.table);
    const reason = UNKNOWN_UNCHANGED;
    this.#context.keep(
      missing.rows.map(([row]) => {
        const { base, proof } = rows[row]!;
        return { group: proof.group, table, key: base.join(), column: '', value: null, reason };
      }),
    );
  }

  async #insertStaged(staged: ProvenBlock, key: readonly number[], upsert: Upsert | null): Promise<void> {
    const cells = staged.columns.map((_, i) => `c${i}`).join(', ');
    const insert = (where: string): Promise<unknown> =>
      this.#client.query(
        `INSERT INTO ${this.#into()} SELECT ${cells} FROM ${STAGE} ${where} ${upsert?.onConflict ?? ''}`,
      );
    if (!this.#context.careful) {
      await insert('');
      return;
    }
    for (let row = 0; row < staged.count; row++)
      await this.#orAside(
        () => insert(`WHERE row = ${row}`),
        () => this.#keepWhole(staged, row, key),
      );
  }

  async applyKeyless(piece: KeylessPiece): Promise<void> {
    const removed = [...piece.removed()];
    const added = this.#ready(this.#block(piece.added()));
    await this.#context.overlap.start(async () => {
      await this.#removeCopies(removed);
      await this.#insert(added, []);
    });
  }

  /**
   * Without a key a row is found by all of its values, and of equal rows exactly as many go as were deleted. Rows are
   * compared by their text: every type has one, not every type has an equality.
   */
  async #removeCopies(rows: readonly (WholeRow & { readonly copies: number })[]): Promise<void> {
    if (rows.length === 0) return;
    const { columns } = this.#target;
    const block = blockOf(rows, columns.length, false);
    if (this.#careful(columns, block.columns)) {
      // What did not fit is null in the mirror too.
      for (const { row, column } of await unfitCells(this.#client, columns, block.columns))
        block.columns[column]![row] = null;
    }
    const definitions = [...columns.map(({ type }, i) => `c${i} ${type}`), 'copies bigint'];
    await this.#client.query(
      `DROP TABLE IF EXISTS ${STAGE}; CREATE TEMP TABLE rowseal_stage (${definitions.join(', ')}) ON COMMIT DROP`,
    );
    const copies = rows.map((row) => String(row.copies));
    await copyIn(this.#client, STAGE, copyText([...block.columns, copies], rows.length));
    const ours = columns.map((_, i) => `s.c${i}`).join(', ');
    const theirs = columns.map(({ name }) => `t.${quoteIdentifier(name)}`).join(', ');
    const match = columns.length === 0 ? 'true' : `ROW(${theirs})::text = s.text`;
    const text = columns.length === 0 ? "''" : `ROW(${ours})::text`;
    await this.#client.query(
      `DELETE FROM ${this.#mirror} WHERE ctid = ANY (ARRAY(
         SELECT place FROM (
           SELECT t.ctid AS place, s.copies, row_number() OVER (PARTITION BY s.text ORDER BY ${this.#target.proof ? 't._rowseal_seq' : 't.ctid'} DESC) AS copy
           FROM ${this.#mirror} AS t
           JOIN (SELECT ${text} AS text, sum(s.copies) AS copies FROM ${STAGE} AS s GROUP BY 1) AS s ON ${match}
         ) AS found WHERE copy <= copies))`,
    );
  }

  async applyHistory(taken: RowBlock): Promise<void> {
    await this.#context.overlap.start(() => this.#insertHistory(taken));
  }

  async #insertHistory(taken: RowBlock): Promise<void> {
    const columns = this.#target.historyColumns;
    const lead = taken.columns.slice(0, HISTORY_LEAD);
    const cells = taken.columns.slice(HISTORY_LEAD);
    let typed = cells;
    let proofs: ProvenBlock['proofs'] = [];
    if (this.#careful(columns, cells)) {
      proofs = lead[1]!.map((group) => ({ group: Number(group), op: '', seq: 0, commitTimeUs: 0n }));
      const key = keyColumns({ ...this.#target, columns }, this.#target.table);
      typed = (await this.#sift({ count: taken.count, columns: cells, proofs }, columns, key, 'null')).block
        .columns;
    }
    lead[3] = lead[3]!.map(timestampText);
    const names = [...PROOF_COLUMNS, UNCHANGED_COLUMN, ...columns.map(({ name }) => quoteIdentifier(name))];
    const { schema, history: table } = this.#context.names;
    const block = { count: taken.count, columns: [...lead, ...typed], proofs };
    await this.#load(`${qualified(schema, table)} (${names.join(', ')})`, block, (rows, row) => {
      const version = { ...rows, columns: rows.columns.slice(HISTORY_LEAD) };
      this.#context.keep(
        setAside(this.#target, columns, [], 'aside', version, [{ row, column: -1 }]).letters,
      );
    });
  }

  /** COPY; where a row may be too large for a page, by halves until that row is alone. */
  async #load(
    into: string,
    block: ProvenBlock,
    aside: (block: ProvenBlock, row: number) => void,
  ): Promise<void> {
    if (block.count === 0) return;
    const copy = (): Promise<void> => copyIn(this.#client, into, copyText(block.columns, block.count));
    if (!this.#context.careful) return copy();
    await this.#orAside(copy, async () => {
      if (block.count === 1) return aside(block, 0);
      const half = block.count >> 1;
      const part = (from: number, to: number): ProvenBlock => ({
        count: to - from,
        columns: block.columns.map((column) => column.slice(from, to)),
        proofs: block.proofs.slice(from, to),
      });
      await this.#load(into, part(0, half), aside);
      await this.#load(into, part(half, block.count), aside);
    });
  }

  async #orAside(action: () => Promise<unknown>, aside: () => void | Promise<void>): Promise<void> {
    await this.#client.query('SAVEPOINT rowseal_row');
    try {
      await action();
      await this.#client.query('RELEASE SAVEPOINT rowseal_row');
    } catch (thrown) {
      if (!isRowTooLarge(thrown)) throw thrown;
      await this.#client.query('ROLLBACK TO SAVEPOINT rowseal_row');
      await aside();
    }
  }

  #careful(columns: readonly TargetColumn[], cells: readonly (readonly (string | null)[])[]): boolean {
    return this.#context.careful || needsSifting(columns, cells);
  }

  /** Finds what does not fit, and keeps it aside. */
  async #sift(
    block: ProvenBlock,
    columns: readonly TargetColumn[],
    key: readonly number[],
    unfitKey: 'aside' | 'null',
  ): Promise<Sifted> {
    const unfit = await unfitCells(this.#client, columns, block.columns);
    const sifted = setAside(this.#target, columns, key, unfitKey, block, unfit);
    this.#context.keep(sifted.letters);
    return sifted;
  }

  #keepWhole(block: ProvenBlock, row: number, key: readonly number[]): void {
    const sifted = setAside(this.#target, this.#target.columns, key, 'aside', block, [{ row, column: -1 }]);
    this.#context.keep(sifted.letters);
  }

  /** The rows' cells and proofs, as Postgres reads them. */
  #block(rows: Iterable<WholeRow>): ProvenBlock {
    const width = this.#target.columns.length;
    const block = blockOf(rows, width, this.#target.proof);
    if (this.#target.proof) block.columns[width + 3] = block.columns[width + 3]!.map(timestampText);
    return block;
  }

  /** The mirror with its columns in our order: those that were added later come behind the proof's. */
  #into(): string {
    const { columns, proof } = this.#target;
    const names = [...columns.map(({ name }) => quoteIdentifier(name)), ...(proof ? PROOF_COLUMNS : [])];
    return `${this.#mirror} (${names.join(', ')})`;
  }
}
