import { isRowsealError, RowsealError } from '../../error/rowseal-error.ts';
import { type AccessLog, openAccessLog } from '../access-log.ts';
import type { AuditLog } from '../audit-log.ts';
import type { Disk } from '../disk.ts';
import type { KeyChange } from '../key-change.ts';
import { verifierKeyOf } from '../keys.ts';
import type { Signer } from './signer.ts';

/**
 * Adds a key: a leaf that both sign, the present one because it may, the new one to show that it is there. Before that both
 * sign the head of the access log, so that it can go on under either. Interrupted, it is completed by the same again.
 *
 * @param lock of the access log, held meanwhile: no request comes in between
 * @returns index of the leaf; null: the key signs already
 * @throws RowsealError RS-AUD-015 when the log is empty or the key is the present one; RS-AUD-006
 */
export async function addKey(
  disk: Disk,
  directory: string,
  origin: string,
  log: AuditLog,
  present: Signer,
  next: Signer,
  lock: (directory: string) => () => Promise<void>,
): Promise<number | null> {
  if (log.last === null)
    throw new RowsealError('RS-AUD-015', { detail: 'nothing is sealed yet: begin the log with the new key' });
  const key = verifierKeyOf(next, origin);
  const by = verifierKeyOf(present, origin);
  if (key === by) throw new RowsealError('RS-AUD-015', { detail: 'the new key is the present one' });
  const access = await soundAccessLog(disk, directory, origin, present, lock);
  try {
    // Whoever does not know the new key yet goes by the present one.
    await access?.signAnew([present, next]);
    if (log.keys.includes(key)) return null;
    return (await log.changeKeys([{ action: 'add', key, by }], next)).index;
  } finally {
    await access?.close();
  }
}

export type KeyRemoval = Exclude<KeyChange, { readonly action: 'add' }>;

/**
 * Retires or revokes a key, by a leaf that another signs. Before that the other signs the head of the access log.
 *
 * @param signer of the log, which stays
 * @param lock of the access log, held meanwhile: a request that is under way would be signed by a key that may not any more
 * @returns index of the leaf
 * @throws RowsealError RS-AUD-015, RS-AUD-006
 */
export async function removeKey(
  disk: Disk,
  directory: string,
  origin: string,
  log: AuditLog,
  change: KeyRemoval,
  signer: Signer,
  lock: (directory: string) => () => Promise<void>,
): Promise<number> {
  if (change.key === verifierKeyOf(signer, origin))
    throw new RowsealError('RS-AUD-015', {
      detail: 'the key that goes is the configured one, and another must sign that it goes',
    });
  const access = await soundAccessLog(disk, directory, origin, signer, lock);
  try {
    await access?.signAnew([signer]);
    return (await log.changeKeys([change], null)).index;
  } finally {
    await access?.close();
  }
}

/** null: it is damaged. Then it takes no requests anyway, and must not keep a stolen key in force. */
async function soundAccessLog(
  disk: Disk,
  directory: string,
  origin: string,
  signer: Signer,
  lock: (directory: string) => () => Promise<void>,
): Promise<AccessLog | null> {
  try {
    return await openAccessLog(disk, directory, origin, signer, lock);
  } catch (error) {
    if (isRowsealError(error) && error.code === 'RS-AUD-012') return null;
    throw error;
  }
}
