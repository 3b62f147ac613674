import { Silence } from '../../../src/capture/silence.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import type { GtidSet } from '../../../src/model/gtid-set.ts';
import type { BinlogPlace } from '../../../src/model/position.ts';
import { malformed } from './binlog/defect.ts';
import { HEADER_BYTES } from './binlog/event-type.ts';
import { Session } from './connection.ts';
import { encodeGtidSet } from './gtid-encoding.ts';
import type { MysqlSourceOptions } from './options.ts';
import { type Packet, PacketStream } from './packet-stream.ts';

/** Where a dump begins: after all of a GTID set or position, or at a place of a file. */
export type DumpStart =
  | { readonly kind: 'gtid-set'; readonly set: GtidSet }
  | { readonly kind: 'mariadb-position'; readonly position: string }
  | { readonly kind: 'place'; readonly place: BinlogPlace };

const COM_REGISTER_SLAVE = 0x15;
const COM_BINLOG_DUMP = 0x12;
const COM_BINLOG_DUMP_GTID = 0x1e;
/** BINLOG_THROUGH_GTID and USE_HEARTBEAT_EVENT_V2 (MySQL, sql/rpl_constants.h). */
const FLAG_THROUGH_GTID = 0x04;
const FLAG_HEARTBEAT_V2 = 0x02;
/** A paused reader must not be given up: the most that the server takes, a year, in seconds. */
const NET_WRITE_TIMEOUT_S = 31_536_000;
const NANOSECONDS_PER_MS = 1_000_000n;
/** Heartbeats missed before the connection counts as dead. */
const SILENT_HEARTBEATS = 3;
/** The first event of a binlog file is behind four magic bytes. */
export const FILE_HEADER_BYTES = 4;

/** One binlog stream on a connection of its own. Its packets are a status byte 0x00 and one event each. */
export class BinlogDump {
  readonly #options: MysqlSourceOptions;
  readonly #session: Session;
  readonly #stream: PacketStream;
  readonly #watch: NodeJS.Timeout;
  #closed = false;

  private constructor(options: MysqlSourceOptions, session: Session, request: Buffer) {
    this.#options = options;
    this.#session = session;
    this.#stream = new PacketStream(
      session,
      request,
      'reading the binlog',
      options.receiveBufferBytes,
      isEndOfStream,
    );
    const silentMs = options.heartbeatMs * SILENT_HEARTBEATS;
    const silence = new Silence(silentMs);
    // A clock that is set must not end the connection, nor keep a dead one.
    let begunMs = performance.now();
    this.#watch = setInterval(() => {
      if (this.#stream.paused) begunMs = performance.now();
      else if (silence.isDeath(performance.now() - Math.max(begunMs, this.#stream.heardMs)))
        this.#stream.abort(new RowsealError('RS-MY-019', { detail: `for ${silentMs} ms` }));
    }, options.heartbeatMs);
    this.#watch.unref();
  }

  /**
   * @param name what this reader is to the server: a second one of the same name ends the first
   * @param server identity that the connection must end at
   */
  static async open(
    options: MysqlSourceOptions,
    flavor: 'mysql' | 'mariadb',
    start: DumpStart,
    name: { readonly serverId: number; readonly uuid: string },
    check: (session: Session) => Promise<void>,
  ): Promise<BinlogDump> {
    const session = await Session.open(options);
    try {
      await check(session);
      for (const statement of preparation(options, flavor, start, name.uuid))
        await session.rows(statement, 'preparing the binlog stream');
      await register(session, name.serverId);
      return new BinlogDump(options, session, dumpRequest(start, name.serverId));
    } catch (thrown) {
      session.cut();
      throw thrown;
    }
  }

  get lastReceivedMs(): number | null {
    return this.#stream.lastReceivedMs;
  }

  /** See {@link PacketStream.failed}. */
  get failed(): AbortSignal {
    return this.#stream.failed;
  }

  /** See {@link PacketStream.read}; the server ends a stream only when something is wrong. */
  async read(): Promise<readonly Packet[]> {
    const packets = await this.#stream.read();
    if (packets === null) throw ended();
    return checkedPackets(packets);
  }

  /** What has arrived, without waiting. */
  poll(): readonly Packet[] {
    return checkedPackets(this.#stream.poll());
  }

  interrupt(): void {
    this.#stream.interrupt();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#watch);
    await this.#session.kill(this.#options);
  }
}

/** 0xfe in a packet this short (protocol documentation, "EOF_Packet"); events are longer. */
function isEndOfStream(packet: Packet): boolean {
  return packet.buffer[packet.start] === 0xfe && packet.end - packet.start < 13;
}

function ended(): RowsealError {
  return new RowsealError('RS-MY-016', { detail: 'the server ended the binlog stream' });
}

/** @throws RowsealError RS-MY-016 at the end of the stream, RS-MY-050 for a packet that is no event behind an OK byte */
export function checkedPackets(packets: readonly Packet[]): readonly Packet[] {
  for (const packet of packets) {
    if (isEndOfStream(packet)) throw ended();
    if (packet.buffer[packet.start] !== 0 || packet.end - packet.start < 1 + HEADER_BYTES)
      throw malformed('a packet of the stream that holds no event');
  }
  return packets;
}

function preparation(
  options: MysqlSourceOptions,
  flavor: 'mysql' | 'mariadb',
  start: DumpStart,
  uuid: string,
): readonly string[] {
  const heartbeat = BigInt(options.heartbeatMs) * NANOSECONDS_PER_MS;
  const common = [`SET SESSION net_write_timeout = ${NET_WRITE_TIMEOUT_S}`];
  if (flavor === 'mysql') {
    return [
      ...common,
      'SET @source_binlog_checksum = @@global.binlog_checksum, @master_binlog_checksum = @@global.binlog_checksum',
      `SET @source_heartbeat_period = ${heartbeat}, @master_heartbeat_period = ${heartbeat}`,
      `SET @replica_uuid = '${uuid}', @slave_uuid = '${uuid}'`,
    ];
  }
  return [
    ...common,
    'SET @master_binlog_checksum = @@global.binlog_checksum',
    `SET @master_heartbeat_period = ${heartbeat}`,
    // 4: understands MariaDB's GTID events (MARIA_SLAVE_CAPABILITY_GTID).
    'SET @mariadb_slave_capability = 4',
    ...(start.kind === 'mariadb-position'
      ? [
          `SET @slave_connect_state = '${start.position}'`,
          'SET @slave_gtid_strict_mode = 1',
          'SET @slave_gtid_ignore_duplicates = 0',
        ]
      : []),
  ];
}

/** Makes this reader visible in SHOW REPLICAS. Names are empty: the server knows the address. */
async function register(session: Session, serverId: number): Promise<void> {
  const request = Buffer.alloc(18);
  request[0] = COM_REGISTER_SLAVE;
  request.writeUInt32LE(serverId, 1);
  const stream = new PacketStream(session, request, 'registering the binlog reader', 1 << 16, () => true);
  await stream.read();
}

function dumpRequest(start: DumpStart, serverId: number): Buffer {
  if (start.kind !== 'gtid-set') {
    const place = start.kind === 'place' ? start.place : { file: '', offset: FILE_HEADER_BYTES };
    const request = Buffer.alloc(11);
    request[0] = COM_BINLOG_DUMP;
    request.writeUInt32LE(place.offset, 1);
    request.writeUInt16LE(FLAG_HEARTBEAT_V2, 5);
    request.writeUInt32LE(serverId, 7);
    return Buffer.concat([request, Buffer.from(place.file, 'utf8')]);
  }
  const set = encodeGtidSet(start.set);
  const request = Buffer.alloc(23);
  request[0] = COM_BINLOG_DUMP_GTID;
  request.writeUInt16LE(FLAG_THROUGH_GTID | FLAG_HEARTBEAT_V2, 1);
  request.writeUInt32LE(serverId, 3);
  // No file name: the server looks for the file that holds the first missing transaction.
  request.writeUInt32LE(0, 7);
  request.writeBigUInt64LE(BigInt(FILE_HEADER_BYTES), 11);
  request.writeUInt32LE(set.length, 19);
  return Buffer.concat([request, set]);
}
