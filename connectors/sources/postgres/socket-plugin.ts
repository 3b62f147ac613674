import type { Client } from 'pg';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { NO_LIMITS, quoteIdentifier } from './connection.ts';
import { CopySocket } from './copy-socket.ts';
import { pgoutputOptions, type StreamOptions } from './stream-options.ts';

/**
 * The pgoutput plugin for `pg-logical-replication`. That package brings the connection in replication mode and its end;
 * reading and acknowledging are ours, because its timer acknowledges what was merely received and its parser makes an
 * event of every row.
 */
export class SocketPlugin {
  readonly name = 'pgoutput';
  readonly options: StreamOptions;
  #socket: CopySocket | null = null;
  readonly #bufferBytes: number;
  readonly #ready = Promise.withResolvers<CopySocket>();

  constructor(options: StreamOptions, bufferBytes: number) {
    this.options = options;
    this.#bufferBytes = bufferBytes;
  }

  /** Resolves when the statement was sent; rejects when it could not be. */
  socket(): Promise<CopySocket> {
    return this.#ready.promise;
  }

  async start(client: Client, slot: string, lsn: string): Promise<void> {
    try {
      await client.query(NO_LIMITS);
    } catch (error) {
      // The package swallows that the connection was lost before the stream began.
      this.#ready.reject(error);
      throw error;
    }
    this.#socket = new CopySocket(client, 'reading the replication stream', this.#bufferBytes);
    this.#socket.start(
      `START_REPLICATION SLOT ${quoteIdentifier(slot)} LOGICAL ${lsn} (${pgoutputOptions(this.options)})`,
    );
    this.#ready.resolve(this.#socket);
  }

  parse(): never {
    throw new RowsealError('RS-RUN-000', { detail: 'the package read the stream itself' });
  }
}
