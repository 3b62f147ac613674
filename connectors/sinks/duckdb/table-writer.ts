import type { DuckDBConnection } from '@duckdb/node-api';
import type { DeadLetter } from '../../../src/deliver/warehouse/dead-letters.ts';
import { UNKNOWN_UNCHANGED } from '../../../src/deliver/warehouse/dead-letters.ts';
import { HISTORY_LEAD } from '../../../src/deliver/warehouse/history-piece.ts';
import type { KeylessPiece } from '../../../src/deliver/warehouse/keyless-piece.ts';
import type { MirrorPiece, PartialRow } from '../../../src/deliver/warehouse/mirror-piece.ts';
import type { Overlap } from '../../../src/deliver/warehouse/overlap.ts';
import type { PieceApplier } from '../../../src/deliver/warehouse/piece-collector.ts';
import { blockOf, type ProvenBlock, type RowBlock } from '../../../src/deliver/warehouse/row-block.ts';
import type { RowProof } from '../../../src/deliver/warehouse/row-proof.ts';
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
import { quoteIdentifier } from '../../duckdb-engine/identifier.ts';
import {
  type PackedBlock,
  type PackedCell,
  type PackedRunner,
  packBlock,
} from '../../duckdb-engine/packed.ts';
import { needsSifting, unfitCells } from '../../duckdb-engine/sift.ts';
import { castExpression } from '../../duckdb-engine/types.ts';
import { historyName, mirrorName, proofCasts } from './dialect.ts';
import { packProofs, proofExpressions } from './packed-proofs.ts';

const PARTIAL = '_rowseal_partial';

export interface WriterContext {
  readonly connection: DuckDBConnection;
  readonly runner: PackedRunner;
  /** Of the batch: statements come one at a time, while the next piece is made ready. */
  readonly overlap: Overlap;
  readonly target: Target;
  /** Some value of the batch does not fit its type: every cast is checked. */
  readonly careful: boolean;
  readonly keep: (letters: readonly DeadLetter[]) => void;
}

/** Keys to delete, packed. */
interface ReadyKeys {
  readonly columns: readonly TargetColumn[];
  readonly packed: PackedBlock;
  readonly careful: boolean;
}

/** Rows to insert. */
interface ReadyRows {
  readonly block: ProvenBlock;
  readonly careful: boolean;
  /** null: not yet, because something may be taken out of them, or there are none. */
  readonly packed: PackedRows | null;
}

interface PackedRows {
  readonly block: PackedBlock;
  /** SQL of the mirror's own columns. */
  readonly proofs: readonly string[];
}

/** Applies one table's changes inside the sink's open transaction. */
export class TableWriter implements PieceApplier {
  readonly #context: WriterContext;
  readonly #target: Target;

  constructor(context: WriterContext) {
    const { target } = context;
    this.#context = context;
    this.#target = target;
  }

  async emptyMirror(): Promise<void> {
    await this.#context.overlap.start(async () => {
      await this.#context.connection.run(`DELETE FROM ${mirrorName(this.#target.table)}`);
    });
  }

  async applyMirror(piece: MirrorPiece): Promise<void> {
    const { key } = piece;
    const replaced = piece.replacedKeys();
    const partial = [...piece.partialRows()];
    const whole = blockOf(piece.wholeRows(), this.#target.columns.length, false);
    if (key.includes(-1)) {
      this.#context.keep(unfindable(this.#target, replaced, whole, partial));
      return;
    }
    const gone = this.#readyKeys(replaced, key);
    const rows = this.#readyRows(whole);
    await this.#context.overlap.start(async () => {
      const filled = partial.length > 0 && (await this.#fill(partial, key));
      await this.#deleteKeys(gone);
      await this.#insert(rows, key);
      if (!filled) return;
      await this.#context.connection.run(
        `INSERT INTO ${this.#into()} SELECT * EXCLUDE (_row, _missing) FROM ${PARTIAL}`,
      );
      await this.#context.connection.run(`DROP TABLE ${PARTIAL}`);
    });
  }

  #readyKeys(keys: readonly (readonly string[])[], key: readonly number[]): ReadyKeys | null {
    if (keys[0]!.length === 0) return null;
    const columns = key.map((index) => this.#target.columns[index]!);
    return { columns, packed: packBlock(keys), careful: this.#careful(columns, keys) };
  }

  /** @param block without proof columns */
  #readyRows(block: ProvenBlock): ReadyRows {
    const careful = this.#careful(this.#target.columns, block.columns);
    return { block, careful, packed: careful || block.count === 0 ? null : this.#pack(block) };
  }

  #pack({ columns, proofs }: ProvenBlock): PackedRows {
    if (!this.#target.proof) return { block: packBlock(columns), proofs: [] };
    const packed = packProofs(proofs);
    const own = packed.places === null ? [packed.seq] : [packed.seq, packed.places];
    return {
      block: packBlock([...columns, ...own], packed.shared),
      proofs: proofExpressions(packed, columns.length, columns.length + own.length + 1),
    };
  }

  async #deleteKeys(keys: ReadyKeys | null): Promise<void> {
    if (keys === null) return;
    const { columns, packed, careful } = keys;
    const name = mirrorName(this.#target.table);
    const match = columns.map((column, i) => `t.${quoteIdentifier(column.name)} = s.k${i}`).join(' AND ');
    const casts = columns.map((column, i) => `${castExpression(`c${i}`, column.type, careful)} AS k${i}`);
    await this.#context.runner.run(
      packed,
      (rows) =>
        `DELETE FROM ${name} AS t USING (SELECT ${casts.join(', ')} FROM (${rows})) AS s WHERE ${match}`,
    );
  }

  async #insert(rows: ReadyRows, key: readonly number[]): Promise<void> {
    const { columns, proof } = this.#target;
    const { careful } = rows;
    const block = careful ? (await this.#sift(rows.block, columns, key, 'aside')).block : rows.block;
    if (block.count === 0) return;
    if (block.columns.length === 0 && !proof) {
      const name = mirrorName(this.#target.table);
      await this.#context.connection.run(`INSERT INTO ${name} SELECT NULL FROM range(${block.count})`);
      return;
    }
    const packed = rows.packed ?? this.#pack(block);
    const casts = [...this.#casts(columns, 0, careful), ...packed.proofs];
    await this.#context.runner.run(
      packed.block,
      (packedRows) => `INSERT INTO ${this.#into()} SELECT ${casts.join(', ')} FROM (${packedRows})`,
    );
  }

  /**
   * Rows with unchanged cells: staged, joined with the row they come from before that one is deleted. A base row that is
   * not there (a pipeline begun without a copy) leaves the cell null and a dead letter that says so.
   *
   * @returns whether there is anything staged
   */
  async #fill(rows: readonly PartialRow[], key: readonly number[]): Promise<boolean> {
    const target = this.#target;
    const { columns } = target;
    const keys = key.map((index) => columns[index]!);
    const bases = keys.map((_, i) => rows.map(({ base }) => base[i]!));
    const block = blockOf(rows, columns.length, target.proof);
    const careful = this.#careful(columns, block.columns) || this.#careful(keys, bases);
    const sifted = careful ? await this.#sift(block, columns, key, 'aside') : null;
    const kept = rows.filter((_, row) => !(sifted?.gone.has(row) ?? false));
    if (kept.length === 0) return false;
    const flags = kept.map(({ cells }) => cells.map((cell) => (cell === UNCHANGED ? '1' : '0')).join(''));
    const packedColumns = [
      ...(sifted?.block ?? block).columns,
      ...keys.map((_, i) => kept.map(({ base }) => base[i]!)),
      flags,
      kept.map((_, row) => String(row)),
    ];
    const at = { base: packedColumns.length - 2 - keys.length, flags: packedColumns.length - 2 };
    const name = mirrorName(target.table);
    const match = keys
      .map((column, i) => {
        const cast = castExpression(`s.c${at.base + i}`, column.type, careful);
        return `t.${quoteIdentifier(column.name)} = ${cast}`;
      })
      .join(' AND ');
    const values = columns.map((column, i) => {
      const cast = castExpression(`s.c${i}`, column.type, careful);
      const unchanged = `substr(s.c${at.flags}, ${i + 1}, 1) = '1'`;
      return `CASE WHEN ${unchanged} THEN t.${quoteIdentifier(column.name)} ELSE ${cast} END AS v${i}`;
    });
    const proof = target.proof ? proofCasts(columns.length, 's.').map((cast, i) => `${cast} AS p${i}`) : [];
    const marks = [`CAST(s.c${at.flags + 1} AS BIGINT) AS _row`, 't.rowid IS NULL AS _missing'];
    await this.#context.runner.run(
      packedColumns,
      (packedRows) => `CREATE OR REPLACE TEMP TABLE ${PARTIAL} AS
        SELECT ${[...values, ...proof, ...marks].join(', ')} FROM (${packedRows}) AS s LEFT JOIN ${name} AS t ON ${match}`,
    );
    await this.#keepMissing(kept);
    return true;
  }

  async #keepMissing(rows: readonly PartialRow[]): Promise<void> {
    const reader = await this.#context.connection.runAndReadAll(`SELECT _row FROM ${PARTIAL} WHERE _missing`);
    const table = displayName(this.#target.table);
    const reason = UNKNOWN_UNCHANGED;
    this.#context.keep(
      reader.getRowsJS().map(([row]) => {
        const { base, proof } = rows[Number(row)]!;
        return { group: proof.group, table, key: base.join(), column: '', value: null, reason };
      }),
    );
  }

  async applyKeyless(piece: KeylessPiece): Promise<void> {
    const removed = [...piece.removed()];
    const added = this.#readyRows(blockOf(piece.added(), this.#target.columns.length, false));
    await this.#context.overlap.start(async () => {
      await this.#removeCopies(removed);
      await this.#insert(added, []);
    });
  }

  /** Without a key a row is found by all of its values, and of equal rows exactly as many go as were deleted. */
  async #removeCopies(
    rows: readonly {
      readonly cells: PartialRow['cells'];
      readonly copies: number;
      readonly proof: RowProof;
    }[],
  ): Promise<void> {
    if (rows.length === 0) return;
    // Of equal rows the newest go first, so that it does not matter what came in one batch with what.
    const { columns, table, proof } = this.#target;
    const name = mirrorName(table);
    const width = columns.length;
    const block = blockOf(rows, width, false);
    const careful = this.#careful(columns, block.columns);
    const casts = columns.map((column, i) => `${castExpression(`c${i}`, column.type, careful)} AS v${i}`);
    const match = columns.map(
      (column, i) => `t.${quoteIdentifier(column.name)} IS NOT DISTINCT FROM s.v${i}`,
    );
    await this.#context.runner.run(
      [...block.columns, rows.map(({ copies }) => String(copies))],
      (packedRows) => `DELETE FROM ${name} WHERE rowid IN (
        SELECT r FROM (
          SELECT t.rowid AS r, s.copies AS copies, row_number() OVER (PARTITION BY s.n ORDER BY ${proof ? 't._rowseal_seq' : 't.rowid'} DESC) AS copy
          FROM ${name} AS t JOIN (
            SELECT ${[...casts, `CAST(c${width} AS BIGINT) AS copies`, 'row_number() OVER () AS n'].join(', ')} FROM (${packedRows})
          ) AS s ON ${match.join(' AND ') || 'true'}
        ) WHERE copy <= copies)`,
    );
  }

  async applyHistory(taken: RowBlock): Promise<void> {
    const columns = this.#target.historyColumns;
    const cells = taken.columns.slice(HISTORY_LEAD);
    const careful = this.#careful(columns, cells);
    const packed = careful ? null : packBlock(taken.columns);
    await this.#context.overlap.start(() => this.#insertHistory(taken, cells, packed));
  }

  async #insertHistory(
    taken: RowBlock,
    cells: RowBlock['columns'],
    packed: PackedBlock | null,
  ): Promise<void> {
    const columns = this.#target.historyColumns;
    const careful = packed === null;
    let block: RowBlock = taken;
    if (careful) {
      const proofs = taken.columns[1]!.map((group) => ({
        group: Number(group),
        op: '',
        seq: 0,
        commitTimeUs: 0n,
      }));
      const key = keyColumns({ ...this.#target, columns }, this.#target.table);
      const sifted = await this.#sift({ count: taken.count, columns: cells, proofs }, columns, key, 'null');
      block = {
        count: taken.count,
        columns: [...taken.columns.slice(0, HISTORY_LEAD), ...sifted.block.columns],
      };
    }
    const names = [...PROOF_COLUMNS, UNCHANGED_COLUMN, ...columns.map(({ name }) => quoteIdentifier(name))];
    const casts = [...proofCasts(0), `c${HISTORY_LEAD - 1}`, ...this.#casts(columns, HISTORY_LEAD, careful)];
    await this.#context.runner.run(
      packed ?? block.columns,
      (rows) =>
        `INSERT INTO ${historyName(this.#target.table)} (${names.join(', ')}) SELECT ${casts.join(', ')} FROM (${rows})`,
    );
  }

  /** Some cell is not the plain text of its type, so each cast must be checked. */
  #careful(columns: readonly TargetColumn[], cells: readonly (readonly PackedCell[])[]): boolean {
    return this.#context.careful || needsSifting(columns, cells);
  }

  /** Finds what does not fit, and keeps it aside. */
  async #sift(
    block: ProvenBlock,
    columns: readonly TargetColumn[],
    key: readonly number[],
    unfitKey: 'aside' | 'null',
  ): Promise<Sifted> {
    const unfit = await unfitCells(this.#context.runner, columns, block.columns);
    const sifted = setAside(this.#target, columns, key, unfitKey, block, unfit);
    this.#context.keep(sifted.letters);
    return sifted;
  }

  /** The mirror with its columns in our order: those that were added later come behind the proof's. */
  #into(): string {
    const { table, columns, proof } = this.#target;
    const names = [...columns.map(({ name }) => quoteIdentifier(name)), ...(proof ? PROOF_COLUMNS : [])];
    return `${mirrorName(table)} (${names.join(', ')})`;
  }

  #casts(columns: readonly TargetColumn[], first: number, careful: boolean): readonly string[] {
    return columns.map(({ type }, i) => castExpression(`c${first + i}`, type, careful));
  }
}
