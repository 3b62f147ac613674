import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import type { RowsealConfig, SharedSourceConfig, SourceConfig } from '../config/load.ts';
import { RowsealError } from '../error/rowseal-error.ts';

export const PASSWORD_VARIABLE = 'ROWSEAL_SOURCE_PASSWORD';

/** Options of commands that connect before there is a configuration. */
export interface LoginArguments {
  readonly url: string | undefined;
  readonly 'password-file': string | undefined;
  readonly 'tls-mode': TlsMode | undefined;
  readonly 'tls-ca-file': string | undefined;
}

type TlsMode = NonNullable<RowsealConfig['source']['tlsMode']>;

export const loginOptions = {
  url: {
    type: 'string',
    describe: `Database, postgres://user@host:5432/name or mysql://user@host:3306/name; the password from ${PASSWORD_VARIABLE}, a file, or asked for`,
  },
  'password-file': { type: 'string', describe: 'File that holds the password' },
  'tls-mode': {
    choices: ['disable', 'require', 'verify-ca', 'verify-full'] as const,
    describe: 'Default: verify-full; disable on the loopback interface',
  },
  'tls-ca-file': { type: 'string', describe: 'Certificate authority, PEM' },
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
  const url = URL.canParse(argv.url ?? '') ? new URL(argv.url ?? '') : null;
  if (url === null)
    throw new RowsealError('RS-PG-023', {
      detail: '--url',
      fix: 'postgres://user@host:5432/database or mysql://user@host:3306/database',
    });
  const inUrl = decodeURIComponent(url.password);
  url.password = '';
  const file = argv['password-file'];
  const fromEnv = env[PASSWORD_VARIABLE] ?? '';
  const password =
    file !== undefined
      ? readSecret(file)
      : fromEnv !== ''
        ? fromEnv
        : inUrl !== ''
          ? inUrl
          : await ask(`password of ${url.username} on ${url.host}`);
  const needed = password !== '';
  return {
    url: String(url),
    passwordReference: !needed
      ? null
      : file === undefined
        ? `\${env:${PASSWORD_VARIABLE}}`
        : `\${file:${file}}`,
    passwordVariable: needed && file === undefined ? PASSWORD_VARIABLE : null,
    passwordInUrl: inUrl !== '',
    source: sourceAt(url, {
      url: String(url),
      password: needed ? password : null,
      tlsMode: argv['tls-mode'] ?? null,
      tlsCa: argv['tls-ca-file'] === undefined ? null : readSecret(argv['tls-ca-file']),
      tables: [],
      snapshot: 'never',
      idleIntervalMs: 10_000,
    }),
  };
}

/** Nothing is streamed from it, so names that a stream needs stand for none. */
function sourceAt(url: URL, shared: SharedSourceConfig): SourceConfig {
  if (!/^(mysql|mariadb):$/.test(url.protocol))
    return {
      ...shared,
      type: 'postgres',
      slot: 'rowseal_unused',
      publication: 'rowseal_unused',
      failoverSlot: false,
      copyTables: 1,
      copyRowsPerSecond: null,
      copyBytesPerSecond: null,
    };
  return {
    ...shared,
    type: 'mysql',
    serverId: 1,
    acceptServers: [],
    heartbeatMs: 10_000,
    zeroDates: 'text',
    invalidText: 'hex',
    maxUnpackedBytes: 1 << 28,
  };
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
