import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import { z } from 'zod';
import { RowsealError } from '../error/rowseal-error.ts';
import { MaskKeys } from '../mask/keys.ts';
import type { PolicyDocument } from '../mask/policy-document.ts';
import { PUBLISHED_TEST_KEY } from '../mask/review/test-key.ts';
import { MESSAGE_NAMESPACE, type MessageLog } from '../model/message-log.ts';
import { displayName, type TableName } from '../model/table.ts';
import { type AuditConfig, auditConfig } from './audit.ts';
import { CONFIG_CODES, readDocument } from './document.ts';
import { accessOf, type HttpAccess, type HttpConfig, httpConfig } from './http.ts';
import { httpSchema } from './http-schema.ts';
import { isOpenToOthers } from './key-file-mode.ts';
import { policyDocument } from './policy.ts';
import type { PostgresTlsConfig } from './postgres-connection.ts';
import { type ConfigDocument, configSchema } from './schema.ts';
import { resolveSecrets } from './secrets.ts';
import { checkSinkTables, type SinkConfig, sinkConfig } from './sinks.ts';

/** The configuration, read, checked and with every path absolute. */
export interface RowsealConfig {
  readonly file: string;
  /** As it is written, checked, with secrets in their places: to find what changes. */
  readonly document: ConfigDocument;
  readonly pipeline: string;
  readonly source: SourceConfig;
  readonly mask: {
    readonly key: MaskKeySource;
    /** Secrets of earlier epochs, where they are others than `key`. */
    readonly previousKeys: ReadonlyMap<number, MaskKeySource>;
    readonly policy: PolicyDocument;
  };
  readonly audit: AuditConfig;
  readonly sinks: readonly SinkConfig[];
  readonly http: HttpConfig;
  readonly telemetry: ConfigDocument['telemetry'];
  readonly log: ConfigDocument['log'];
  readonly queueBytes: number;
}

export interface SharedSourceConfig {
  readonly url: string;
  readonly password: string | null;
  readonly tables: readonly TableName[];
  readonly snapshot: 'initial' | 'never';
  readonly idleIntervalMs: number;
}

export interface PostgresSourceConfig extends SharedSourceConfig {
  readonly type: 'postgres';
  readonly tls: PostgresTlsConfig;
  readonly slot: string;
  readonly publication: string;
  readonly failoverSlot: boolean;
  readonly messages: readonly MessageLog[];
  readonly origin: 'any' | 'none';
  readonly streaming: boolean;
  readonly receiveTimeoutMs: number;
  readonly copyTables: number;
  readonly copyRowsPerSecond: number | null;
  readonly copyBytesPerSecond: number | null;
}

export interface MysqlSourceConfig extends SharedSourceConfig {
  readonly type: 'mysql';
  readonly tlsMode: 'disable' | 'require' | 'verify-ca' | 'verify-full' | null;
  readonly tlsCa: string | null;
  readonly serverId: number;
  readonly acceptServers: readonly string[];
  readonly heartbeatMs: number;
  readonly zeroDates: 'text' | 'null' | 'error';
  readonly invalidText: 'error' | 'hex';
  readonly maxUnpackedBytes: number;
}

export type SourceConfig = PostgresSourceConfig | MysqlSourceConfig;

/** Where the mask key comes from. */
export type MaskKeySource =
  | { readonly kind: 'file'; readonly file: string }
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'command'; readonly command: readonly string[]; readonly timeoutMs: number };

/**
 * Reads and checks a configuration file. With `mask/` and `cli/` this is the only code that sees files and environment.
 *
 * @throws RowsealError RS-CFG-001 … -004; the place has line and column
 */
export function loadConfig(path: string, env: Readonly<Record<string, string | undefined>>): RowsealConfig {
  const file = resolve(path);
  const base = dirname(file);
  const absolute = (name: string): string => (isAbsolute(name) ? name : resolve(base, name));
  const config = readDocument(readText(file, 'RS-CFG-001'), path, configSchema, CONFIG_CODES, (raw) =>
    resolveSecrets(raw, { env, readFile: (name) => readFileSync(absolute(name), 'utf8') }),
  );
  checkSinkTables(config.value.sinks, loggedNames(config.value.source), path);
  return normalize(config.value, file, absolute);
}

/**
 * The keys of an epoch, by default the configured one; of an earlier one those that `previous` names, else those that
 * the present secret gives under that epoch. A command gets no shell; what it prints on stderr is not shown,
 * because it may quote what it handles.
 *
 * @throws RowsealError RS-CFG-004, -005, -006, -009, RS-MASK-006, -033
 */
export function loadMaskKeys(
  config: Pick<RowsealConfig, 'mask'>,
  env: Readonly<Record<string, string | undefined>>,
  epoch: number = config.mask.policy.keyEpoch,
): MaskKeys {
  const key = config.mask.previousKeys.get(epoch) ?? config.mask.key;
  switch (key.kind) {
    case 'file':
      return parsed(readKeyFile(key.file), epoch);
    case 'env': {
      const value = Object.hasOwn(env, key.name) ? env[key.name] : undefined;
      if (value === undefined) {
        throw new RowsealError('RS-CFG-004', {
          detail: `environment variable ${key.name}`,
          place: { file: 'configuration', path: 'mask.key' },
        });
      }
      return parsed(value, epoch);
    }
    case 'command':
      return parsed(outputOf(key.command, key.timeoutMs), epoch);
  }
}

function parsed(text: string, epoch: number): MaskKeys {
  if (text.trim() === PUBLISHED_TEST_KEY) throw new RowsealError('RS-MASK-033');
  return MaskKeys.parse(text, epoch);
}

function outputOf(command: readonly string[], timeoutMs: number): string {
  const [program, ...parameters] = command;
  const result = spawnSync(program!, parameters, {
    encoding: 'utf8',
    timeout: timeoutMs,
    maxBuffer: 65_536,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  if (result.status === 0) return result.stdout;
  const errno = result.error !== undefined && 'code' in result.error ? String(result.error.code) : null;
  const why = errno ?? (result.signal === null ? `exit code ${result.status}` : `ended by ${result.signal}`);
  throw new RowsealError('RS-CFG-009', { detail: `${program} (${why})` });
}

/**
 * Where a process with this configuration listens. Looks at the section `http` alone: what is wrong elsewhere in the file says
 * nothing of a process that was started before.
 *
 * @throws RowsealError RS-CFG-001 … -004
 */
export function loadHttp(path: string, env: Readonly<Record<string, string | undefined>>): HttpConfig {
  const file = resolve(path);
  const base = dirname(file);
  const absolute = (name: string): string => (isAbsolute(name) ? name : resolve(base, name));
  const sources = { env, readFile: (name: string) => readFileSync(absolute(name), 'utf8') };
  const { value } = readDocument(readText(file, 'RS-CFG-001'), path, httpOnly, CONFIG_CODES, (raw) => ({
    http: resolveSecrets((raw as { readonly http?: unknown } | null)?.http, sources, ['http']),
  }));
  return httpConfig(value.http, absolute);
}

const httpOnly = z.looseObject({ http: httpSchema });

type KeyConfig = Omit<ConfigDocument['mask']['key'], 'previous'>;

export function keySource(key: KeyConfig, absolute: (name: string) => string): MaskKeySource {
  if (key.env !== undefined) return { kind: 'env', name: key.env };
  if (key.command !== undefined) return { kind: 'command', command: key.command, timeoutMs: key.timeout_ms };
  return { kind: 'file', file: absolute(key.file ?? '') };
}

/**
 * Who may look at health, metrics and the status page.
 *
 * @throws RowsealError RS-HTTP-001, -002, -003, RS-CFG-004, -005, -006
 */
export function loadHttpAccess(
  config: Pick<RowsealConfig, 'http'>,
  env: Readonly<Record<string, string | undefined>>,
): HttpAccess {
  return accessOf(config.http, env, { secret: readKeyFile, open: (file) => readText(file, 'RS-CFG-006') });
}

/** Content of a key file that nobody else may read. @throws RowsealError RS-CFG-005, -006 */
export function readKeyFile(file: string): string {
  return readKeyBytes(file).toString('utf8');
}

/** As {@link readKeyFile}, for keys that may be raw bytes. */
export function readKeyBytes(file: string): Buffer {
  const bytes = readBytes(file, 'RS-CFG-006');
  const { mode, uid } = statSync(file);
  if (isOpenToOthers(mode & 0o777, uid, process.getuid?.() ?? 0)) {
    throw new RowsealError('RS-CFG-005', {
      detail: `${file} has mode ${(mode & 0o777).toString(8)}`,
      fix: `chmod 600 ${file}`,
    });
  }
  return bytes;
}

export function readText(file: string, code: 'RS-CFG-001' | 'RS-CFG-006' | 'RS-CFG-008'): string {
  return readBytes(file, code).toString('utf8');
}

function readBytes(file: string, code: 'RS-CFG-001' | 'RS-CFG-006' | 'RS-CFG-008'): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    const errno = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new RowsealError(code, { detail: `${file} (${errno})`, origin: errno });
  }
}

/** Switches of the runtime and of libraries that turn off checks or write memory out (research: environment switches). */
const DANGEROUS = [
  'NODE_TLS_REJECT_UNAUTHORIZED',
  'NODE_DEBUG',
  'NODE_V8_COVERAGE',
  'SSLKEYLOGFILE',
  'BIGQUERY_EMULATOR_HOST',
  'GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES',
  'GRPC_TRACE',
  'GRPC_NODE_TRACE',
  'AWS_ENDPOINT_URL',
  'AWS_ENDPOINT_URL_S3',
];

export function refuseDangerousEnvironment(env: Readonly<Record<string, string | undefined>>): void {
  const found = DANGEROUS.find((name) => env[name] !== undefined && env[name] !== '');
  const options = env['NODE_OPTIONS'] ?? '';
  const inspects = /--inspect|--heapsnapshot|--report-uncaught|--cpu-prof-dir|--heap-prof/.test(options);
  if (found !== undefined || inspects)
    throw new RowsealError('RS-CFG-007', { detail: found ?? 'NODE_OPTIONS' });
}

function normalize(config: ConfigDocument, file: string, absolute: (name: string) => string): RowsealConfig {
  return {
    file,
    document: config,
    pipeline: config.pipeline,
    source: sourceConfig(config, absolute),
    mask: {
      key: keySource(config.mask.key, absolute),
      previousKeys: new Map(config.mask.key.previous.map((key) => [key.epoch, keySource(key, absolute)])),
      policy: policyDocument(config.mask, (path) => readText(absolute(path), 'RS-CFG-008')),
    },
    audit: auditConfig(config.audit, config.pipeline, absolute),
    sinks: Object.entries(config.sinks).map(([name, sink]) =>
      sinkConfig(name, sink, {
        absolute,
        read: (path) => readText(absolute(path), 'RS-CFG-006'),
        readModule: (path) => readText(absolute(path), 'RS-CFG-008'),
        readSecret: (path) => readKeyFile(absolute(path)),
      }),
    ),
    http: httpConfig(config.http, absolute),
    telemetry: config.telemetry,
    log: config.log,
    queueBytes: config.memory.queue_bytes,
  };
}

function sourceConfig(config: ConfigDocument, absolute: (name: string) => string): SourceConfig {
  const { source } = config;
  const shared: SharedSourceConfig = {
    url: source.url,
    password: source.password ?? null,
    tables: source.tables.map((name) => {
      const [namespace, table] = name.split('.') as [string, string];
      return { namespace, name: table };
    }),
    snapshot: source.snapshot,
    idleIntervalMs: source.idle_interval_ms,
  };
  const fallback = `rowseal_${config.pipeline}`;
  const file = (name: string | undefined): string | null => (name === undefined ? null : absolute(name));
  switch (source.type) {
    case 'postgres':
      return {
        ...shared,
        type: 'postgres',
        tls: {
          mode: source.tls.mode ?? null,
          caFile: source.tls.ca_file === 'system' ? 'system' : file(source.tls.ca_file),
          certFile: file(source.tls.cert_file),
          keyFile: file(source.tls.key_file),
          keyPassword: source.tls.key_password ?? null,
          negotiation: source.tls.negotiation ?? null,
        },
        failoverSlot: source.failover_slot,
        messages: messageLogs(source.messages),
        origin: source.origin,
        streaming: source.streaming,
        receiveTimeoutMs: source.receive_timeout_ms,
        copyTables: source.copy_tables,
        copyRowsPerSecond: source.copy_rows_per_second ?? null,
        copyBytesPerSecond: source.copy_bytes_per_second ?? null,
        slot: source.slot ?? fallback,
        publication: source.publication ?? fallback,
      };
    case 'mysql':
      return {
        ...shared,
        type: 'mysql',
        tlsMode: source.tls.mode ?? null,
        tlsCa: source.tls.ca_file === undefined ? null : readText(absolute(source.tls.ca_file), 'RS-CFG-006'),
        serverId: source.server_id ?? replicaNumber(fallback),
        acceptServers: source.accept_servers,
        heartbeatMs: source.heartbeat_ms,
        zeroDates: source.zero_dates,
        invalidText: source.invalid_text,
        maxUnpackedBytes: source.max_unpacked_bytes,
      };
  }
}

function messageLogs(logs: readonly { readonly prefix: string; readonly log: string }[]): MessageLog[] {
  return logs.map(({ prefix, log }) => ({ prefix, table: { namespace: MESSAGE_NAMESPACE, name: log } }));
}

/** Everything that has a log: the captured tables, and those of messages. */
export function loggedTables(source: SourceConfig): readonly TableName[] {
  if (source.type !== 'postgres') return source.tables;
  const logs = new Map(source.messages.map(({ table }) => [table.name, table]));
  return [...source.tables, ...logs.values()];
}

/** As {@link loggedTables}, of a document. */
export function loggedNames(source: ConfigDocument['source']): readonly string[] {
  if (source.type !== 'postgres') return source.tables;
  return [...source.tables, ...messageLogs(source.messages).map(({ table }) => displayName(table))];
}

/** A number for the replica of a pipeline: the same at every start, and above those that people give by hand. */
function replicaNumber(name: string): number {
  const digest = createHash('sha256').update(`rowseal/v1/server-id\0${name}`).digest();
  return 0x4000_0000 + (digest.readUInt32BE(0) >>> 2);
}
