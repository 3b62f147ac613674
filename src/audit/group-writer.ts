import { RowsealError } from '../error/rowseal-error.ts';
import type { Transaction } from '../model/change.ts';
import type { Gap, MaskedEvent, MaskedTable } from '../model/masked.ts';
import type { Position } from '../model/position.ts';
import { tableKey } from '../model/table.ts';
import type { GroupWriter, SealedEvent, SealedGroup } from './audit-log.ts';
import { ByteBuilder } from './bytes.ts';
import { erasurePayload } from './erased.ts';
import { recordPosition } from './journal-leaf.ts';
import { encodeTransactionFields, RecordKind } from './record.ts';
import type { RecordTransaction, TableLog, TableState } from './table-log.ts';

/** What a group needs of its log. */
export interface GroupHost {
  tableLog(table: MaskedTable): Promise<TableLog>;
  /** Writes what is closed so far, after earlier work. Nothing is synced. */
  spill(): Promise<void>;
  readonly pendingBytes: number;
  readonly spillBytes: number;
  readonly residentBytes: number;
  seal(group: GroupContent, position: Position): Promise<SealedGroup>;
  abandon(before: ReadonlyMap<string, TableState>): Promise<void>;
  stateOfTables(): ReadonlyMap<string, TableState>;
}

export interface GroupContent {
  readonly tables: readonly MaskedTable[];
  readonly logs: ReadonlySet<TableLog>;
  /** null when the group outgrew memory. */
  readonly events: readonly (readonly SealedEvent[])[] | null;
  readonly gaps: readonly Gap[];
  readonly transactions: number;
  readonly rows: number;
  readonly bytes: number;
  readonly commitTimeUs: bigint | null;
}

export class OpenGroup implements GroupWriter {
  readonly #host: GroupHost;
  readonly #before: ReadonlyMap<string, TableState>;
  readonly #tables: MaskedTable[] = [];
  readonly #logs = new Map<string, TableLog>();
  readonly #gaps: Gap[] = [];
  readonly #transactionBytes = new ByteBuilder(128);
  #known = new Set<MaskedTable>();
  #events: (readonly SealedEvent[])[] | null = [];
  #transactions = 0;
  #rows = 0;
  #bytes = 0;
  #commitTimeUs: bigint | null = null;
  #transaction: RecordTransaction | null = null;
  /** Operations so far in the current transaction. */
  #ordinal = 0;
  #ended = false;

  constructor(host: GroupHost) {
    this.#host = host;
    this.#before = host.stateOfTables();
  }

  get bytes(): number {
    return this.#bytes;
  }

  async append(events: readonly MaskedEvent[]): Promise<void> {
    this.#expectOpen();
    const sealed: SealedEvent[] = [];
    for (const event of events) sealed.push(await this.#append(event));
    if (this.#events !== null) {
      this.#events.push(sealed);
      if (this.#bytes > this.#host.residentBytes) this.#events = null;
    }
    if (this.#host.pendingBytes > this.#host.spillBytes) await this.#host.spill();
  }

  async declare(table: MaskedTable): Promise<void> {
    this.#expectOpen();
    (await this.#log(table)).declare(table);
  }

  seal(position: Position): Promise<SealedGroup> {
    this.#expectOpen();
    this.#ended = true;
    return this.#host.seal(
      {
        tables: this.#tables,
        logs: new Set(this.#logs.values()),
        events: this.#events,
        gaps: this.#gaps,
        transactions: this.#transactions,
        rows: this.#rows,
        bytes: this.#bytes,
        commitTimeUs: this.#commitTimeUs,
      },
      position,
    );
  }

  async abandon(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#logs.size > 0) await this.#host.abandon(this.#before);
  }

  async #append(event: MaskedEvent): Promise<SealedEvent> {
    switch (event.kind) {
      case 'begin':
        this.#begin(event.transaction);
        return event;
      case 'rows': {
        const { run } = event;
        const log = this.#logs.get(tableKey(run.table)) ?? (await this.#log(run.table));
        this.#meet(run.table);
        if (run.firstOrdinal !== this.#ordinal)
          throw misuse(`rows with ordinal ${run.firstOrdinal} where ${this.#ordinal} was due`);
        const seq = log.appendRun(run, this.#current());
        this.#ordinal += run.count;
        this.#rows += run.count;
        this.#bytes += run.bytes;
        return { ...event, seq };
      }
      case 'truncate': {
        const log = await this.#log(event.table);
        const payload = JSON.stringify({ cascade: event.cascade, restart_identity: event.restartIdentity });
        const seq = log.appendTruncate(event.table, payload, this.#ordinal++, this.#current());
        this.#bytes += payload.length;
        return { ...event, seq };
      }
      case 'snapshot': {
        const log = await this.#log(event.table);
        const payload = JSON.stringify({ phase: event.phase });
        const seq = log.appendSnapshot(event.table, payload, this.#ordinal++, this.#current());
        this.#bytes += payload.length;
        return { ...event, seq };
      }
      case 'finding': {
        const { action, columns } = event.finding;
        const payload = JSON.stringify({
          action,
          columns: columns.map(({ column, kind, count }) => ({ column, kind, count })),
        });
        (await this.#log(event.table)).appendNotice(event.table, RecordKind.finding, payload);
        return event;
      }
      case 'erasure':
        (await this.#log(event.table)).appendNotice(
          event.table,
          RecordKind.erasure,
          erasurePayload(event.erasure),
        );
        return event;
      case 'expiry':
        (await this.#log(event.table)).appendExpiry(event.table, event.expiry);
        return event;
      case 'gap':
        this.#gaps.push(event.gap);
        return event;
    }
  }

  #begin(transaction: Transaction): void {
    const index = this.#transactions++;
    const position = recordPosition(transaction.position);
    const builder = this.#transactionBytes;
    builder.clear();
    encodeTransactionFields(builder, {
      position,
      transaction: transaction.id,
      commitTimeUs: transaction.commitTimeUs,
      transactionIndex: index,
    });
    this.#transaction = {
      fields: Buffer.from(builder.view()),
      position,
      id: transaction.id,
      commitTimeUs: transaction.commitTimeUs,
      index,
    };
    this.#ordinal = 0;
    this.#commitTimeUs = transaction.commitTimeUs;
  }

  #current(): RecordTransaction {
    if (this.#transaction === null) throw misuse('rows before the first transaction of the group');
    return this.#transaction;
  }

  async #log(table: MaskedTable): Promise<TableLog> {
    this.#meet(table);
    const key = tableKey(table);
    let log = this.#logs.get(key);
    if (log === undefined) {
      log = await this.#host.tableLog(table);
      this.#logs.set(key, log);
    }
    return log;
  }

  #meet(table: MaskedTable): void {
    if (this.#known.has(table)) return;
    this.#known.add(table);
    this.#tables.push(table);
  }

  #expectOpen(): void {
    if (this.#ended) throw misuse('the group was already sealed or given up');
  }
}

function misuse(detail: string): RowsealError {
  return new RowsealError('RS-AUD-010', { detail });
}
