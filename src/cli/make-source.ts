import { tmpdir } from 'node:os';
import type { Source } from '../capture/source.ts';
import type { MysqlSourceConfig, PostgresSourceConfig, RowsealConfig, SourceConfig } from '../config/load.ts';
import { postgresConnection } from '../config/postgres-connection.ts';
import type { CompiledPolicy } from '../mask/policy.ts';
import { CopySeal } from './copy-seal.ts';
import { loginOf } from './login-of.ts';
import { roomBesideLog } from './room-beside-log.ts';

/** What a source is made of. Without a policy it can be looked at, but not run. */
export type SourceSettings = Pick<RowsealConfig, 'source'> & Partial<Pick<RowsealConfig, 'audit' | 'file'>>;

/**
 * The only place that knows which sources there are. Drivers are loaded when a command needs them.
 *
 * @param policy that the rows are masked by; null: they are not read for the log
 */
export async function makeSource(
  config: SourceSettings,
  policy: CompiledPolicy | null = null,
): Promise<() => Source> {
  const { source } = config;
  const positionSeal = new CopySeal(policy);
  switch (source.type) {
    case 'postgres':
      return makePostgresSource(source, config, positionSeal);
    case 'mysql':
      return makeMysqlSource(source, config, positionSeal);
  }
}

async function makePostgresSource(
  source: PostgresSourceConfig,
  config: SourceSettings,
  positionSeal: CopySeal,
): Promise<() => Source> {
  const { createPostgresSource } = await import('../../connectors/sources/postgres/source.ts');
  const { KnownTables } = await import('../../connectors/sources/postgres/known-tables.ts');
  const { SpillSpace } = await import('../../connectors/sources/postgres/spill-space.ts');
  const known = new KnownTables();
  const spill = new SpillSpace(config.audit?.directory ?? tmpdir(), roomBesideLog(config.audit));
  // After a disk that was full the server keeps large transactions, for as long as this process lives.
  let { streaming } = source;
  return () =>
    createPostgresSource({
      ...shared(source),
      // Read at each connect: certificates and passwords change while Rowseal runs.
      connection: postgresConnection({ ...source, ...loginOf(config) }, process.env),
      slot: source.slot,
      publication: source.publication,
      failoverSlot: source.failoverSlot,
      receiveTimeoutMs: source.receiveTimeoutMs,
      messages: source.messages,
      origin: source.origin,
      streaming,
      spill,
      known,
      onSpillFailure: () => {
        streaming = false;
      },
      copyTables: source.copyTables,
      copyRowsPerSecond: source.copyRowsPerSecond,
      copyBytesPerSecond: source.copyBytesPerSecond,
      positionSeal,
    });
}

async function makeMysqlSource(
  source: MysqlSourceConfig,
  config: SourceSettings,
  positionSeal: CopySeal,
): Promise<() => Source> {
  const { createMysqlSource } = await import('../../connectors/sources/mysql/source.ts');
  const { RolledBack } = await import('../../connectors/sources/mysql/rolled-back.ts');
  const rolledBack = new RolledBack();
  return () =>
    createMysqlSource({
      ...shared(source),
      ...loginOf(config),
      tlsMode: source.tlsMode,
      tlsCa: source.tlsCa,
      serverId: source.serverId,
      acceptServers: source.acceptServers,
      heartbeatMs: source.heartbeatMs,
      zeroDates: source.zeroDates,
      invalidText: source.invalidText,
      maxUnpackedBytes: source.maxUnpackedBytes,
      positionSeal,
      rolledBack,
    });
}

function shared(source: SourceConfig) {
  return {
    tables: source.tables,
    snapshot: source.snapshot,
    idleIntervalMs: source.idleIntervalMs,
    receiveBufferBytes: 1 << 20,
  };
}
