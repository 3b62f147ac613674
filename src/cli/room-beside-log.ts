import { NodeDisk } from '../audit/node-disk.ts';
import type { RowsealConfig } from '../config/load.ts';

/**
 * The floor of the log's volume for whoever else writes there: what speaks against so many bytes more, or null. As for the log,
 * a volume that cannot be asked has room enough.
 *
 * @param audit absent: nothing is written
 */
export function roomBesideLog(
  audit: Pick<RowsealConfig['audit'], 'directory' | 'minFreeBytes'> | undefined,
): (bytes: number) => Promise<string | null> {
  if (audit === undefined) return async () => null;
  const { directory, minFreeBytes } = audit;
  const disk = new NodeDisk();
  return async (bytes) => {
    const free = await disk.freeBytes(directory);
    if (free === null || free - bytes >= minFreeBytes) return null;
    return `${free} bytes are free, audit.min_free_bytes is ${minFreeBytes}`;
  };
}
