import { createHash } from 'node:crypto';
import type { Catalog } from './catalog.ts';
import type { Jobs } from './jobs.ts';
import type { StoredColumn } from './target.ts';

/** Load jobs under way at one time: each is a request with a body of megabytes. */
const PARALLEL_LOADS = 4;
/** A line's text is turned into bytes in pieces of this many characters. */
const CHUNK_CHARACTERS = 1 << 18;

/** Lines of newline-delimited JSON for one staging table. */
export class StagedLines {
  readonly #chunks: Buffer[] = [];
  #text: string[] = [];
  #characters = 0;
  #bytes = 0;
  #lines = 0;

  get bytes(): number {
    return this.#bytes + this.#characters;
  }

  get lines(): number {
    return this.#lines;
  }

  push(line: string): void {
    this.#text.push(line);
    this.#characters += line.length;
    this.#lines++;
    if (this.#characters >= CHUNK_CHARACTERS) this.#pack();
  }

  chunks(): readonly Buffer[] {
    this.#pack();
    return this.#chunks;
  }

  #pack(): void {
    if (this.#text.length === 0) return;
    const chunk = Buffer.from(this.#text.join(''), 'utf8');
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    this.#text = [];
    this.#characters = 0;
  }
}

/**
 * Loads pieces of a batch into staging tables, a few at a time. Names come from the batch and the piece's content, so
 * that a repetition finds what is there already, and never takes something else for it.
 */
export class Staging {
  readonly #jobs: Jobs;
  readonly #catalog: Catalog;
  /** Tells batches apart: pipeline, epoch, cursor before and after. */
  readonly #batch: string;
  readonly #loads: Promise<void>[] = [];
  readonly #tables: string[] = [];
  #running = 0;
  #waiting: (() => void)[] = [];
  #failure: { readonly error: unknown } | null = null;

  constructor(jobs: Jobs, catalog: Catalog, batch: string) {
    this.#jobs = jobs;
    this.#catalog = catalog;
    this.#batch = batch;
  }

  /**
   * Starts to load; resolves with the table's name as soon as there is room for more. `settled` says when it is there.
   */
  async stage(columns: readonly StoredColumn[], lines: StagedLines, doing: string): Promise<string> {
    if (this.#failure !== null) throw this.#failure.error;
    while (this.#running >= PARALLEL_LOADS) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    const chunks = lines.chunks();
    const digest = createHash('sha256');
    for (const chunk of chunks) digest.update(chunk);
    const id = `rowseal_${this.#batch}_${this.#tables.length}_${digest.digest('hex').slice(0, 16)}`;
    const table = `_${id}`;
    this.#tables.push(table);
    this.#running++;
    const load = this.#load(id, table, columns, chunks, doing)
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        this.#running--;
        this.#waiting.shift()?.();
      });
    this.#loads.push(load);
    return table;
  }

  /** All that was staged is there. */
  async settled(): Promise<void> {
    await Promise.all(this.#loads);
    if (this.#failure !== null) throw this.#failure.error;
  }

  /** After the commit. What stays behind expires by itself. */
  async discard(): Promise<void> {
    await Promise.all(this.#tables.map((table) => this.#catalog.drop(table).catch(() => {})));
  }

  async #load(
    id: string,
    table: string,
    columns: readonly StoredColumn[],
    chunks: readonly Buffer[],
    doing: string,
  ): Promise<void> {
    // A load that was done is not done again, so it must be one into this very table: into one of the same name that
    // expired meanwhile it would be no load at all, and its rows would be lost.
    const { createdMs } = await this.#catalog.createStaging(table, columns);
    await this.#jobs.load(
      `${id}_${createdMs}`,
      { dataset: this.#catalog.dataset, table },
      () => chunks,
      doing,
    );
  }
}
