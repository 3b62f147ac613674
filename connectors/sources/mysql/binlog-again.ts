import { randomInt, randomUUID } from 'node:crypto';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import type { BinlogPlace } from '../../../src/model/position.ts';
import { BinlogDecoder } from './binlog/binlog-decoder.ts';
import type { BinlogEvent, TableBinding, TableMap } from './binlog/binlog-event.ts';
import { BinlogDump, type DumpStart, FILE_HEADER_BYTES } from './binlog-dump.ts';
import type { Session } from './connection.ts';
import type { MysqlSourceOptions } from './options.ts';
import type { Server } from './server.ts';

/** How soon a server without anything to send says so, in milliseconds. */
const PROBE_HEARTBEAT_MS = 2_000;
/** Sent before it is known whether the rest is there. */
const FILE_HEADS: ReadonlySet<BinlogEvent['kind']> = new Set(['rotate', 'format-description']);

/** Reads places of the binlog on streams of their own, beside the one that goes on. */
export class BinlogAgain {
  readonly #options: MysqlSourceOptions;
  readonly #server: Server;
  readonly #check: (session: Session) => Promise<void>;

  /** @param check that a connection ends at this server */
  constructor(options: MysqlSourceOptions, server: Server, check: (session: Session) => Promise<void>) {
    this.#options = options;
    this.#server = server;
    this.#check = check;
  }

  /**
   * One prepared XA transaction from its begin to its XA_PREPARE.
   *
   * @param bind null: the table's rows are passed over
   * @throws RowsealError RS-MY-010 when the file was purged
   */
  async *prepared(
    place: BinlogPlace,
    bind: (map: TableMap) => Promise<TableBinding | null>,
  ): AsyncGenerator<BinlogEvent> {
    for await (const event of this.#events({ kind: 'place', place }, bind)) {
      yield event;
      if (event.kind === 'xa-prepare') return;
      if (event.kind === 'xid' || event.kind === 'commit' || event.kind === 'rollback')
        throw new RowsealError('RS-MY-014', { detail: 'an XA transaction without its prepare' });
    }
  }

  /** When the server began a file, in seconds since 1970; names come again after a reset, this does not. */
  async began(file: string): Promise<number | null> {
    const start = { file, offset: FILE_HEADER_BYTES };
    for await (const event of this.#events({ kind: 'place', place: start }, async () => null))
      if (event.kind === 'format-description') return event.header.timestampS;
    return null;
  }

  /**
   * Asks for a stream and waits until the server sends of it, or says that it has nothing yet.
   *
   * @throws RowsealError of kind source-lost when it does not have what was asked for
   */
  async answers(start: DumpStart): Promise<void> {
    const heartbeatMs = Math.min(this.#options.heartbeatMs, PROBE_HEARTBEAT_MS);
    const probe = new BinlogAgain({ ...this.#options, heartbeatMs }, this.#server, this.#check);
    for await (const event of probe.#events(start, async () => null)) if (!FILE_HEADS.has(event.kind)) return;
  }

  async *#events(
    start: DumpStart,
    bind: (map: TableMap) => Promise<TableBinding | null>,
  ): AsyncGenerator<BinlogEvent> {
    // A name that nobody else has: with our own the server would end the stream that goes on.
    const name = { serverId: 0x8000_0000 + randomInt(0x7fff_ffff), uuid: randomUUID() };
    const dump = await BinlogDump.open(this.#options, this.#server.flavor, start, name, this.#check);
    const decoder = newDecoder(this.#options, this.#server);
    try {
      while (true) {
        for (const packet of await dump.read()) {
          decoder.decode(packet.buffer, packet.start + 1, packet.end);
          for (let event = decoder.next(); event !== null; event = decoder.next()) {
            if (event.kind === 'table-map') decoder.bind(event.map, await bind(event.map));
            else yield event;
          }
        }
      }
    } finally {
      await dump.close();
    }
  }
}

export function newDecoder(options: MysqlSourceOptions, server: Server): BinlogDecoder {
  return new BinlogDecoder({
    flavor: server.flavor,
    zeroDates: options.zeroDates,
    invalidText: options.invalidText,
    maxUnpackedBytes: options.maxUnpackedBytes,
  });
}
