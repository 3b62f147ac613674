import type { Client } from 'pg';
import { connect, connectForReplication } from './connection.ts';
import type { PostgresSourceOptions } from './options.ts';
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

/** Makes a slot and opens the snapshot that fits it. A temporary slot is gone when this is closed. */
export async function openSlotSnapshot(
  options: PostgresSourceOptions,
  slot: string,
  life: SlotLife,
): Promise<SlotSnapshot> {
  const replication = await connectForReplication(options);
  let reader: Client | null = null;
  const close = async (): Promise<void> => {
    await reader?.end().catch(() => {});
    await replication.end().catch(() => {});
  };
  try {
    reader = await connect(options);
    const created = await createSlot(replication, slot, await serverVersion(reader), life);
    await importSnapshot(reader, created.snapshotName);
    return { consistentPoint: created.consistentPoint, reader, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** `server_version_num`: 170004 is 17.4. */
async function serverVersion(client: Client): Promise<number> {
  const { rows } = await client.query<{ version: string }>(
    "SELECT current_setting('server_version_num') AS version",
  );
  return Number(rows[0]!.version);
}
