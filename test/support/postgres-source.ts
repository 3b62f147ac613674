import { tmpdir } from 'node:os';
import type { Client } from 'pg';
import { KnownTables } from '../../connectors/sources/postgres/known-tables.ts';
import type { PostgresSourceOptions } from '../../connectors/sources/postgres/options.ts';
import { createPostgresSource } from '../../connectors/sources/postgres/source.ts';
import { SpillSpace } from '../../connectors/sources/postgres/spill-space.ts';
import {
  noTlsConfig,
  type PostgresTlsConfig,
  postgresConnection,
} from '../../src/config/postgres-connection.ts';
import { type Position, type PostgresPosition, parseLsn } from '../../src/model/position.ts';
import type { PostgresConnection } from '../../src/model/postgres-connection.ts';
import { MirrorReader } from './mirror-reader.ts';
import type { TestPostgres } from './postgres.ts';

/** As the configuration reads a URL, without environment and home directory. */
export function connectionTo(url: string, tls: Partial<PostgresTlsConfig> = {}): PostgresConnection {
  return postgresConnection(
    { url, password: null, tls: { ...noTlsConfig, ...tls } },
    { HOME: '/nonexistent' },
  );
}

/** A source of `public.<table>` with quick timers; its positions are readable. */
export function postgresOptions(
  server: Pick<TestPostgres, 'url'>,
  tables: readonly string[],
  more: Partial<PostgresSourceOptions> & { readonly database?: string } = {},
): PostgresSourceOptions {
  const { database, ...options } = more;
  return {
    connection: connectionTo(server.url(database)),
    slot: 'rowseal_it',
    publication: 'rowseal_it',
    failoverSlot: false,
    messages: [],
    origin: 'any',
    streaming: false,
    spill: new SpillSpace(tmpdir(), async () => null),
    known: new KnownTables(),
    onSpillFailure: () => {},
    receiveTimeoutMs: 120_000,
    tables: tables.map((name) => ({ namespace: 'public', name })),
    snapshot: 'initial',
    idleIntervalMs: 100,
    copyTables: 2,
    copyRowsPerSecond: null,
    copyBytesPerSecond: null,
    receiveBufferBytes: 1 << 18,
    positionSeal: { seal: (_, text) => text, open: (_, sealed) => sealed },
    ...options,
  };
}

export function postgresReader(options: PostgresSourceOptions, after: Position | null = null): MirrorReader {
  return new MirrorReader(createPostgresSource(options), after);
}

/** Goes on where a closed reader left off. */
export function resumed(options: PostgresSourceOptions, before: MirrorReader): MirrorReader {
  return new MirrorReader(createPostgresSource(options), before.last, before);
}

/** One that goes on after a failure that passes, from the start or where a closed reader left off. */
export function steadyReader(
  options: PostgresSourceOptions,
  before: MirrorReader | null = null,
): MirrorReader {
  const make = () => createPostgresSource(options);
  return new MirrorReader(make(), before?.last ?? null, before, make);
}

/** Waits until the reader has everything that is committed, and its copies are finished. */
export async function caughtUp(client: Client, reader: MirrorReader): Promise<void> {
  // Messages outside of transactions wait for the next flush.
  await client.query("SELECT pg_logical_emit_message(true, 'flush', '')");
  const { rows } = await client.query<{ lsn: string }>('SELECT pg_current_wal_lsn()::text AS lsn');
  const end = parseLsn(rows[0]!.lsn)!;
  const reached = (): boolean => {
    const last = reader.last as PostgresPosition | null;
    return last?.phase === 'stream' && last.copying === undefined && last.lsn >= end;
  };
  await reader.until('the end of the WAL', reached, 120_000).catch((error: unknown) => {
    if (reader.error !== null) throw error;
    const last = JSON.stringify(reader.last, (_, value) => (typeof value === 'bigint' ? `${value}` : value));
    throw new Error(`at ${last} instead of ${end}, tried again after ${reader.retried.join() || 'nothing'}`, {
      cause: error,
    });
  });
}
