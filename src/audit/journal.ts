import { join } from 'node:path';
import { RowsealError } from '../error/rowseal-error.ts';
import type { Disk } from './disk.ts';
import { FrameType } from './frame.ts';
import { chainNext, chainStart, DIGEST_BYTES, type Digest, leafHash } from './hashing.ts';
import { encodeLeaf, type JournalLeaf } from './journal-leaf.ts';
import { type ActiveKeys, applyKeyChanges } from './key-change.ts';
import { CompactRange } from './merkle.ts';
import type { TreeHead } from './note.ts';
import { SegmentAppender } from './segment.ts';
import { encodeSegmentHeader } from './segment-header.ts';

export interface JournalState {
  readonly size: number;
  readonly chain: Digest;
  readonly tree: CompactRange;
  readonly keys: ActiveKeys;
  readonly end: { readonly segment: number; readonly offset: number };
}

export function emptyJournalState(origin: string): JournalState {
  return {
    size: 0,
    chain: chainStart(origin),
    tree: new CompactRange(),
    keys: null,
    end: { segment: 0, offset: 0 },
  };
}

/** A leaf that has its place and lacks its signature. */
export interface PlacedLeaf {
  readonly head: TreeHead;
  /** Puts the signed head into its place and makes the leaf durable. */
  write(note: string): Promise<void>;
}

/** The global order: one signed leaf per sealed group. Its durable write is the moment a group begins to exist. */
export class Journal {
  readonly origin: string;
  readonly #appender: SegmentAppender;
  #chain: Digest;
  readonly #tree: CompactRange;
  #keys: ActiveKeys;

  constructor(
    disk: Disk,
    auditDirectory: string,
    origin: string,
    segmentMaxBytes: number,
    state: JournalState,
  ) {
    this.origin = origin;
    this.#chain = state.chain;
    this.#tree = state.tree.clone();
    this.#keys = state.keys;
    this.#appender = new SegmentAppender(
      disk,
      join(auditDirectory, 'journal'),
      'journal',
      segmentMaxBytes,
      state.end,
      (segment) =>
        encodeSegmentHeader({
          kind: 'journal',
          origin,
          segment,
          next: this.#tree.size,
          chain: this.#chain,
          peaks: this.#tree.peaks,
          schema: null,
          policy: null,
          keys: this.#keys,
        }),
    );
  }

  get size(): number {
    return this.#tree.size;
  }

  /** Keys that may sign the next leaf; null: the first one. */
  get keys(): ActiveKeys {
    return this.#keys;
  }

  /**
   * Encodes and chains.
   *
   * @param noteBytes length of the signed head, given its text @throws RowsealError RS-AUD-015
   */
  append(leaf: JournalLeaf, noteBytes: (head: TreeHead) => number): PlacedLeaf {
    const keys = applyKeyChanges(this.#keys, leaf.keys, this.origin, leaf.group);
    if (keys !== null && 'wrong' in keys) throw new RowsealError('RS-AUD-015', { detail: keys.wrong });
    this.#appender.rollIfFull();
    const bytes = encodeLeaf(leaf);
    const hash = leafHash(bytes);
    this.#chain = chainNext(this.#chain, this.#tree.size, hash);
    this.#tree.append(hash);
    this.#keys = keys;
    const head = { origin: this.origin, size: this.#tree.size, root: this.#tree.root() };
    const chain = this.#chain;
    const frame = this.#appender.placeOpen(FrameType.leaf, 4 + bytes.length + DIGEST_BYTES + noteBytes(head));
    const planned = this.#appender.takePlanned();
    return {
      head,
      write: async (note) => {
        frame.fill(encodeLeafFrame(bytes, chain, note));
        await this.#appender.write(planned);
        await this.#appender.sync();
      },
    };
  }

  close(): Promise<void> {
    return this.#appender.close();
  }
}

/** u32 length of the leaf, leaf, 32 bytes of chain, signed note. */
export function encodeLeafFrame(leaf: Buffer, chain: Digest, note: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(leaf.length);
  return Buffer.concat([length, leaf, Buffer.from(chain, 'latin1'), Buffer.from(note, 'utf8')]);
}
