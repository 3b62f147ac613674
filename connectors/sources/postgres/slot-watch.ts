import type { Client } from 'pg';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { toRowsealError } from '../../../src/error/unexpected.ts';
import type { Finding } from '../../../src/model/finding.ts';
import { type TableName, tableKey } from '../../../src/model/table.ts';
import { type ColumnTypes, readColumnTypes } from './column-types.ts';
import { connect, end } from './connection.ts';
import { problem } from './finding.ts';
import type { PostgresSourceOptions } from './options.ts';
import { partitionFindings } from './partition-identity.ts';
import { type Partition, readPartitions } from './partitions.ts';
import { filteredTables, publicationProblems } from './publication.ts';
import { readSlot, type SlotState } from './slot.ts';

/** A lock on a table is waited for so long at most, in milliseconds, and always much shorter than for an answer. */
const LOCK_WAIT_MS = 1_000;
/** lock_not_available (PostgreSQL manual, Appendix A). */
const LOCKED = '55P03';
/** How often it looks, in milliseconds. */
const INTERVAL_MS = 10_000;
/** A slot with less than this share of max_slot_wal_keep_size left is about to be lost. */
const LOW_SHARE = 0.25;

export interface SlotWatchHost {
  /** The stream must not go on: RS-PG-008, RS-PG-019, RS-PG-021, RS-PG-031. */
  fail(error: RowsealError): void;
  /** The server is about to give the slot up. */
  inDanger(): void;
  /** Columns of the table got another type, and with it every row another value. */
  retyped(table: TableName): void;
}

/**
 * Looks at the slot and the publication from outside while the stream runs: how much WAL the server keeps, whether it is
 * about to drop some of it, and whether somebody takes tables or rows out of the publication or changes partitions. The
 * stream says nothing of any of that.
 */
export class SlotWatch {
  readonly #connect: () => Promise<Client>;
  readonly #options: PostgresSourceOptions;
  readonly #host: SlotWatchHost;
  #client: Client | null = null;
  #stopped = false;
  #slot: SlotState | null = null;
  #timer: NodeJS.Timeout | null = null;
  #looking = false;
  #partitions: readonly Partition[] | null = null;
  readonly #repartitioned = new Set<string>();
  #short: readonly Finding[] = [];

  /** @param connect makes a connection of its own, again when one is lost */
  constructor(connect: () => Promise<Client>, options: PostgresSourceOptions, host: SlotWatchHost) {
    this.#connect = connect;
    this.#options = options;
    this.#host = host;
  }

  /**
   * Resolves after the first look: what changes from then on is noticed.
   *
   * @throws RowsealError of kind `transient`: it could not look
   */
  async start(): Promise<void> {
    if (this.#timer !== null) return;
    this.#timer = setInterval(
      () => {
        if (!this.#looking) void this.#look();
      },
      Math.min(INTERVAL_MS, this.#options.idleIntervalMs * 10),
    );
    this.#timer.unref();
    const hidden = await this.#look();
    if (hidden !== null) throw hidden;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    await this.#letGo();
  }

  /** Types of columns as they are now: the stream has come to a table that may have been altered since the last look. */
  met(types: ReadonlyMap<string, ColumnTypes>): void {
    for (const table of this.#options.tables) {
      const now = types.get(tableKey(table));
      if (now !== undefined && this.#options.known.isRetyped(table, now)) this.#host.retyped(table);
    }
  }

  get retainedBytes(): number | null {
    return this.#slot?.retainedBytes ?? null;
  }

  get retention(): { readonly status: string; readonly safeBytes: number | null } | null {
    const status = this.#slot?.walStatus ?? null;
    return status === null ? null : { status, safeBytes: this.#slot!.safeBytes };
  }

  get warnings(): readonly Finding[] {
    return [
      ...(this.#slot === null ? [] : slotWarnings(this.#options.slot, this.#slot)),
      ...[...this.#repartitioned].map(
        (table): Finding => ({
          ...problem('warning', 'RS-PG-028', 'partitions', table),
          fix: `rowseal resnapshot --table ${table}`,
        }),
      ),
      ...this.#short,
    ];
  }

  #compare(now: readonly Partition[]): void {
    const before = this.#partitions;
    this.#partitions = now;
    if (before === null) return;
    const known = new Map(before.map((partition) => [partition.oid, partition]));
    for (const partition of now) {
      const old = known.get(partition.oid);
      known.delete(partition.oid);
      // A new one is empty unless it was a table before; one with a new file, and nothing known of it, was emptied.
      if (old === undefined ? partition.attached : old.file !== partition.file && partition.bare)
        this.#repartitioned.add(partition.table);
    }
    for (const gone of known.values()) this.#repartitioned.add(gone.table);
  }

  /** @returns why nothing can be seen just now */
  async #look(): Promise<RowsealError | null> {
    this.#looking = true;
    try {
      await this.#lookThrough(await this.#connected());
      return null;
    } catch (thrown) {
      const error = toRowsealError(thrown);
      if (error.kind !== 'transient') {
        this.#host.fail(error);
        return null;
      }
      // All but the last of it was seen.
      if (error.origin === LOCKED) return null;
      // Nobody else sees what is seen here: the next look has another connection.
      await this.#letGo();
      return error;
    } finally {
      this.#looking = false;
    }
  }

  async #lookThrough(client: Client): Promise<void> {
    const { slot, publication, tables } = this.#options;
    this.#slot = await readSlot(client, slot);
    if (this.#slot === null) throw new RowsealError('RS-PG-008', { detail: `slot ${slot}` });
    if (this.#slot.walStatus === 'lost') throw new RowsealError('RS-PG-019', { detail: `slot ${slot}` });
    if (this.#slot.walStatus === 'unreserved') this.#host.inDanger();
    this.met(await readColumnTypes(client, tables));
    this.#compare(await readPartitions(client, tables));
    this.#short = await partitionFindings(client, tables, 'warning');
    const filtered = await filteredTables(client, publication, tables);
    if (filtered.length > 0)
      throw new RowsealError('RS-PG-031', { detail: `${publication}: ${filtered.join(', ')}` });
    // The last one: the server opens the tables for this list, and waits for whoever alters one.
    const missing = await publicationProblems(client, publication, tables);
    if (missing === null || missing.length > 0)
      throw new RowsealError('RS-PG-021', {
        detail: `${publication}: ${missing === null ? 'is gone' : missing.join(', ')}`,
      });
  }

  async #connected(): Promise<Client> {
    if (this.#client !== null) return this.#client;
    const client = await this.#connect();
    if (this.#stopped) {
      await end(client);
      throw new RowsealError('RS-PG-016', { detail: 'watching the slot' });
    }
    this.#client = client;
    return client;
  }

  async #letGo(): Promise<void> {
    const client = this.#client;
    this.#client = null;
    await end(client);
  }
}

/** A connection for it. One that is given up while the server waits for a lock would stay there, and the next one beside it. */
export function connectWatch(options: PostgresSourceOptions): Promise<Client> {
  const answerMs = options.receiveTimeoutMs;
  const lockMs = Math.max(1, Math.min(LOCK_WAIT_MS, Math.floor(answerMs / 4)));
  return connect(options, undefined, answerMs, [`lock_timeout=${lockMs}`]);
}

/** That the slot is about to lose WAL it needs. */
export function slotWarnings(name: string, slot: SlotState): readonly Finding[] {
  const { walStatus, safeBytes, keepBytes } = slot;
  if (walStatus === 'unreserved')
    return [problem('warning', 'RS-PG-026', 'replication slot', `${name} loses WAL at the next checkpoint`)];
  if (safeBytes === null || keepBytes === null || safeBytes > keepBytes * LOW_SHARE) return [];
  return [
    problem(
      'warning',
      'RS-PG-026',
      'replication slot',
      `${name} is lost after another ${safeBytes} bytes of WAL, of ${keepBytes} that the server keeps`,
    ),
  ];
}
