import type { Client } from 'pg';
import type { Assessment } from '../../../src/capture/source.ts';
import { isRowsealError, RowsealError } from '../../../src/error/rowseal-error.ts';
import { formatLsn, type PostgresPosition, parseLsn } from '../../../src/model/position.ts';
import { postgresError } from './errors.ts';
import type { PostgresSourceOptions } from './options.ts';
import { readSlot, refuseForeignSlot, refuseHole, type ServerIdentity, type SlotState } from './slot.ts';

/**
 * Looks at server and slot as a resume would.
 *
 * @throws RowsealError RS-PG-013 when the slot's name belongs to somebody else, so that no beginning is possible
 */
export async function assess(
  options: PostgresSourceOptions,
  side: Client,
  server: ServerIdentity,
  after: PostgresPosition,
): Promise<Assessment> {
  const slot = await readSlot(side, options.slot);
  if (slot !== null) {
    await refuseForeignSlot(side, options.slot, slot);
    if (after.slot !== options.slot)
      throw new RowsealError('RS-PG-013', { detail: `slot ${options.slot}; sealed from slot ${after.slot}` });
  }
  const end = await walEnd(side);
  return {
    hole: holeIn(after, server, options.slot, slot),
    restart: {
      kind: 'postgres',
      systemId: server.systemId,
      timeline: server.timeline,
      slot: options.slot,
      lsn: end,
      phase: 'snapshot',
    },
    lost: between(after, server, end),
    effect:
      slot === null
        ? `makes the replication slot ${options.slot}`
        : `drops the replication slot ${options.slot}${slot.confirmedFlush === null ? '' : `, which is confirmed up to ${formatLsn(slot.confirmedFlush)}`}, and makes it anew`,
  };
}

function holeIn(
  after: PostgresPosition,
  server: ServerIdentity,
  slotName: string,
  slot: SlotState | null,
): RowsealError | null {
  try {
    refuseHole(after, server, slotName, slot);
    return null;
  } catch (thrown) {
    if (isRowsealError(thrown) && thrown.kind === 'source-lost') return thrown;
    throw thrown;
  }
}

function between(after: PostgresPosition, server: ServerIdentity, end: bigint): string | null {
  if (after.systemId !== server.systemId || after.timeline !== server.timeline || end < after.lsn)
    return null;
  return `${end - after.lsn} bytes of WAL`;
}

/** Where the server's WAL ends; a standby's is what it has replayed. */
async function walEnd(client: Client): Promise<bigint> {
  try {
    const { rows } = await client.query<{ lsn: string }>(
      'SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END)::text AS lsn',
    );
    return parseLsn(rows[0]!.lsn)!;
  } catch (thrown) {
    throw postgresError(thrown, 'asking where the WAL ends');
  }
}
