import type { Client } from 'pg';
import type { Assessment, DiscoveredTable, Source, SourceStats } from '../../../src/capture/source.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { toRowsealError } from '../../../src/error/unexpected.ts';
import type { ChangeBatch, RowRun } from '../../../src/model/change.ts';
import type { Finding } from '../../../src/model/finding.ts';
import {
  type Position,
  type PostgresPosition,
  withCopying,
  withOutside,
} from '../../../src/model/position.ts';
import { displayName, type TableName, type TableSchema, tableKey } from '../../../src/model/table.ts';
import { assess } from './assessment.ts';
import { Catalog, type Relation } from './catalog.ts';
import { connect, connectForReplication } from './connection.ts';
import { afterCopies, lastPosition, OutsideFilter, seamIn } from './copy-seam.ts';
import type { PostgresSourceOptions } from './options.ts';
import { inspect } from './preflight.ts';
import { ensurePublication } from './publication.ts';
import { type ReplicationHost, ReplicationStream } from './replication.ts';
import { estimateRows, sampleRows } from './sample.ts';
import {
  dropSlot,
  identifyServer,
  readSlot,
  refuseForeignSlot,
  refuseHole,
  refuseOtherServer,
  type ServerIdentity,
  type SlotState,
} from './slot.ts';
import { openSlotSnapshot, type SlotSnapshot } from './slot-snapshot.ts';
import { type CopyPositions, copyTable, type SnapshotProgress } from './snapshot.ts';

/** How often the WAL that the slot retains is measured, in milliseconds. */
const RETAINED_INTERVAL_MS = 10_000;

/** PostgreSQL 14 and later, through a logical replication slot and pgoutput. */
export function createPostgresSource(options: PostgresSourceOptions): Source {
  return new PostgresSource(options);
}

class PostgresSource implements Source, ReplicationHost {
  readonly #options: PostgresSourceOptions;
  readonly #captured: ReadonlySet<string>;
  #side: Client | null = null;
  #catalog: Catalog | null = null;
  #server: ServerIdentity = { systemId: '', timeline: 0 };
  #stream: ReplicationStream | null = null;
  #onConfirm: () => void = () => {};
  /** Tables that the stream stops for on its way. */
  #copying: readonly TableName[] = [];
  /** See `Position.outside`. */
  #outside: readonly TableName[] = [];
  #snapshot: SnapshotProgress | null = null;
  #retained: number | null = null;
  #retainedTimer: NodeJS.Timeout | null = null;
  #lastReceivedMs: number | null = null;

  constructor(options: PostgresSourceOptions) {
    this.#options = options;
    this.#captured = new Set(options.tables.map(tableKey));
  }

  async preflight(): Promise<readonly Finding[]> {
    try {
      return await inspect(await this.#sideClient(), this.#options);
    } catch (thrown) {
      const error = toRowsealError(thrown);
      return [{ level: 'error', code: error.code, subject: 'source', detail: error.message, fix: error.fix }];
    }
  }

  async tables(): Promise<readonly TableSchema[]> {
    await this.#sideClient();
    const tables: TableSchema[] = [];
    for (const name of this.#options.tables) {
      const table = await this.#catalog!.table(name);
      if (table === null) throw new RowsealError('RS-PG-006', { detail: displayName(name) });
      tables.push(table);
    }
    return tables;
  }

  async discover(): Promise<readonly DiscoveredTable[]> {
    const side = await this.#sideClient();
    const tables: DiscoveredTable[] = [];
    for (const name of await this.#catalog!.names()) {
      const table = await this.#catalog!.table(name);
      if (table !== null) tables.push({ table, estimatedRows: await estimateRows(side, table) });
    }
    return tables;
  }

  async sample(table: TableSchema, rows: number): Promise<RowRun> {
    // A connection of its own: COPY takes the socket, and a sample that is given up closes it.
    const reader = await connect(this.#options);
    try {
      return await sampleRows(reader, table, rows, this.#options.receiveBufferBytes);
    } finally {
      await reader.end().catch(() => {});
    }
  }

  async *open(after: Position | null, signal: AbortSignal): AsyncGenerator<ChangeBatch> {
    if (after !== null && after.kind !== 'postgres') throw new RowsealError('RS-RUN-005');
    const side = await this.#sideClient();
    await this.#identify();
    this.#measureRetained(side);
    this.#outside = after?.outside ?? [];
    let resume = after;
    if (resume === null || resume.phase === 'snapshot') {
      resume = yield* this.#begin(side, resume, signal);
      if (resume === null) return;
    } else {
      refuseHole(resume, this.#server, this.#options.slot, await this.#freeSlot(side, signal));
    }
    if (signal.aborted) return;
    this.#copying = (resume.copying ?? []).filter((table) => this.#captured.has(tableKey(table)));
    const stream = new ReplicationStream(this.#options, this, resume.lsn);
    this.#stream = stream;
    try {
      if (this.#copying.length === 0) yield* stream.read(signal);
      else yield* this.#copyOnTheWay(stream, resume, signal);
    } finally {
      this.#lastReceivedMs = stream.lastReceivedMs;
    }
  }

  async assess(after: Position): Promise<Assessment> {
    if (after.kind !== 'postgres') throw new RowsealError('RS-RUN-005');
    const side = await this.#sideClient();
    await this.#identify();
    return assess(this.#options, side, this.#server, after);
  }

  confirm(position: Position): void {
    if (position.kind !== 'postgres') return;
    this.#onConfirm();
    if (position.phase === 'stream') this.#stream?.confirm(position.lsn);
  }

  stats(): SourceStats {
    return {
      lastReceivedMs: this.#stream?.lastReceivedMs ?? this.#lastReceivedMs,
      retainedBytes: this.#retained,
      snapshot: this.#snapshot,
    };
  }

  async close(): Promise<void> {
    if (this.#retainedTimer !== null) clearInterval(this.#retainedTimer);
    await this.#stream?.close();
    await this.#side?.end().catch(() => {});
    this.#side = null;
  }

  async describe(relation: Relation): Promise<TableSchema | null> {
    if (!this.#captured.has(tableKey(relation))) return null;
    return this.#catalog!.describe(relation);
  }

  position(lsn: bigint, phase: 'snapshot' | 'stream'): PostgresPosition {
    return {
      kind: 'postgres',
      systemId: this.#server.systemId,
      timeline: this.#server.timeline,
      slot: this.#options.slot,
      lsn,
      phase,
      ...(this.#copying.length === 0 ? {} : { copying: this.#copying }),
      ...(this.#outside.length === 0 ? {} : { outside: this.#outside }),
    };
  }

  /**
   * Copies tables again in the middle of the stream. A temporary slot brings a snapshot and the place in the stream that
   * it shows: what the pipeline's own slot holds up to there comes first, so that no version of a row is missing from the
   * log; then the tables, then what follows. Nothing is locked. Tables that come from outside have no log before their copy.
   */
  async *#copyOnTheWay(
    stream: ReplicationStream,
    resume: PostgresPosition,
    signal: AbortSignal,
  ): AsyncGenerator<ChangeBatch> {
    const snapshot = await openSlotSnapshot(this.#options, `${this.#options.slot}_copy`, 'temporary');
    try {
      stream.await(snapshot.consistentPoint);
      let at = resume;
      const filter = new OutsideFilter(this.#outside);
      for await (const batch of stream.read(signal)) {
        if (this.#copying.length === 0) {
          // Batches are decoded ahead: the first ones do not know yet that the copies are done.
          yield { ...batch, events: batch.events.map((event) => afterCopies(event, this.#outside)) };
          continue;
        }
        const seam = seamIn(batch.events, snapshot.consistentPoint);
        if (seam < 0) {
          yield { ...batch, events: filter.inside(batch.events) };
          at = lastPosition(batch.events) ?? at;
          continue;
        }
        const before = filter.inside(batch.events.slice(0, seam));
        if (before.length > 0) yield { events: before, bytes: batch.bytes };
        at = lastPosition(before) ?? at;
        yield* this.#copyDue(snapshot, at, signal);
        if (signal.aborted) return;
        await snapshot.close();
        const rest = batch.events.slice(seam).map((event) => afterCopies(event, this.#outside));
        if (rest.length > 0) yield { events: rest, bytes: 0 };
      }
    } finally {
      await snapshot.close();
    }
  }

  async *#copyDue(
    snapshot: SlotSnapshot,
    at: PostgresPosition,
    signal: AbortSignal,
  ): AsyncGenerator<ChangeBatch> {
    const read = this.position(snapshot.consistentPoint, 'stream');
    for (const name of this.#copying) {
      const rest = this.#copying.filter((other) => other !== name);
      const outside = this.#outside.filter((other) => tableKey(other) !== tableKey(name));
      const positions = {
        read,
        during: withOutside(withCopying(at, this.#copying), this.#outside),
        after: withOutside(withCopying(at, rest), outside),
      };
      yield* this.#copy(snapshot.reader, name, positions, signal);
      if (signal.aborted) return;
      this.#copying = rest;
      this.#outside = outside;
    }
    this.#snapshot = null;
  }

  /**
   * First start, or one after an unfinished copy. The intention is sealed before the slot is made: so a slot that
   * exists without a sealed intention is somebody else's, and one with it is ours to drop and make again.
   */
  async *#begin(
    side: Client,
    after: PostgresPosition | null,
    signal: AbortSignal,
  ): AsyncGenerator<ChangeBatch, PostgresPosition | null> {
    const existing = await readSlot(side, this.#options.slot);
    if (after !== null) refuseOtherServer(after, this.#server);
    if (after === null) {
      if (existing !== null) throw new RowsealError('RS-PG-013', { detail: `slot ${this.#options.slot}` });
      const sealed = this.#nextConfirm(signal);
      yield { events: [{ kind: 'idle', position: this.position(0n, 'snapshot') }], bytes: 0 };
      await sealed;
      if (signal.aborted) return null;
    } else if (after.slot !== this.#options.slot) {
      throw new RowsealError('RS-PG-008', { detail: `slot ${after.slot}` });
    } else if (existing !== null) {
      await refuseForeignSlot(side, this.#options.slot, existing);
      await this.#freeSlot(side, signal);
      await dropSlot(side, this.#options.slot);
    }
    await ensurePublication(side, this.#options.publication, this.#options.tables);
    const snapshot = await openSlotSnapshot(this.#options, this.#options.slot, 'permanent');
    try {
      if (this.#options.snapshot === 'initial') {
        const position = this.position(snapshot.consistentPoint, 'snapshot');
        const positions = { read: position, during: position, after: position };
        for (const name of this.#options.tables) {
          yield* this.#copy(snapshot.reader, name, positions, signal);
          if (signal.aborted) return null;
        }
        this.#snapshot = null;
      }
      const start = this.position(snapshot.consistentPoint, 'stream');
      yield { events: [{ kind: 'idle', position: start }], bytes: 0 };
      return start;
    } finally {
      await snapshot.close();
    }
  }

  async *#copy(
    reader: Client,
    name: TableName,
    positions: CopyPositions,
    signal: AbortSignal,
  ): AsyncGenerator<ChangeBatch> {
    const table = await new Catalog(reader).table(name);
    if (table === null) throw new RowsealError('RS-PG-006', { detail: displayName(name) });
    const estimatedRows = await estimateRows(reader, table);
    this.#snapshot = { table: displayName(name), rows: 0, estimatedRows };
    yield* copyTable(reader, table, positions, this.#options.receiveBufferBytes, this.#snapshot, signal);
  }

  /** Waits for an older reader to let go of the slot; a killed process's connection may linger for a moment. */
  async #freeSlot(side: Client, signal: AbortSignal): Promise<SlotState | null> {
    for (let attempt = 0; ; attempt++) {
      const slot = await readSlot(side, this.#options.slot);
      if (slot === null || !slot.active || signal.aborted) return slot;
      if (attempt === 20) throw new RowsealError('RS-PG-012', { detail: `slot ${this.#options.slot}` });
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  #nextConfirm(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#onConfirm = resolve;
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  async #identify(): Promise<void> {
    const client = await connectForReplication(this.#options);
    try {
      this.#server = await identifyServer(client);
    } finally {
      await client.end().catch(() => {});
    }
  }

  async #sideClient(): Promise<Client> {
    if (this.#side === null) {
      this.#side = await connect(this.#options);
      this.#catalog = new Catalog(this.#side);
    }
    return this.#side;
  }

  #measureRetained(side: Client): void {
    const measure = async (): Promise<void> => {
      try {
        this.#retained = (await readSlot(side, this.#options.slot))?.retainedBytes ?? null;
      } catch {
        this.#retained = null;
      }
    };
    this.#retainedTimer = setInterval(() => void measure(), RETAINED_INTERVAL_MS);
    this.#retainedTimer.unref();
  }
}
