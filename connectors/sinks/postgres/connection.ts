import { Client, type ClientConfig } from 'pg';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { postgresSinkError } from './errors.ts';
import type { PostgresSinkOptions } from './options.ts';

/**
 * Settings of the sink's session (PostgreSQL manual 19): text is read the way canonical text is written, a commit is
 * durable whatever the role's default, keyed lookups go by the index even where nobody has analyzed the table yet,
 * and a writer that hangs in a transaction is ended by the server, so that its lock does not keep out the next one.
 */
const SESSION = [
  'datestyle=ISO,YMD',
  'intervalstyle=postgres',
  'bytea_output=hex',
  'extra_float_digits=1',
  'TimeZone=UTC',
  'client_encoding=UTF8',
  'standard_conforming_strings=on',
  'synchronous_commit=on',
  'statement_timeout=0',
  'lock_timeout=60s',
  'idle_in_transaction_session_timeout=300s',
  'tcp_keepalives_idle=60',
  'enable_seqscan=off',
];

/** From so many milliseconds of silence on a host is asked whether it is there. */
const KEEPALIVE_MS = 60_000;
/** How long an end is waited for, in milliseconds: nobody may be there any more to agree to it. */
const FAREWELL_MS = 2_000;

/** @throws RowsealError RS-PGS-001, -002, -006, -009, -011 */
export async function connect(options: PostgresSinkOptions): Promise<Client> {
  const client = new Client(clientConfig(options));
  // Without a listener a lost idle connection would end the process.
  client.on('error', () => {});
  try {
    await client.connect();
    return client;
  } catch (thrown) {
    await end(client);
    throw postgresSinkError(thrown, `connecting sink ${options.name}`);
  }
}

export function clientConfig(options: PostgresSinkOptions): ClientConfig {
  const url = parseUrl(options.url, options.name);
  const host = decodeURIComponent(url.hostname.replace(/^\[|\]$/g, ''));
  const password = options.password ?? decodeURIComponent(url.password);
  return {
    host,
    port: url.port === '' ? 5432 : Number(url.port),
    user: decodeURIComponent(url.username),
    database: decodeURIComponent(url.pathname.slice(1)),
    ...(password === '' ? {} : { password }),
    ssl: tlsOptions(options, host),
    options: SESSION.map((setting) => `-c ${setting}`).join(' '),
    application_name: 'rowseal',
    connectionTimeoutMillis: 15_000,
    keepAlive: true,
    // The system's own is two hours; from then on Node asks ten times, a second apart. A bound on answers themselves would
    // cut off long batches.
    keepAliveInitialDelayMillis: KEEPALIVE_MS,
  };
}

/** Takes leave of the server; of one that does not answer without it. */
export async function end(client: Client): Promise<void> {
  const { connection } = client as unknown as {
    readonly connection: { readonly stream: { destroy(): void } };
  };
  const deadline = setTimeout(() => connection.stream.destroy(), FAREWELL_MS);
  await client.end().catch(() => {});
  clearTimeout(deadline);
}

/** The driver's own reading of `sslmode` verifies less than it says, so it is built here. */
function tlsOptions({ tlsMode, tlsCa }: PostgresSinkOptions, host: string): ClientConfig['ssl'] {
  const loopback = host === 'localhost' || host === '::1' || host.startsWith('127.');
  const mode = tlsMode ?? (loopback ? 'disable' : 'verify-full');
  if (mode === 'disable') return false;
  if (mode === 'require') return { rejectUnauthorized: false };
  return {
    rejectUnauthorized: true,
    ...(tlsCa === null ? {} : { ca: tlsCa }),
    ...(mode === 'verify-ca' ? { checkServerIdentity: () => undefined } : {}),
  };
}

function parseUrl(text: string, sink: string): URL {
  // `new URL` keeps its input, password and all, in the error it throws.
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol))
    throw new RowsealError('RS-PGS-011', { detail: `sink ${sink}` });
  if (url.username === '' || url.pathname.length < 2)
    throw new RowsealError('RS-PGS-011', { detail: `sink ${sink}: user and database are needed` });
  if (url.search !== '')
    throw new RowsealError('RS-PGS-011', { detail: `sink ${sink}: it has query parameters` });
  return url;
}
