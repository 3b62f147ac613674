import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { GroupIndex } from '../../../src/audit/audit-log.ts';
import type { Target } from '../../../src/deliver/warehouse/target.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { failureOf } from '../../duckdb-engine/failure.ts';
import { quoteLiteral } from '../../duckdb-engine/identifier.ts';
import type { Database } from './database.ts';
import { mirrorName } from './dialect.ts';

export interface SnapshotOptions {
  readonly directory: string;
  /** From the beginning of one to that of the next, in milliseconds. */
  readonly intervalMs: number;
  /** Snapshots that stay, the current one among them. */
  readonly keep: number;
}

/** What a snapshot says of itself; written last in its directory. */
export interface SnapshotManifest {
  readonly format: 1;
  readonly pipeline: string;
  /** The last group in it. */
  readonly group: GroupIndex;
  readonly made_at: string;
  readonly tables: readonly SnapshotTable[];
}

interface SnapshotTable {
  readonly schema: string;
  readonly table: string;
  /** From the snapshot's directory on. */
  readonly file: string;
  readonly rows: number;
  readonly bytes: number;
}

const MANIFEST = 'manifest.json';
const CURRENT = 'current';
/** Begun and not finished: never looked at. */
const UNFINISHED = '.making-';
const INTERRUPT_MS = 50;
/** Rows that are gathered for each column before they are written: bounds memory. */
const ROW_GROUP_ROWS = 20_000;

/**
 * Parquet files of all mirrors as they were after one group. They are made aside in one read transaction, while delivery
 * goes on; the directory gets its name when it is whole, and then `current` is turned to it.
 */
export class Snapshots {
  readonly #options: SnapshotOptions;
  readonly #report: (error: RowsealError) => void;
  #database: Database | null = null;
  #pipeline = '';
  #timer: NodeJS.Timeout | null = null;
  #beganMs = Number.NEGATIVE_INFINITY;
  /** Never rejects: nobody waits for it but who closes. */
  #making: Promise<void> | null = null;
  /** Of what is being made; null: there is nothing to interrupt. */
  #connection: DuckDBConnection | null = null;
  #published: GroupIndex | null = null;
  #due = false;

  /** @param report told of what failed; it is tried again */
  constructor(options: SnapshotOptions, report: (error: RowsealError) => void) {
    this.#options = options;
    this.#report = report;
  }

  async opened(database: Database, pipeline: string): Promise<void> {
    this.#database = database;
    this.#pipeline = pipeline;
    try {
      await this.#sweep();
    } catch (thrown) {
      this.#database = null;
      this.#report(snapshotError(thrown, this.#options.directory));
    }
    this.moved();
  }

  /** The cursor moved: there is something new to publish. */
  moved(): void {
    this.#due = true;
    if (this.#timer !== null || this.#making !== null || this.#database === null) return;
    const leftMs = Math.max(0, this.#beganMs + this.#options.intervalMs - performance.now());
    this.#timer = setTimeout(() => this.#begin(), leftMs);
    this.#timer.unref();
  }

  /** Resolves when nothing uses the database any more; one that is being made is given up. */
  async closed(): Promise<void> {
    this.#database = null;
    this.#due = false;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    // An interrupt between two statements is lost.
    const interrupts = setInterval(() => this.#connection?.interrupt(), INTERRUPT_MS);
    await this.#making;
    clearInterval(interrupts);
  }

  #begin(): void {
    this.#timer = null;
    const database = this.#database;
    if (database === null || !this.#due) return;
    this.#due = false;
    this.#beganMs = performance.now();
    this.#making = this.#make(database).finally(() => {
      this.#making = null;
      if (this.#due) this.moved();
    });
  }

  async #make(database: Database): Promise<void> {
    try {
      await this.#attempt(database);
    } catch (thrown) {
      // The next attempt begins anew: what is left of this one would pile up.
      await this.#removeUnfinished().catch(() => {});
      if (this.#database !== database) return;
      this.#due = true;
      this.#report(snapshotError(thrown, this.#options.directory));
    }
  }

  async #attempt(database: Database): Promise<void> {
    const connection = await database.instance.connect();
    this.#connection = connection;
    try {
      await database.limits.readerCame(null);
      await this.#publish(connection, () => this.#database !== database);
    } finally {
      // Before the connection is: nobody may interrupt what is closed.
      this.#connection = null;
      connection.closeSync();
      await database.limits.readerLeft();
    }
  }

  async #publish(connection: DuckDBConnection, isClosed: () => boolean): Promise<void> {
    const { directory } = this.#options;
    await connection.run("SET TimeZone = 'UTC'");
    await connection.run('BEGIN TRANSACTION READ ONLY');
    const cursor = await connection.runAndReadAll('SELECT group_index FROM _rowseal.cursor');
    const found = cursor.getRowsJS()[0]?.[0] ?? null;
    if (found === null || Number(found) === this.#published) return;
    const group = Number(found);
    const known = await connection.runAndReadAll('SELECT known FROM _rowseal.tables ORDER BY table_key');
    const targets = known.getRowsJS().map(([text]) => JSON.parse(String(text)) as Target);
    const name = snapshotName(group);
    const place = join(directory, `${UNFINISHED}${randomUUID()}`);
    const tables: SnapshotTable[] = [];
    for (const { table } of targets) {
      if (isClosed()) throw new RowsealError('RS-QRY-010', { detail: 'the sink was closed' });
      const file = join(fileName(table.namespace), `${fileName(table.name)}.parquet`);
      const path = join(place, file);
      await mkdir(dirname(path), { recursive: true });
      const { rowsChanged } = await connection.run(
        `COPY (SELECT * FROM ${mirrorName(table)}) TO ${quoteLiteral(path)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${ROW_GROUP_ROWS})`,
      );
      const { size } = await stat(path);
      await sync(path);
      tables.push({ schema: table.namespace, table: table.name, file, rows: rowsChanged, bytes: size });
    }
    await connection.run('ROLLBACK');
    const manifest: SnapshotManifest = {
      format: 1,
      pipeline: this.#pipeline,
      group,
      made_at: new Date().toISOString(),
      tables,
    };
    await mkdir(place, { recursive: true });
    await writeFile(join(place, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
    await sync(join(place, MANIFEST));
    for (const folder of new Set(tables.map(({ file }) => dirname(file)))) await sync(join(place, folder));
    await sync(place);
    await this.#show(place, name);
    this.#published = group;
    await this.#prune(name);
  }

  /** One of the same group may be there, from before a restart: it is whole too. */
  async #show(place: string, name: string): Promise<void> {
    const { directory } = this.#options;
    await rename(place, join(directory, name)).catch(async (thrown: unknown) => {
      await stat(join(directory, name, MANIFEST)).catch(() => Promise.reject(thrown));
      await rm(place, { recursive: true, force: true });
    });
    const pointer = join(directory, `${UNFINISHED}${randomUUID()}`);
    await symlink(name, pointer);
    await rename(pointer, join(directory, CURRENT));
    await sync(directory);
  }

  async #prune(current: string): Promise<void> {
    const { directory, keep } = this.#options;
    const whole = (await readdir(directory)).filter((name) => SNAPSHOT.test(name) && name !== current).sort();
    for (const name of whole.slice(0, Math.max(0, whole.length - (keep - 1)))) {
      // Its name goes first: nobody opens half of one.
      const gone = join(directory, `${UNFINISHED}${randomUUID()}`);
      await rename(join(directory, name), gone);
      await rm(gone, { recursive: true, force: true });
    }
  }

  /** After a crash: what was begun is removed, what is current is known. */
  async #sweep(): Promise<void> {
    const { directory } = this.#options;
    await mkdir(directory, { recursive: true });
    await this.#removeUnfinished();
    const current = await readManifest(join(directory, CURRENT));
    if (current !== null && current.pipeline !== this.#pipeline)
      throw new RowsealError('RS-QRY-010', { detail: `${directory} holds pipeline ${current.pipeline}` });
    this.#published = current?.group ?? null;
  }

  async #removeUnfinished(): Promise<void> {
    const { directory } = this.#options;
    for (const name of await readdir(directory))
      if (name.startsWith(UNFINISHED)) await rm(join(directory, name), { recursive: true, force: true });
  }
}

const SNAPSHOT = /^group-\d{16}$/;

function snapshotName(group: GroupIndex): string {
  return `group-${String(group).padStart(16, '0')}`;
}

/** A file's name may have 255 bytes. */
const MAX_NAME = 200;

/** Never `..`, never a separator, no two alike where a file system does not tell cases apart: names come from the source. */
function fileName(name: string): string {
  const plain = /^[a-z0-9_]+$/.test(name) && name.length <= MAX_NAME;
  if (plain) return name;
  const readable = name
    .toLowerCase()
    .replace(/[^a-z0-9_]/g, '_')
    .slice(0, 60);
  return `${readable}-${createHash('sha256').update(name).digest('hex').slice(0, 16)}`;
}

async function readManifest(snapshot: string): Promise<SnapshotManifest | null> {
  try {
    return JSON.parse(await readFile(join(snapshot, MANIFEST), 'utf8')) as SnapshotManifest;
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return null;
    throw thrown;
  }
}

async function sync(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

function snapshotError(thrown: unknown, directory: string): RowsealError {
  if (thrown instanceof RowsealError) return thrown;
  const errno = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : failureOf(thrown);
  return new RowsealError('RS-QRY-010', { detail: `${directory} (${errno})`, origin: errno });
}
