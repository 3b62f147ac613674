import { LogicalReplicationService } from 'pg-logical-replication';
import { Silence } from '../../../src/capture/silence.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import type { ChangeBatch } from '../../../src/model/change.ts';
import { formatLsn, type PostgresPosition } from '../../../src/model/position.ts';
import type { TableSchema } from '../../../src/model/table.ts';
import { Announced, isRelation } from './announced.ts';
import type { Relation } from './catalog.ts';
import { clientConfig, FAREWELL_MS } from './connection.ts';
import type { CopySocket, Next } from './copy-socket.ts';
import { postgresError } from './errors.ts';
import { idleMark } from './idle-mark.ts';
import { type Committed, InProgress } from './in-progress.ts';
import type { MessageLogs } from './messages.ts';
import type { PostgresSourceOptions } from './options.ts';
import { PgoutputDecoder } from './pgoutput.ts';
import { SocketPlugin } from './socket-plugin.ts';
import { standbyStatus } from './standby-status.ts';
import type { OldRows } from './tuple.ts';

/** A batch goes on when it holds this many bytes of messages, or when the input is used up. */
const BATCH_BYTES = 512 * 1024;
/** At least this often the server hears from us; it gives up after wal_sender_timeout (60 s by default). */
const STATUS_INTERVAL_MS = 5_000;
/** Confirms are passed on this often at most. */
const CONFIRM_INTERVAL_MS = 100;

const XLOG_DATA = 0x77; // w
const KEEPALIVE = 0x6b; // k
/** How often the server is asked where it is while a position is awaited. */
const ASK_INTERVAL_MS = 200;
/** XLogData: type, start LSN, end LSN, clock (manual 53.4). */
const XLOG_HEADER_BYTES = 25;

const NOTHING = Buffer.alloc(0);

export interface ReplicationHost {
  /** null: it is not captured. */
  describe(relation: Relation): Promise<Described | null>;
  position(lsn: bigint, phase: 'stream'): PostgresPosition;
}

/** What a Relation message is about. */
export interface Described {
  readonly table: TableSchema;
  /** It is not the table that had this name before. */
  readonly replaced: boolean;
  readonly oldRows: OldRows;
}

/** One replication connection: from START_REPLICATION until it ends. */
export class ReplicationStream {
  readonly #options: PostgresSourceOptions;
  readonly #host: ReplicationHost;
  readonly #service: LogicalReplicationService;
  readonly #after: bigint;
  readonly #messages: MessageLogs;
  /** null: the server sends no transaction before its end. */
  readonly #inProgress: InProgress | null;
  #socket: CopySocket | null = null;
  #received: bigint;
  #confirmed: bigint;
  /** Of the clock that nobody sets; so are all others of this class. */
  #statusSentMs = Number.NEGATIVE_INFINITY;
  #confirmPending = false;
  #statusTimer: NodeJS.Timeout | null = null;
  #idleEmittedMs = Number.NEGATIVE_INFINITY;
  #idleLsn: bigint;
  #awaited: bigint | null = null;
  #askTimer: NodeJS.Timeout | null = null;
  readonly #announced = new Announced();
  readonly #silence: Silence;
  #closed = false;
  #poked = false;

  /** @param after resume point: everything below was sealed */
  constructor(options: PostgresSourceOptions, host: ReplicationHost, after: bigint, messages: MessageLogs) {
    this.#options = options;
    this.#messages = messages;
    this.#inProgress = options.streaming ? new InProgress(options.spill) : null;
    this.#host = host;
    this.#after = after;
    this.#received = after;
    this.#confirmed = after;
    this.#idleLsn = after;
    this.#silence = new Silence(options.receiveTimeoutMs);
    this.#service = new LogicalReplicationService(
      { ...clientConfig(options, ['search_path=']), query_timeout: options.receiveTimeoutMs },
      { acknowledge: { auto: false, timeoutSeconds: 0 } },
    );
    // Errors reach us through the socket; without a listener the package's emitter would throw.
    this.#service.on('error', () => {});
  }

  get lastReceivedMs(): number | null {
    return this.#socket?.lastReceivedMs ?? null;
  }

  confirm(lsn: bigint): void {
    if (lsn <= this.#confirmed) return;
    this.#confirmed = lsn;
    if (this.#confirmPending) return;
    this.#confirmPending = true;
    const waitMs = Math.max(0, CONFIRM_INTERVAL_MS - (performance.now() - this.#statusSentMs));
    setTimeout(() => {
      this.#confirmPending = false;
      this.#sendStatus();
    }, waitMs).unref();
  }

  /** Idle progress is marked the moment the stream is known to have come this far, though nothing may be happening there. */
  await(lsn: bigint): void {
    this.#awaited = lsn;
    this.#askTimer ??= setInterval(() => this.#sendStatus('reply'), ASK_INTERVAL_MS);
  }

  /**
   * Lets go of the connection while nothing is taken from it. A server that gives up the slot tells its sender, which first
   * tells us, and waits for room to do so; checkpoints of the database wait for the sender.
   */
  dropIfStalled(): void {
    if (this.#socket?.stalled === true) this.#socket.drop();
  }

  /** Makes `read` give its reader a turn though nothing came: an empty batch. */
  poke(): void {
    this.#poked = true;
    this.#socket?.interrupt();
  }

  async *read(signal: AbortSignal): AsyncGenerator<ChangeBatch> {
    const socket = await this.#connect();
    const onAbort = (): void => socket.interrupt();
    signal.addEventListener('abort', onAbort);
    const decoder = new PgoutputDecoder(this.#host.position.bind(this.#host), this.#after, this.#messages);
    const feed = this.#feeder(decoder);
    const handle = (buffer: Buffer, start: number, end: number): Promise<Next> | Next => {
      if (buffer[start] === KEEPALIVE) {
        this.#keepalive(buffer, start);
        return 'go-on';
      }
      if (buffer[start] !== XLOG_DATA || end - start < XLOG_HEADER_BYTES)
        throw new RowsealError('RS-PG-014', { detail: 'an unknown stream message' });
      const at = start + XLOG_HEADER_BYTES;
      const step = this.#inProgress?.take(buffer, at, end) ?? 'plain';
      if (step === 'taken') return 'go-on';
      if (step === 'committed') return 'stop';
      if (step !== 'plain') return step.then(() => 'go-on');
      const looked = feed(buffer, at, end);
      if (looked !== null) return looked.then(() => 'go-on');
      return decoder.bytes >= BATCH_BYTES ? 'stop' : 'go-on';
    };
    try {
      while (!signal.aborted) {
        const bytes = await socket.read();
        if (bytes === null)
          throw new RowsealError('RS-PG-016', { detail: 'the server ended the replication stream' });
        for (let next = await socket.split(bytes, handle); ; next = await socket.split(NOTHING, handle)) {
          const batch = batchOf(decoder);
          if (batch !== null) yield batch;
          if (signal.aborted) return;
          const committed = this.#inProgress?.takeCommitted() ?? null;
          if (committed !== null) yield* this.#replay(committed, decoder, signal);
          if (signal.aborted) return;
          if (next === 'go-on') break;
        }
        if (this.#poked) {
          this.#poked = false;
          yield { events: [], bytes: 0 };
        }
        const idle = decoder.inTransaction ? null : this.#idle(decoder.passed);
        if (idle !== null) yield { events: [{ kind: 'idle', position: idle }], bytes: 0 };
      }
    } catch (error) {
      if (error instanceof RowsealError && error.code === 'RS-PG-050') this.#options.onSpillFailure();
      throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
      await this.#inProgress?.close();
    }
  }

  /** Decodes a message; a promise where a table must be looked up before the next one. */
  #feeder(decoder: PgoutputDecoder): (buffer: Buffer, start: number, end: number) => Promise<void> | null {
    return (buffer, start, end) => {
      const due = this.#announced.before(buffer, start, end, this.#inProgress?.relations ?? 0);
      if (due.length > 0) return this.#lookUpFirst(decoder, due, buffer.subarray(start, end));
      const relation = decoder.decode(buffer, start, end);
      return relation === null ? null : this.#lookUp(decoder, relation);
    };
  }

  async #lookUp(decoder: PgoutputDecoder, relation: Relation): Promise<void> {
    const described = await this.#host.describe(relation);
    decoder.setTable(relation.oid, described?.table ?? null, described?.oldRows);
    if (described?.replaced === true) decoder.replaced(described.table);
  }

  async #lookUpFirst(decoder: PgoutputDecoder, due: readonly Buffer[], message: Buffer): Promise<void> {
    for (const announced of due) await this.#lookUp(decoder, decoder.decode(announced, 0, announced.length)!);
    decoder.decode(message, 0, message.length);
  }

  /** A transaction that came in blocks, at the place of its commit; in memory a block at a time. */
  async *#replay(
    committed: Committed,
    decoder: PgoutputDecoder,
    signal: AbortSignal,
  ): AsyncGenerator<ChangeBatch> {
    const feed = this.#feeder(decoder);
    try {
      decoder.decode(committed.begin, 0, committed.begin.length);
      for await (const block of committed.blocks()) {
        for (const [start, end, relations] of committed.messages(block)) {
          if (isRelation(block, start))
            this.#announced.keep(Buffer.from(block.subarray(start, end)), relations);
          else {
            const looked = feed(block, start, end);
            if (looked !== null) await looked;
          }
        }
        const batch = decoder.bytes >= BATCH_BYTES ? batchOf(decoder) : null;
        if (batch !== null) yield batch;
        if (signal.aborted) return;
      }
      decoder.decode(committed.commit, 0, committed.commit.length);
      const last = batchOf(decoder);
      if (last !== null) yield last;
    } finally {
      await committed.close();
    }
  }

  /** Tells the server the last confirms and ends the connection. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#statusTimer !== null) clearInterval(this.#statusTimer);
    this.#stopAsking();
    this.#sendStatus();
    const socket = this.#socket;
    socket?.discard();
    const deadline = setTimeout(() => socket?.drop(), FAREWELL_MS);
    await this.#service.stop().catch(() => {});
    clearTimeout(deadline);
  }

  async #connect(): Promise<CopySocket> {
    const plugin = new SocketPlugin(this.#options, this.#options.receiveBufferBytes);
    try {
      const started = this.#service.subscribe(plugin, this.#options.slot, formatLsn(this.#after));
      await Promise.race([plugin.socket(), started]);
      this.#socket = await plugin.socket();
    } catch (thrown) {
      throw postgresError(thrown, 'connecting for replication');
    }
    this.#statusTimer = setInterval(
      () => {
        this.#sendStatus(this.#mustAsk() ? 'reply' : 'no-reply');
        // Wakes the reader, so that idle progress is marked although nothing arrives.
        this.#socket?.interrupt();
      },
      Math.min(STATUS_INTERVAL_MS, this.#options.idleIntervalMs, this.#options.receiveTimeoutMs / 8),
    );
    return this.#socket;
  }

  /**
   * As a standby does (wal_receiver_timeout, manual 19.6.3): a silent server is asked at half the time and given up at the end of
   * it.
   */
  #mustAsk(): boolean {
    const silentMs = this.#socket?.silentMs(performance.now()) ?? 0;
    if (this.#silence.isDeath(silentMs)) this.#socket?.drop();
    return silentMs > this.#options.receiveTimeoutMs / 2;
  }

  /** Primary keepalive: type, end of WAL, clock, reply wanted (manual 53.4). Its end of WAL is what was decoded and sent. */
  #keepalive(buffer: Buffer, start: number): void {
    const walEnd = buffer.readBigUInt64BE(start + 1);
    if (walEnd > this.#received) this.#received = walEnd;
    if (buffer[start + 17] === 1) this.#sendStatus();
  }

  #idle(passed: bigint): PostgresPosition | null {
    const now = performance.now();
    const mark = idleMark({
      received: this.#received,
      passed,
      confirmed: this.#confirmed,
      marked: this.#idleLsn,
      awaited: this.#awaited,
      due: now - this.#idleEmittedMs >= this.#options.idleIntervalMs,
    });
    if (mark === null) return null;
    if (this.#awaited !== null && mark >= this.#awaited) this.#stopAsking();
    this.#idleEmittedMs = now;
    this.#idleLsn = mark;
    return this.#host.position(mark, 'stream');
  }

  #stopAsking(): void {
    this.#awaited = null;
    if (this.#askTimer !== null) clearInterval(this.#askTimer);
    this.#askTimer = null;
  }

  #sendStatus(reply: 'reply' | 'no-reply' = 'no-reply'): void {
    this.#statusSentMs = performance.now();
    this.#socket?.send(standbyStatus(this.#received, this.#confirmed, Date.now(), reply));
  }
}

/** What was decoded since the last one; null: nothing that is worth handing on. */
function batchOf(decoder: PgoutputDecoder): ChangeBatch | null {
  const { bytes } = decoder;
  if (bytes === 0) return null;
  const events = decoder.take();
  return events.length === 0 ? null : { events, bytes };
}
