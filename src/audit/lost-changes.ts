import { join } from 'node:path';
import { Op } from '../model/change.ts';
import type { GroupIndex } from './audit-log.ts';
import type { Disk } from './disk.ts';
import { parseExpiry } from './expired.ts';
import type { TouchedTable } from './journal-leaf.ts';
import { readLeaves } from './journal-reader.ts';
import { type AuditRecord, RecordKind } from './record.ts';
import { readTableRecords } from './table-records.ts';

/** Records of one table, `until` not among them. */
interface Stretch {
  readonly from: number;
  readonly until: number;
}

/** As the log was, looked at from one group to another. */
interface Known {
  readonly group: GroupIndex;
  readonly last: GroupIndex;
  readonly stretch: Stretch;
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

  constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#directory = directory;
  }

  /**
   * @param seq record of a group, whose image is gone
   * @param touched what the group did to its table
   * @param last newest sealed group to look at
   * @throws MalformedBytes
   */
  async includes(seq: number, touched: TouchedTable, group: GroupIndex, last: GroupIndex): Promise<boolean> {
    let known = this.#known.get(touched.directory);
    if (known === undefined || known.last !== last || known.group > group) {
      known = { group, last, stretch: await this.#stretchOf(touched, group, last) };
      this.#known.set(touched.directory, known);
    }
    return seq >= known.stretch.from && seq < known.stretch.until;
  }

  /** What decides about a record comes after it, so nothing before its group is read. */
  async #stretchOf(
    { directory, records }: TouchedTable,
    group: GroupIndex,
    last: GroupIndex,
  ): Promise<Stretch> {
    let sealed = 0;
    for await (const { leaf } of readLeaves(this.#disk, this.#directory, group, last))
      for (const table of leaf.tables) if (table.directory === directory) sealed = table.size;
    let [from, until] = [0, 0];
    const folder = join('tables', directory);
    const first = records[0]?.segment ?? 0;
    for await (const record of readTableRecords(this.#disk, this.#directory, folder, 'all', first)) {
      if (record.seq >= sealed) break;
      if (record.kind === RecordKind.expiry) until = Math.max(until, parseExpiry(record.payload).before);
      else if (emptiesMirrors(record)) from = record.seq;
    }
    return { from, until };
  }
}

function emptiesMirrors({ kind, op, payload }: AuditRecord): boolean {
  if (kind === RecordKind.truncate) return op === Op.truncate;
  return (
    kind === RecordKind.snapshot && (JSON.parse(payload) as { readonly phase?: unknown }).phase !== 'end'
  );
}
