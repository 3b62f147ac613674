import type { Duplex } from 'node:stream';
import { Client, type ClientConfig } from 'pg';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import type { PostgresHost } from '../../../src/model/postgres-connection.ts';
import { RequiredBinding } from './channel-binding.ts';
import { postgresError } from './errors.ts';
import type { PostgresSourceOptions } from './options.ts';
import { type Cover, coversOf, modeFor, tlsOptions } from './tls.ts';

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

/** Limits that not every version knows, so that they cannot be among those above; to be run when the connection is there. */
export const NO_LIMITS =
  "SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('transaction_timeout', 'idle_session_timeout')";

/**
 * For one connection to the first host, which is covered as its mode begins.
 *
 * @param settings further ones of the session, `name=value`
 */
export function clientConfig(
  { connection }: Pick<PostgresSourceOptions, 'connection'>,
  settings: readonly string[] = [],
  cover?: Cover,
): ClientConfig {
  const server = connection.hosts[0]!;
  const mode = modeFor(server, connection.tls.mode);
  const covered = (cover ?? coversOf(mode)[0]) === 'tls';
  const ssl = covered ? tlsOptions(connection.tls, mode) : false;
  // Everything is said: what is not, the driver would take from the environment.
  const config: ClientConfig & { readonly sslnegotiation: string } = {
    host: server.host,
    port: server.port,
    user: connection.user,
    database: connection.database,
    ssl,
    sslnegotiation: covered ? connection.tls.negotiation : 'postgres',
    enableChannelBinding: covered && connection.channelBinding !== 'disable',
    options: [...SESSION, ...settings].map((setting) => `-c ${setting}`).join(' '),
    application_name: connection.applicationName,
    connectionTimeoutMillis: connection.connectTimeoutMs,
    keepAlive: true,
  };
  if (connection.channelBinding !== 'require')
    return { ...config, password: () => passwordOf(connection.user, server) };
  const binding = new RequiredBinding(ssl, config.sslnegotiation);
  return {
    ...config,
    connection: binding.connection,
    password: () => {
      binding.check();
      return passwordOf(connection.user, server);
    },
  } as ClientConfig;
}

/** Asked for when the server wants one. @throws RowsealError RS-PG-002 */
function passwordOf(user: string, { host, port, password }: PostgresHost): string {
  if (password !== null && password !== '') return password;
  throw new RowsealError('RS-PG-002', {
    detail: `${host}:${port} asks for a password of ${user}, and none is given`,
    fix: 'set source.password, or a line for it in the password file (~/.pgpass)',
  });
}

/**
 * @param cover absent: as the mode begins
 * @param answerMs a statement that is not answered for so long is given up; absent: none is
 * @param settings further ones of the session, `name=value`
 */
export async function connect(
  options: Pick<PostgresSourceOptions, 'connection'>,
  cover?: Cover,
  answerMs?: number,
  settings: readonly string[] = [],
): Promise<Client> {
  const client = new Client({
    ...clientConfig(options, settings, cover),
    ...(answerMs === undefined ? {} : { query_timeout: answerMs }),
  });
  // Without a listener a lost idle connection would end the process.
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query(NO_LIMITS);
    return client;
  } catch (thrown) {
    await end(client);
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
    await client.query(NO_LIMITS);
    return client;
  } catch (thrown) {
    await end(client);
    throw postgresError(thrown, 'connecting for replication');
  }
}

/** How long an end is waited for, in milliseconds: nobody may be there any more to agree to it. */
export const FAREWELL_MS = 2_000;

/** Takes leave of the server; of one that does not answer without it. */
export async function end(client: Client | null): Promise<void> {
  if (client === null) return;
  const deadline = setTimeout(() => destroy(client), FAREWELL_MS);
  await client.end().catch(() => {});
  clearTimeout(deadline);
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
