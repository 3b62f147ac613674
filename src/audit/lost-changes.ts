import { join } from 'node:path';
import { Op } from '../model/change.ts';
import type { GroupIndex } from './audit-log.ts';
import type { Disk } from './disk.ts';
import { parseExpiry } from './expired.ts';
import { FrameType } from './frame.ts';
import type { Extent, TouchedTable } from './journal-leaf.ts';
import { LeafPlaces, readFrames, readLeaves } from './journal-reader.ts';
import { type AuditRecord, RecordKind } from './record.ts';
import { recordsButChanges } from './record-scan.ts';
import { segmentName } from './segment.ts';

/** What was found out about one table, from group `first` to `last`. */
interface Known {
  readonly first: GroupIndex;
  readonly last: GroupIndex;
  /** Records that are lost where their images are gone, `until` not among them. */
  readonly from: number;
  readonly until: number;
  /** Of its own: another table's look would take the place where this one goes on. */
  readonly places: LeafPlaces;
}

/**
 * Which changes whose images are gone a sink cannot do without: they expired, and their table is neither copied again nor
 * emptied later in the log. What was erased is left out on purpose (docs/audit-format.md §5.1).
 */
export class LostChanges {
  readonly #disk: Disk;
  readonly #directory: string;
  /** By directory of the table. */
  readonly #known = new Map<string, Known>();
  /** By directory of the table: the last look that was asked for. */
  readonly #looks = new Map<string, Promise<void>>();

  constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#directory = directory;
  }

  /**
   * @param seq record of a group, whose image is gone
   * @param touched what the group did to its table
   * @param last newest sealed group to look at, at least; what was found beyond it makes up for a change too
   * @throws MalformedBytes
   */
  async includes(seq: number, touched: TouchedTable, group: GroupIndex, last: GroupIndex): Promise<boolean> {
    const { directory } = touched;
    let known = this.#known.get(directory);
    if (known === undefined || group < known.first || last > known.last) {
      // One after the other: sinks share a reader, and two looks at once would read the same.
      const look = (this.#looks.get(directory) ?? Promise.resolve()).then(() =>
        this.#lookOn(directory, group, last),
      );
      this.#looks.set(
        directory,
        look.catch(() => {}),
      );
      await look;
      known = this.#known.get(directory)!;
    }
    return seq >= known.from && seq < known.until;
  }

  /** Reads only groups that were not looked at: sinks ask for other stretches, and the log grows while they read. */
  async #lookOn(directory: string, group: GroupIndex, last: GroupIndex): Promise<void> {
    const known = this.#known.get(directory) ?? unknown(group);
    const { places } = known;
    const before = await this.#look(directory, group, known.first - 1, places);
    const after = await this.#look(directory, known.last + 1, last, places);
    this.#known.set(directory, {
      places,
      first: Math.min(known.first, group),
      last: Math.max(known.last, last),
      from: Math.max(known.from, before.from, after.from),
      until: Math.max(known.until, before.until, after.until),
    });
  }

  /** What decides about a record comes after it. */
  async #look(
    directory: string,
    first: GroupIndex,
    last: GroupIndex,
    places: LeafPlaces,
  ): Promise<{ readonly from: number; readonly until: number }> {
    let [from, until] = [0, 0];
    for (const { segment, start, end } of await this.#extents(directory, first, last, places)) {
      const path = join(this.#directory, 'tables', directory, segmentName('records', segment));
      for await (const { type, payload } of readFrames(this.#disk, path, start, end)) {
        if (type !== FrameType.records && type !== FrameType.meta) continue;
        for (const record of recordsButChanges(payload)) {
          if (record.kind === RecordKind.expiry) until = Math.max(until, parseExpiry(record.payload).before);
          else if (emptiesMirrors(record)) from = record.seq;
        }
      }
    }
    return { from, until };
  }

  /** Where the records of these groups lie; those that touch are one. */
  async #extents(
    directory: string,
    first: GroupIndex,
    last: GroupIndex,
    places: LeafPlaces,
  ): Promise<readonly Extent[]> {
    const found: Extent[] = [];
    if (first > last) return found;
    for await (const { leaf } of readLeaves(this.#disk, this.#directory, first, last, places)) {
      for (const table of leaf.tables) {
        if (table.directory !== directory) continue;
        for (const extent of table.records) {
          const before = found.at(-1);
          if (before?.segment === extent.segment && before.end === extent.start)
            found[found.length - 1] = { ...before, end: extent.end };
          else found.push(extent);
        }
      }
    }
    return found;
  }
}

function unknown(group: GroupIndex): Known {
  return { first: group, last: group - 1, from: 0, until: 0, places: new LeafPlaces() };
}

function emptiesMirrors({ kind, op, payload }: AuditRecord): boolean {
  if (kind === RecordKind.truncate) return op === Op.truncate;
  return (
    kind === RecordKind.snapshot && (JSON.parse(payload) as { readonly phase?: unknown }).phase !== 'end'
  );
}
