import { join } from 'node:path';
import type { MaskedTable } from '../model/masked.ts';
import type { Position } from '../model/position.ts';
import { type TableName, tableKey } from '../model/table.ts';
import type { AuditLog, GroupIndex, GroupWriter, SealedGroup, SealedGroupInfo } from './audit-log.ts';
import type { Disclosure } from './disclosure/disclosure.ts';
import type { Disk } from './disk.ts';
import { replaceFile } from './durable.ts';
import { GroupReader } from './group-reader.ts';
import { type GroupContent, type GroupHost, OpenGroup } from './group-writer.ts';
import { Journal, type JournalState } from './journal.ts';
import { groupInfo, type JournalLeaf } from './journal-leaf.ts';
import type { HeadSigner } from './note.ts';
import type { IndexSpacing } from './row-index/row-index.ts';
import { tableDirectory } from './table-directory.ts';
import { emptyTableState, TableLog, type TableState } from './table-log.ts';
import { tableFromPayloads } from './table-payload.ts';

export interface FileAuditLogOptions {
  readonly directory: string;
  /** Origin of the log: the journal's own, and the name of the key in every note. */
  readonly origin: string;
  readonly signer: HeadSigner;
  /** The key as a C2SP vkey, for genesis records. */
  readonly publicKey: string;
  readonly disk: Disk;
  readonly segmentMaxBytes: number;
  /** A group up to this size stays in memory for the sinks. */
  readonly residentGroupBytes: number;
  /** Encoded bytes of an open group that are held before they go to the files. */
  readonly spillBytes: number;
  /** The head files are rewritten this often at most; every group's signatures are in the segments before that. */
  readonly headIntervalMs: number;
  /** Microseconds since 1970-01-01 UTC, for the time of sealing. */
  readonly nowUs: () => bigint;
  readonly disclosure: (table: TableName) => Disclosure;
  readonly indexSpacing: IndexSpacing;
}

export interface RecoveredState {
  readonly journal: JournalState;
  readonly last: JournalLeaf | null;
  /** By directory. */
  readonly tables: ReadonlyMap<string, TableState>;
}

/** The audit log in a directory. Opened by `openAuditLog`, which takes the lock and recovers. */
export class FileAuditLog implements AuditLog, GroupHost {
  readonly #options: FileAuditLogOptions;
  readonly #journal: Journal;
  readonly #recovered: ReadonlyMap<string, TableState>;
  readonly #tables = new Map<string, TableLog>();
  readonly #reader: GroupReader;
  readonly #release: () => Promise<void>;
  #last: SealedGroupInfo | null;
  /** Disk work in order; a failure is kept and ends everything. */
  #work: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | null = null;
  #open: OpenGroup | null = null;
  #headsDue = new Map<string, string>();
  #headsWrittenMs = Number.NEGATIVE_INFINITY;

  constructor(options: FileAuditLogOptions, recovered: RecoveredState, release: () => Promise<void>) {
    this.#options = options;
    this.#recovered = recovered.tables;
    this.#journal = new Journal(
      options.disk,
      options.directory,
      options.origin,
      options.segmentMaxBytes,
      recovered.journal,
    );
    this.#reader = new GroupReader(options.disk, options.directory);
    this.#release = release;
    this.#last = recovered.last === null ? null : groupInfo(recovered.last);
  }

  get last(): SealedGroupInfo | null {
    return this.#last;
  }

  get spillBytes(): number {
    return this.#options.spillBytes;
  }

  get residentBytes(): number {
    return this.#options.residentGroupBytes;
  }

  get pendingBytes(): number {
    let bytes = 0;
    for (const log of this.#tables.values()) bytes += log.pendingBytes;
    return bytes;
  }

  tables(): readonly MaskedTable[] {
    const states = new Map(this.#recovered);
    for (const log of this.#tables.values()) states.set(log.directory, log.state());
    return [...states.values()].flatMap(({ schema, policy }) =>
      schema === null || policy === null ? [] : [tableFromPayloads(schema.payload, policy.payload)],
    );
  }

  begin(): GroupWriter {
    this.#open = new OpenGroup(this);
    return this.#open;
  }

  async *read(from: GroupIndex): AsyncGenerator<SealedGroup> {
    let next = from;
    while (this.#last !== null && next <= this.#last.index) {
      for await (const group of this.#reader.read(next, this.#last.index)) {
        yield group;
        next = group.index + 1;
      }
    }
  }

  async close(): Promise<void> {
    await this.#open?.abandon();
    await this.#work;
    try {
      if (this.#failure === null) await this.#writeHeads();
    } finally {
      for (const log of this.#tables.values()) await log.close().catch(() => {});
      await this.#journal.close().catch(() => {});
      await this.#release();
    }
  }

  async tableLog(table: MaskedTable): Promise<TableLog> {
    const key = tableKey(table);
    let log = this.#tables.get(key);
    if (log === undefined) {
      const directory = tableDirectory(table);
      const path = join(this.#options.directory, 'tables', directory);
      const origin = `${this.#options.origin}/tables/${directory}`;
      const state = this.#recovered.get(directory) ?? emptyTableState(origin);
      if (state.seq === 0) {
        await this.#options.disk.makeDirectory(path);
        await this.#options.disk.syncDirectory(join(this.#options.directory, 'tables'));
      }
      log = new TableLog(
        this.#options.disk,
        path,
        directory,
        origin,
        {
          segmentMaxBytes: this.#options.segmentMaxBytes,
          publicKey: this.#options.publicKey,
          disclosure: this.#options.disclosure(table),
          indexSpacing: this.#options.indexSpacing,
        },
        state,
      );
      this.#tables.set(key, log);
    }
    return log;
  }

  stateOfTables(): ReadonlyMap<string, TableState> {
    return new Map([...this.#tables].map(([key, log]) => [key, log.state()]));
  }

  async spill(): Promise<void> {
    const writes = [...this.#tables.values()].map((log) => log.takeWrites());
    await this.#enqueue(async () => {
      for (const write of writes) await write();
    });
  }

  /**
   * The order that recovery relies on: rows and records of all touched tables, fsync of each, then the journal leaf, fsync.
   * The last one is the moment the group exists.
   */
  async seal(content: GroupContent, position: Position): Promise<SealedGroup> {
    this.#open = null;
    if (this.#failure !== null) throw this.#failure.error;
    const { signer, origin, nowUs } = this.#options;
    const group = this.#journal.size;
    const logs = [...content.logs].filter((log) => log.touched);
    const touched = logs.map((log) => log.endGroup(group, signer, origin));
    const writes = logs.map((log) => log.takeWrites());
    const leaf: JournalLeaf = {
      group,
      position,
      sealedAtUs: nowUs(),
      commitTimeUs: content.commitTimeUs,
      transactions: content.transactions,
      rows: content.rows,
      bytes: content.bytes,
      gaps: content.gaps,
      tables: touched,
    };
    const journal = this.#journal.append(leaf, signer, origin);
    await this.#enqueue(async () => {
      for (const write of writes) await write();
      await Promise.all(logs.map((log) => log.sync()));
      await journal.write();
      this.#last = groupInfo(leaf);
      for (const table of touched) this.#headsDue.set(join('tables', table.directory, 'head'), table.note);
      this.#headsDue.set(join('journal', 'head'), journal.note);
      if (performance.now() - this.#headsWrittenMs >= this.#options.headIntervalMs) await this.#writeHeads();
    });
    const { events } = content;
    return {
      ...groupInfo(leaf),
      tables: content.tables,
      resident: events !== null,
      chunks: events === null ? () => this.#reader.chunks(leaf) : () => memoryChunks(events),
    };
  }

  async abandon(before: ReadonlyMap<string, TableState>): Promise<void> {
    this.#open = null;
    await this.#enqueue(async () => {
      for (const [key, log] of this.#tables) {
        const state = before.get(key) ?? this.#recovered.get(log.directory) ?? emptyTableState(log.origin);
        await log.rewind(state);
      }
    });
  }

  /** Writes the newest heads. The journal's head comes last: a table's head never runs ahead of nothing. */
  async #writeHeads(): Promise<void> {
    const due = this.#headsDue;
    this.#headsDue = new Map();
    for (const [name, note] of due) {
      await replaceFile(this.#options.disk, join(this.#options.directory, name), Buffer.from(note, 'utf8'));
    }
    this.#headsWrittenMs = performance.now();
  }

  /** Runs disk work after what came before it. After a failure nothing runs any more: fsync is never tried again. */
  #enqueue(work: () => Promise<void>): Promise<void> {
    const run = this.#work.then(async () => {
      if (this.#failure !== null) throw this.#failure.error;
      try {
        await work();
      } catch (error) {
        this.#failure = { error };
        throw error;
      }
    });
    this.#work = run.catch(() => {});
    return run;
  }
}

async function* memoryChunks<T>(chunks: readonly T[]): AsyncGenerator<T> {
  yield* chunks;
}
