import type { MaskedEvent, MaskedTable } from '../model/masked.ts';
import type { Position } from '../model/position.ts';
import type { KeyChange } from './key-change.ts';
import type { Signer } from './signers/signer.ts';

/** Number of a sealed group: the index of its leaf in the journal, from 0, without holes. */
export type GroupIndex = number;

/** Which sealed groups the sinks have yet to read. */
export type SinkNeed =
  | { readonly kind: 'nothing' }
  /** One of them has not said yet what it has, and is about to. */
  | { readonly kind: 'unknown' }
  | NeedFrom;

export interface NeedFrom {
  readonly kind: 'from';
  /** The first group that a sink lacks, and the sink. */
  readonly group: GroupIndex;
  readonly sink: string;
  /** It has not said yet what it has, so it may lack everything. */
  readonly silent?: true;
}

/** The durable hand-over: masked changes in, sealed groups out. One writer per directory, one open group at a time. */
export interface AuditLog {
  /** Newest sealed group, after recovery; null for a new log. */
  readonly last: SealedGroupInfo | null;

  /** The newest sealed version of every table in the log: what its rows were masked with. For between groups. */
  tables(): readonly MaskedTable[];

  /**
   * Starts a group. A group may be begun while the seal of the one before is still in flight: its events are kept
   * in memory until that seal is done, then spilled to the segment files as they grow.
   */
  begin(): GroupWriter;

  /** Keys that may sign, oldest first, as C2SP vkeys. */
  readonly keys: readonly string[];

  /**
   * Seals a group that changes the keys of the log and nothing else; only between groups.
   *
   * @param joint signs beside the key of this log: the one that is added
   * @throws RowsealError RS-AUD-015 when the change makes no sense
   */
  changeKeys(changes: readonly KeyChange[], joint: Signer | null): Promise<SealedGroupInfo>;
  /** Whether a signed journal head that somebody else kept is one of this log. */
  compareHead(note: string): Promise<HeadComparison>;

  /** Bytes that may still be written to its volume; null: not known. */
  freeBytes(): Promise<number | null>;

  /** Sealed groups from `from` on, ending at the newest one sealed when the end is reached. */
  read(from: GroupIndex): AsyncIterable<SealedGroup>;

  /** Waits for a seal in flight, releases the lock. An unsealed group is given up. */
  close(): Promise<void>;
}

export interface GroupWriter {
  /** Adds events of whole or partial transactions, in order. Resolves when the log can take more (backpressure). */
  append(events: readonly MaskedEvent[]): Promise<void>;
  /** Records what rows of this table are masked by from here on, where that is new; also when no row follows. */
  declare(table: MaskedTable): Promise<void>;
  /** Bytes appended so far. */
  readonly bytes: number;
  /**
   * Seals all that was appended, which must end at a transaction boundary: append, fsync of the table files, journal leaf,
   * fsync, signed heads. An empty group is sealed as a journal leaf alone (idle progress).
   *
   * @throws RowsealError of kind `integrity` or `bug` when a write or fsync fails; the log is then dead (fsync is
   *   never retried) and the process must restart.
   */
  seal(position: Position): Promise<SealedGroup>;
  /** Gives the group up; nothing of it becomes visible. */
  abandon(): Promise<void>;
}

export interface SealedGroupInfo {
  readonly index: GroupIndex;
  /** Resume point of the source after this group. */
  readonly position: Position;
  /** Microseconds since 1970-01-01 UTC. */
  readonly sealedAtUs: bigint;
  /** Commit time of the newest transaction in the group, microseconds; null for an idle group. */
  readonly commitTimeUs: bigint | null;
  readonly transactions: number;
  readonly rows: number;
  readonly bytes: number;
}

/** What a journal head from outside says of a log. */
export type HeadComparison =
  /** The log had this head when it was that large. */
  | { readonly kind: 'known' }
  /** It is of this log, which was larger then than it is now. */
  | { readonly kind: 'ahead'; readonly size: number; readonly ownSize: number }
  /** The log has another head of that size: what it held is not what it holds. */
  | { readonly kind: 'forked'; readonly size: number }
  /** It is of another log. */
  | { readonly kind: 'foreign'; readonly origin: string }
  /** No signed head. */
  | { readonly kind: 'malformed' };

export interface SealedGroup extends SealedGroupInfo {
  /** The signed head of the journal with this group as its newest (docs/audit-format.md): a C2SP signed note. */
  readonly head: string;
  /** Every table version in the group, in order of first appearance. */
  readonly tables: readonly MaskedTable[];
  /** True while the events are held in memory; false: `chunks` reads them from the log. */
  readonly resident: boolean;
  /** The group's events in order, in pieces of bounded size. May be called again. */
  chunks(): AsyncIterable<readonly SealedEvent[]>;
}

/** A masked event with its place in the log of its table. */
export type SealedEvent =
  | (Extract<MaskedEvent, { kind: 'rows' | 'truncate' | 'snapshot' }> & {
      /** `seq` of the event's audit record; rows: of the first row, the others follow without holes. */
      readonly seq: number;
    })
  /** A change whose row image is erased or expired; only for those who ask for it. */
  | {
      readonly kind: 'gone';
      readonly table: MaskedTable;
      readonly seq: number;
      /** `Op` */
      readonly op: number;
      readonly keyTag: Uint8Array | null;
      readonly oldKeyTag: Uint8Array | null;
      /** Whether it expired, and nothing that follows makes up for it: a sink that lacks it must not go on. */
      readonly isLost: () => Promise<boolean>;
    }
  | Extract<MaskedEvent, { kind: 'begin' | 'finding' | 'erasure' | 'expiry' | 'gap' }>;
