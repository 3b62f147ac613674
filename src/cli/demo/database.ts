import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { RowsealError } from '../../error/rowseal-error.ts';
import { getDebianServer } from './debian-packages.ts';
import { startMysqlServer } from './mysql-server.ts';
import { MysqlShop } from './mysql-shop.ts';
import { freePort, startDemoServer } from './server.ts';
import { PostgresShop, type Shop } from './shop.ts';

export type DemoSource = 'postgres' | 'mysql' | 'mariadb';

/** The production database of the demo, with the shop's tables in `public`. */
export interface DemoDatabase {
  readonly type: 'postgres' | 'mysql';
  readonly url: string;
  /** `PostgreSQL 18` */
  readonly version: string;
  readonly shop: Shop;
  rows(sql: string): Promise<readonly Record<string, unknown>[]>;
  stop(): Promise<void>;
}

const SEED = 7;

/** @param directory for the server's files; must be one that the server's user can enter */
export function startDemoDatabase(source: DemoSource, directory: string): Promise<DemoDatabase> {
  return source === 'postgres' ? postgres(directory) : mysql(source, directory);
}

async function postgres(directory: string): Promise<DemoDatabase> {
  const server = await startDemoServer(directory);
  const client = new Client(server.url);
  client.on('error', () => {});
  await client.connect();
  return {
    type: 'postgres',
    url: server.url,
    version: server.version,
    shop: new PostgresShop(client, SEED),
    rows: async (sql) => (await client.query<Record<string, unknown>>(sql)).rows,
    stop: async () => {
      await client.end().catch(() => {});
      await server.stop();
    },
  };
}

/**
 * MySQL 9 or MariaDB 11 out of Debian's archive, unpacked and started without being installed.
 *
 * @throws RowsealError RS-MY-037 where that cannot be had
 */
async function mysql(flavor: 'mysql' | 'mariadb', directory: string): Promise<DemoDatabase> {
  const port = await freePort();
  await mkdir(directory, { recursive: true });
  const started = await getDebianServer({ flavor, suite: 'sid' })
    .then((server) => startMysqlServer(server, join(directory, 'db'), port))
    .catch((error: unknown) => {
      throw new RowsealError('RS-MY-037', {
        detail: error instanceof Error ? error.message : 'it did not start',
      });
    });
  const { createConnection } = await import('mysql2/promise');
  const client = await createConnection({ host: '127.0.0.1', port, user: 'root' });
  client.on('error', () => {});
  // Called like the schema of Postgres, so that the rest of the demo is the same.
  await client.query('CREATE DATABASE public CHARACTER SET utf8mb4');
  await client.query('USE public');
  const rows = async (sql: string): Promise<readonly Record<string, unknown>[]> =>
    (await client.query(sql))[0] as unknown as Record<string, unknown>[];
  const [row] = await rows('SELECT VERSION() AS version');
  return {
    type: 'mysql',
    url: `mysql://root@127.0.0.1:${port}`,
    version: `${flavor === 'mysql' ? 'MySQL' : 'MariaDB'} ${/^[\d.]+/.exec(String(row?.['version']))?.[0] ?? ''}`,
    shop: new MysqlShop(client, SEED),
    rows,
    stop: async () => {
      await client.end().catch(() => {});
      await started.stop();
    },
  };
}
