import type { PostgresSourceOptions } from '../../connectors/sources/postgres/options.ts';
import { createPostgresSource } from '../../connectors/sources/postgres/source.ts';
import type { Position } from '../../src/model/position.ts';
import { MirrorReader } from './mirror-reader.ts';
import type { TestPostgres } from './postgres.ts';

/** A source of `public.<table>` with quick timers; its positions are readable. */
export function postgresOptions(
  server: Pick<TestPostgres, 'url'>,
  tables: readonly string[],
  more: Partial<PostgresSourceOptions> & { readonly database?: string } = {},
): PostgresSourceOptions {
  const { database, ...options } = more;
  return {
    url: server.url(database),
    tlsMode: null,
    tlsCa: null,
    slot: 'rowseal_it',
    publication: 'rowseal_it',
    failoverSlot: false,
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
