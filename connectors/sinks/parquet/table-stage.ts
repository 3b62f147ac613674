import type { DuckDBConnection } from '@duckdb/node-api';
import type { DeadLetter } from '../../../src/deliver/warehouse/dead-letters.ts';
import type { ChangeTaker } from '../../../src/deliver/warehouse/group-events.ts';
import { PIECE_BYTES, pieceRows } from '../../../src/deliver/warehouse/piece-collector.ts';
import type { RunPlace } from '../../../src/deliver/warehouse/row-proof.ts';
import { setAside } from '../../../src/deliver/warehouse/set-aside.ts';
import { keyColumns, type Target } from '../../../src/deliver/warehouse/target.ts';
import type { MaskedRun } from '../../../src/model/masked.ts';
import { quoteIdentifier, quoteLiteral } from '../../duckdb-engine/identifier.ts';
import type { PackedRunner } from '../../duckdb-engine/packed.ts';
import { needsSifting, unfitCells } from '../../duckdb-engine/sift.ts';
import { castExpression } from '../../duckdb-engine/types.ts';
import { ChangePiece, LEAD } from './change-piece.ts';

/** Collects one table's changes of a batch in a temporary table, and writes them to files by day. */
export class TableStage implements ChangeTaker {
  readonly #connection: DuckDBConnection;
  readonly #runner: PackedRunner;
  readonly target: Target;
  readonly #name: string;
  readonly #careful: boolean;
  readonly #keep: (letters: readonly DeadLetter[]) => void;
  readonly #piece: ChangePiece;
  readonly #pieceRows: number;
  #bytes = 0;

  private constructor(
    connection: DuckDBConnection,
    runner: PackedRunner,
    target: Target,
    name: string,
    careful: boolean,
    keep: (letters: readonly DeadLetter[]) => void,
  ) {
    this.#connection = connection;
    this.#runner = runner;
    this.target = target;
    this.#name = name;
    this.#careful = careful;
    this.#keep = keep;
    this.#piece = new ChangePiece(target);
    this.#pieceRows = pieceRows(target.historyColumns.length + LEAD.length);
  }

  /** @param name of the temporary table */
  static async create(
    connection: DuckDBConnection,
    runner: PackedRunner,
    target: Target,
    name: string,
    careful: boolean,
    keep: (letters: readonly DeadLetter[]) => void,
  ): Promise<TableStage> {
    const own = target.historyColumns.map((column) => `${quoteIdentifier(column.name)} ${column.type}`);
    const lead = LEAD.map(([column, type]) => `${column} ${type}`);
    await connection.run(`CREATE OR REPLACE TEMP TABLE ${name} (${[...lead, ...own].join(', ')})`);
    return new TableStage(connection, runner, target, name, careful, keep);
  }

  async add(run: MaskedRun, place: RunPlace): Promise<void> {
    this.#piece.add(run, place);
    this.#bytes += run.bytes;
    if (this.#piece.size >= this.#pieceRows || this.#bytes >= PIECE_BYTES) await this.#flush();
  }

  async empty(why: 'truncate' | 'snapshot', place: RunPlace): Promise<void> {
    this.#piece.mark(why === 'truncate' ? 't' : 's', place);
  }

  /** The days on which its changes were committed, with the number of rows. */
  async days(): Promise<readonly { readonly date: string; readonly rows: number }[]> {
    await this.#flush();
    const reader = await this.#connection.runAndReadAll(
      `SELECT strftime(_rowseal_committed_at, '%Y-%m-%d') AS day, count(*) FROM ${this.#name} GROUP BY 1 ORDER BY 1`,
    );
    return reader.getRowsJS().map(([date, rows]) => ({ date: String(date), rows: Number(rows) }));
  }

  /** Always the same bytes' worth of rows in the same order for the same groups. */
  async write(date: string, file: string): Promise<void> {
    await this.#connection.run(
      `COPY (SELECT * FROM ${this.#name} WHERE strftime(_rowseal_committed_at, '%Y-%m-%d') = ${quoteLiteral(date)}
             ORDER BY _rowseal_seq, _rowseal_sub)
       TO ${quoteLiteral(file)} (FORMAT parquet, COMPRESSION zstd)`,
    );
  }

  async drop(): Promise<void> {
    await this.#connection.run(`DROP TABLE IF EXISTS ${this.#name}`);
  }

  async #flush(): Promise<void> {
    this.#bytes = 0;
    if (this.#piece.size === 0) return;
    const { historyColumns: columns, table } = this.target;
    const taken = this.#piece.take();
    let { lead } = taken;
    let { block } = taken;
    const careful = this.#careful || needsSifting(columns, block.columns);
    if (careful) {
      const unfit = await unfitCells(this.#runner, columns, block.columns);
      const key = keyColumns({ ...this.target, columns }, table);
      const sifted = setAside(this.target, columns, key, 'aside', block, unfit);
      this.#keep(sifted.letters);
      lead = lead.map((cells) => cells.filter((_, row) => !sifted.gone.has(row)));
      ({ block } = sifted);
      if (block.count === 0) return;
    }
    const casts = [
      'c0',
      'CAST(c1 AS BIGINT)',
      'CAST(c2 AS BIGINT)',
      'CAST(c3 AS TINYINT)',
      'make_timestamptz(CAST(c4 AS BIGINT))',
      `from_json(c5, '["VARCHAR"]')`,
      ...columns.map(({ type }, i) => castExpression(`c${i + LEAD.length}`, type, careful)),
    ];
    await this.#runner.run(
      [...lead, ...block.columns],
      (rows) => `INSERT INTO ${this.#name} SELECT ${casts.join(', ')} FROM (${rows})`,
    );
  }
}
