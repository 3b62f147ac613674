import { join } from 'node:path';
import { RowsealError } from '../../error/rowseal-error.ts';
import { ACCESS_FOLDER, accessOrigin } from '../access-log.ts';
import type { AuditLog } from '../audit-log.ts';
import type { Disk } from '../disk.ts';
import { replaceFile } from '../durable.ts';
import { verifierKeyOf } from '../keys.ts';
import { parseSignedHead } from '../note.ts';
import { type Signer, signHead } from './signer.ts';

/**
 * Adds a key: a leaf that both sign, the present one because it may, the new one to show that it is there. The head of the
 * access log is signed anew by the new key, so that it can go on there.
 *
 * @param lock of the access log
 * @returns index of the leaf
 * @throws RowsealError RS-AUD-015 when the log is empty or has the key already
 */
export async function addKey(
  disk: Disk,
  directory: string,
  origin: string,
  log: AuditLog,
  present: Signer,
  next: Signer,
  lock: (directory: string) => () => Promise<void>,
): Promise<number> {
  if (log.last === null)
    throw new RowsealError('RS-AUD-015', { detail: 'nothing is sealed yet: begin the log with the new key' });
  const key = verifierKeyOf(next, origin);
  const change = { action: 'add', key, by: verifierKeyOf(present, origin) } as const;
  const { index } = await log.changeKeys([change], next);
  await signAccessHead(disk, join(directory, ACCESS_FOLDER), origin, [present, next], lock);
  return index;
}

async function signAccessHead(
  disk: Disk,
  folder: string,
  origin: string,
  signers: readonly Signer[],
  lock: (directory: string) => () => Promise<void>,
): Promise<void> {
  const file = join(folder, 'head');
  if ((await disk.size(file)) === null) return;
  const release = lock(folder);
  try {
    const kept = parseSignedHead((await disk.read(file, 0, (await disk.size(file)) ?? 0)).toString('utf8'));
    if (kept?.head.origin !== accessOrigin(origin))
      throw new RowsealError('RS-AUD-012', { detail: 'its head file is not a signed head' });
    await replaceFile(disk, file, Buffer.from(await signHead(kept.head, origin, signers), 'utf8'));
  } finally {
    await release();
  }
}
