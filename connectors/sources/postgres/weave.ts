import type { ChangeBatch, ChangeEvent } from '../../../src/model/change.ts';
import { type PostgresPosition, withCopying, withOutside } from '../../../src/model/position.ts';
import { type TableName, type TableSchema, tableKey } from '../../../src/model/table.ts';
import { Chunk, eachKey } from './chunk.ts';
import type { CopyPlan, TableCopy } from './copy-plan.ts';
import type { CopyProgress } from './copy-progress.ts';
import { type CopyCursor, keyText, sealCursor } from './key-cursor.ts';
import type { KeylessCopy } from './keyless-copy.ts';
import type { PostgresSourceOptions } from './options.ts';
import { OutsideFilter } from './outside-filter.ts';
import { Pace } from './pace.ts';
import type { ReplicationStream } from './replication.ts';
import { TableReader } from './table-reader.ts';
import type { TableVersions } from './table-versions.ts';
import type { UnseenTransactions, Visibility } from './visibility.ts';

/** Transactions of the stream that are remembered before the server is asked which of them its snapshots show. */
const MAX_UNSEEN = 1 << 16;

export interface WeaveHost {
  /** What a snapshot taken now shows. */
  visibility(): Promise<Visibility>;
  estimate(table: TableSchema): Promise<number | null>;
}

/** The parts that the weave puts together. */
export interface WeaveParts {
  readonly options: PostgresSourceOptions;
  readonly stream: ReplicationStream;
  readonly plan: CopyPlan;
  /** null: every table that is due has a key. */
  readonly keyless: KeylessCopy | null;
  readonly versions: TableVersions;
  readonly unseen: UnseenTransactions;
  readonly host: WeaveHost;
  /** Where the stream goes on from. */
  readonly at: PostgresPosition;
  readonly progress: CopyProgress;
}

/**
 * The stream with the copies of tables woven in. Each table is read in chunks on a connection of its own while the stream
 * goes on; a chunk is handed on between the two transactions where its mark comes by. Why that is right: {@link Chunk}.
 */
export class Weave {
  readonly #parts: WeaveParts;
  /** Each copy has a reader of its own: one that is begun again does not share the connection of what it makes void. */
  readonly #readers = new Map<TableCopy, TableReader>();
  readonly #stop = new AbortController();
  readonly #outside: OutsideFilter;
  readonly #pace: Pace;
  #at: PostgresPosition;
  /** Of the transaction that is being read; null: it is a message outside of transactions, which no snapshot shows or hides. */
  #xid: number | null = null;
  /** The transaction that is being read is a mark of this table. */
  #marked: TableCopy | null = null;
  #failure: { readonly error: unknown } | null = null;

  constructor(parts: WeaveParts) {
    this.#parts = parts;
    this.#at = parts.at;
    const { phase, copying = [], outside = [] } = parts.at;
    // Before its first copy there is nothing that a change could be made to; one that is on its way has begun.
    const due = phase === 'snapshot' ? copying : outside;
    const begun = new Set(copying.filter(({ copied }) => copied !== undefined).map(tableKey));
    this.#outside = new OutsideFilter([...outside, ...due].filter((name) => !begun.has(tableKey(name))));
    this.#pace = new Pace({
      rowsPerSecond: parts.options.copyRowsPerSecond,
      bytesPerSecond: parts.options.copyBytesPerSecond,
    });
  }

  async *read(signal: AbortSignal): AsyncGenerator<ChangeBatch> {
    const { stream, plan, unseen } = this.#parts;
    try {
      this.#setOut();
      for await (const batch of stream.read(signal)) {
        if (this.#failure !== null) throw this.#failure.error;
        if (plan.done && plan.state.outside === undefined) {
          // A copy that is asked for later must know as well what its snapshots have to show.
          for (const event of batch.events) this.#follow(event);
          if (batch.events.length > 0) yield batch;
        } else yield* this.#weave(batch, signal);
        if (signal.aborted) return;
        if (unseen.size > MAX_UNSEEN) unseen.forget(await this.#parts.host.visibility());
      }
    } finally {
      await this.close();
    }
  }

  /** The place of the last position that was handed on. */
  get reached(): bigint {
    return this.#at.lsn;
  }

  /** Copies a table (again), from here on. */
  again(name: TableName): void {
    const { plan } = this.#parts;
    const before = plan.of(name);
    plan.again(name);
    if (before !== null) this.#release(before);
    this.#setOut();
  }

  /** Ends `read` with this error. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#parts.stream.poke();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    for (const reader of this.#readers.values()) reader.close();
    this.#readers.clear();
    await this.#parts.keyless?.close();
  }

  async *#weave({ events, bytes }: ChangeBatch, signal: AbortSignal): AsyncGenerator<ChangeBatch> {
    const { plan, keyless } = this.#parts;
    let from = 0;
    let left = bytes;
    const upTo = (end: number): ChangeBatch | null => {
      const slice: ChangeEvent[] = [];
      for (let i = from; i < end; i++) {
        const event = this.#outside.inside(events[i]!);
        if (event !== null) slice.push(this.#stamped(event));
      }
      from = end;
      if (slice.length === 0) return null;
      const batch = { events: slice, bytes: left };
      left = 0;
      return batch;
    };
    for (const [i, event] of events.entries()) {
      switch (event.kind) {
        case 'begin': {
          this.#follow(event);
          const { id } = event.transaction;
          const lsn = (event.transaction.position as PostgresPosition).lsn;
          if (keyless !== null && !keyless.done && lsn >= keyless.seam) {
            const before = upTo(i);
            if (before !== null) yield before;
            yield* this.#handOnKeyless(keyless, signal);
            if (signal.aborted) return;
          }
          for (const copy of plan.active) if (copy.chunk?.mark === id) this.#marked = copy;
          if (this.#marked !== null) {
            const before = upTo(i);
            if (before !== null) yield before;
            from = i + 1;
          }
          break;
        }
        case 'rows': {
          const copy = plan.of(event.run.table);
          if (copy !== null) this.#touch(copy, event);
          break;
        }
        case 'truncate':
          plan.of(event.table)?.chunk?.empty(this.#xid!);
          break;
        case 'commit': {
          this.#follow(event);
          const copy = this.#marked;
          if (copy === null) break;
          this.#marked = null;
          from = i + 1;
          // Made void since the mark began.
          if (plan.of(copy.name) !== copy) break;
          const handed = await this.#handOn(copy);
          if (handed !== null) yield handed;
          break;
        }
        case 'idle': {
          this.#follow(event);
          if (keyless === null || keyless.done || this.#at.lsn < keyless.seam) break;
          const before = upTo(i + 1);
          if (before !== null) yield before;
          yield* this.#handOnKeyless(keyless, signal);
          if (signal.aborted) return;
          break;
        }
        case 'snapshot':
          break;
      }
    }
    const rest = upTo(events.length);
    if (rest !== null) yield rest;
  }

  /** Where the stream is, and of which transaction. */
  #follow(event: ChangeEvent): void {
    switch (event.kind) {
      case 'begin': {
        const { id } = event.transaction;
        this.#xid = id === 'message' ? null : Number(id);
        break;
      }
      case 'commit':
        this.#at = event.position as PostgresPosition;
        if (this.#xid !== null) this.#parts.unseen.add(this.#xid);
        break;
      case 'idle':
        this.#at = event.position as PostgresPosition;
        break;
      default:
        break;
    }
  }

  #touch(copy: TableCopy, event: Extract<ChangeEvent, { kind: 'rows' }>): void {
    const { run } = event;
    copy.chunk?.touch(run, this.#xid!);
    if (copy.cursor === null && copy.resumed === null) return;
    eachKey(run, (before, after) => {
      if (before !== null) copy.touched.add(before);
      if (after !== null) copy.touched.add(after);
    });
  }

  /** As many tables as may be on their way. */
  #setOut(): void {
    for (let copy = this.#parts.plan.next(); copy !== null; copy = this.#parts.plan.next())
      this.#readNext(copy);
  }

  /** Begins to read what comes next of a table; the stream will bring its mark. */
  #readNext(copy: TableCopy): void {
    const { options, versions, unseen } = this.#parts;
    let reader = this.#readers.get(copy);
    if (reader === undefined) {
      reader = new TableReader(options, versions, this.#stop.signal);
      this.#readers.set(copy, reader);
    }
    const requested = copy.owed.size > 0 ? new Map(copy.owed) : null;
    const chunk = new Chunk(unseen.copy(), requested);
    copy.chunk = chunk;
    const before = copy.reading;
    const read = async (): Promise<void> => {
      await before;
      if (this.#pace.waitMs > 0) await new Promise((resolve) => setTimeout(resolve, this.#pace.waitMs));
      if (this.#stop.signal.aborted) return;
      await reader.read(copy.name, chunk, copy.cursor, copy.resumed);
      this.#pace.spend(chunk.count, chunk.bytes);
    };
    copy.reading = read().catch((error: unknown) => {
      // What is read of a copy that is void concerns nobody.
      if (!this.#stop.signal.aborted && this.#parts.plan.of(copy.name) === copy) this.fail(error);
    });
  }

  /** The stream may bring a mark before its transaction has answered. */
  #release(copy: TableCopy): void {
    void copy.reading.then(() => {
      this.#readers.get(copy)?.close();
      this.#readers.delete(copy);
    });
  }

  /** What was read of the table is true here. */
  async #handOn(copy: TableCopy): Promise<ChangeBatch | null> {
    const { plan, options, host } = this.#parts;
    const chunk = copy.chunk!;
    const { table } = chunk;
    const estimate = chunk.kind === 'begin' || copy.cursor === null ? await host.estimate(table) : null;
    // Made void in the meantime: from here on nothing is waited for.
    if (plan.of(copy.name) !== copy) return null;
    const events: ChangeEvent[] = [];
    if (chunk.kind === 'begin') {
      const order = chunk.order.identity;
      const cursor: CopyCursor = { order, last: null, exhausted: false, owed: [], rows: 0 };
      plan.begin(copy, cursor, sealCursor(options.positionSeal, table, cursor));
      this.#outside.admit(copy.name);
      this.#parts.progress.begin(copy.name, 0, estimate);
      events.push({ kind: 'snapshot', table, phase: 'begin' });
    } else if (!chunk.overwhelmed) {
      const before = chunk.behind!;
      if (copy.cursor === null) {
        for (const values of before.owed) copy.owed.set(keyText(table, chunk.order, values), values);
        this.#parts.progress.begin(copy.name, before.rows, estimate);
      }
      const run = chunk.rows(copy.touched);
      if (run !== null) events.push({ kind: 'rows', run });
      for (const key of chunk.requested?.keys() ?? []) copy.owed.delete(key);
      for (const [key, values] of chunk.owed) copy.owed.set(key, values);
      const rows = before.rows + (chunk.requested === null ? chunk.count : 0);
      const owed = [...copy.owed.values()];
      const cursor: CopyCursor =
        chunk.requested === null
          ? { order: chunk.order.identity, last: chunk.last, exhausted: chunk.exhausted, owed, rows }
          : { ...before, owed, rows };
      plan.advance(copy, cursor, sealCursor(options.positionSeal, table, cursor));
      this.#parts.progress.advance(copy.name, rows);
    }
    copy.chunk = null;
    if (copy.cursor?.exhausted === true && copy.owed.size === 0) {
      events.push({ kind: 'snapshot', table, phase: 'end' });
      plan.finish(copy.name);
      this.#parts.progress.finish(copy.name);
      this.#release(copy);
      this.#setOut();
    } else this.#readNext(copy);
    return events.length === 0 ? null : this.#snapshotBatch(events, chunk.bytes);
  }

  async *#handOnKeyless(keyless: KeylessCopy, signal: AbortSignal): AsyncGenerator<ChangeBatch> {
    const { plan } = this.#parts;
    for (const name of plan.keyless) this.#outside.admit(name);
    yield* keyless.handOn(
      this.#parts.progress,
      () => this.#here(),
      (name) => plan.finish(name),
      signal,
    );
  }

  #here(): PostgresPosition {
    return this.#withState(this.#at);
  }

  #snapshotBatch(events: readonly ChangeEvent[], bytes: number): ChangeBatch {
    const position = this.#here();
    const begin: ChangeEvent = {
      kind: 'begin',
      transaction: { id: 'snapshot', position, commitTimeUs: BigInt(Date.now()) * 1000n },
    };
    return { events: [begin, ...events, { kind: 'commit', position }], bytes };
  }

  /** The event with what is copied at this moment: it may have been decoded earlier. */
  #stamped(event: ChangeEvent): ChangeEvent {
    switch (event.kind) {
      case 'commit':
      case 'idle':
        return { ...event, position: this.#withState(event.position as PostgresPosition) };
      default:
        return event;
    }
  }

  #withState(position: PostgresPosition): PostgresPosition {
    const { phase, copying = [], outside = [] } = this.#parts.plan.state;
    return { ...withOutside(withCopying(position, copying), outside), phase };
  }
}
