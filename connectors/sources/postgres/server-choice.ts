import type { Client } from 'pg';
import { isRowsealError, RowsealError } from '../../../src/error/rowseal-error.ts';
import type { PostgresConnection, SessionAttrs } from '../../../src/model/postgres-connection.ts';
import { connect, end } from './connection.ts';
import { postgresError } from './errors.ts';
import { type Cover, coversOf, modeFor } from './tls.ts';

/** What a server says of itself. */
export interface ServerState {
  readonly inRecovery: boolean;
  /** Transactions are read-only unless they say otherwise. */
  readonly readOnly: boolean;
  /** null: a standby follows one. */
  readonly timeline: number | null;
}

export interface ChosenServer {
  readonly client: Client;
  /** To the same server, covered the same way: for all further connections beside this one. */
  readonly connection: PostgresConnection;
}

/**
 * The first server that can be reached and is what `target_session_attrs` asks for. Whether the stream may go on there is decided by
 * its identity and timeline, not here; but of several a primary that others have left behind is passed over: before a failover has
 * come to an end, there may be two.
 *
 * @param leastTimeline that a primary must be on when there are several hosts; 0: any
 * @param answerMs a statement of the client that is not answered for so long is given up
 * @param random uniform in [0, 1), for `load_balance_hosts`
 * @throws RowsealError RS-PG-045 when some can be reached and none will do, else why the last could not be
 */
export async function chooseServer(
  connection: PostgresConnection,
  leastTimeline = 0,
  answerMs?: number,
  random: () => number = Math.random,
): Promise<ChosenServer> {
  const hosts = connection.loadBalance ? shuffled(connection.hosts, random) : connection.hosts;
  let failure: RowsealError | null = null;
  const least = hosts.length > 1 ? leastTimeline : 0;
  let unfit: string | null = null;
  for (const wanted of roundsOf(connection.sessionAttrs)) {
    for (const host of hosts) {
      try {
        const chosen = await reach({ ...connection, hosts: [host] }, answerMs);
        const state = wanted === 'any' && least === 0 ? null : await stateOf(chosen.client);
        if (state === null || (fits(wanted, state) && !isLeftBehind(state, least))) return chosen;
        unfit = `${host.host}:${host.port} is ${describeState(state)}`;
        await end(chosen.client);
      } catch (thrown) {
        if (!isRowsealError(thrown) || !isWorthAnother(thrown)) throw thrown;
        failure = thrown;
      }
    }
  }
  if (unfit === null && failure !== null) throw failure;
  const after = least === 0 ? '' : ` on timeline ${least} or later`;
  throw new RowsealError('RS-PG-045', { detail: `${connection.sessionAttrs}${after}; ${unfit}` });
}

/** What is asked of the servers, one round after the other. */
export function roundsOf(attrs: SessionAttrs): readonly Exclude<SessionAttrs, 'prefer-standby'>[] {
  return attrs === 'prefer-standby' ? ['standby', 'any'] : [attrs];
}

/** PostgreSQL manual 34.1.2, target_session_attrs. */
export function fits(
  wanted: Exclude<SessionAttrs, 'prefer-standby'>,
  { inRecovery, readOnly }: ServerState,
): boolean {
  switch (wanted) {
    case 'any':
      return true;
    case 'read-write':
      return !inRecovery && !readOnly;
    case 'read-only':
      return inRecovery || readOnly;
    case 'primary':
      return !inRecovery;
    case 'standby':
      return inRecovery;
  }
}

/** A server that cannot be reached or is starting up says nothing of the next; one that refuses us does (manual 34.1.1.3). */
export function isWorthAnother(error: RowsealError): boolean {
  return error.code === 'RS-PG-001' || error.code === 'RS-PG-016';
}

/** A primary of a history that others have gone on from. */
export function isLeftBehind({ timeline }: ServerState, least: number): boolean {
  return timeline !== null && timeline < least;
}

function describeState({ inRecovery, readOnly, timeline }: ServerState): string {
  if (inRecovery) return 'a standby';
  return `a ${readOnly ? 'read-only ' : ''}primary on timeline ${timeline}`;
}

/**
 * Whether `allow` and `prefer` try the other way after this. Unlike libpq a password that was refused is not sent again uncovered: only
 * where no line of pg_hba.conf is for this way is the other one tried.
 */
export function triesOtherWay(cover: Cover, error: RowsealError): boolean {
  const notThisWay = error.code === 'RS-PG-002' && error.origin === '28000';
  if (cover === 'plain') return notThisWay;
  return notThisWay || TLS_REFUSALS.has(error.code);
}

const TLS_REFUSALS: ReadonlySet<string> = new Set([
  'RS-PG-017',
  'RS-PG-034',
  'RS-PG-041',
  'RS-PG-042',
  'RS-PG-043',
]);

/** @param connection with one host */
async function reach(connection: PostgresConnection, answerMs?: number): Promise<ChosenServer> {
  const mode = modeFor(connection.hosts[0]!, connection.tls.mode);
  const covers = coversOf(mode);
  for (const cover of covers) {
    try {
      const client = await connect({ connection }, cover, answerMs);
      // Another connection must not be covered less than this one.
      const settled = covers.length === 1 ? mode : cover === 'plain' ? 'disable' : 'require';
      return { client, connection: { ...connection, tls: { ...connection.tls, mode: settled } } };
    } catch (thrown) {
      if (!isRowsealError(thrown) || cover === covers.at(-1) || !triesOtherWay(cover, thrown)) throw thrown;
    }
  }
  throw new RowsealError('RS-RUN-000', { detail: 'no way to connect' });
}

export async function stateOf(client: Client): Promise<ServerState> {
  try {
    const { rows } = await client.query<{ recovery: boolean; read_only: boolean; timeline: string | null }>(
      // The name of a WAL file begins with the timeline (xlog_internal.h).
      `SELECT pg_is_in_recovery() AS recovery, current_setting('default_transaction_read_only')::boolean AS read_only,
              CASE WHEN pg_is_in_recovery() THEN NULL ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END AS timeline`,
    );
    const { recovery, read_only: readOnly, timeline } = rows[0]!;
    return {
      inRecovery: recovery,
      readOnly,
      timeline: timeline === null ? null : Number.parseInt(timeline, 16),
    };
  } catch (thrown) {
    throw postgresError(thrown, 'asking whether the server is a primary');
  }
}

/** Fisher and Yates. */
export function shuffled<T>(items: readonly T[], random: () => number): readonly T[] {
  const list = [...items];
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [list[i], list[j]] = [list[j]!, list[i]!];
  }
  return list;
}
