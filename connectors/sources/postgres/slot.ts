import type { Client } from 'pg';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { formatLsn, type PostgresPosition, parseLsn } from '../../../src/model/position.ts';
import { quoteIdentifier } from './connection.ts';
import { postgresError } from './errors.ts';

export interface SlotState {
  readonly plugin: string | null;
  readonly database: string | null;
  readonly active: boolean;
  readonly confirmedFlush: bigint | null;
  readonly walStatus: string | null;
  readonly retainedBytes: number | null;
}

export interface ServerIdentity {
  readonly systemId: string;
  readonly timeline: number;
}

export interface CreatedSlot {
  readonly consistentPoint: bigint;
  readonly snapshotName: string;
}

export async function readSlot(client: Client, slot: string): Promise<SlotState | null> {
  try {
    const { rows } = await client.query<{
      plugin: string | null;
      database: string | null;
      active: boolean;
      lsn: string | null;
      status: string | null;
      retained: string | null;
    }>(
      `SELECT plugin, database, active, confirmed_flush_lsn::text AS lsn, wal_status AS status,
              pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::text AS retained
       FROM pg_replication_slots WHERE slot_name = $1`,
      [slot],
    );
    const row = rows[0];
    if (row === undefined) return null;
    return {
      plugin: row.plugin,
      database: row.database,
      active: row.active,
      confirmedFlush: row.lsn === null ? null : parseLsn(row.lsn),
      walStatus: row.status,
      retainedBytes: row.retained === null ? null : Number(row.retained),
    };
  } catch (thrown) {
    throw postgresError(thrown, 'looking at the replication slot');
  }
}

/**
 * Whether the stream can go on exactly after `after` (law 6). Asking for a position below the slot's confirmed one does
 * not fail: the server silently begins at the latter, so it must be compared first.
 *
 * @throws RowsealError of kind source-lost, or RS-PG-012
 */
export function refuseHole(
  after: PostgresPosition,
  server: ServerIdentity,
  slotName: string,
  slot: SlotState | null,
): void {
  refuseOtherServer(after, server);
  // The copy has not finished: a restart makes slot and copy anew.
  if (after.phase === 'snapshot' && after.slot === slotName) return;
  if (slot === null || after.slot !== slotName)
    throw new RowsealError('RS-PG-008', { detail: `slot ${after.slot}` });
  if (slot.walStatus === 'lost') throw new RowsealError('RS-PG-019', { detail: `slot ${slotName}` });
  if (slot.plugin !== 'pgoutput')
    throw new RowsealError('RS-PG-008', { detail: `slot ${slotName} now uses the plugin ${slot.plugin}` });
  if (slot.confirmedFlush !== null && slot.confirmedFlush > after.lsn) {
    throw new RowsealError('RS-PG-009', {
      detail: `sealed up to ${formatLsn(after.lsn)}, slot ${slotName} is confirmed up to ${formatLsn(slot.confirmedFlush)}`,
    });
  }
}

/** @throws RowsealError RS-PG-010 */
export function refuseOtherServer(after: PostgresPosition, server: ServerIdentity): void {
  if (after.systemId === server.systemId && after.timeline === server.timeline) return;
  throw new RowsealError('RS-PG-010', {
    detail: `sealed under system ${after.systemId} timeline ${after.timeline}, the server is ${server.systemId} timeline ${server.timeline}`,
  });
}

/** A slot that is about to be dropped must be one that this pipeline can have made. @throws RowsealError RS-PG-013 */
export async function refuseForeignSlot(client: Client, name: string, slot: SlotState): Promise<void> {
  const { rows } = await client.query<{ database: string }>('SELECT current_database() AS database');
  const { database } = rows[0]!;
  if (slot.plugin === 'pgoutput' && slot.database === database) return;
  throw new RowsealError('RS-PG-013', {
    detail: `slot ${name} of database ${slot.database ?? 'none'} with plugin ${slot.plugin ?? 'none'}`,
  });
}

/** IDENTIFY_SYSTEM (PostgreSQL manual 53.4), on a replication connection. */
export async function identifyServer(client: Client): Promise<ServerIdentity> {
  try {
    const { rows } = await client.query<{ systemid: string; timeline: number | string }>('IDENTIFY_SYSTEM');
    return { systemId: String(rows[0]!.systemid), timeline: Number(rows[0]!.timeline) };
  } catch (thrown) {
    throw postgresError(thrown, 'identifying the replication server');
  }
}

/** Creates the slot (a temporary one is gone with its connection) and exports the snapshot that fits it; the snapshot lives as long as this connection is idle. */
export async function createSlot(
  client: Client,
  slot: string,
  serverVersion: number,
  life: 'permanent' | 'temporary' = 'permanent',
): Promise<CreatedSlot> {
  const temporary = life === 'temporary' ? 'TEMPORARY ' : '';
  const exporting = serverVersion >= 150_000 ? "(SNAPSHOT 'export')" : 'EXPORT_SNAPSHOT';
  try {
    const { rows } = await client.query<{ consistent_point: string; snapshot_name: string }>(
      `CREATE_REPLICATION_SLOT ${quoteIdentifier(slot)} ${temporary}LOGICAL pgoutput ${exporting}`,
    );
    return { consistentPoint: parseLsn(rows[0]!.consistent_point)!, snapshotName: rows[0]!.snapshot_name };
  } catch (thrown) {
    throw postgresError(thrown, 'creating the replication slot');
  }
}

export async function dropSlot(client: Client, slot: string): Promise<void> {
  try {
    await client.query('SELECT pg_drop_replication_slot($1)', [slot]);
  } catch (thrown) {
    throw postgresError(thrown, 'dropping the replication slot of an unfinished copy');
  }
}
