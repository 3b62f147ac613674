import { join } from 'node:path';
import type { Disk } from '../audit/disk.ts';
import { FrameType } from '../audit/frame.ts';
import { type Digest, leafHash } from '../audit/hashing.ts';
import { decodeLeafFrame, readFrames } from '../audit/journal-reader.ts';
import { treeBefore } from '../audit/log-entries.ts';
import type { CompactRange } from '../audit/merkle.ts';
import { segmentName } from '../audit/segment.ts';

const JOURNAL = { kind: 'journal' } as const;

/**
 * Follows the journal of a log that is being written, from its files, never beyond a size that is known to be durable. So
 * it has no part in sealing.
 */
export class JournalTail {
  readonly #disk: Disk;
  readonly #directory: string;
  #segment: number;
  #offset = 0;
  readonly tree: CompactRange;

  private constructor(disk: Disk, directory: string, segment: number, tree: CompactRange) {
    this.#disk = disk;
    this.#directory = directory;
    this.#segment = segment;
    this.tree = tree;
  }

  /** Stands somewhere before the leaf of this index. @throws MalformedBytes */
  static async before(disk: Disk, directory: string, index: number): Promise<JournalTail> {
    const { segment, tree } = await treeBefore(disk, directory, JOURNAL, index);
    return new JournalTail(disk, directory, segment, tree);
  }

  /** Reads on until the tree has this size, or the journal ends. @throws MalformedBytes */
  async advance(size: number, leaf: (hash: Digest) => void): Promise<void> {
    while (this.tree.size < size) {
      const before = this.tree.size;
      const path = join(this.#directory, 'journal', segmentName('journal', this.#segment));
      if ((await this.#disk.size(path)) === null) return;
      for await (const frame of readFrames(this.#disk, path, this.#offset, null)) {
        this.#offset = frame.offset + frame.length;
        if (frame.type !== FrameType.leaf) continue;
        const hash = leafHash(decodeLeafFrame(frame.payload).bytes);
        this.tree.append(hash);
        leaf(hash);
        if (this.tree.size === size) return;
      }
      // The segment is read to its end; the journal goes on in the next one.
      const next = join(this.#directory, 'journal', segmentName('journal', this.#segment + 1));
      if ((await this.#disk.size(next)) === null && this.tree.size === before) return;
      this.#segment++;
      this.#offset = 0;
    }
  }
}
