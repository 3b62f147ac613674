import { RowsealError } from '../error/rowseal-error.ts';
import type { AuditLog, NeedFrom } from './audit-log.ts';
import { MalformedBytes } from './bytes.ts';
import type { Disk } from './disk.ts';
import { type DueExpiry, ExpiryScan, type ImageAge } from './expire.ts';
import { undelivered } from './sink-need.ts';
import { tableDirectory } from './table-directory.ts';

export interface ExpiryReport {
  /** What is recorded now, or would be. */
  readonly tables: readonly DueExpiry[];
  /** Images that went now, those of earlier records that had not been carried out among them. */
  readonly gone: number;
  /** Images are as old that a sink has not had: what is recorded ends before them. */
  readonly held: boolean;
}

/**
 * Takes the row images away that are old enough: first a signed record, then the images. The log must be open, and nothing
 * else be going on in it.
 *
 * @param by null: only says what would go
 * @param need what a sink lacks stays
 * @throws RowsealError RS-AUD-004; RS-AUD-034 when a sink lacks images that are as old, and nothing was changed
 */
export async function expireImages(
  disk: Disk,
  directory: string,
  log: AuditLog,
  age: ImageAge,
  nowUs: bigint,
  by: { readonly actor: string; readonly reason: string } | null,
  need: NeedFrom | null = null,
): Promise<ExpiryReport> {
  const { last } = log;
  if (last === null) return { tables: [], gone: 0, held: false };
  const scan = new ExpiryScan(disk, directory, age);
  try {
    const { record, carryOut, held } = await scan.due(nowUs, last.index, need?.group ?? null);
    if (by === null) return { tables: record, gone: 0, held };
    if (held && need !== null) throw undelivered(need);
    let gone = 0;
    for (const due of carryOut) gone += await scan.carryOut(due);
    if (record.length === 0) return { tables: [], gone, held };
    const versions = new Map(log.tables().map((table) => [tableDirectory(table), table]));
    const group = log.begin();
    await group.append(
      record.map(({ table, before }) => ({
        kind: 'expiry' as const,
        table: versions.get(table)!,
        expiry: { before, ...by },
      })),
    );
    // Nothing came from the source: its position is where it was.
    await group.seal(last.position);
    for (const due of record) await scan.recorded(due);
    for (const due of record) gone += await scan.carryOut(due);
    return { tables: record, gone, held };
  } catch (error) {
    if (!(error instanceof MalformedBytes)) throw error;
    throw new RowsealError('RS-AUD-004', { detail: error.message });
  }
}
