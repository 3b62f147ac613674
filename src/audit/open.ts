import { join } from 'node:path';
import { RowsealError } from '../error/rowseal-error.ts';
import { requireActive } from './active-keys.ts';
import type { AuditLog } from './audit-log.ts';
import type { Disk } from './disk.ts';
import { replaceFile } from './durable.ts';
import { FileAuditLog, type FileAuditLogOptions, type StorageOptions } from './file-audit-log.ts';
import { verifierKeyOf } from './keys.ts';
import { lockDirectory } from './lock.ts';
import { NodeDisk } from './node-disk.ts';
import { recover } from './recovery.ts';
import { INDEX_SPACING, type IndexSpacing } from './row-index/row-index.ts';
import type { Signer } from './signers/signer.ts';

export interface AuditLogOptions {
  readonly directory: string;
  /** Name of the log, without spaces and `+`, for example `rowseal/shop`. */
  readonly origin: string;
  readonly signer: Signer;
  readonly segmentMaxBytes?: number;
  readonly residentGroupBytes?: number;
  readonly spillBytes?: number;
  readonly headIntervalMs?: number;
  /** What is left out: segments stay as they are written. */
  readonly storage?: Partial<StorageOptions>;
  readonly disk?: Disk;
  readonly nowUs?: () => bigint;
  /** What image hashes of a table commit to; default: whole rows. */
  readonly disclosure?: FileAuditLogOptions['disclosure'];
  readonly indexSpacing?: IndexSpacing;
  /** Takes the single-writer lock; a simulated disk brings its own. */
  readonly lock?: (directory: string) => () => Promise<void>;
}

export interface OpenedAuditLog {
  readonly log: AuditLog;
  /** Number of this opening, larger than every earlier one: fences older writers at the sinks. */
  readonly epoch: bigint;
  /** Resolves when packing and expiry, which go on behind the groups, have nothing left to do. */
  settled(): Promise<void>;
}

const MIB = 1 << 20;
const AS_WRITTEN: StorageOptions = {
  pack: false,
  imageAge: null,
  sinkNeed: () => ({ kind: 'nothing' }),
  onHeld: () => {},
  onFailure: () => {},
};

/**
 * Takes the lock, recovers and opens a log; makes a new one in an empty directory.
 *
 * @throws RowsealError RS-AUD-001 … -007
 */
export async function openAuditLog(options: AuditLogOptions): Promise<OpenedAuditLog> {
  const disk = options.disk ?? new NodeDisk();
  const { directory, origin, signer } = options;
  for (const name of ['', 'journal', 'tables']) await disk.makeDirectory(join(directory, name));
  const release = (options.lock ?? lockDirectory)(directory);
  try {
    const publicKey = verifierKeyOf(signer, origin);
    const firstKey = await keepFirstKey(disk, directory, publicKey);
    const recovered = await recover(disk, directory, origin);
    requireActive(publicKey, recovered.journal.keys ?? [firstKey]);
    await disk.syncDirectory(directory);
    const log = new FileAuditLog(
      {
        directory,
        origin,
        signer,
        publicKey,
        firstKey,
        disk,
        segmentMaxBytes: options.segmentMaxBytes ?? 64 * MIB,
        residentGroupBytes: options.residentGroupBytes ?? 4 * MIB,
        spillBytes: options.spillBytes ?? 2 * MIB,
        headIntervalMs: options.headIntervalMs ?? 1_000,
        nowUs: options.nowUs ?? (() => BigInt(Date.now()) * 1000n),
        disclosure: options.disclosure ?? (() => 'row'),
        indexSpacing: options.indexSpacing ?? INDEX_SPACING,
        storage: { ...AS_WRITTEN, ...options.storage },
      },
      recovered,
      release,
    );
    return { log, epoch: await nextEpoch(disk, directory), settled: () => log.settled() };
  } catch (error) {
    await release();
    throw error;
  }
}

/**
 * `log.vkey`, the key that the log was begun with: a convenience for readers. A verifier that matters brings its own copy.
 *
 * @returns what is kept
 */
async function keepFirstKey(disk: Disk, directory: string, publicKey: string): Promise<string> {
  const file = join(directory, 'log.vkey');
  const size = await disk.size(file);
  if (size === null) {
    await replaceFile(disk, file, Buffer.from(`${publicKey}\n`, 'utf8'));
    return publicKey;
  }
  const kept = (await disk.read(file, 0, size)).toString('utf8').trim();
  const keptName = kept.slice(0, kept.indexOf('+'));
  const name = publicKey.slice(0, publicKey.indexOf('+'));
  if (keptName === name) return kept;
  throw new RowsealError('RS-AUD-005', {
    detail: `${directory} holds the log ${keptName}, configured is ${name}`,
  });
}

async function nextEpoch(disk: Disk, directory: string): Promise<bigint> {
  const file = join(directory, 'epoch');
  const size = await disk.size(file);
  const text = size === null ? '0' : (await disk.read(file, 0, size)).toString('utf8').trim();
  if (!/^\d{1,18}$/.test(text)) throw new RowsealError('RS-AUD-004', { detail: `${file} is not a number` });
  const epoch = BigInt(text) + 1n;
  await replaceFile(disk, file, Buffer.from(`${epoch}\n`, 'utf8'));
  return epoch;
}
