import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MirrorReader } from '../support/mirror-reader.ts';
import { type MysqlRelease, startMysql, type TestMysql } from '../support/mysql.ts';
import { mysqlOptions, mysqlReader } from '../support/mysql-source.ts';
import { noMysql } from '../support/needs.ts';

/** The reader takes the first rows of a copy, of 1024, and then nothing until it is released. */
async function heldInCopy(reader: MirrorReader): Promise<() => void> {
  const [held, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  reader.watch = {
    event: (event) => {
      if (event.kind !== 'rows') return;
      reader.watch = null;
      reader.pause(release.promise);
      held.resolve();
    },
    version: () => {},
  };
  await Promise.race([held.promise, reader.done]);
  expect(reader.error).toBeNull();
  return () => release.resolve();
}

async function copied(reader: MirrorReader): Promise<void> {
  await reader.until(
    'the copies',
    () => reader.last?.phase === 'stream' && (reader.last.copying ?? []).length === 0,
  );
}

/** Numbers 1 to 3000 in a table of their own. */
const NUMBERS =
  'CREATE TABLE numbers (n int PRIMARY KEY); INSERT INTO numbers SELECT 1 + a.d + b.d * 10 + c.d * 100 + e.d * 1000 FROM (SELECT 0 d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9) a, (SELECT 0 d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9) b, (SELECT 0 d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9) c, (SELECT 0 d UNION SELECT 1 UNION SELECT 2) e';

async function serve(
  release: MysqlRelease,
  options: readonly string[] = [],
): Promise<{ server: TestMysql; client: Connection }> {
  const server = await startMysql(release, options);
  const client = await server.client();
  await client.query(`CREATE DATABASE shop; USE shop; ${NUMBERS}`);
  return { server, client };
}

describe.each((['mysql-9', 'mariadb-11'] as const).map((release) => [release, noMysql(release)] as const))(
  '%s',
  (release, missing) => {
    let server: TestMysql;
    let client: Connection;

    beforeAll(async () => {
      if (!missing) ({ server, client } = await serve(release));
    });

    afterAll(async () => {
      await client?.end();
      await server?.stop();
    });

    it.skipIf(missing)('begins a table again whose key is altered under its copy', async () => {
      await client.query(
        "CREATE TABLE keyed (id int, created_at datetime NOT NULL, PRIMARY KEY (id)); INSERT INTO keyed SELECT n, '2026-01-01' FROM numbers",
      );
      const reader = mysqlReader(mysqlOptions(server, ['keyed']));
      const release = await heldInCopy(reader);
      await client.query('ALTER TABLE keyed DROP PRIMARY KEY, ADD PRIMARY KEY (id, created_at)');
      await client.query("INSERT INTO keyed VALUES (5000, '2026-01-02')");
      release();
      await reader.until('the row behind', () =>
        reader.rows('shop.keyed').some((row) => row[0] === '5000'),
      );
      await copied(reader);
      expect(reader.rows('shop.keyed').length).toBe(3001);
      await reader.close();
    });

    it.skipIf(missing)('loses no row when another unique index takes the place of the key', async () => {
      await client.query(
        'CREATE TABLE unique_b (a int NOT NULL, b int NOT NULL, UNIQUE kb (b)); INSERT INTO unique_b SELECT 3000 - n, n FROM numbers',
      );
      const reader = mysqlReader(mysqlOptions(server, ['unique_b']));
      const release = await heldInCopy(reader);
      await client.query('CREATE UNIQUE INDEX ka ON unique_b (a)');
      release();
      await copied(reader);
      expect(reader.rows('shop.unique_b').length).toBe(3000);
      await reader.close();
    });
  },
);
