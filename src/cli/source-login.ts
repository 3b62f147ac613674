import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { isPostgresUrl, parseUrl, withoutSecrets } from '../config/libpq/url.ts';
import type { RowsealConfig, SharedSourceConfig, SourceConfig } from '../config/load.ts';
import { noTlsConfig, type PostgresAddress, postgresConnection } from '../config/postgres-connection.ts';
import { RowsealError } from '../error/rowseal-error.ts';

export const PASSWORD_VARIABLE = 'ROWSEAL_SOURCE_PASSWORD';

/** Options of commands that connect before there is a configuration. */
export interface LoginArguments {
  readonly url: string | undefined;
  readonly 'password-file': string | undefined;
  readonly 'tls-mode': TlsMode | undefined;
  readonly 'tls-ca-file': string | undefined;
}

type TlsMode = (typeof loginOptions)['tls-mode']['choices'][number];

export const loginOptions = {
  url: {
    type: 'string',
    describe: `Database, postgres://user@host:5432/name or mysql://user@host:3306/name; the password from ${PASSWORD_VARIABLE}, a file, or asked for`,
  },
  'password-file': { type: 'string', describe: 'File that holds the password' },
  'tls-mode': {
    choices: ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const,
    describe: 'As sslmode of libpq. Default: verify-full; disable on the loopback interface',
  },
  'tls-ca-file': {
    type: 'string',
    describe: 'Certificate authority, PEM; with Postgres also `system`: those of the operating system',
  },
} as const;

export interface Login {
  readonly source: RowsealConfig['source'];
  /** What a configuration may hold: no password. */
  readonly url: string;
  /** Where the configuration finds the password; null: none was needed. */
  readonly passwordReference: string | null;
  /** Not null: it came from an environment variable that a later command needs as well. */
  readonly passwordVariable: string | null;
  readonly passwordInUrl: boolean;
}

/**
 * How to reach a database that no configuration names yet. A password in the URL is taken, but never written.
 *
 * @throws RowsealError RS-PG-023, RS-CFG-004, -006
 */
export async function login(
  argv: LoginArguments,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Login> {
  const address = addressOf(argv.url ?? '');
  const { inUrl } = address;
  const tls: ServerTls = { mode: argv['tls-mode'] ?? null, caFile: argv['tls-ca-file'] ?? null };
  const file = argv['password-file'];
  const fromEnv = env[PASSWORD_VARIABLE] ?? '';
  const password =
    file !== undefined
      ? readSecret(file)
      : fromEnv !== ''
        ? fromEnv
        : inUrl !== ''
          ? inUrl
          : isKnownElsewhere(address, tls, env)
            ? ''
            : await ask(`password of ${address.who}`);
  const needed = password !== '';
  return {
    url: address.url,
    passwordReference: !needed
      ? null
      : file === undefined
        ? `\${env:${PASSWORD_VARIABLE}}`
        : `\${file:${file}}`,
    passwordVariable: needed && file === undefined ? PASSWORD_VARIABLE : null,
    passwordInUrl: inUrl !== '',
    source: sourceAt(address, tls, {
      url: address.url,
      password: needed ? password : null,
      tables: [],
      snapshot: 'never',
      idleIntervalMs: 10_000,
    }),
  };
}

interface Address {
  readonly type: 'postgres' | 'mysql';
  /** Without a password. */
  readonly url: string;
  /** Password in the URL; empty: there was none. */
  readonly inUrl: string;
  /** Of an encrypted key of the client, where the URL had it. */
  readonly keyPassword: string | null;
  readonly who: string;
}

interface ServerTls {
  readonly mode: TlsMode | null;
  readonly caFile: string | null;
}

/** @throws RowsealError RS-PG-023 */
function addressOf(text: string): Address {
  if (isPostgresUrl(text)) {
    const settings = parseUrl(text);
    return {
      type: 'postgres',
      url: withoutSecrets(text),
      inUrl: settings.get('password') ?? '',
      keyPassword: settings.get('sslpassword') ?? null,
      who: `${settings.get('user') ?? 'the user'} on ${settings.get('host') ?? 'the server'}`,
    };
  }
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^(mysql|mariadb):$/.test(url.protocol))
    throw new RowsealError('RS-PG-023', {
      detail: '--url',
      fix: 'postgres://user@host:5432/database or mysql://user@host:3306/database',
    });
  const inUrl = decodeURIComponent(url.password);
  url.password = '';
  return { type: 'mysql', url: String(url), inUrl, keyPassword: null, who: `${url.username} on ${url.host}` };
}

/** Whether a service, the environment or the password file has it, as libpq looks for one. */
function isKnownElsewhere(
  address: Address,
  tls: ServerTls,
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  if (address.type !== 'postgres') return false;
  return postgresConnection(postgresAddress(address, tls, null), env).hosts.every(
    ({ password }) => password !== null,
  );
}

function postgresAddress(address: Address, tls: ServerTls, password: string | null): PostgresAddress {
  return { url: address.url, password, tls: { ...noTlsConfig, ...tls, keyPassword: address.keyPassword } };
}

/** Empty: the URL does not say. */
export function databaseOf(url: string): string {
  if (isPostgresUrl(url)) return parseUrl(url).get('dbname') ?? '';
  return decodeURIComponent(new URL(url).pathname.slice(1));
}

/** Nothing is streamed from it, so names that a stream needs stand for none. */
function sourceAt(address: Address, tls: ServerTls, shared: SharedSourceConfig): SourceConfig {
  if (address.type === 'postgres')
    return {
      ...shared,
      ...postgresAddress(address, tls, shared.password),
      type: 'postgres',
      slot: 'rowseal_unused',
      publication: 'rowseal_unused',
      failoverSlot: false,
      messages: [],
      origin: 'any',
      streaming: false,
      receiveTimeoutMs: 120_000,
      copyTables: 1,
      copyRowsPerSecond: null,
      copyBytesPerSecond: null,
    };
  return {
    ...shared,
    type: 'mysql',
    tlsMode: mysqlTlsMode(tls.mode),
    tlsCa: tls.caFile === null ? null : readSecret(tls.caFile),
    serverId: 1,
    acceptServers: [],
    heartbeatMs: 10_000,
    zeroDates: 'text',
    invalidText: 'hex',
    maxUnpackedBytes: 1 << 28,
  };
}

/** @throws RowsealError RS-CLI-001 */
function mysqlTlsMode(mode: TlsMode | null): Exclude<TlsMode, 'allow' | 'prefer'> | null {
  if (mode !== 'allow' && mode !== 'prefer') return mode;
  throw new RowsealError('RS-CLI-001', { detail: `--tls-mode ${mode} is for Postgres` });
}

function readSecret(file: string): string {
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    const errno = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new RowsealError('RS-CFG-004', { detail: `file ${file} (${errno})`, origin: errno });
  }
}

/** Empty where nobody can be asked. What is typed is not shown. */
async function ask(what: string): Promise<string> {
  if (process.stdin.isTTY !== true || process.stderr.isTTY !== true) return '';
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const prompt = createInterface({ input: process.stdin, output: silent, terminal: true });
  process.stderr.write(`${what} (not shown; empty: none): `);
  try {
    return await prompt.question('');
  } finally {
    prompt.close();
    process.stderr.write('\n');
  }
}
