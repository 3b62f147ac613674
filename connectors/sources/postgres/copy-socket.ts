import type { Duplex } from 'node:stream';
import type { Client } from 'pg';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { postgresError } from './errors.ts';

/** A socket gives at most this much at a time: a full chunk says that more is waiting. */
const FULL_CHUNK_BYTES = 64 * 1024;
/** How long to let bytes gather after a short chunk, in milliseconds: a system call a row is what makes readers slow. */
const GATHER_MS = 1;
const HEADER_BYTES = 5;

const COPY_DATA = 0x64; // d
const COPY_DONE = 0x63; // c
const COPY_OUT = 0x48; // H
const COPY_BOTH = 0x57; // W
const ERROR = 0x45; // E
const READY = 0x5a; // Z

/** The part of `pg`'s connection that is used beyond its public interface; pinned by test/unit/postgres/driver.test.ts. */
interface DriverConnection {
  readonly stream: Duplex;
}

/** What a handler of messages wants: the next one, or that the rest waits for the next `split`. */
export type Next = 'go-on' | 'stop';

/**
 * Runs one statement that answers with copy data (COPY TO STDOUT, START_REPLICATION) and reads the socket itself: the
 * driver's parser makes an object and an event of every row. The driver is idle meanwhile and gets its socket back when
 * the statement is done. Not reading is the backpressure.
 */
export class CopySocket {
  readonly #socket: Duplex;
  readonly #driverListeners: ((...args: unknown[]) => void)[];
  readonly #maxBufferedBytes: number;
  readonly #doing: string;
  #chunks: Buffer[] = [];
  #buffered = 0;
  /** Bytes of a message whose end has not arrived. */
  #tail: Buffer = Buffer.alloc(0);
  #gathering: NodeJS.Timeout | null = null;
  #wake: (() => void) | null = null;
  #failure: RowsealError | null = null;
  #finished = false;
  #lastReceivedMs: number | null = null;
  /** When the server could last be heard. */
  #heardMs = performance.now();
  readonly #onData = (chunk: Buffer): void => this.#received(chunk);
  readonly #onEnd = (): void => this.#fail(new RowsealError('RS-PG-016', { detail: this.#doing }));
  readonly #onError = (error: unknown): void => this.#fail(postgresError(error, this.#doing));

  constructor(client: Client, doing: string, maxBufferedBytes: number) {
    const { connection } = client as unknown as { readonly connection: DriverConnection };
    this.#socket = connection.stream;
    this.#doing = doing;
    this.#maxBufferedBytes = maxBufferedBytes;
    this.#driverListeners = this.#socket.listeners('data') as ((...args: unknown[]) => void)[];
    for (const listener of this.#driverListeners) this.#socket.off('data', listener);
    this.#socket.on('data', this.#onData);
    this.#socket.on('end', this.#onEnd);
    this.#socket.on('close', this.#onEnd);
    this.#socket.on('error', this.#onError);
  }

  /** Wall-clock milliseconds of the last byte; null before the first. */
  get lastReceivedMs(): number | null {
    return this.#lastReceivedMs;
  }

  /** Simple query message (PostgreSQL manual 53.7, Query). */
  start(statement: string): void {
    const sql = Buffer.from(`${statement}\0`, 'utf8');
    const header = Buffer.alloc(HEADER_BYTES);
    header[0] = 0x51;
    header.writeInt32BE(sql.length + 4, 1);
    this.#socket.write(Buffer.concat([header, sql]));
  }

  /** CopyData from us to the server. */
  send(payload: Buffer): void {
    if (this.#socket.destroyed) return;
    const header = Buffer.alloc(HEADER_BYTES);
    header[0] = COPY_DATA;
    header.writeInt32BE(payload.length + 4, 1);
    this.#socket.write(Buffer.concat([header, payload]));
  }

  /** Full, and nobody takes anything: the server has to wait. */
  get stalled(): boolean {
    return this.#buffered >= this.#maxBufferedBytes;
  }

  /** Milliseconds for which the server has said nothing though it would have been heard. */
  silentMs(nowMs: number): number {
    return this.stalled ? 0 : nowMs - this.#heardMs;
  }

  /** Ends the connection at once; the next `read` says so when it has given what there is. */
  drop(): void {
    this.#socket.destroy();
  }

  /** Ends a wait in `read`, which then returns with what there is. */
  interrupt(): void {
    this.#wake?.();
  }

  /**
   * Waits for bytes (or an interrupt). Returns what arrived, at most about the buffer limit; null when the statement is done.
   *
   * @throws RowsealError what the server or the network said
   */
  async read(): Promise<Buffer | null> {
    if (this.#chunks.length === 0 && this.#failure === null && !this.#finished) {
      if (this.#gathering === null) this.#socket.resume();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
    if (this.#chunks.length === 0) {
      if (this.#failure !== null) throw this.#failure;
      return this.#finished ? null : Buffer.alloc(0);
    }
    const bytes = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    this.#chunks = [];
    // A server that had to wait is heard from now on.
    if (this.stalled) this.#heardMs = performance.now();
    this.#buffered = 0;
    if (this.#gathering === null && !this.#finished) this.#socket.resume();
    return bytes;
  }

  /**
   * Splits bytes into messages and hands copy data to `handle`; the rest is kept. `handle` returning a promise is awaited
   * before the next message.
   */
  async split(
    bytes: Buffer,
    handle: (buffer: Buffer, start: number, end: number) => Promise<Next> | Next,
  ): Promise<Next> {
    let buffer = bytes;
    if (this.#tail.length > 0) buffer = bytes.length === 0 ? this.#tail : Buffer.concat([this.#tail, bytes]);
    let at = 0;
    while (buffer.length - at >= HEADER_BYTES) {
      const length = buffer.readInt32BE(at + 1);
      if (length < 4) throw new RowsealError('RS-PG-014', { detail: 'a message of impossible length' });
      const end = at + 1 + length;
      if (end > buffer.length) {
        // A large message comes in many chunks: gather them all first instead of copying the tail again and again.
        const missing = end - buffer.length;
        const more = await this.#gather(missing);
        buffer = Buffer.concat([buffer.subarray(at), ...more]);
        at = 0;
        continue;
      }
      switch (buffer[at]) {
        case COPY_DATA: {
          const answer = handle(buffer, at + HEADER_BYTES, end);
          if ((typeof answer === 'string' ? answer : await answer) === 'go-on') break;
          this.#tail = buffer.subarray(end);
          return 'stop';
        }
        case ERROR:
          this.#failure = serverError(buffer.subarray(at + HEADER_BYTES, end), this.#doing);
          break;
        case READY:
          this.#finish();
          if (this.#failure !== null) throw this.#failure;
          break;
        case COPY_DONE:
        case COPY_OUT:
        case COPY_BOTH:
          break;
        default:
          // CommandComplete, ParameterStatus, NoticeResponse: nothing to do.
          break;
      }
      at = end;
    }
    this.#tail = at === buffer.length ? Buffer.alloc(0) : Buffer.from(buffer.subarray(at));
    return 'go-on';
  }

  /** Gives the socket back to the driver, after a statement that was read to its end. */
  release(): void {
    this.#detach();
    for (const listener of this.#driverListeners) this.#socket.on('data', listener);
    this.#socket.resume();
  }

  /**
   * Ends reading in the middle of a statement: what still comes is thrown away. The driver must not see it (it would
   * begin inside a message); all it may do with this connection is end it.
   */
  discard(): void {
    this.#detach();
    this.#socket.on('error', () => {});
    this.#socket.resume();
  }

  #detach(): void {
    if (this.#gathering !== null) clearTimeout(this.#gathering);
    this.#socket.off('data', this.#onData);
    this.#socket.off('end', this.#onEnd);
    this.#socket.off('close', this.#onEnd);
    this.#socket.off('error', this.#onError);
  }

  async #gather(bytes: number): Promise<readonly Buffer[]> {
    const gathered: Buffer[] = [];
    while (bytes > 0) {
      const more = await this.read();
      if (more === null)
        throw new RowsealError('RS-PG-014', { detail: 'the statement ended inside a message' });
      gathered.push(more);
      bytes -= more.length;
    }
    return gathered;
  }

  #received(chunk: Buffer): void {
    this.#lastReceivedMs = Date.now();
    this.#heardMs = performance.now();
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    if (this.#buffered >= this.#maxBufferedBytes) {
      this.#socket.pause();
      this.#wake?.();
      return;
    }
    if (chunk.length >= FULL_CHUNK_BYTES) {
      this.#wake?.();
      return;
    }
    this.#socket.pause();
    this.#wake?.();
    this.#gathering ??= setTimeout(() => {
      this.#gathering = null;
      if (this.#buffered < this.#maxBufferedBytes) this.#socket.resume();
    }, GATHER_MS);
  }

  #finish(): void {
    this.#finished = true;
    this.#wake?.();
  }

  #fail(error: RowsealError): void {
    this.#failure ??= error;
    this.#wake?.();
  }
}

/** ErrorResponse: fields of a type byte and text; only the SQLSTATE (`C`) is taken (PostgreSQL manual 53.8). */
function serverError(body: Buffer, doing: string): RowsealError {
  let at = 0;
  while (at < body.length && body[at] !== 0) {
    const stop = body.indexOf(0, at + 1);
    if (stop < 0) break;
    if (body[at] === 0x43) return postgresError({ code: body.latin1Slice(at + 1, stop) }, doing);
    at = stop + 1;
  }
  return new RowsealError('RS-PG-016', { detail: doing });
}
