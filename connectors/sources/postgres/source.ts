import type { Client } from 'pg';
import type { Assessment, DiscoveredTable, Source, SourceStats } from '../../../src/capture/source.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { toRowsealError } from '../../../src/error/unexpected.ts';
import type { ChangeBatch, RowRun } from '../../../src/model/change.ts';
import type { Finding } from '../../../src/model/finding.ts';
import { isMessageLog } from '../../../src/model/message-log.ts';
import {
  type DueCopy,
  isBeginning,
  type Position,
  type PostgresPosition,
  withCopying,
  withOutside,
} from '../../../src/model/position.ts';
import type { PostgresConnection } from '../../../src/model/postgres-connection.ts';
import { displayName, type TableName, type TableSchema, tableKey } from '../../../src/model/table.ts';
import { assess } from './assessment.ts';
import { Catalog, type Relation } from './catalog.ts';
import { readColumnTypes } from './column-types.ts';
import { connect, connectForReplication, destroy, end } from './connection.ts';
import { CopyPlan } from './copy-plan.ts';
import { CopyProgress } from './copy-progress.ts';
import { postgresError } from './errors.ts';
import { KeylessCopy } from './keyless-copy.ts';
import { MessageLogs, messageTables } from './messages.ts';
import type { PostgresSourceOptions } from './options.ts';
import { inspect } from './preflight.ts';
import { ensurePublication } from './publication.ts';
import { type Described, type ReplicationHost, ReplicationStream } from './replication.ts';
import { estimateRows, sampleRows } from './sample.ts';
import { chooseServer } from './server-choice.ts';
import { serverSetting } from './server-setting.ts';
import {
  dropSlot,
  identifyServer,
  readSlot,
  refuseForeignSlot,
  refuseHole,
  refuseOtherServer,
  refuseStandby,
  type ServerIdentity,
  type SlotState,
} from './slot.ts';
import { openSlotSnapshot } from './slot-snapshot.ts';
import { connectWatch, SlotWatch } from './slot-watch.ts';
import { refuseUnknownOptions } from './stream-options.ts';
import { TableVersions } from './table-versions.ts';
import { UnseenTransactions, Visibility } from './visibility.ts';
import { Weave, type WeaveHost } from './weave.ts';
import { writersOf } from './writers.ts';

/** PostgreSQL 14 and later, through a logical replication slot and pgoutput. */
export function createPostgresSource(options: PostgresSourceOptions): Source {
  return new PostgresSource(options);
}

class PostgresSource implements Source, ReplicationHost, WeaveHost {
  /** After the first connect: to the server that was chosen. */
  #options: PostgresSourceOptions;
  /** All that there are. */
  readonly #servers: PostgresConnection;
  readonly #captured: ReadonlySet<string>;
  #side: Client | null = null;
  #catalog: Catalog | null = null;
  #server: ServerIdentity = { systemId: '', timeline: 0, history: [] };
  #stream: ReplicationStream | null = null;
  #onConfirm: () => void = () => {};
  readonly #versions = new TableVersions();
  #weaving: Weave | null = null;
  #progress = new CopyProgress();
  #watch: SlotWatch | null = null;
  #lastReceivedMs: number | null = null;

  constructor(options: PostgresSourceOptions) {
    this.#options = options;
    this.#servers = options.connection;
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
    return [...tables, ...messageTables(this.#options.messages)];
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
    if (isMessageLog(table)) return emptyRun(table);
    await this.#sideClient();
    // A connection of its own: COPY takes the socket, and a sample that is given up closes it.
    const reader = await connect(this.#options);
    try {
      return await sampleRows(reader, table, rows, this.#options.receiveBufferBytes);
    } finally {
      await end(reader);
    }
  }

  async *open(after: Position | null, signal: AbortSignal): AsyncGenerator<ChangeBatch> {
    try {
      yield* this.#read(after, signal);
    } catch (error) {
      // A wait for the server was broken off.
      if (!signal.aborted) throw error;
    }
  }

  async *#read(after: Position | null, signal: AbortSignal): AsyncGenerator<ChangeBatch> {
    if (after !== null && after.kind !== 'postgres') throw new RowsealError('RS-RUN-005');
    const side = await this.#sideClient(after?.timeline);
    // A look at the tables waits for whoever alters one of them.
    const giveUp = (): void => {
      destroy(side);
      this.#side = null;
    };
    signal.addEventListener('abort', giveUp);
    let weave: Weave | null;
    try {
      weave = yield* this.#setOut(side, after, signal);
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
    if (weave === null) return;
    this.#weaving = weave;
    try {
      await this.#startWatch(weave, signal);
      if (signal.aborted) return;
      yield* weave.read(signal);
    } finally {
      await weave.close();
      this.#lastReceivedMs = this.#stream?.lastReceivedMs ?? null;
    }
  }

  /** @returns null: it was stopped on the way */
  async *#setOut(
    side: Client,
    after: PostgresPosition | null,
    signal: AbortSignal,
  ): AsyncGenerator<ChangeBatch, Weave | null> {
    refuseUnknownOptions(this.#options, Number(await serverSetting(side, 'server_version_num')));
    await refuseStandby(side);
    await this.#identify();
    let resume = after;
    if (resume === null || isBeginning(resume)) {
      resume = yield* this.#begin(side, resume, signal);
      if (resume === null) return null;
    } else {
      refuseHole(resume, this.#server, this.#options.slot, await this.#freeSlot(side, signal));
    }
    if (signal.aborted) return null;
    const { known } = this.#options;
    const due = known.due(resume.copying ?? []).filter((table) => this.#captured.has(tableKey(table)));
    known.learn(await this.#catalog!.oids(this.#options.tables));
    return this.#weave(resume, due, signal);
  }

  /** Nothing is copied or streamed before its first look: what a table turns into afterwards is seen to differ. */
  async #startWatch(weave: Weave, signal: AbortSignal): Promise<void> {
    const watch = new SlotWatch(() => connectWatch(this.#options), this.#options, {
      fail: (error) => weave.fail(error),
      inDanger: () => this.#stream?.dropIfStalled(),
      retyped: (table) => {
        if (this.#options.snapshot === 'initial') this.#copyAgain(table);
      },
    });
    this.#watch = watch;
    const giveUp = (): void => void watch.stop();
    signal.addEventListener('abort', giveUp);
    try {
      await watch.start();
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  async assess(after: Position): Promise<Assessment> {
    if (after.kind !== 'postgres') throw new RowsealError('RS-RUN-005');
    const side = await this.#sideClient();
    await refuseStandby(side);
    await this.#identify();
    return assess(this.#options, side, this.#server, after);
  }

  confirm(position: Position): void {
    if (position.kind !== 'postgres') return;
    this.#onConfirm();
    this.#options.known.sealed(position.lsn);
    if (!isBeginning(position)) this.#stream?.confirm(position.lsn);
  }

  stats(): SourceStats {
    return {
      lastReceivedMs: this.#stream?.lastReceivedMs ?? this.#lastReceivedMs,
      retainedBytes: this.#watch?.retainedBytes ?? null,
      retention: this.#watch?.retention ?? null,
      warnings: this.#watch?.warnings ?? [],
      spill: this.#options.spill.stats,
      snapshot: this.#progress.stats(),
    };
  }

  makeRoom(): void {
    this.#options.spill.giveUp();
  }

  async close(): Promise<void> {
    await this.#watch?.stop();
    await this.#stream?.close();
    await end(this.#side);
    this.#side = null;
  }

  async describe(relation: Relation): Promise<Described | null> {
    const captured = this.#captured.has(tableKey(relation));
    const replaced = this.#options.known.isReplaced(relation, captured);
    if (replaced) this.#copyAgain(relation);
    if (!captured) return null;
    const table = this.#versions.of(await this.#catalog!.describe(relation));
    // The copy that a change of type asks for must be due at the place where a row of the new type is sealed.
    this.#watch?.met(await readColumnTypes(await this.#sideClient(), [relation]));
    return { table, replaced, oldRows: await this.#catalog!.oldRows(relation, table) };
  }

  #copyAgain(table: TableName): void {
    if (this.#weaving === null) return;
    this.#options.known.again(table, this.#weaving.reached);
    this.#weaving.again(table);
  }

  position(lsn: bigint, phase: 'snapshot' | 'stream'): PostgresPosition {
    return {
      kind: 'postgres',
      systemId: this.#server.systemId,
      timeline: this.#server.timeline,
      slot: this.#options.slot,
      lsn,
      phase,
    };
  }

  /** What a snapshot taken now shows. */
  async visibility(): Promise<Visibility> {
    try {
      const { rows } = await (await this.#sideClient()).query<{ snapshot: string }>(
        'SELECT pg_current_snapshot()::text AS snapshot',
      );
      return Visibility.parse(rows[0]!.snapshot);
    } catch (thrown) {
      throw postgresError(thrown, 'copying a table');
    }
  }

  async estimate(table: TableSchema): Promise<number | null> {
    return estimateRows(await this.#sideClient(), table);
  }

  /** The stream from `resume` on, with the copies that are due. */
  async #weave(resume: PostgresPosition, due: readonly DueCopy[], signal: AbortSignal): Promise<Weave> {
    const side = await this.#sideClient();
    const keyless: TableName[] = [];
    for (const { namespace, name } of due) {
      const table = await this.#catalog!.table({ namespace, name });
      if (table?.key.length === 0) keyless.push({ namespace, name });
    }
    const plan = new CopyPlan(due, keyless, resume.phase, this.#options.copyTables, resume.outside);
    const options = this.#options;
    const snapshot =
      keyless.length === 0
        ? null
        : await openSlotSnapshot(options, `${options.slot}_copy`, 'temporary', signal);
    const copy =
      snapshot === null ? null : await KeylessCopy.open(snapshot, keyless, this.#versions, options, signal);
    try {
      const messages = new MessageLogs(options.messages, await serverSetting(side, 'server_encoding'));
      const stream = new ReplicationStream(options, this, resume.lsn, messages);
      this.#stream = stream;
      if (copy !== null) stream.await(copy.seam);
      return new Weave({
        options,
        stream,
        plan,
        keyless: copy,
        versions: this.#versions,
        unseen: new UnseenTransactions(plan.done ? [] : await writersOf(side, due)),
        host: this,
        at: resume,
        progress: this.#progress,
      });
    } catch (error) {
      // It holds a slot: whoever tries again would find its name taken for as long as this process lives.
      await copy?.close();
      throw error;
    }
  }

  /**
   * First start. The intention is sealed before the slot is made: so a slot that exists without a sealed intention is
   * somebody else's, and one with it is ours to drop and make again.
   */
  async *#begin(
    side: Client,
    after: PostgresPosition | null,
    signal: AbortSignal,
  ): AsyncGenerator<ChangeBatch, PostgresPosition | null> {
    this.#options.known.forget();
    const existing = await readSlot(side, this.#options.slot);
    if (after !== null) refuseOtherServer(after, this.#server, existing);
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
    // Generated columns are looked up with it.
    this.#catalog = new Catalog(side, this.#options.publication);
    const snapshot = await openSlotSnapshot(
      this.#options,
      this.#options.slot,
      this.#options.failoverSlot ? 'failover' : 'permanent',
      signal,
    );
    try {
      const initial = this.#options.snapshot === 'initial';
      const start = this.position(snapshot.consistentPoint, initial ? 'snapshot' : 'stream');
      const due = withCopying(start, initial ? this.#options.tables : []);
      const position = withOutside(due, after?.outside ?? []);
      yield { events: [{ kind: 'idle', position }], bytes: 0 };
      return position;
    } finally {
      await snapshot.close();
    }
  }

  /** Waits for an older reader to let go of the slot; a killed process's connection may linger, on a busy server for seconds. */
  async #freeSlot(side: Client, signal: AbortSignal): Promise<SlotState | null> {
    for (let attempt = 0; ; attempt++) {
      const slot = await readSlot(side, this.#options.slot);
      if (slot === null || !slot.active || signal.aborted) return slot;
      if (attempt === 100) throw new RowsealError('RS-PG-012', { detail: `slot ${this.#options.slot}` });
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
      await end(client);
    }
  }

  /** @param leastTimeline of several servers one is chosen again, which has not been left behind */
  async #sideClient(leastTimeline?: number): Promise<Client> {
    if (leastTimeline !== undefined && this.#servers.hosts.length > 1) {
      await end(this.#side);
      this.#side = null;
    }
    if (this.#side === null) {
      const { client, connection } = await chooseServer(
        this.#servers,
        leastTimeline,
        this.#options.receiveTimeoutMs,
      );
      this.#side = client;
      this.#options = { ...this.#options, connection };
      this.#catalog = new Catalog(this.#side, this.#options.publication);
    }
    return this.#side;
  }
}

/** Of what has no rows that could be looked at. */
function emptyRun(table: TableSchema): RowRun {
  const none = new Uint8Array(0);
  return { table, count: 0, ops: none, images: none, cells: [], firstOrdinal: 0, bytes: 0 };
}
