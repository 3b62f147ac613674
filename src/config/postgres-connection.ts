import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates } from 'node:tls';
import { RowsealError } from '../error/rowseal-error.ts';
import {
  isLoopback,
  type PostgresConnection,
  type PostgresTls,
  type TlsVersion,
} from '../model/postgres-connection.ts';
import { environmentSettings } from './libpq/environment.ts';
import { hostsOf } from './libpq/hosts.ts';
import { findPassword } from './libpq/password-file.ts';
import { parseServiceFile } from './libpq/service-file.ts';
import { choiceOf, merged, type Settings } from './libpq/settings.ts';
import { parseUrl } from './libpq/url.ts';
import { readKeyFile } from './load.ts';

/** `source.tls` of Postgres, with absolute paths. */
export interface PostgresTlsConfig {
  readonly mode: PostgresTls['mode'];
  /** A file, or `system`. */
  readonly caFile: string | null;
  readonly certFile: string | null;
  readonly keyFile: string | null;
  readonly keyPassword: string | null;
  readonly negotiation: PostgresTls['negotiation'] | null;
}

export const noTlsConfig: PostgresTlsConfig = {
  mode: null,
  caFile: null,
  certFile: null,
  keyFile: null,
  keyPassword: null,
  negotiation: null,
};

/** What the configuration says of a server. */
export interface PostgresAddress {
  readonly url: string;
  readonly password: string | null;
  readonly tls: PostgresTlsConfig;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Everything that is needed to connect: what the configuration says, then the URL, the service it names, and the environment, in
 * libpq's order. Certificates and passwords are read anew each time, so that they may change while Rowseal runs.
 *
 * @throws RowsealError RS-PG-023, -044, -048, RS-CFG-005, -006, -007
 */
export function postgresConnection(address: PostgresAddress, env: Environment): PostgresConnection {
  const url = parseUrl(address.url);
  const given = configSettings(address, url);
  const around = environmentSettings(env);
  const service = given.get('service') ?? url.get('service') ?? around.get('service');
  const ofService = service === undefined ? new Map() : serviceSettings(service, env);
  const settings = merged(given, url, ofService, around);
  const user = required(settings, 'user');
  const database = required(settings, 'dbname');
  const hosts = hostsOf(settings);
  if (merged(given, url, ofService).get('sslmode') === undefined) refuseWeakening(around, hosts);
  const password = settings.get('password') ?? null;
  const passwords = password === null ? passwordFile(settings, env) : null;
  return {
    hosts: hosts.map(({ host, port }) => ({
      host,
      port,
      password:
        password ?? (passwords === null ? null : findPassword(passwords, { host, port, database, user })),
    })),
    user,
    database,
    tls: tlsOf(settings),
    channelBinding: choiceOf(settings, 'channel_binding', ['disable', 'prefer', 'require']) ?? 'prefer',
    sessionAttrs:
      choiceOf(settings, 'target_session_attrs', [
        'any',
        'read-write',
        'read-only',
        'primary',
        'standby',
        'prefer-standby',
      ]) ?? (hosts.length > 1 ? 'primary' : 'any'),
    loadBalance: choiceOf(settings, 'load_balance_hosts', ['disable', 'random']) === 'random',
    connectTimeoutMs: connectTimeoutMs(settings),
    applicationName: settings.get('application_name') ?? 'rowseal',
  };
}

/** @throws RowsealError RS-PG-023 where the URL says something else again */
function configSettings({ password, tls }: PostgresAddress, url: Settings): Settings {
  const said: Record<string, string | null> = {
    password,
    sslmode: tls.mode,
    sslrootcert: tls.caFile,
    sslcert: tls.certFile,
    sslkey: tls.keyFile,
    sslpassword: tls.keyPassword,
    sslnegotiation: tls.negotiation,
  };
  const settings = new Map(
    Object.entries(said).filter((entry): entry is [never, string] => entry[1] !== null),
  );
  // A password in the URL has always been overridden by `password`.
  for (const keyword of settings.keys())
    if (keyword !== 'password' && url.has(keyword))
      throw new RowsealError('RS-PG-023', {
        detail: `${keyword} is in the URL and in source.tls`,
        fix: 'say it in one of them',
      });
  return settings;
}

/**
 * The environment may ask for more than the default of `sslmode`, not for less: that would be seen nowhere.
 *
 * @throws RowsealError RS-CFG-007
 */
function refuseWeakening(around: Settings, hosts: readonly { readonly host: string }[]): void {
  const mode = around.get('sslmode');
  if (mode === undefined || mode === 'verify-full') return;
  if (hosts.every(({ host }) => host.startsWith('/') || isLoopback(host))) return;
  throw new RowsealError('RS-CFG-007', {
    detail: `PGSSLMODE=${mode}`,
    fix: 'unset it, or say source.tls.mode in the configuration',
  });
}

function required(settings: Settings, keyword: 'user' | 'dbname'): string {
  const value = settings.get(keyword);
  if (value !== undefined) return value;
  throw new RowsealError('RS-PG-023', {
    detail: keyword === 'user' ? 'it names no user' : 'it names no database',
  });
}

/** @throws RowsealError RS-PG-048 */
function serviceSettings(service: string, env: Environment): Settings {
  const files = [
    env['PGSERVICEFILE'] ?? join(home(env), '.pg_service.conf'),
    ...(env['PGSYSCONFDIR'] === undefined ? [] : [join(env['PGSYSCONFDIR'], 'pg_service.conf')]),
  ];
  for (const file of files) {
    const text = textIfThere(file);
    const settings = text === null ? null : parseServiceFile(text, service, file);
    if (settings !== null) return settings;
  }
  throw new RowsealError('RS-PG-048', { detail: `service ${service} is not in ${files.join(' or ')}` });
}

/** @throws RowsealError RS-CFG-005 where others may read it; libpq would pass it over with a warning */
function passwordFile(settings: Settings, env: Environment): string | null {
  const named = settings.get('passfile');
  const file = named ?? join(home(env), '.pgpass');
  // Also a named one may be missing: it counts only when a server asks.
  return textIfThere(file) === null ? null : readKeyFile(file);
}

function tlsOf(settings: Settings): PostgresTls {
  const rootFile = settings.get('sslrootcert');
  const mode = choiceOf(settings, 'sslmode', [
    'disable',
    'allow',
    'prefer',
    'require',
    'verify-ca',
    'verify-full',
  ]);
  if (rootFile === 'system' && mode !== null && mode !== 'verify-full')
    throw new RowsealError('RS-PG-023', {
      detail: `sslmode ${mode} with the authorities of the system, which sign for anybody`,
      fix: 'use verify-full, or name the authority of the server',
    });
  const negotiation = choiceOf(settings, 'sslnegotiation', ['postgres', 'direct']) ?? 'postgres';
  if (negotiation === 'direct' && (mode === 'disable' || mode === 'allow' || mode === 'prefer'))
    throw new RowsealError('RS-PG-023', {
      detail: `sslnegotiation direct with sslmode ${mode}`,
      fix: 'use require, verify-ca or verify-full',
    });
  const crl = settings.get('sslcrl');
  return {
    mode: rootFile === 'system' ? 'verify-full' : mode,
    negotiation,
    roots: rootFile === undefined ? null : rootsIn(rootFile),
    revoked: crl === undefined ? null : readPem(crl),
    client: clientCertificate(settings),
    minVersion: protocolVersion(settings, 'ssl_min_protocol_version'),
    maxVersion: protocolVersion(settings, 'ssl_max_protocol_version'),
  };
}

/** A word instead of a file: the certificates of the operating system. */
function rootsIn(file: string): NonNullable<PostgresTls['roots']> {
  return file === 'system' ? getCACertificates('system') : readPem(file);
}

/** @throws RowsealError RS-CFG-006 */
function readPem(file: string): string {
  const text = textIfThere(file);
  if (text !== null) return text;
  throw new RowsealError('RS-CFG-006', {
    detail: `${file} (ENOENT)`,
    origin: 'ENOENT',
    fix: 'correct its path',
  });
}

/** @throws RowsealError RS-PG-044, RS-CFG-005, -006 */
function clientCertificate(settings: Settings): PostgresTls['client'] {
  const [certificate, key] = [settings.get('sslcert'), settings.get('sslkey')];
  if (certificate === undefined && key === undefined) return null;
  if (certificate === undefined || key === undefined)
    throw new RowsealError('RS-PG-044', {
      detail:
        certificate === undefined
          ? 'there is a key without a certificate'
          : 'there is a certificate without its key',
    });
  return {
    chain: readPem(certificate),
    key: readKeyFile(key),
    passphrase: settings.get('sslpassword') ?? null,
  };
}

function protocolVersion(
  settings: Settings,
  keyword: 'ssl_min_protocol_version' | 'ssl_max_protocol_version',
): TlsVersion | null {
  return choiceOf(settings, keyword, ['TLSv1.2', 'TLSv1.3']);
}

/** In seconds there; as in libpq zero means no limit, and the least is two. */
function connectTimeoutMs(settings: Settings): number {
  const text = settings.get('connect_timeout');
  if (text === undefined) return 15_000;
  if (!/^\d{1,6}$/.test(text))
    throw new RowsealError('RS-PG-023', { detail: 'connect_timeout is no number of seconds' });
  const seconds = Number(text);
  return seconds === 0 ? 0 : Math.max(2, seconds) * 1_000;
}

function home(env: Environment): string {
  const named = env['HOME'] ?? '';
  return named === '' ? homedir() : named;
}

function textIfThere(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return null;
    const errno = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new RowsealError('RS-CFG-006', { detail: `${file} (${errno})`, origin: errno });
  }
}
