import { type ErrorCode, errorCodes } from '../../../src/error/codes.ts';
import { toRowsealError } from '../../../src/error/unexpected.ts';
import type { Finding } from '../../../src/model/finding.ts';
import { displayName, type TableName } from '../../../src/model/table.ts';
import { Catalog, type CatalogTable } from './catalog.ts';
import { quoteIdentifier, type Session } from './connection.ts';
import type { MysqlSourceOptions } from './options.ts';
import { binlogEnd, type Server } from './server.ts';
import { readLock } from './visibility.ts';

const OLDEST = { mysql: 80_014, mariadb: 100_500 } as const;
/** From here on MySQL runs cascades above the storage engine and logs their rows. */
const CASCADES_LOGGED = 90_600;
/** What a pipeline that is down over a weekend needs, in seconds. */
const SHORT_RETENTION_S = 172_800;

/** What is missing or risky, in the order in which an operator would mend it. Reads only. */
export async function inspect(
  session: Session,
  server: Server,
  options: MysqlSourceOptions,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const version = `${server.flavor === 'mysql' ? 'MySQL' : 'MariaDB'} ${server.version}`;
  findings.push(
    server.versionNumber >= OLDEST[server.flavor]
      ? ok('server version', version)
      : problem('error', 'RS-MY-020', 'server version', version),
  );
  findings.push(...(await settings(session, server)));
  findings.push(...(await privileges(session, server)));
  findings.push(readerName(server, options));
  for (const table of options.tables) findings.push(...(await tableFindings(session, server, table)));
  findings.push(...(await filters(session, server, options)));
  return findings;
}

interface Setting {
  readonly name: string;
  readonly wanted: string;
  readonly code: ErrorCode;
}

const SETTINGS: readonly Setting[] = [
  { name: 'log_bin', wanted: 'ON', code: 'RS-MY-004' },
  { name: 'binlog_format', wanted: 'ROW', code: 'RS-MY-005' },
  { name: 'binlog_row_image', wanted: 'FULL', code: 'RS-MY-006' },
  { name: 'binlog_row_metadata', wanted: 'FULL', code: 'RS-MY-007' },
];

async function settings(session: Session, server: Server): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const { name, wanted, code } of SETTINGS) {
    const value = await session.variable(name);
    // MySQL is about to remove binlog_format: then every binlog is one of rows.
    const good = value === wanted || (value === null && name === 'binlog_format');
    findings.push(
      good
        ? ok(name, value ?? wanted)
        : { ...problem('error', code, name, `is ${value ?? 'unknown'}`), fix: fixOf(server, name, wanted) },
    );
  }
  if (server.flavor === 'mysql')
    findings.push(
      server.gtids
        ? ok('gtid_mode', 'ON')
        : problem('warning', 'RS-MY-031', 'gtid_mode', withoutGtids(server)),
    );
  const options = (await session.variable('binlog_row_value_options')) ?? '';
  findings.push(ok('binlog_row_value_options', options === '' ? 'none' : options));
  findings.push(await retention(session, server));
  findings.push(...(await replicaLogs(session, server)));
  return findings;
}

function withoutGtids(server: Server): string {
  if (readLock(server) !== '') return 'is not ON';
  return 'is not ON; before 8.0.22 a copy may then miss what is being committed, above all under semi-synchronous replication';
}

function fixOf(server: Server, name: string, wanted: string): string {
  if (name === 'log_bin') return errorCodes['RS-MY-004'].fix;
  return server.flavor === 'mysql'
    ? `SET PERSIST ${name} = ${wanted};   -- sessions take it up when they reconnect`
    : `SET GLOBAL ${name} = ${wanted};   -- and ${name} = ${wanted} under [mariadb] in the configuration file`;
}

async function retention(session: Session, server: Server): Promise<Finding> {
  const seconds = Number((await session.variable('binlog_expire_logs_seconds')) ?? 0);
  const days = Number((await session.variable('expire_logs_days')) ?? 0);
  const kept = seconds > 0 ? seconds : days * 86_400;
  const automatic = (await session.variable('binlog_expire_logs_auto_purge')) !== 'OFF';
  if (kept === 0 || !automatic) return ok('binlog retention', 'until purged by hand');
  if (kept >= SHORT_RETENTION_S) return ok('binlog retention', `${Math.round(kept / 3600)} hours`);
  const finding = problem('warning', 'RS-MY-013', 'binlog retention', `${Math.round(kept / 3600)} hours`);
  return server.flavor === 'mysql'
    ? finding
    : { ...finding, fix: 'SET GLOBAL expire_logs_days = 7;   -- and in the configuration file' };
}

/** A replica that keeps to itself what it replicates is no source. */
async function replicaLogs(session: Session, server: Server): Promise<readonly Finding[]> {
  const name = server.flavor === 'mysql' ? 'log_replica_updates' : 'log_slave_updates';
  const value = (await session.variable(name)) ?? (await session.variable('log_slave_updates'));
  if (value !== 'OFF') return [ok(name, value ?? 'ON')];
  const replicates = await session
    .rows(
      server.flavor === 'mysql' && server.versionNumber >= 80_022
        ? 'SHOW REPLICA STATUS'
        : 'SHOW SLAVE STATUS',
      'asking for replication',
    )
    .then(
      (rows) => rows.length > 0,
      () => null,
    );
  if (replicates === false) return [ok(name, 'OFF, and the server replicates from nobody')];
  return [problem(replicates === null ? 'warning' : 'error', 'RS-MY-032', name, 'is OFF')];
}

async function privileges(session: Session, server: Server): Promise<readonly Finding[]> {
  const doing = 'checking privileges';
  const account = (await session.value('SELECT CURRENT_USER()', doing)) ?? 'unknown';
  const grants = (await session.rows('SHOW GRANTS', doing)).map(([line]) => line ?? '');
  // Roles and dynamic privileges come in many forms: what counts is that the statements work.
  const everywhere = grants.filter((line) => /\bON \*\.\*/.test(line)).join(' ');
  const replicates = /ALL PRIVILEGES|REPLICATION SLAVE(?! ADMIN)|REPLICATION REPLICA/.test(everywhere);
  const findings: Finding[] = [];
  const grantee = quoteAccount(account);
  const roles = grants.some((line) => / TO /.test(line) && !/ ON /.test(line));
  if (replicates) findings.push(ok('replication privilege', account));
  else
    findings.push({
      ...problem(
        roles ? 'warning' : 'error',
        'RS-MY-003',
        'replication privilege',
        roles ? `not seen; ${account} may have it from a role` : `${account} lacks REPLICATION SLAVE`,
      ),
      fix: `GRANT REPLICATION SLAVE ON *.* TO ${grantee};`,
    });
  try {
    await binlogEnd(session, server);
    findings.push(ok('state of the binlog', 'may be read'));
  } catch {
    const monitor = server.flavor === 'mysql' ? 'REPLICATION CLIENT' : 'BINLOG MONITOR';
    findings.push({
      ...problem('error', 'RS-MY-003', 'state of the binlog', `${account} lacks ${monitor}`),
      fix: `GRANT ${monitor} ON *.* TO ${grantee};`,
    });
  }
  return findings;
}

function quoteAccount(account: string): string {
  const at = account.lastIndexOf('@');
  const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;
  return at < 0 ? quote(account) : `${quote(account.slice(0, at))}@${quote(account.slice(at + 1))}`;
}

/** A replica of the number of its source is ignored by it. */
function readerName(server: Server, options: MysqlSourceOptions): Finding {
  const subject = 'server_id of this reader';
  if (server.serverId === 0) return problem('error', 'RS-MY-004', 'server_id', 'the server has none');
  if (server.serverId === options.serverId)
    return problem('error', 'RS-MY-022', subject, `${options.serverId} is the server's own`);
  return ok(subject, String(options.serverId));
}

async function tableFindings(session: Session, server: Server, name: TableName): Promise<readonly Finding[]> {
  const subject = displayName(name);
  let table: CatalogTable | null;
  try {
    table = await new Catalog(session).table(name);
  } catch (thrown) {
    const { code, message, fix } = toRowsealError(thrown);
    return [{ level: 'error', code, subject, detail: message, fix }];
  }
  if (table === null) return [problem('error', 'RS-MY-008', subject, 'is not there, or may not be seen')];
  const path = `${quoteIdentifier(name.namespace)}.${quoteIdentifier(name.name)}`;
  const findings: Finding[] = [];
  const readable = await session.rows(`SELECT 1 FROM ${path} LIMIT 0`, 'reading a table').then(
    () => true,
    () => false,
  );
  if (!readable)
    findings.push({
      ...problem('error', 'RS-MY-015', subject, 'may not be read'),
      fix: `GRANT SELECT ON ${path} TO CURRENT_USER();`,
    });
  const keyless = table.schema.key.length === 0;
  const transactional = /^(InnoDB|RocksDB|ndbcluster)$/i.test(table.engine);
  if (!transactional)
    findings.push({
      ...problem(keyless ? 'error' : 'warning', 'RS-MY-028', subject, `uses ${table.engine}`),
      fix: `ALTER TABLE ${path} ENGINE = InnoDB;`,
    });
  if (keyless && server.flavor === 'mysql' && !server.gtids)
    findings.push(problem('error', 'RS-MY-031', subject, 'has no primary key, and cannot be copied exactly'));
  else if (keyless) findings.push(problem('warning', 'RS-MY-009', subject, 'has none'));
  for (const column of table.oldFractions)
    findings.push({
      ...problem('error', 'RS-MY-061', subject, `column ${column}`),
      fix: `SET GLOBAL mysql56_temporal_format = ON; ALTER TABLE ${path} FORCE;`,
    });
  findings.push(...cascadeFindings(server, table));
  return findings.length > 0 ? findings : [ok(subject, 'readable, with a key')];
}

async function filters(
  session: Session,
  server: Server,
  options: MysqlSourceOptions,
): Promise<readonly Finding[]> {
  const doing = 'asking for binlog filters';
  const sql =
    server.flavor === 'mysql' && server.versionNumber >= 80_200
      ? 'SHOW BINARY LOG STATUS'
      : 'SHOW MASTER STATUS';
  const row = await session.row(sql, doing).catch(() => null);
  if (row === null) return [];
  const list = (name: string): readonly string[] =>
    (row.get(name) ?? '').split(',').filter((one) => one !== '');
  const [only, ignored] = [list('Binlog_Do_DB'), list('Binlog_Ignore_DB')];
  const databases = [...new Set(options.tables.map((table) => table.namespace))];
  return databases
    .filter((database) => ignored.includes(database) || (only.length > 0 && !only.includes(database)))
    .map((database) => problem('error', 'RS-MY-030', 'binlog filter', database));
}

/** Children whose rows change when a parent's do, whether the parent is captured or not. */
function cascadeFindings(server: Server, table: CatalogTable): readonly Finding[] {
  if (server.flavor === 'mysql' && server.versionNumber >= CASCADES_LOGGED) return [];
  return table.cascades.map((key) =>
    problem(
      'warning',
      'RS-MY-026',
      displayName(table.schema),
      `${key.name}, to ${displayName(key.parent)}: ${key.rules}`,
    ),
  );
}

function ok(subject: string, detail: string): Finding {
  return { level: 'ok', code: null, subject, detail, fix: null };
}

function problem(level: 'warning' | 'error', code: ErrorCode, subject: string, detail: string): Finding {
  return { level, code, subject, detail: `${errorCodes[code].title}: ${detail}`, fix: errorCodes[code].fix };
}
