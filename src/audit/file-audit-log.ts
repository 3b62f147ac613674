import { join } from 'node:path';
import { RowsealError } from '../error/rowseal-error.ts';
import type { MaskedTable } from '../model/masked.ts';
import type { Position } from '../model/position.ts';
import type {
  AuditLog,
  GroupIndex,
  GroupWriter,
  HeadComparison,
  NeedFrom,
  SealedGroup,
  SealedGroupInfo,
  SinkNeed,
} from './audit-log.ts';
import type { Disclosure } from './disclosure/disclosure.ts';
import type { Disk } from './disk.ts';
import { replaceFile } from './durable.ts';
import type { DueExpiry, ImageAge } from './expire.ts';
import { GroupReader } from './group-reader.ts';
import { type GroupContent, type GroupHost, OpenGroup } from './group-writer.ts';
import { ImageExpiry } from './image-expiry.ts';
import { Journal, type JournalState } from './journal.ts';
import { groupInfo, type JournalLeaf } from './journal-leaf.ts';
import type { KeyChange } from './key-change.ts';
import { parseSignedHead, type TreeHead } from './note.ts';
import type { IndexSpacing } from './row-index/row-index.ts';
import { SegmentPacker } from './segment-packer.ts';
import { type Signer, signHead, unsignedHead } from './signers/signer.ts';
import { tableDirectory } from './table-directory.ts';
import { emptyTableState, TableLog, type TableState } from './table-log.ts';
import { tableFromPayloads } from './table-payload.ts';

export interface FileAuditLogOptions {
  readonly directory: string;
  /** Origin of the log: the journal's own, and the name of the key in every note. */
  readonly origin: string;
  readonly signer: Signer;
  /** The key as a C2SP vkey, for genesis records. */
  readonly publicKey: string;
  /** The key that the log was begun with. */
  readonly firstKey: string;
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
  /** @param table its directory */
  readonly disclosure: (table: string) => Disclosure;
  readonly indexSpacing: IndexSpacing;
  readonly storage: StorageOptions;
}

/** What becomes of segments that nobody writes any more. */
export interface StorageOptions {
  /** Full segments are compressed. */
  readonly pack: boolean;
  /** Row images older than this go, at the latest a day later; null: none ever does. */
  readonly imageAge: ImageAge | null;
  /** Row images of groups that a sink lacks stay, whatever their age. */
  readonly sinkNeed: () => SinkNeed;
  /** Told at each look at which images stay beyond their age for this sink. */
  readonly onHeld: (need: NeedFrom) => void;
  /** Told what hindered either; the log goes on without. */
  readonly onFailure: (error: unknown) => void;
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
  /** By directory. */
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
  readonly #packer: SegmentPacker;
  readonly #expiry: ImageExpiry | null;

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
    this.#reader = new GroupReader(options.disk, options.directory, 'tell');
    this.#release = release;
    this.#last = recovered.last === null ? null : groupInfo(recovered.last);
    const { disk, directory, storage } = options;
    this.#packer = new SegmentPacker(disk, directory, storage.onFailure);
    this.#expiry =
      storage.imageAge === null
        ? null
        : new ImageExpiry({
            disk,
            directory,
            age: storage.imageAge,
            need: storage.sinkNeed,
            onHeld: storage.onHeld,
            ended: () => this.#packer.ended,
            run: (work) => this.#packer.run(work),
          });
    for (const [table, state] of recovered.tables) this.#settled(table, state);
  }

  get last(): SealedGroupInfo | null {
    return this.#last;
  }

  get keys(): readonly string[] {
    return this.#journal.keys ?? [this.#options.firstKey];
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

  async compareHead(note: string): Promise<HeadComparison> {
    const signed = parseSignedHead(note);
    if (signed === null) return { kind: 'malformed' };
    const { origin, size } = signed.head;
    if (origin !== this.#options.origin) return { kind: 'foreign', origin };
    const ownSize = (this.#last?.index ?? -1) + 1;
    if (size > ownSize) return { kind: 'ahead', size, ownSize };
    const own = size === 0 ? null : await this.#reader.head(size - 1);
    return own !== null && parseSignedHead(own)?.body === signed.body
      ? { kind: 'known' }
      : { kind: 'forked', size };
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

  freeBytes(): Promise<number | null> {
    return this.#options.disk.freeBytes(this.#options.directory);
  }

  /** Work on old segments that is due by now is done. */
  settled(): Promise<void> {
    return this.#packer.settled();
  }

  async close(): Promise<void> {
    await this.#open?.abandon();
    await this.#work;
    await this.#packer.close();
    try {
      if (this.#failure === null) await this.#writeHeads();
    } finally {
      for (const log of this.#tables.values()) await log.close().catch(() => {});
      await this.#journal.close().catch(() => {});
      await this.#release();
    }
  }

  async tableLog(table: MaskedTable): Promise<TableLog> {
    const directory = tableDirectory(table);
    const known = this.#tables.get(directory);
    if (known !== undefined) return known;
    if (!this.#recovered.has(directory) || this.#recovered.get(directory)!.seq === 0) {
      const tables = join(this.#options.directory, 'tables');
      await this.#options.disk.makeDirectory(join(tables, directory));
      await this.#options.disk.syncDirectory(tables);
    }
    return this.#logIn(directory);
  }

  /** Of a table whose directory is there. */
  #logIn(directory: string): TableLog {
    let log = this.#tables.get(directory);
    if (log === undefined) {
      const { disk, origin, segmentMaxBytes, publicKey } = this.#options;
      const own = `${origin}/tables/${directory}`;
      log = new TableLog(
        disk,
        join(this.#options.directory, 'tables', directory),
        directory,
        own,
        {
          segmentMaxBytes,
          publicKey,
          disclosure: this.#options.disclosure(directory),
          indexSpacing: this.#options.indexSpacing,
        },
        this.#recovered.get(directory) ?? emptyTableState(own),
      );
      this.#tables.set(directory, log);
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
  seal(content: GroupContent, position: Position): Promise<SealedGroup> {
    return this.#seal(content, position, [], [this.#options.signer]);
  }

  async changeKeys(changes: readonly KeyChange[], joint: Signer | null): Promise<SealedGroupInfo> {
    if (this.#last === null || this.#open !== null)
      throw new RowsealError('RS-AUD-010', { detail: 'keys are changed between groups, after the first' });
    const { signer } = this.#options;
    const signers = joint === null ? [signer] : [signer, joint];
    // Nothing came from the source: its position is where it was.
    return this.#seal(NOTHING, this.#last.position, changes, signers);
  }

  async #seal(
    content: GroupContent,
    position: Position,
    keys: readonly KeyChange[],
    signers: readonly Signer[],
  ): Promise<SealedGroup> {
    this.#open = null;
    if (this.#failure !== null) throw this.#failure.error;
    const { origin, nowUs } = this.#options;
    const group = this.#journal.size;
    const expiries = this.#recordExpiries();
    const logs = [...new Set([...content.logs, ...expiries.keys()])].filter((log) => log.touched);
    const noteLike = (head: TreeHead): string => unsignedHead(head, origin, signers);
    const ended = logs.map((log) => log.endGroup(group, noteLike));
    const ends = logs.map((log) => log.state());
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
      tables: ended.map(({ touched }) => touched),
      keys,
    };
    const journal = this.#journal.append(leaf, (head) => Buffer.byteLength(noteLike(head)));
    // All at once: a key that is far away costs one journey a group, not one a table.
    const tableNotes = Promise.all(ended.map(({ head }) => signHead(head, origin, signers)));
    const journalNote = Promise.resolve(signHead(journal.head, origin, signers));
    // The work in front may fail first; these are awaited in their turn or not at all.
    for (const note of [tableNotes, journalNote]) note.catch(() => {});
    await this.#enqueue(async () => {
      for (const [i, note] of (await tableNotes).entries()) {
        ended[i]!.sign(note);
        this.#headsDue.set(join('tables', ended[i]!.touched.directory, 'head'), note);
      }
      for (const write of writes) await write();
      await Promise.all(logs.map((log) => log.sync()));
      await journal.write(await journalNote);
      this.#last = groupInfo(leaf);
      this.#headsDue.set(join('journal', 'head'), await journalNote);
      if (performance.now() - this.#headsWrittenMs >= this.#options.headIntervalMs) await this.#writeHeads();
      this.#expiry?.carryOut([...expiries.values()]);
      ended.forEach(({ touched }, i) => {
        this.#settled(touched.directory, ends[i]!);
      });
      this.#expiry?.look(leaf);
    });
    const { events } = content;
    return {
      ...groupInfo(leaf),
      head: await journalNote,
      tables: content.tables,
      resident: events !== null,
      chunks: events === null ? () => this.#reader.chunks(leaf, leaf.group) : () => memoryChunks(events),
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

  /** All before these ends is sealed. */
  #settled(table: string, { recordsEnd, rowsEnd }: TableState): void {
    if (!this.#options.storage.pack) return;
    this.#packer.reached(table, 'records', recordsEnd.segment);
    this.#packer.reached(table, 'rows', rowsEnd.segment);
  }

  /** Between the events of one group and those of the next: nothing is awaited here. */
  #recordExpiries(): ReadonlyMap<TableLog, DueExpiry> {
    const recorded = new Map<TableLog, DueExpiry>();
    for (const expiry of this.#expiry?.takeDue() ?? []) {
      const log = this.#logIn(expiry.table);
      const { schema, policy } = log.state();
      if (schema === null || policy === null) continue;
      log.appendExpiry(tableFromPayloads(schema.payload, policy.payload), {
        before: expiry.before,
        actor: 'rowseal',
        reason: 'audit.retention',
      });
      recorded.set(log, expiry);
    }
    return recorded;
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

const NOTHING: GroupContent = {
  tables: [],
  logs: new Set(),
  events: [],
  gaps: [],
  transactions: 0,
  rows: 0,
  bytes: 0,
  commitTimeUs: null,
};

async function* memoryChunks<T>(chunks: readonly T[]): AsyncGenerator<T> {
  yield* chunks;
}
