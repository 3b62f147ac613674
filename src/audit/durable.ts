import { dirname } from 'node:path';
import type { Disk, DiskFile } from './disk.ts';

/**
 * Replaces a small file so that after a crash it is the old one or the new one, never torn: write aside, fsync, rename,
 * fsync of the directory (without it the rename itself may be lost).
 */
export function replaceFile(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  return replaceFileWith(disk, path, (file) => file.write([bytes], 0));
}

/** As `replaceFile`, of a file that is not made at once. */
export async function replaceFileWith(
  disk: Disk,
  path: string,
  write: (file: DiskFile) => Promise<void>,
): Promise<void> {
  const aside = `${path}.new`;
  await disk.remove(aside);
  const file = await disk.open(aside);
  try {
    await write(file);
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.rename(aside, path);
  await disk.syncDirectory(dirname(path));
}

/** Moves what does not belong out of the way, never deletes it, and makes the cut durable. */
export async function quarantineTail(disk: Disk, path: string, from: number, aside: string): Promise<void> {
  const size = await disk.size(path);
  if (size === null || size <= from) return;
  await disk.makeDirectory(dirname(aside));
  // Copied before it is cut: a crash in between leaves both, and recovery does the same again.
  const copy = await disk.open(aside);
  const step = 1 << 20;
  for (let at = from; at < size; at += step) {
    await copy.write([await disk.read(path, at, Math.min(step, size - at))], at - from);
  }
  await copy.sync();
  await copy.close();
  await disk.syncDirectory(dirname(aside));
  const file = await disk.open(path);
  try {
    await file.truncate(from);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Makes bytes durable that an earlier process wrote and that can be read. Its last sync may have failed or never come, and
 * one that failed leaves pages that can be read, are not on the disk and count as clean: another sync alone would succeed
 * and write nothing (Rebello et al., USENIX ATC 2020). Writing the same bytes makes them dirty again.
 *
 * @param bytes as they were read and checked, not to be read a second time: clean pages may go at any moment
 */
export async function writeAgain(
  disk: Disk,
  path: string,
  bytes: Uint8Array,
  position: number,
): Promise<void> {
  const file = await disk.open(path);
  try {
    await file.write([bytes], position);
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.syncDirectory(dirname(path));
}

/** Makes durable where an earlier process ended a file: that it was cut, or that those after it were removed. */
export async function keepEnd(disk: Disk, path: string): Promise<void> {
  if ((await disk.size(path)) !== null) {
    const file = await disk.open(path);
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }
  await disk.syncDirectory(dirname(path));
}
