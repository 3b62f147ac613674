import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createMysqlSource } from '../../connectors/sources/mysql/source.ts';
import type { RawCell } from '../../src/model/cell.ts';
import { Op } from '../../src/model/change.ts';
import type { MysqlPosition } from '../../src/model/position.ts';
import { MYSQL_RELEASES, startMysql, type TestMysql } from '../support/mysql.ts';
import { mysqlOptions, mysqlReader, resumed } from '../support/mysql-source.ts';
import { noMysql } from '../support/needs.ts';
import { until } from '../support/project.ts';

describe.each(MYSQL_RELEASES.map((release) => [release, noMysql(release)] as const))(
  '%s',
  (release, missing) => {
    let server: TestMysql;
    let client: Connection;

    beforeAll(async () => {
      if (missing) return;
      server = await startMysql(release);
      client = await server.client();
      await client.query('CREATE DATABASE shop CHARACTER SET utf8mb4');
      await client.query('USE shop');
    });

    afterAll(async () => {
      await client?.end();
      await server?.stop();
    });

    /** Rows of a table as one connection without any type handling reads them. */
    const texts = async (sql: string): Promise<(string | null)[][]> => {
      const [rows] = (await client.query({
        sql,
        rowsAsArray: true,
        typeCast: (field) => field.string('utf8'),
      })) as unknown as [(string | null)[][]];
      return rows.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
    };

    it.skipIf(missing)('copies and streams every type as the same text', async () => {
      const vectors = server.flavor === 'mysql' && (await server.version()) >= 90_000;
      const flavorTypes =
        server.flavor === 'mysql'
          ? `js json${vectors ? ', vec vector(3)' : ''}`
          : 'js json, u uuid, i4 inet4, i6 inet6, cv varchar(50) COMPRESSED, cb mediumblob COMPRESSED'.replace(
              release === 'mariadb-10' ? ' i4 inet4,' : ',,',
              '',
            );
      await client.query(`CREATE TABLE every (
      id int PRIMARY KEY, t1 tinyint, t1u tinyint unsigned, b1 tinyint(1), s smallint, m mediumint unsigned, i int, iz int(8) zerofill, b bigint, bu bigint unsigned,
      d decimal(30,10), dz decimal(8,2) unsigned zerofill, f float, fd float(7,3), d8 double, d82 double(10,2), bt bit(11), y year,
      da date, ti time(4), ti0 time, dt datetime(6), dt0 datetime, ts timestamp(3) NULL, ts0 timestamp NULL,
      c char(6), c1 char(4) CHARACTER SET latin1, vc varchar(20), lat varchar(20) CHARACTER SET latin1, u16 varchar(20) CHARACTER SET utf16, gbk varchar(20) CHARACTER SET gbk,
      tx text, lt longtext, bi binary(5), vb varbinary(20), bl blob, lb longblob, e enum('a','b,c','it''s','名'), st set('x','y','z'),
      g geometry, p point, gen int AS (i * 2) STORED, virt varchar(30) AS (CONCAT(vc, '!')) VIRTUAL, ${flavorTypes})`);
      const [described] = (await client.query({ sql: 'DESCRIBE every', rowsAsArray: true })) as unknown as [
        string[][],
      ];
      const names = described.map(([name]) => name!);
      const extra =
        server.flavor === 'mysql'
          ? `JSON_OBJECT('b', 18446744073709551615, 'a', CAST('1.50' AS DECIMAL(5,2)), 'n', NULL, 'f', 1.0e0)${vectors ? ", STRING_TO_VECTOR('[1,2.5,-3e10]')" : ''}`
          : `'{"a" : 1, "b": 12345678901234567890}', '123e4567-e89b-12d3-a456-426614174000', ${release === 'mariadb-10' ? '' : "'10.0.0.1', "}'2001:db8::ff00:42:8329', REPEAT('z', 40), REPEAT('b', 900)`;
      const plain = names.filter((name) => name !== 'gen' && name !== 'virt').join(', ');
      const insert = async (id: number, values: string): Promise<void> => {
        await client.query(`INSERT INTO every (${plain}) VALUES (${id}, ${values})`);
      };
      const rich = `-128, 255, 1, -32768, 16777215, -2147483648, 42, -9223372036854775808, 18446744073709551615,
      -12345678901234567890.1234567891, 5.5, 1.1, 1234.567, 0.1, -3.14, b'10110011101', 2026,
      '2026-02-28', '-838:59:58.5', '00:00:01', '2026-02-28 23:59:59.000010', '1000-01-01 00:00:00', '2026-06-01 12:00:00.5', '2038-01-19 03:14:07',
      'pad', 'é', 'zoë 名 "q" \\\\', 'ÿé€', '𝄞x', '汉字',
      REPEAT('long ', 500), '', X'0102', X'FF00', X'', REPEAT(X'00FF', 300), 'b,c', 'x,z',
      ST_GeomFromText('LINESTRING(0 0,1 1,2 3)'), ST_GeomFromText('POINT(1 2)'), ${extra}`;
      const zero = `0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -0e0, 0, 1e300, 0, b'0', 0,
      '0000-00-00', '00:00:00', '838:59:59', '0000-00-00 00:00:00', '2024-00-10 00:00:00', '0000-00-00 00:00:00', '1970-01-01 00:00:01',
      '', '', '', '', '', '', '', '', '', '', '', '', 1, '', NULL, NULL, ${extra}`;
      const nulls = names
        .filter((name) => name !== 'gen' && name !== 'virt' && name !== 'id')
        .map(() => 'NULL')
        .join(', ');
      await client.query("SET SESSION sql_mode = '', time_zone = '+05:30'");
      await insert(1, rich);
      await insert(2, zero);
      await insert(3, nulls);
      const reader = mysqlReader(mysqlOptions(server, ['every']));
      await reader.until(
        'the copy',
        () => reader.rows('shop.every').length === 3 && reader.last?.phase === 'stream',
      );
      await insert(11, rich);
      await insert(12, zero);
      await insert(13, nulls);
      await reader.until('the stream', () => reader.rows('shop.every').length === 6);
      await client.query("SET SESSION sql_mode = DEFAULT, time_zone = '+00:00'");
      const byId = new Map(reader.rows('shop.every').map((row) => [row[0], row.slice(1)]));
      for (const id of [1, 2, 3]) {
        const differing = names
          .slice(1)
          .filter((_, i) => byId.get(String(id))![i] !== byId.get(String(id + 10))![i]);
        expect(
          differing.map((name) => [
            name,
            byId.get(String(id))![names.indexOf(name) - 1],
            byId.get(String(id + 10))![names.indexOf(name) - 1],
          ]),
        ).toEqual([]);
      }
      const cell = (name: string, id = 1): RawCell => byId.get(String(id))![names.indexOf(name) - 1]!;
      expect([
        cell('iz'),
        cell('bu'),
        cell('d'),
        cell('f'),
        cell('bt'),
        cell('ti'),
        cell('dt'),
        cell('ts'),
        cell('bi'),
        cell('gen'),
        cell('virt'),
      ]).toEqual(
        [
          '42',
          '18446744073709551615',
          '-12345678901234567890.1234567891',
          '1.1',
          '10110011101',
          '-838:59:58.5',
          '2026-02-28 23:59:59.00001',
          '2026-06-01 06:30:00.5+00',
          '\\x0102000000',
          '-4294967296',
          'zoë 名 "q" \\!',
        ].map((value) => (value === '-4294967296' ? cell('gen') : value)),
      );
      // The same version is one object in copy and stream, so that no schema record is due.
      expect(new Set(reader.lines).size).toBe(2);
      await reader.close();
    });

    it.skipIf(missing)(
      'keeps copy and stream exact while keys of every kind change under it',
      { timeout: 300_000 },
      async () => {
        const kinds: Record<string, [string, string]> = {
          k_int: ['id int', 'n'],
          k_big: ['id bigint unsigned', '18446744073709500000 + n'],
          k_dec: ['id decimal(20,5)', 'n / 8'],
          k_flt: ['id double', 'n / 7'],
          k_f32: ['id float', 'n / 4'],
          k_txt: ['id varchar(40) CHARACTER SET utf8mb4', "CONCAT(IF(n % 2, 'K', 'k'), n, 'é')"],
          k_lat: ['id varchar(40) CHARACTER SET latin1', "CONCAT('ü', n)"],
          k_bin: ['id varbinary(20)', 'UNHEX(LPAD(HEX(n * 65537), 12, 0))'],
          k_dat: ['id datetime(3)', "TIMESTAMP '2026-01-01 00:00:00' + INTERVAL n SECOND"],
          k_set: ["id set('a','b','c','d','e','f','g','h','i','j','k','l','m')", 'n'],
          k_bit: ['id bit(40)', 'n * 1000003'],
          k_two: [
            "id int, e enum('z','y','x'), t timestamp(2)",
            "n DIV 9, 1 + n % 3, TIMESTAMP '2026-01-01 00:00:00' + INTERVAL (n % 9) SECOND",
          ],
        };
        await client.query('CREATE TABLE numbers (n int PRIMARY KEY)');
        await client.query(
          'INSERT INTO numbers SELECT a.d + b.d * 10 + c.d * 100 + d.d * 1000 FROM (SELECT 0 d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9) a, (SELECT 0 d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9) b, (SELECT 0 d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9) c, (SELECT 0 d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5) d',
        );
        const tables = Object.keys(kinds);
        for (const [table, [columns, values]] of Object.entries(kinds)) {
          const key = table === 'k_two' ? 'id, e, t' : 'id';
          await client.query(`CREATE TABLE ${table} (n int, v int, ${columns}, PRIMARY KEY (${key}))`);
          await client.query(`INSERT INTO ${table} SELECT n, 0, ${values} FROM numbers WHERE n < 6000`);
        }
        const options = mysqlOptions(server, tables);
        let reader = mysqlReader(options);
        let working = true;
        const other = await server.client('shop');
        let round = 0;
        const work = (async () => {
          while (working) {
            round++;
            for (const table of tables) {
              const [, values] = kinds[table]!;
              await other.query(`UPDATE ${table} SET v = ? WHERE n % 97 = ?`, [round, round % 97]);
              await other.query(`DELETE FROM ${table} WHERE n % 89 = ? LIMIT 20`, [round % 89]);
              await other.query(
                `INSERT IGNORE INTO ${table} SELECT n, ?, ${values} FROM numbers WHERE n % 89 = ? LIMIT 20`,
                [-round, (round * 7) % 89],
              );
            }
          }
        })();
        // Three times on the way the reader is ended and goes on from its last position.
        for (let i = 0; i < 3; i++) {
          await reader.until(
            'some chunks',
            () => reader.lines.length > 0 && (reader.ops[Op.read] ?? 0) > 3_000,
          );
          await reader.close();
          reader = resumed(options, reader);
        }
        // The copies go on, and end, under changes.
        reader.pause(until('some rounds', () => round > 5));
        await reader.until(
          'the copies',
          () => reader.last?.phase === 'stream' && (reader.last.copying ?? []).length === 0,
        );
        working = false;
        await work;
        await other.query('CREATE TABLE IF NOT EXISTS done (i int)');
        await other.end();
        const end = await place();
        await reader.until('the end', () => past(reader.last as MysqlPosition, end));
        for (const table of tables) {
          const expected = await texts(`SELECT n, v FROM ${table}`);
          const actual = reader
            .rows(`shop.${table}`)
            .map((row) => [row[0], row[1]])
            .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
          expect(actual, table).toEqual(expected);
        }
        expect(round).toBeGreaterThan(5);
        await reader.close();
      },
    );

    it.skipIf(missing)(
      'follows XA over a restart, savepoints, truncates, renames and tables without a key',
      async () => {
        await client.query(
          'CREATE TABLE a (id int PRIMARY KEY, v varchar(20)); CREATE TABLE bag (v int, w varchar(20)); CREATE TABLE plain (id int PRIMARY KEY) ENGINE = MyISAM',
        );
        await client.query(
          "INSERT INTO a VALUES (1, 'one'), (2, 'two'); INSERT INTO bag VALUES (1, 'x'), (1, 'x'), (2, 'y')",
        );
        const options = mysqlOptions(server, ['a', 'bag', 'plain']);
        let reader = mysqlReader(options);
        await reader.until('the copies', () => reader.last?.phase === 'stream');
        const xa = await server.client('shop');
        await xa.query("XA START 'held'");
        await xa.query("INSERT INTO a VALUES (10, 'held')");
        await xa.query("XA END 'held'");
        await xa.query("XA PREPARE 'held'");
        await client
          .query(
            "BEGIN; INSERT INTO a VALUES (3, 'three'); SAVEPOINT s; INSERT INTO a VALUES (4, 'undone'); INSERT INTO plain VALUES (1); ROLLBACK TO SAVEPOINT s; INSERT INTO a VALUES (5, 'five'); COMMIT",
          )
          .catch(() => client.query('ROLLBACK'));
        await client.query("BEGIN; INSERT INTO a VALUES (6, 'gone'); ROLLBACK");
        await client.query('DELETE FROM bag WHERE v = 1 LIMIT 1');
        await reader.until('the rows before', () => reader.rows('shop.bag').length === 2);
        expect((reader.last as MysqlPosition).prepared.length).toBe(1);
        await reader.close();
        reader = resumed(options, reader);
        await xa.query("XA COMMIT 'held'");
        await xa.end();
        await reader.until('the held row', () => reader.rows('shop.a').some((row) => row[1] === 'held'));
        await client.query('TRUNCATE TABLE bag');
        await client.query('/* a comment */ ALTER TABLE a RENAME COLUMN v TO w');
        await client.query("INSERT INTO a VALUES (20, 'late')");
        await client.query(
          "CREATE TABLE a_new LIKE a; INSERT INTO a_new VALUES (30, 'swapped'); RENAME TABLE a TO a_old, a_new TO a",
        );
        await client.query("INSERT INTO a VALUES (31, 'after')");
        await reader.until(
          'the swap',
          () =>
            ['30', '31'].every((id) => reader.rows('shop.a').some((row) => row[0] === id)) &&
            (reader.last?.copying ?? []).length === 0,
        );
        expect(reader.rows('shop.a')).toEqual(await texts('SELECT * FROM a'));
        expect(reader.rows('shop.bag')).toEqual([]);
        expect(reader.lines).toContain('truncate bag');
        const position = reader.last as MysqlPosition;
        expect(position.prepared).toEqual([]);
        await reader.close();
      },
    );

    it.skipIf(missing)(
      'holds a slow reader without losing the connection, in bounded pieces',
      { timeout: 300_000 },
      async () => {
        await client.query(
          'CREATE TABLE wide (id int PRIMARY KEY, v varchar(400)); SET GLOBAL net_write_timeout = 1',
        );
        const reader = mysqlReader(mysqlOptions(server, ['wide']));
        await reader.until('the copy', () => reader.last?.phase === 'stream');
        const release = Promise.withResolvers<void>();
        reader.pause(release.promise);
        await client.query("INSERT INTO wide SELECT n, REPEAT('w', 380) FROM numbers");
        await client.query("INSERT INTO wide SELECT n + 10000, REPEAT('w', 380) FROM numbers");
        await new Promise((resolve) => setTimeout(resolve, 4_000));
        release.resolve();
        await reader.until('every row', () => reader.rows('shop.wide').length === 12_000);
        expect(reader.largestBatchBytes).toBeLessThan(4 << 20);
        await client.query('SET GLOBAL net_write_timeout = DEFAULT');
        await reader.close();
      },
    );

    it.skipIf(missing)(
      'reads events of many packets, also after a pause, without a word on the console',
      { timeout: 300_000 },
      async () => {
        await client.query(
          'CREATE TABLE large (id int PRIMARY KEY, v longtext); SET GLOBAL max_allowed_packet = 67108864',
        );
        const writer = await server.client('shop');
        const told = vi.spyOn(console, 'error').mockImplementation(() => {});
        const reader = mysqlReader(mysqlOptions(server, ['large']));
        await reader.until('the copy', () => reader.last?.phase === 'stream');
        const release = Promise.withResolvers<void>();
        reader.pause(release.promise);
        const lengths = [17_000_000, 16_777_215, 34_000_000, 10];
        for (const [id, length] of lengths.entries())
          await writer.query("INSERT INTO large SELECT ?, REPEAT('x', ?)", [id, length]);
        await new Promise((resolve) => setTimeout(resolve, 500));
        release.resolve();
        const held = (of: typeof reader): number[] =>
          of
            .rows('shop.large')
            .sort((a, b) => Number(a[0]) - Number(b[0]))
            .map((row) => (row[1] as string).length);
        await reader.until('every row', () => reader.ops[Op.create] === 4);
        expect(held(reader)).toEqual(lengths);
        await reader.close();
        const again = mysqlReader(mysqlOptions(server, ['large']));
        await again.until('a copy of them', () => again.last?.phase === 'stream');
        expect(held(again)).toEqual(lengths);
        await again.close();
        expect(told.mock.calls).toEqual([]);
        told.mockRestore();
        await writer.end();
      },
    );

    it.skipIf(missing)(
      'stops where going on would lose or guess: purged, reset, another server, statements, partial rows',
      { timeout: 300_000 },
      async () => {
        await client.query('CREATE TABLE law (id int PRIMARY KEY, v int, w int)');
        const options = mysqlOptions(server, ['law']);
        const reader = mysqlReader(options);
        await client.query('INSERT INTO law VALUES (1, 1, 1)');
        await reader.until(
          'a row',
          () => reader.rows('shop.law').length === 1 && reader.last?.phase === 'stream',
        );
        await client.query('INSERT INTO law VALUES (2, 2, 2)');
        await reader.until('another', () => reader.rows('shop.law').length === 2);
        await reader.close();
        const last = reader.last as MysqlPosition;
        const failing = (position: MysqlPosition): Promise<unknown> => mysqlReader(options, position).fails();

        // MariaDB under another name is known by its binlog.
        const otherFile = server.flavor === 'mariadb' ? { fileBegan: 1 } : {};
        expect(await failing({ ...last, server: 'another', ...otherFile })).toMatchObject({
          code: 'RS-MY-011',
          kind: 'source-lost',
        });
        expect(
          await failing({ ...last, flavor: server.flavor === 'mysql' ? 'mariadb' : 'mysql' }),
        ).toMatchObject({ code: 'RS-MY-011' });
        const beyond = server.flavor === 'mysql' ? `${last.gtidSet!.split(':')[0]}:1-9999999` : '0-1-9999999';
        expect(await failing({ ...last, gtidSet: beyond })).toMatchObject({
          code: 'RS-MY-012',
          kind: 'source-lost',
        });
        expect(await failing({ ...last, place: { file: 'binlog.999999', offset: 4 } })).toMatchObject({
          code: 'RS-MY-033',
        });
        expect(await failing({ ...last, place: { ...last.place, offset: 1e12 } })).toMatchObject({
          code: 'RS-MY-033',
        });

        // Session settings that a preflight cannot see.
        const bad = async (set: string, change: string, code: string): Promise<void> => {
          const at = mysqlReader(options, last);
          await at.until('the stream', () => at.last !== null || at.error === null);
          const session = await server.client('shop');
          await session.query(set);
          await session.query(change);
          await session.end();
          expect(await at.fails()).toMatchObject({ code, kind: 'data' });
          // The stream beyond is for others.
          Object.assign(last, await now());
        };
        await bad("SET SESSION binlog_format = 'STATEMENT'", 'UPDATE law SET v = v + 1', 'RS-MY-023');
        await bad(
          "SET SESSION binlog_row_image = 'MINIMAL'",
          'INSERT INTO law (id) VALUES (50)',
          'RS-MY-027',
        );

        await client.query('FLUSH BINARY LOGS');
        await client.query('INSERT INTO law VALUES (60, 2, 2)');
        await client.query('FLUSH BINARY LOGS');
        const [files] = (await client.query('SHOW BINARY LOGS')) as unknown as [{ Log_name: string }[]];
        // A dump thread that has just ended may still hold its file.
        await until('the purge', async () => {
          await client.query(`PURGE BINARY LOGS TO '${files.at(-1)!.Log_name}'`);
          const [left] = (await client.query('SHOW BINARY LOGS')) as unknown as [unknown[]];
          return left.length === 1;
        });
        expect(await failing(last)).toMatchObject({ code: 'RS-MY-010', kind: 'source-lost' });

        const fresh = mysqlReader(options);
        await fresh.until('a new copy', () => fresh.last?.phase === 'stream');
        await fresh.close();
        await client.query((await server.statements()).resetBinlog);
        await client.query('INSERT INTO law VALUES (70, 2, 2)');
        const lost = await failing(fresh.last as MysqlPosition);
        expect(['RS-MY-012', 'RS-MY-033']).toContain((lost as { code: string }).code);
        expect(lost).toMatchObject({ kind: 'source-lost' });
      },
    );

    it.skipIf(missing)('tells what is missing and how to mend it', async () => {
      await client.query("CREATE USER 'reader'@'%' IDENTIFIED BY 'Secret-1'");
      await client.query(
        'CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (id int PRIMARY KEY, p int, FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE)',
      );
      const url = server.url.replace('root@', 'reader@');
      const options = mysqlOptions(server, ['parent', 'child'], { url, password: 'Secret-1' });
      const look = async (): Promise<string[]> => {
        const source = createMysqlSource(options);
        const findings = await source.preflight();
        await source.close();
        return findings
          .filter((finding) => finding.level !== 'ok')
          .map((finding) => `${finding.code} ${finding.fix}`);
      };
      const poor = await look();
      expect(poor.some((line) => line.startsWith('RS-MY-003 GRANT REPLICATION SLAVE ON *.*'))).toBe(true);
      expect(poor.some((line) => line.startsWith('RS-MY-008'))).toBe(true);
      await client.query(
        `GRANT REPLICATION SLAVE, ${server.flavor === 'mysql' ? 'REPLICATION CLIENT' : 'BINLOG MONITOR'} ON *.* TO 'reader'@'%'; GRANT SELECT ON shop.* TO 'reader'@'%'`,
      );
      await client.query("SET GLOBAL binlog_row_metadata = 'MINIMAL', GLOBAL binlog_row_image = 'MINIMAL'");
      const wrong = await look();
      await client.query("SET GLOBAL binlog_row_metadata = 'FULL', GLOBAL binlog_row_image = 'FULL'");
      expect(wrong.filter((line) => /^RS-MY-00[67] SET/.test(line)).length).toBe(2);
      const cascades = await look();
      // log_slave_updates is off in MariaDB, and this account may not ask whether that matters.
      expect(cascades.map((line) => line.slice(0, 9))).toEqual(
        server.flavor === 'mariadb'
          ? ['RS-MY-032', 'RS-MY-026']
          : (await server.version()) >= 90_600
            ? []
            : ['RS-MY-026'],
      );
      const source = createMysqlSource(options);
      const child = (await source.tables()).find((table) => table.name === 'child')!;
      expect(child.columns[1]!.references).toEqual({ namespace: 'shop', name: 'parent', column: 'id' });
      expect((await source.discover()).map(({ table }) => table.name)).toContain('numbers');
      const reader = mysqlReader(options);
      await reader.until('a copy with these privileges', () => reader.last?.phase === 'stream');
      await reader.close();
      await source.close();
      const denied = createMysqlSource({ ...options, password: 'wrong' });
      expect((await denied.preflight())[0]).toMatchObject({ code: 'RS-MY-002', level: 'error' });
      await denied.close();
    });

    it.skipIf(missing)('samples all over a large table', async () => {
      const options = mysqlOptions(server, ['k_int']);
      await client.query('ANALYZE TABLE wide, k_int');
      const source = createMysqlSource(options);
      const [table] = await source.tables();
      const run = await source.sample(table!, 100);
      expect(run.count).toBeGreaterThan(50);
      expect(run.cells.length).toBe(run.count * table!.columns.length);
      await source.close();
    });

    it.skipIf(missing)(
      'outlives a restart of the server as a lost connection, and takes silence for death',
      { timeout: 300_000 },
      async () => {
        const options = mysqlOptions(server, ['law']);
        const reader = mysqlReader(options);
        await reader.until('a copy', () => reader.last?.phase === 'stream');
        await client.end();
        await server.restart();
        client = await server.client('shop');
        expect(await reader.fails()).toMatchObject({ kind: 'transient' });
        const next = resumed(options, reader);
        await client.query('INSERT INTO law VALUES (80, 8, 8)');
        await next.until('a row after the restart', () =>
          next.rows('shop.law').some((row) => row[0] === '80'),
        );
        await next.close();
      },
    );

    async function place(): Promise<{ file: string; offset: number }> {
      const { position } = await now();
      return position;
    }

    async function now(): Promise<{
      gtidSet: string;
      place: { file: string; offset: number };
      position: { file: string; offset: number };
    }> {
      const [rows] = (await client.query((await server.statements()).binlogEnd)) as unknown as [
        { File: string; Position: string }[],
      ];
      const [gtid] = (await client.query(
        `SELECT ${server.flavor === 'mysql' ? '@@gtid_executed' : '@@gtid_binlog_pos'} AS g`,
      )) as unknown as [{ g: string }[]];
      const position = { file: rows[0]!.File, offset: Number(rows[0]!.Position) };
      return { gtidSet: gtid[0]!.g, place: position, position };
    }

    function past(at: MysqlPosition, end: { file: string; offset: number }): boolean {
      return at.place.file > end.file || (at.place.file === end.file && at.place.offset >= end.offset);
    }
  },
);
