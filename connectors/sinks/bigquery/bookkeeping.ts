import { createHash, randomUUID } from 'node:crypto';
import type { GroupIndex } from '../../../src/audit/audit-log.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import type { Catalog } from './catalog.ts';
import type { Jobs, QueryParameter, QueryRow } from './jobs.ts';
import {
  CURSOR,
  type CursorMove,
  DEAD_LETTER_COLUMNS,
  DEAD_LETTERS,
  type Statements,
  TABLES,
} from './statements.ts';
import type { StoredColumn, Target } from './target.ts';

/** What was read when the sink took the dataset over. */
export interface TakenOver {
  readonly cursor: GroupIndex | null;
  readonly targets: ReadonlyMap<string, Target>;
  /** By `namespace.name`: dead letters that the dataset holds. */
  readonly deadLetters: ReadonlyMap<string, number>;
}

const CURSOR_COLUMNS: readonly StoredColumn[] = [
  { name: 'pipeline', type: 'STRING' },
  { name: 'epoch', type: 'INT64' },
  { name: 'group_index', type: 'INT64' },
  { name: 'head', type: 'STRING' },
];

const TABLES_COLUMNS: readonly StoredColumn[] = [
  { name: 'table_key', type: 'STRING' },
  { name: 'known', type: 'STRING' },
];

/** The sink's own tables: whose dataset it is, how far it got, what it made, what could not be held. */
export class Bookkeeping {
  readonly #jobs: Jobs;
  readonly #catalog: Catalog;
  readonly #statements: Statements;
  readonly #pipeline: string;
  readonly #epoch: bigint;

  constructor(jobs: Jobs, catalog: Catalog, statements: Statements, pipeline: string, epoch: bigint) {
    this.#jobs = jobs;
    this.#catalog = catalog;
    this.#statements = statements;
    this.#pipeline = pipeline;
    this.#epoch = epoch;
  }

  /** @throws RowsealError RS-BQ-005, -006 */
  async takeOver(): Promise<TakenOver> {
    await this.#make();
    await this.#jobs.query(
      this.#id(),
      this.#statements.takeOver(this.#epoch),
      this.#who(),
      'taking the dataset over',
    );
    const cursor = this.#mine(await this.#select(this.#statements.readCursor(), 'reading the cursor'));
    const targets = new Map<string, Target>();
    for (const [key, known] of await this.#select(
      this.#statements.readTables(),
      'reading what is known of tables',
    ))
      targets.set(key!, JSON.parse(known!) as Target);
    const counts = await this.#select(this.#statements.countDeadLetters(null, null), 'counting dead letters');
    return { cursor, targets, deadLetters: asCounts(counts) };
  }

  /** Before anything is made or changed outside a transaction. @throws RowsealError RS-BQ-006 */
  async assertNewest(): Promise<void> {
    this.#mine(await this.#select(this.#statements.readCursor(), 'reading the cursor'));
  }

  /**
   * Moves the cursor and runs the statements, all or nothing. The job's id comes from what it does: a repetition finds
   * the job that was sent before.
   */
  async commit(
    batch: string,
    move: Omit<CursorMove, 'epoch'>,
    statements: readonly string[],
    remembered: ReadonlyMap<string, Target>,
  ): Promise<void> {
    const parameters: QueryParameter[] = [...this.#who()];
    if (move.head !== null) parameters.push({ name: 'head', value: move.head });
    const all = [...statements];
    for (const [key, target] of remembered) {
      const n = parameters.length;
      parameters.push({ name: `k${n}`, value: key }, { name: `t${n}`, value: rememberedText(target) });
      all.push(...this.#statements.rememberTable(n));
    }
    const sql = this.#statements.transaction({ ...move, epoch: this.#epoch }, all);
    const digest = createHash('sha256')
      .update(JSON.stringify([sql, parameters]))
      .digest('hex')
      .slice(0, 16);
    try {
      await this.#jobs.query(`rowseal_${batch}_commit_${digest}`, sql, parameters, 'committing a batch');
    } catch (thrown) {
      if (thrown instanceof RowsealError && thrown.code === 'RS-BQ-006') await this.#blameOwnAttempt();
      throw thrown;
    }
  }

  /**
   * The cursor is not where the batch begins. If it is still this writer's, a transaction of an earlier attempt was committed
   * after all, which was given up while it ran: the sink has to be opened again, not to be stopped.
   *
   * @throws RowsealError RS-BQ-006 when it is a newer writer's, else RS-BQ-013
   */
  async #blameOwnAttempt(): Promise<never> {
    await this.assertNewest();
    throw new RowsealError('RS-BQ-013', { detail: 'an earlier attempt of this writer moved the cursor' });
  }

  /** The signed head that is stored with the cursor; null: there is none yet. */
  async head(): Promise<string | null> {
    const rows = await this.#select(this.#statements.readHead(), 'reading the head');
    return rows[0]?.[0] ?? null;
  }

  async countDeadLetters(after: GroupIndex | null, to: GroupIndex): Promise<ReadonlyMap<string, number>> {
    return asCounts(
      await this.#select(this.#statements.countDeadLetters(after, to), 'counting dead letters'),
    );
  }

  async #make(): Promise<void> {
    const tables = [
      [CURSOR, CURSOR_COLUMNS],
      [TABLES, TABLES_COLUMNS],
      [DEAD_LETTERS, DEAD_LETTER_COLUMNS],
    ] as const;
    for (const [name, columns] of tables) {
      const there = await this.#catalog.read(name);
      if (there === null) await this.#catalog.createTable({ name, columns });
    }
  }

  #mine(rows: readonly QueryRow[]): GroupIndex | null {
    if (rows.length > 1)
      throw new RowsealError('RS-BQ-010', {
        detail: `${this.#catalog.dataset}.${CURSOR} has ${rows.length} rows`,
      });
    const [pipeline, epoch, group] = rows[0] ?? [];
    if (pipeline !== this.#pipeline)
      throw new RowsealError('RS-BQ-005', {
        detail: `${this.#catalog.dataset} holds pipeline ${pipeline ?? 'none'}`,
      });
    if (BigInt(epoch!) !== this.#epoch)
      throw new RowsealError('RS-BQ-006', {
        detail: `epoch ${epoch} in ${this.#catalog.dataset}, here ${this.#epoch}`,
      });
    return group === null || group === undefined ? null : Number(group);
  }

  #who(): readonly QueryParameter[] {
    return [{ name: 'pipeline', value: this.#pipeline }];
  }

  #select(sql: string, doing: string): Promise<readonly QueryRow[]> {
    return this.#jobs.select(this.#id(), sql, [], doing);
  }

  /** Of statements that may run twice. */
  #id(): string {
    return `rowseal_${this.#pipeline}_${randomUUID()}`;
  }
}

/** How columns are masked is nobody's business in the warehouse. */
function rememberedText(target: Target): string {
  const table = { ...target.table, policy: '', keyFingerprint: '' };
  return JSON.stringify({ ...target, table });
}

function asCounts(rows: readonly QueryRow[]): ReadonlyMap<string, number> {
  return new Map(rows.map(([table, count]) => [table!, Number(count)]));
}
