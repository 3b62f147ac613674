import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMysqlSource } from '../../connectors/sources/mysql/source.ts';
import { startMysql, type TestMysql } from '../support/mysql.ts';
import { mysqlOptions, mysqlReader } from '../support/mysql-source.ts';
import { noMysql } from '../support/needs.ts';

describe.each(['mariadb-10', 'mariadb-11'] as const)('%s', (release) => {
  let server: TestMysql;
  let client: Connection;

  beforeAll(async () => {
    if (noMysql(release)) return;
    server = await startMysql(release);
    client = await server.client();
    await client.query('CREATE DATABASE shop; USE shop');
  });

  afterAll(async () => {
    await client?.end();
    await server?.stop();
  });

  /** As tables are that were made before MariaDB 10.0. */
  const inOldFormat = (sql: string): Promise<unknown> =>
    client.query(`SET GLOBAL mysql56_temporal_format = OFF; ${sql}; SET GLOBAL mysql56_temporal_format = ON`);

  it.skipIf(noMysql(release))(
    'old dates and times without a fraction are copied and streamed alike',
    async () => {
      await inOldFormat('CREATE TABLE plain (id int PRIMARY KEY, at datetime, t time, ts timestamp NULL)');
      const values = "'2024-02-29 12:34:56', '-838:59:59', '2024-02-29 12:34:56'";
      await client.query(`SET time_zone = '+00:00'; INSERT INTO plain VALUES (1, ${values})`);
      const reader = mysqlReader(mysqlOptions(server, ['plain']));
      await reader.until('the copy', () => reader.last?.phase === 'stream');
      await client.query(`INSERT INTO plain VALUES (2, ${values})`);
      await reader.until('a row', () => reader.rows('shop.plain').length === 2);
      const [copied, streamed] = reader.rows('shop.plain');
      expect(streamed!.slice(1)).toEqual(copied!.slice(1));
      expect(streamed).toEqual(['2', '2024-02-29 12:34:56', '-838:59:59', '2024-02-29 12:34:56+00']);
      await reader.close();
    },
  );

  it.skipIf(noMysql(release))(
    'with a fraction they are refused before the start, with the statement that mends it',
    async () => {
      await inOldFormat(
        'CREATE TABLE parts (id int PRIMARY KEY, at datetime(3), t time(6), ts timestamp(2) NULL)',
      );
      const errors = async (): Promise<readonly string[]> => {
        const source = createMysqlSource(mysqlOptions(server, ['parts']));
        const findings = await source.preflight();
        await source.close();
        return findings.filter(({ level }) => level === 'error').map(({ code, fix }) => `${code} ${fix}`);
      };
      const found = await errors();
      expect(found.map((line) => line.slice(0, 9))).toEqual(['RS-MY-061', 'RS-MY-061', 'RS-MY-061']);
      await client.query(found[0]!.slice(10));
      expect(await errors()).toEqual([]);
    },
  );

  it.skipIf(noMysql(release))(
    'a column of that kind that comes later stops the stream before its first row',
    async () => {
      await client.query('CREATE TABLE late (id int PRIMARY KEY)');
      const reader = mysqlReader(mysqlOptions(server, ['late']));
      await reader.until('the copy', () => reader.last?.phase === 'stream');
      await inOldFormat('ALTER TABLE late ADD COLUMN at datetime(6) NULL');
      await client.query("INSERT INTO late VALUES (1, '2024-02-29 12:34:56.789012')");
      expect(await reader.fails()).toMatchObject({
        code: 'RS-MY-061',
        kind: 'schema',
        detail: 'column shop.late.at',
      });
      expect(reader.rows('shop.late')).toEqual([]);
      // Without the column in the catalog its width cannot be known either.
      await client.query('ALTER TABLE late DROP COLUMN at');
      expect(await mysqlReader(mysqlOptions(server, ['late']), reader.last).fails()).toMatchObject({
        code: 'RS-MY-061',
      });
    },
  );
});
