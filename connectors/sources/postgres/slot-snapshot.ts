import type { Client } from 'pg';
import { connect, connectForReplication, destroy, end } from './connection.ts';
import type { PostgresSourceOptions } from './options.ts';
import { serverSetting } from './server-setting.ts';
import { createSlot, type SlotLife } from './slot.ts';
import { importSnapshot } from './snapshot.ts';

/**
 * The database as it stands at one place of the stream. Holds a transaction and keeps rows from being vacuumed while it is
 * open.
 */
export interface SlotSnapshot {
  /** Transactions whose commit record begins below are shown, others not. */
  readonly consistentPoint: bigint;
  /** Reads the snapshot. */
  readonly reader: Client;
  close(): Promise<void>;
}

/**
 * Makes a slot and opens the snapshot that fits it. A temporary slot is gone when this is closed. The server waits for all
 * transactions that are open, which may take long: the signal ends that, with an error.
 */
export async function openSlotSnapshot(
  options: PostgresSourceOptions,
  slot: string,
  life: SlotLife,
  signal: AbortSignal,
): Promise<SlotSnapshot> {
  const replication = await connectForReplication(options);
  const giveUp = (): void => destroy(replication);
  signal.addEventListener('abort', giveUp);
  if (signal.aborted) giveUp();
  let reader: Client | null = null;
  const close = async (): Promise<void> => {
    await end(reader);
    await end(replication);
  };
  try {
    reader = await connect(options);
    const created = await createSlot(
      replication,
      slot,
      Number(await serverSetting(reader, 'server_version_num')),
      life,
    );
    await importSnapshot(reader, created.snapshotName);
    return { consistentPoint: created.consistentPoint, reader, close };
  } catch (error) {
    await close();
    throw error;
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}
