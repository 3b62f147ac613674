import type { Duplex } from 'node:stream';
import { Client, type ClientConfig } from 'pg';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { postgresError } from './errors.ts';
import type { PostgresSourceOptions, TlsMode } from './options.ts';

/**
 * Settings that make the server print canonical text, the same on the stream, in the first copy, and whatever the
 * role's or database's defaults are (PostgreSQL manual 19.11.2).
 */
const SESSION = [
  'datestyle=ISO',
  'intervalstyle=postgres',
  'bytea_output=hex',
  'extra_float_digits=1',
  'TimeZone=UTC',
  'statement_timeout=0',
  'idle_in_transaction_session_timeout=0',
  'lock_timeout=0',
  'standard_conforming_strings=on',
  // Money has the currency sign of the server otherwise.
  'lc_monetary=C',
  // Rows that a policy of the table hides are an error, not left out.
  'row_security=off',
];

/**
 * @param settings further ones of the session, `name=value`
 * @throws RowsealError RS-PG-023
 */
export function clientConfig(options: PostgresSourceOptions, settings: readonly string[] = []): ClientConfig {
  const url = parseUrl(options.url);
  const host = decodeURIComponent(url.hostname.replace(/^\[|\]$/g, ''));
  const mode = options.tlsMode ?? (isLoopback(host) ? 'disable' : 'verify-full');
  const password = options.password ?? decodeURIComponent(url.password);
  return {
    host,
    port: url.port === '' ? 5432 : Number(url.port),
    user: decodeURIComponent(url.username),
    database: decodeURIComponent(url.pathname.slice(1)),
    ...(password === '' ? {} : { password }),
    ssl: tlsOptions(mode, options.tlsCa),
    options: [...SESSION, ...settings].map((setting) => `-c ${setting}`).join(' '),
    application_name: 'rowseal',
    connectionTimeoutMillis: 15_000,
    keepAlive: true,
  };
}

/** The driver's own reading of `sslmode` verifies less than it says (or changes between majors), so it is built here. */
function tlsOptions(mode: TlsMode, ca: string | null): ClientConfig['ssl'] {
  if (mode === 'disable') return false;
  const trust = ca === null ? {} : { ca };
  switch (mode) {
    case 'require':
      return { rejectUnauthorized: false };
    case 'verify-ca':
      return { ...trust, rejectUnauthorized: true, checkServerIdentity: () => undefined };
    case 'verify-full':
      return { ...trust, rejectUnauthorized: true };
  }
}

function parseUrl(text: string): URL {
  // `new URL` keeps its input, password and all, in the error it throws.
  const url = URL.canParse(text) ? new URL(text) : null;
  if (
    url === null ||
    !/^postgres(ql)?:$/.test(url.protocol) ||
    url.username === '' ||
    url.pathname.length < 2
  ) {
    throw new RowsealError('RS-PG-023');
  }
  if (url.search !== '')
    throw new RowsealError('RS-PG-023', {
      detail: 'it has query parameters; use the options of `source` instead',
    });
  return url;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}

export async function connect(options: PostgresSourceOptions): Promise<Client> {
  const client = new Client(clientConfig(options));
  // Without a listener a lost idle connection would end the process.
  client.on('error', () => {});
  try {
    await client.connect();
    return client;
  } catch (thrown) {
    await client.end().catch(() => {});
    throw postgresError(thrown, 'connecting');
  }
}

/** A connection that speaks the replication protocol's commands beside SQL (manual 53.4). */
export async function connectForReplication(options: PostgresSourceOptions): Promise<Client> {
  const client = new Client({
    ...clientConfig(options),
    replication: 'database',
  } as ConstructorParameters<typeof Client>[0]);
  client.on('error', () => {});
  try {
    await client.connect();
    return client;
  } catch (thrown) {
    throw postgresError(thrown, 'connecting for replication');
  }
}

/** Ends a connection at once, whatever the server is at. */
export function destroy(client: Client): void {
  (client as unknown as { readonly connection: { readonly stream: Duplex } }).connection.stream.destroy();
}

/** `"a""b"` (PostgreSQL manual 4.1.1). */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** `'a''b'`; only for protocol commands that take no parameters. */
export function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
