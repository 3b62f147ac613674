import type { MysqlSourceOptions } from '../../connectors/sources/mysql/options.ts';
import { RolledBack } from '../../connectors/sources/mysql/rolled-back.ts';
import { createMysqlSource } from '../../connectors/sources/mysql/source.ts';
import type { Position } from '../../src/model/position.ts';
import { MirrorReader } from './mirror-reader.ts';
import type { TestMysql } from './mysql.ts';

/** A source of `shop.<table>` with quick timers; its positions are readable. */
export function mysqlOptions(
  server: TestMysql,
  tables: readonly string[],
  more: Partial<MysqlSourceOptions> = {},
): MysqlSourceOptions {
  return {
    url: server.url,
    tlsMode: null,
    tlsCa: null,
    tables: tables.map((name) => ({ namespace: 'shop', name })),
    snapshot: 'initial',
    serverId: 4711,
    acceptServers: [],
    idleIntervalMs: 100,
    heartbeatMs: 2_000,
    receiveBufferBytes: 1 << 18,
    zeroDates: 'text',
    invalidText: 'error',
    maxUnpackedBytes: 1 << 28,
    positionSeal: { seal: (_, text) => text, open: (_, sealed) => sealed },
    rolledBack: new RolledBack(),
    ...more,
  };
}

export function mysqlReader(options: MysqlSourceOptions, after: Position | null = null): MirrorReader {
  return new MirrorReader(createMysqlSource(options), after);
}

/** Goes on where a closed reader left off. */
export function resumed(options: MysqlSourceOptions, before: MirrorReader): MirrorReader {
  return new MirrorReader(createMysqlSource(options), before.last, before);
}
