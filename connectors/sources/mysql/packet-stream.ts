import type { RowsealError } from '../../../src/error/rowseal-error.ts';
import type { Session } from './connection.ts';
import { mysqlError, streamError } from './errors.ts';

/** The payload of one protocol packet, reassembled; the bytes are not reused. */
export interface Packet {
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
}

/** What the driver hands to a command, and what is used of it: internals, held by test/unit/mysql/driver.test.ts. */
interface DriverPacket {
  readonly sequenceId: number;
  readonly buffer: Buffer;
  readonly offset: number;
  readonly end: number;
}

interface DriverConnection {
  /** What the next packet must carry. */
  sequenceId: number;
  addCommand(command: object): void;
  _resetSequenceId(): void;
  writePacket(packet: object): void;
  pause(): void;
  resume(): void;
}

/** Header of a packet: Int24 length, Int8 sequence id (protocol documentation, "MySQL Packets"). */
const HEADER_BYTES = 4;
/** A packet of this length goes on in the next one. */
const LARGEST_PACKET_BYTES = 0xff_ffff;
const ERROR_PACKET = 0xff;

/**
 * Sends one command and reads the packets of its answer by pulling. The driver's own commands parse binlog events wrongly
 * and know no backpressure; this one takes the packets as they are.
 */
export class PacketStream {
  readonly #driver: DriverConnection;
  readonly #session: Session;
  readonly #highWaterBytes: number;
  readonly #doing: string;
  #packets: Packet[] = [];
  #bytes = 0;
  #paused = false;
  #ended = false;
  #error: RowsealError | null = null;
  #wake: (() => void) | null = null;
  readonly #failed = new AbortController();
  #lastReceivedMs: number | null = null;
  #heardMs = performance.now();
  readonly #onError = (error: unknown): void => this.#fail(mysqlError(error, this.#doing));
  readonly #onEnd = (): void => this.#fail(mysqlError({ code: 'PROTOCOL_CONNECTION_LOST' }, this.#doing));

  /**
   * @param isLast whether a packet ends the answer; it is handed out too. An error packet always does, and is thrown
   * @param highWaterBytes received and not read yet, before the socket is paused
   */
  constructor(
    session: Session,
    request: Buffer,
    doing: string,
    highWaterBytes: number,
    isLast: (packet: Packet) => boolean,
  ) {
    this.#session = session;
    this.#driver = session.connection as unknown as DriverConnection;
    this.#highWaterBytes = highWaterBytes;
    this.#doing = doing;
    let sent = false;
    session.connection.on('error', this.#onError);
    session.connection.on('end', this.#onEnd);
    this.#driver.addCommand({
      onResult: (error: unknown) => this.#fail(mysqlError(error, doing)),
      emit: () => false,
      execute: (packet: DriverPacket | undefined): boolean => {
        if (!sent) {
          sent = true;
          this.#driver._resetSequenceId();
          this.#driver.writePacket(outgoing(request));
          return false;
        }
        if (packet === undefined) return false;
        // A packet that was held back while paused has lost how many it was put together of.
        const parts = 1 + Math.floor((packet.end - packet.offset) / LARGEST_PACKET_BYTES);
        this.#driver.sequenceId = (packet.sequenceId + parts) & 0xff;
        return this.#take(packet, isLast);
      },
    });
  }

  /** Aborts when the answer fails, also while nobody reads; its reason is what {@link read} will throw. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  /** When the last packet came, or the stream began; of a clock that does not jump. */
  get heardMs(): number {
    return this.#heardMs;
  }

  /** Wall-clock milliseconds of the last packet; null before the first. */
  get lastReceivedMs(): number | null {
    return this.#lastReceivedMs;
  }

  /** True while it does not listen, so that silence says nothing. */
  get paused(): boolean {
    return this.#paused;
  }

  /**
   * Packets that arrived since the last call; waits for the first, or for {@link interrupt}, which leaves it empty.
   *
   * @returns null after the last packet of the answer
   * @throws RowsealError once, when the connection is lost or the server sent an error
   */
  async read(): Promise<readonly Packet[] | null> {
    if (this.#packets.length === 0 && !this.#ended && this.#error === null) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const packets = this.poll();
    return packets.length === 0 && this.#ended ? null : packets;
  }

  /** Packets that arrived since the last call, without waiting. @throws RowsealError as {@link read} */
  poll(): readonly Packet[] {
    const packets = this.#packets;
    this.#packets = [];
    this.#bytes = 0;
    if (this.#paused) {
      this.#paused = false;
      this.#driver.resume();
    }
    if (packets.length === 0 && this.#error !== null) throw this.#error;
    return packets;
  }

  /** Lets a waiting {@link read} return empty-handed. */
  interrupt(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }

  /** The connection is dead although nobody closed it. */
  abort(error: RowsealError): void {
    this.#fail(error);
    this.#session.cut();
  }

  #take(packet: DriverPacket, isLast: (packet: Packet) => boolean): boolean {
    this.#lastReceivedMs = Date.now();
    this.#heardMs = performance.now();
    const { buffer, offset, end } = packet;
    if (buffer[offset] === ERROR_PACKET) {
      this.#fail(streamError(buffer.subarray(offset, end), this.#doing));
      return true;
    }
    const taken = { buffer, start: offset, end };
    this.#packets.push(taken);
    this.#bytes += end - offset;
    if (this.#bytes >= this.#highWaterBytes && !this.#paused) {
      this.#paused = true;
      this.#driver.pause();
    }
    if (isLast(taken)) {
      this.#ended = true;
      this.#forget();
    }
    this.interrupt();
    return this.#ended;
  }

  #fail(error: RowsealError): void {
    if (this.#ended) return;
    this.#error ??= error;
    this.#forget();
    this.#failed.abort(this.#error);
    this.interrupt();
  }

  /** The next command on the connection has listeners of its own. */
  #forget(): void {
    this.#session.connection.off('error', this.#onError);
    this.#session.connection.off('end', this.#onEnd);
  }
}

/** A packet as the driver's writer wants it. */
function outgoing(payload: Buffer): object {
  const buffer = Buffer.concat([Buffer.alloc(HEADER_BYTES), payload]);
  return {
    buffer,
    length: () => buffer.length,
    writeHeader: (sequenceId: number) => {
      buffer.writeUIntLE(payload.length, 0, 3);
      buffer[3] = sequenceId;
    },
  };
}
