import { type DuckDBConnection, type DuckDBPreparedStatement, StatementType } from '@duckdb/node-api';
import type { AnswerCell, QueryLimits, QueryPart } from '../../../src/deliver/warehouse-reader.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { failureOf } from '../../duckdb-engine/failure.ts';
import { checkQuery } from './query-guard.ts';

/** Rows that are turned into JSON at one time, at most; fewer when they are long. */
const MAX_SLICE_ROWS = 2_048;
const SLICE_CHARACTERS = 1_000_000;
const ANSWER = 'temp._rowseal_answer';
/** An interrupt between two statements is lost: it is repeated. */
const INTERRUPT_MS = 50;

/**
 * Answers one SELECT over a connection of its own. The answer is made in a read-only transaction and kept in a temporary
 * table, which counts against memory and temporary space and can be spilled, so a slow reader holds nothing back. (A
 * streamed result would be cheaper, but the driver takes an error in the middle of it for its end.)
 */
export async function* answerQuery(
  connection: DuckDBConnection,
  sql: string,
  limits: QueryLimits,
  signal: AbortSignal,
): AsyncGenerator<QueryPart> {
  const watch = new Watch(connection, limits.timeMs, signal);
  try {
    await connection.run("SET TimeZone = 'UTC'");
    await checkQuery(connection, sql);
    yield* answer(connection, sql, limits, watch);
  } catch (thrown) {
    throw watch.error() ?? queryError(thrown);
  } finally {
    watch.end();
  }
}

async function* answer(
  connection: DuckDBConnection,
  sql: string,
  { rows: maxRows }: QueryLimits,
  watch: Watch,
): AsyncGenerator<QueryPart> {
  // On lines of its own: the query may end in a comment.
  const limited = `SELECT * FROM (\n${withoutSemicolon(sql)}\n) LIMIT ${maxRows + 1}`;
  await checkQuery(connection, limited);
  await connection.run('BEGIN TRANSACTION READ ONLY');
  const cursor = await connection.runAndReadAll('SELECT group_index FROM _rowseal.cursor');
  const group = cursor.getRowsJS()[0]?.[0] ?? null;
  const prepared = await prepareSelect(connection, limited);
  const columns = Array.from({ length: prepared.columnCount }, (_, i) => ({
    name: prepared.columnName(i),
    type: String(prepared.columnType(i)),
  }));
  prepared.destroySync();
  const names = columns.map((_, i) => `c${i}`).join(', ');
  await connection.run(
    `CREATE TEMP TABLE _rowseal_answer AS SELECT ${names} FROM (${limited}) AS answer(${names})`,
  );
  await connection.run('COMMIT');
  watch.check();
  yield { kind: 'columns', columns, group: group === null ? null : Number(group) };
  const counted = await connection.runAndReadAll(`SELECT count(*) FROM ${ANSWER}`);
  const found = Number(counted.getRowsJS()[0]![0]);
  const total = Math.min(found, maxRows);
  for (let at = 0, size = 1; at < total; ) {
    const to = Math.min(total, at + size);
    const reader = await connection.runAndReadAll(
      `SELECT ${names} FROM ${ANSWER} WHERE rowid >= ${at} AND rowid < ${to} ORDER BY rowid`,
    );
    const rows = reader.getRowsJson() as AnswerCell[][];
    watch.check();
    yield { kind: 'rows', rows };
    at = to;
    // Nobody knows how long rows are before they are there.
    const perRow = JSON.stringify(rows).length / rows.length;
    size = Math.max(1, Math.min(MAX_SLICE_ROWS, size * 8, Math.floor(SLICE_CHARACTERS / perRow)));
  }
  yield { kind: 'end', rows: total, more: found > maxRows };
}

/** @throws RowsealError RS-QRY-001 */
async function prepareSelect(connection: DuckDBConnection, sql: string): Promise<DuckDBPreparedStatement> {
  const statements = await connection.extractStatements(sql);
  const prepared = statements.count === 1 ? await statements.prepare(0) : null;
  if (prepared === null || prepared.statementType !== StatementType.SELECT)
    throw new RowsealError('RS-QRY-001', { detail: 'this is no SELECT' });
  if (prepared.parameterCount > 0)
    throw new RowsealError('RS-QRY-001', { detail: 'there are no values for parameters' });
  return prepared;
}

function withoutSemicolon(sql: string): string {
  return sql.trimEnd().replace(/;+$/, '');
}

/** DuckDB's words go to whoever asked, and nowhere else: they may quote the (masked) values that were asked for. */
function queryError(thrown: unknown): RowsealError {
  if (thrown instanceof RowsealError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (failureOf(thrown) === 'memory') return new RowsealError('RS-QRY-004');
  if (message.startsWith('Permission Error'))
    return new RowsealError('RS-QRY-001', { detail: 'other files are out of reach' });
  return new RowsealError('RS-QRY-002', { detail: message.trim() });
}

/** Stops a query when its time is up or nobody waits for it any more. */
class Watch {
  readonly #connection: DuckDBConnection;
  readonly #signal: AbortSignal;
  readonly #timer: NodeJS.Timeout;
  readonly #timeMs: number;
  #interrupts: NodeJS.Timeout | null = null;
  #timedOut = false;

  constructor(connection: DuckDBConnection, timeMs: number, signal: AbortSignal) {
    this.#connection = connection;
    this.#signal = signal;
    this.#timeMs = timeMs;
    this.#timer = setTimeout(() => {
      this.#timedOut = true;
      this.#interrupt();
    }, timeMs);
    signal.addEventListener('abort', this.#interrupt);
    if (signal.aborted) this.#interrupt();
  }

  /** Why the query was stopped; null: it was not. */
  error(): RowsealError | null {
    if (this.#timedOut) return new RowsealError('RS-QRY-003', { detail: `${this.#timeMs} ms` });
    return this.#signal.aborted ? new RowsealError('RS-QRY-008', { detail: 'the query was given up' }) : null;
  }

  check(): void {
    const error = this.error();
    if (error !== null) throw error;
  }

  end(): void {
    clearTimeout(this.#timer);
    if (this.#interrupts !== null) clearInterval(this.#interrupts);
    this.#signal.removeEventListener('abort', this.#interrupt);
  }

  readonly #interrupt = (): void => {
    if (this.#interrupts !== null) return;
    interrupt(this.#connection);
    this.#interrupts = setInterval(() => interrupt(this.#connection), INTERRUPT_MS);
  };
}

function interrupt(connection: DuckDBConnection): void {
  try {
    connection.interrupt();
  } catch {
    // It was closed meanwhile.
  }
}
