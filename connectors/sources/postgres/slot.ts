import type { Client } from 'pg';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { formatLsn, isBeginning, type PostgresPosition, parseLsn } from '../../../src/model/position.ts';
import { quoteIdentifier } from './connection.ts';
import { CREATING_SLOT, postgresError } from './errors.ts';
import { stateOf } from './server-choice.ts';

export interface SlotState {
  readonly plugin: string | null;
  readonly database: string | null;
  readonly active: boolean;
  readonly confirmedFlush: bigint | null;
  readonly walStatus: string | null;
  readonly retainedBytes: number | null;
  /** Bytes of WAL that may still be written before the slot is in danger; null: no limit. */
  readonly safeBytes: number | null;
  /** max_slot_wal_keep_size in bytes; null: no limit. */
  readonly keepBytes: number | null;
  /** A standby keeps a copy of it (17 and later). */
  readonly failover: boolean;
}

export interface ServerIdentity {
  readonly systemId: string;
  readonly timeline: number;
  /** Earlier timelines that this one comes from, and where each was left. */
  readonly history: readonly TimelineEnd[];
}

export interface TimelineEnd {
  readonly timeline: number;
  readonly until: bigint;
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
      safe: string | null;
      keep: string;
      failover: boolean | null;
    }>(
      `SELECT plugin, database, active, confirmed_flush_lsn::text AS lsn, wal_status AS status,
              pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::text AS retained, safe_wal_size::text AS safe,
              (SELECT setting FROM pg_settings WHERE name = 'max_slot_wal_keep_size') AS keep,
              (to_jsonb(s) ->> 'failover')::boolean AS failover
       FROM pg_replication_slots s WHERE slot_name = $1`,
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
      safeBytes: row.safe === null ? null : Number(row.safe),
      // In megabytes; -1: no limit.
      keepBytes: Number(row.keep) < 0 ? null : Number(row.keep) * 1024 * 1024,
      failover: row.failover ?? false,
    };
  } catch (thrown) {
    throw postgresError(thrown, 'looking at the replication slot');
  }
}

/**
 * Whether the stream can go on exactly after `after` (law 6). Asking for a position below the slot's confirmed one does
 * not fail: the server silently begins at the latter, so it must be compared first.
 *
 * A promoted standby begins a new timeline. It has all that was sealed if that ends at or before the place where its
 * timeline begins, and it has the slot as it was if that is a failover slot, which the server keeps on standbys (17 and
 * later): then the stream goes on there. A slot that somebody made there by hand says nothing of what came before.
 *
 * @throws RowsealError of kind source-lost, or RS-PG-012
 */
export function refuseHole(
  after: PostgresPosition,
  server: ServerIdentity,
  slotName: string,
  slot: SlotState | null,
): void {
  refuseOtherServer(after, server, slot);
  if (isBeginning(after) && after.slot === slotName) return;
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
export function refuseOtherServer(
  after: PostgresPosition,
  server: ServerIdentity,
  slot: SlotState | null,
): void {
  if (after.systemId !== server.systemId || (after.timeline !== server.timeline && slot?.failover !== true)) {
    throw new RowsealError('RS-PG-010', {
      detail: `sealed under system ${after.systemId} timeline ${after.timeline}, the server is ${server.systemId} timeline ${server.timeline}`,
    });
  }
  if (after.timeline === server.timeline) return;
  const left = server.history.find(({ timeline }) => timeline === after.timeline);
  if (left !== undefined && after.lsn <= left.until) return;
  throw new RowsealError('RS-PG-010', {
    detail: `sealed up to ${formatLsn(after.lsn)} of timeline ${after.timeline}, of which the server has ${left === undefined ? 'nothing' : `all up to ${formatLsn(left.until)}`}`,
  });
}

/** Copies need a primary, and a standby that is promoted is one soon. @throws RowsealError RS-PG-046 */
export async function refuseStandby(client: Client): Promise<void> {
  if ((await stateOf(client)).inRecovery) throw new RowsealError('RS-PG-046');
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

/** IDENTIFY_SYSTEM and TIMELINE_HISTORY (PostgreSQL manual 53.4), on a replication connection. */
export async function identifyServer(client: Client): Promise<ServerIdentity> {
  try {
    const { rows } = await client.query<{ systemid: string; timeline: number | string }>('IDENTIFY_SYSTEM');
    const timeline = Number(rows[0]!.timeline);
    const history = timeline === 1 ? [] : await readHistory(client, timeline);
    return { systemId: String(rows[0]!.systemid), timeline, history };
  } catch (thrown) {
    throw postgresError(thrown, 'identifying the replication server');
  }
}

async function readHistory(client: Client, timeline: number): Promise<readonly TimelineEnd[]> {
  const { rows } = await client.query<{ content: Buffer | string }>(`TIMELINE_HISTORY ${timeline}`);
  return parseHistory(String(rows[0]!.content));
}

/** A timeline history file: a line for each earlier timeline, its number, where it was left, why (timeline.c). */
export function parseHistory(content: string): readonly TimelineEnd[] {
  return content.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+([0-9A-Fa-f]+\/[0-9A-Fa-f]+)/.exec(line);
    const until = match === null ? null : parseLsn(match[2]!);
    return until === null ? [] : [{ timeline: Number(match![1]), until }];
  });
}

/** How long a slot lives: as the database's, also on its standbys (17 and later), or with its connection. */
export type SlotLife = 'permanent' | 'failover' | 'temporary';

/**
 * Creates the slot and exports the snapshot that fits it; the snapshot lives as long as this connection is idle.
 *
 * @param serverVersion `server_version_num`
 * @throws RowsealError RS-PG-032 for a failover slot on an older server
 */
export async function createSlot(
  client: Client,
  slot: string,
  serverVersion: number,
  life: SlotLife,
): Promise<CreatedSlot> {
  if (life === 'failover' && serverVersion < 170_000) throw new RowsealError('RS-PG-032');
  const temporary = life === 'temporary' ? 'TEMPORARY ' : '';
  const failover = life === 'failover' ? ', FAILOVER true' : '';
  const exporting = serverVersion >= 150_000 ? `(SNAPSHOT 'export'${failover})` : 'EXPORT_SNAPSHOT';
  try {
    const { rows } = await client.query<{ consistent_point: string; snapshot_name: string }>(
      `CREATE_REPLICATION_SLOT ${quoteIdentifier(slot)} ${temporary}LOGICAL pgoutput ${exporting}`,
    );
    return { consistentPoint: parseLsn(rows[0]!.consistent_point)!, snapshotName: rows[0]!.snapshot_name };
  } catch (thrown) {
    throw postgresError(thrown, CREATING_SLOT);
  }
}

export async function dropSlot(client: Client, slot: string): Promise<void> {
  try {
    await client.query('SELECT pg_drop_replication_slot($1)', [slot]);
  } catch (thrown) {
    throw postgresError(thrown, 'dropping the replication slot of an unfinished copy');
  }
}
