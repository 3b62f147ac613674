import type { Client } from 'pg';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import type { Finding } from '../../../src/model/finding.ts';
import { type TableName, tableKey } from '../../../src/model/table.ts';
import { type ColumnTypes, isRetyped, readColumnTypes } from './column-types.ts';
import { end } from './connection.ts';
import type { PostgresSourceOptions } from './options.ts';
import { type Partition, readPartitions } from './partitions.ts';
import { problem } from './preflight.ts';
import { publicationProblems } from './publication.ts';
import { readSlot, type SlotState } from './slot.ts';

/** How often it looks, in milliseconds. */
const INTERVAL_MS = 10_000;
/** A slot with less than this share of max_slot_wal_keep_size left is about to be lost. */
const LOW_SHARE = 0.25;

export interface SlotWatchHost {
  /** The stream must not go on: RS-PG-008, RS-PG-019, RS-PG-021. */
  fail(error: RowsealError): void;
  /** The server is about to give the slot up. */
  inDanger(): void;
  /** Columns of the table got another type, and with it every row another value. */
  retyped(table: TableName): void;
}

/**
 * Looks at the slot and the publication from outside while the stream runs: how much WAL the server keeps, whether it is
 * about to drop some of it, and whether somebody takes tables out of the publication or changes partitions. The stream says
 * nothing of any of that.
 */
export class SlotWatch {
  readonly #client: Client;
  readonly #options: PostgresSourceOptions;
  readonly #host: SlotWatchHost;
  #slot: SlotState | null = null;
  #timer: NodeJS.Timeout | null = null;
  #looking = false;
  #types: ReadonlyMap<string, ColumnTypes> | null = null;
  #partitions: readonly Partition[] | null = null;
  readonly #repartitioned = new Set<string>();

  /** @param client a connection of its own, ended by `stop` */
  constructor(client: Client, options: PostgresSourceOptions, host: SlotWatchHost) {
    this.#client = client;
    this.#options = options;
    this.#host = host;
  }

  /** Resolves after the first look: what changes from then on is noticed. */
  async start(): Promise<void> {
    if (this.#timer !== null) return;
    const look = async (): Promise<void> => {
      if (this.#looking) return;
      this.#looking = true;
      await this.#look();
      this.#looking = false;
    };
    this.#timer = setInterval(() => void look(), Math.min(INTERVAL_MS, this.#options.idleIntervalMs * 10));
    this.#timer.unref();
    await look();
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    await end(this.#client);
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
    ];
  }

  #compareTypes(now: ReadonlyMap<string, ColumnTypes>): void {
    const before = this.#types;
    this.#types = now;
    for (const table of this.#options.tables) {
      const [old, types] = [before?.get(tableKey(table)), now.get(tableKey(table))];
      if (old !== undefined && types !== undefined && isRetyped(old, types)) this.#host.retyped(table);
    }
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

  async #look(): Promise<void> {
    try {
      const { slot, publication, tables } = this.#options;
      this.#slot = await readSlot(this.#client, slot);
      if (this.#slot === null) throw new RowsealError('RS-PG-008', { detail: `slot ${slot}` });
      if (this.#slot.walStatus === 'lost') throw new RowsealError('RS-PG-019', { detail: `slot ${slot}` });
      if (this.#slot.walStatus === 'unreserved') this.#host.inDanger();
      this.#compareTypes(await readColumnTypes(this.#client, tables));
      this.#compare(await readPartitions(this.#client, tables));
      const missing = await publicationProblems(this.#client, publication, tables);
      if (missing === null || missing.length > 0)
        throw new RowsealError('RS-PG-021', {
          detail: `${publication}: ${missing === null ? 'is gone' : missing.join(', ')}`,
        });
    } catch (thrown) {
      const error = thrown instanceof RowsealError ? thrown : null;
      // What a lost connection hides here the stream will meet itself.
      if (error !== null && error.kind !== 'transient') this.#host.fail(error);
    }
  }
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
