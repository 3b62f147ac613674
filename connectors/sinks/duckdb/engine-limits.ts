import type { DuckDBConnection } from '@duckdb/node-api';

/**
 * An instance of DuckDB has one limit of memory and one of temporary space: the writer's. While somebody reads, memory for
 * readers comes on top, and temporary space is bounded so that no query can fill the volume.
 */
export class EngineLimits {
  /** Of its own: settings must not wait for, or fall with, the writer's transaction. */
  readonly #connection: DuckDBConnection;
  readonly #readerBytes: number;
  #writerBytes: number;
  #readers = 0;

  constructor(connection: DuckDBConnection, bytes: { readonly writer: number; readonly reader: number }) {
    this.#connection = connection;
    this.#writerBytes = bytes.writer;
    this.#readerBytes = bytes.reader;
  }

  /** The writer needs this much; never lowered. */
  async raiseWriter(bytes: number): Promise<void> {
    if (bytes <= this.#writerBytes) return;
    this.#writerBytes = bytes;
    await this.#apply();
  }

  /** @param tempBytes null: as much as there is */
  async readerCame(tempBytes: number | null): Promise<void> {
    this.#readers++;
    await this.#apply();
    if (tempBytes !== null)
      await this.#connection.run(`SET max_temp_directory_size = '${Math.ceil(tempBytes / 1e6)}MB'`);
  }

  /** Never fails: who leaves is done. What is still in use cannot be taken away at once; the next reader's leaving does it. */
  async readerLeft(): Promise<void> {
    this.#readers--;
    if (this.#readers > 0) return;
    await this.#connection.run('RESET GLOBAL max_temp_directory_size').catch(() => {});
    await this.#apply().catch(() => {});
  }

  close(): void {
    this.#connection.closeSync();
  }

  async #apply(): Promise<void> {
    const bytes = this.#writerBytes + (this.#readers > 0 ? this.#readerBytes : 0);
    await this.#connection.run(`SET memory_limit = '${Math.round(bytes / 1e6)}MB'`);
  }
}
