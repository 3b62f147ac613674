import { join } from 'node:path';
import type { Disk } from './disk.ts';
import { FrameType } from './frame.ts';
import { chainNext, chainStart, type Digest, leafHash } from './hashing.ts';
import { encodeLeaf, type JournalLeaf } from './journal-leaf.ts';
import { CompactRange } from './merkle.ts';
import type { HeadSigner } from './note.ts';
import { SegmentAppender } from './segment.ts';
import { encodeSegmentHeader } from './segment-header.ts';

export interface JournalState {
  readonly size: number;
  readonly chain: Digest;
  readonly tree: CompactRange;
  readonly end: { readonly segment: number; readonly offset: number };
}

export function emptyJournalState(origin: string): JournalState {
  return { size: 0, chain: chainStart(origin), tree: new CompactRange(), end: { segment: 0, offset: 0 } };
}

/** The global order: one signed leaf per sealed group. Its durable write is the moment a group begins to exist. */
export class Journal {
  readonly origin: string;
  readonly #appender: SegmentAppender;
  #chain: Digest;
  readonly #tree: CompactRange;

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
        }),
    );
  }

  get size(): number {
    return this.#tree.size;
  }

  /** Encodes, chains and signs; returns the head as a note and the work for the disk. */
  append(
    leaf: JournalLeaf,
    signer: HeadSigner,
    keyName: string,
  ): { readonly note: string; readonly write: () => Promise<void> } {
    this.#appender.rollIfFull();
    const bytes = encodeLeaf(leaf);
    const hash = leafHash(bytes);
    this.#chain = chainNext(this.#chain, this.#tree.size, hash);
    this.#tree.append(hash);
    const note = signer.sign(
      { origin: this.origin, size: this.#tree.size, root: this.#tree.root() },
      keyName,
    );
    this.#appender.place(FrameType.leaf, encodeLeafFrame(bytes, this.#chain, note));
    const planned = this.#appender.takePlanned();
    return {
      note,
      write: async () => {
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
