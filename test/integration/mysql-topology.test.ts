import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createMysqlSource } from '../../connectors/sources/mysql/source.ts';
import type { MysqlPosition } from '../../src/model/position.ts';
import { inContainers, type MysqlRelease, startMysql, type TestMysql } from '../support/mysql.ts';
import { mysqlOptions, mysqlReader, resumed } from '../support/mysql-source.ts';
import { noMysql } from '../support/needs.ts';
import { freePort } from '../support/postgres.ts';
import { until } from '../support/project.ts';

/** Servers of one test, stopped after it. */
const running: TestMysql[] = [];

async function start(release: MysqlRelease, options: readonly string[] = []): Promise<TestMysql> {
  const server = await startMysql(release, options);
  running.push(server);
  return server;
}

async function run(
  server: TestMysql,
  ...statements: readonly string[]
): Promise<readonly Record<string, unknown>[]> {
  const client = await server.client();
  try {
    let rows: unknown = [];
    for (const statement of statements) [rows] = await client.query(statement);
    return rows as Record<string, unknown>[];
  } finally {
    await client.end();
  }
}

afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
});

const SHOP = ['CREATE DATABASE shop', 'CREATE TABLE shop.t (id int PRIMARY KEY, v varchar(40))'];

describe('failover with GTIDs', () => {
  it.skipIf(noMysql('mysql-9') || inContainers)(
    'MySQL: a replica goes on exactly, if it may and has everything',
    { timeout: 300_000 },
    async () => {
      const primary = await start('mysql-9', ['--server-id=1']);
      const replica = await start('mysql-9', ['--server-id=2']);
      await run(
        primary,
        "CREATE USER 'copy'@'127.0.0.1' IDENTIFIED BY ''",
        "GRANT REPLICATION SLAVE ON *.* TO 'copy'@'127.0.0.1'",
        ...SHOP,
        "INSERT INTO shop.t VALUES (1, 'before')",
      );
      await run(
        replica,
        `CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT=${primary.port}, SOURCE_USER='copy', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1`,
        'START REPLICA',
      );
      const options = mysqlOptions(primary, ['t']);
      const reader = mysqlReader(options);
      await reader.until('the copy', () => reader.last?.phase === 'stream');
      await run(primary, "INSERT INTO shop.t VALUES (2, 'from the primary')");
      await reader.until('a row', () => reader.rows('shop.t').length === 2);
      await reader.close();
      await run(
        primary,
        "INSERT INTO shop.t VALUES (3, 'not read before the failover')",
        'FLUSH BINARY LOGS',
      );
      const [{ g }] = (await run(primary, 'SELECT @@gtid_executed AS g')) as [{ g: string }];
      await until('the replica has it', async () => {
        const [{ there }] = (await run(replica, `SELECT GTID_SUBSET('${g}', @@gtid_executed) AS there`)) as [
          { there: number },
        ];
        return Number(there) === 1;
      });
      await primary.stop();
      await run(replica, 'STOP REPLICA', "INSERT INTO shop.t VALUES (4, 'from the new primary')");
      const [{ uuid }] = (await run(replica, 'SELECT @@server_uuid AS uuid')) as [{ uuid: string }];
      // Not without being asked.
      const elsewhere = { ...options, url: replica.url };
      expect(await mysqlReader(elsewhere, reader.last).fails()).toMatchObject({
        code: 'RS-MY-011',
        kind: 'source-lost',
      });
      const accepted = { ...elsewhere, acceptServers: [uuid] };
      const after = resumed(accepted, reader);
      await after.until(
        'what the old primary wrote last, and the new one',
        () => after.rows('shop.t').length === 4,
      );
      expect(after.rows('shop.t').map((row) => row[1])).toEqual([
        'before',
        'from the primary',
        'not read before the failover',
        'from the new primary',
      ]);
      expect(after.lines.filter((line) => line === 'snapshot begin t').length).toBe(1);
      expect((after.last as MysqlPosition).server).toBe(uuid);
      await after.close();
      // A server that lost a transaction that was sealed is no successor.
      const lost = {
        ...(after.last as MysqlPosition),
        gtidSet: `${(after.last as MysqlPosition).gtidSet},aaaaaaaa-0000-4000-8000-000000000001:1`,
      };
      expect(await mysqlReader(accepted, lost).fails()).toMatchObject({ code: 'RS-MY-012' });
    },
  );

  it.skipIf(noMysql('mariadb-11') || inContainers)(
    'MariaDB: the same, by its own positions',
    { timeout: 300_000 },
    async () => {
      const primary = await start('mariadb-11', ['--server-id=1']);
      const replica = await start('mariadb-11', ['--server-id=2', '--log-slave-updates=ON']);
      await run(
        primary,
        "CREATE USER 'copy'@'127.0.0.1' IDENTIFIED BY ''",
        "GRANT REPLICATION SLAVE ON *.* TO 'copy'@'127.0.0.1'",
        ...SHOP,
      );
      await run(
        replica,
        `CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=${primary.port}, MASTER_USER='copy', MASTER_USE_GTID=slave_pos, MASTER_SSL=0`,
        'START SLAVE',
      );
      const options = mysqlOptions(primary, ['t']);
      const reader = mysqlReader(options);
      await reader.until('the copy', () => reader.last?.phase === 'stream');
      await run(primary, "INSERT INTO shop.t VALUES (1, 'one')");
      await reader.until('a row', () => reader.rows('shop.t').length === 1);
      await reader.close();
      await run(primary, "INSERT INTO shop.t VALUES (2, 'two')");
      await until('the replica has it', async () => {
        const rows = await run(replica, 'SELECT COUNT(*) AS n FROM shop.t').catch(() => [{ n: 0 }]);
        return Number(rows[0]!['n']) === 2;
      });
      await run(replica, 'STOP SLAVE', "INSERT INTO shop.t VALUES (3, 'three')");
      const [{ uid }] = (await run(replica, 'SELECT @@server_uid AS uid')) as [{ uid: string }];
      const elsewhere = { ...options, url: replica.url };
      expect(await mysqlReader(elsewhere, reader.last).fails()).toMatchObject({ code: 'RS-MY-011' });
      const after = resumed({ ...elsewhere, acceptServers: [uid] }, reader);
      await after.until('all rows', () => after.rows('shop.t').length === 3);
      await after.close();
    },
  );
});

it.skipIf(noMysql('mysql-9'))('GTIDs with tags are followed and resumed', { timeout: 300_000 }, async () => {
  const server = await start('mysql-9');
  await run(server, ...SHOP, "INSERT INTO shop.t VALUES (1, 'plain')");
  const options = mysqlOptions(server, ['t']);
  let reader = mysqlReader(options);
  await reader.until('the copy', () => reader.last?.phase === 'stream');
  await run(
    server,
    "SET gtid_next = 'AUTOMATIC:tag_one'",
    "INSERT INTO shop.t VALUES (2, 'tagged')",
    "SET gtid_next = 'AUTOMATIC:other'",
    "INSERT INTO shop.t VALUES (3, 'tagged too')",
  );
  await reader.until('two rows', () => reader.rows('shop.t').length === 3);
  await reader.close();
  expect((reader.last as MysqlPosition).gtidSet).toMatch(/:other:1:tag_one:1$/);
  reader = resumed(options, reader);
  await run(server, "INSERT INTO shop.t VALUES (4, 'after')");
  await reader.until('one row', () => reader.rows('shop.t').length === 4);
  expect(reader.transactions.filter((id) => id !== 'snapshot').length).toBe(1);
  await reader.close();
});

it.skipIf(noMysql('mysql-9'))(
  'without GTIDs the place in the file decides',
  { timeout: 300_000 },
  async () => {
    const server = await start('mysql-9', [
      '--gtid-mode=OFF',
      '--enforce-gtid-consistency=OFF',
      '--max-binlog-size=4096',
    ]);
    await run(server, ...SHOP, "INSERT INTO shop.t VALUES (1, 'copied')", 'CREATE TABLE shop.bag (i int)');
    const options = mysqlOptions(server, ['t']);
    const keyless = createMysqlSource(mysqlOptions(server, ['bag']));
    expect(
      (await keyless.preflight()).some(
        (finding) => finding.level === 'error' && finding.code === 'RS-MY-031',
      ),
    ).toBe(true);
    await keyless.close();
    let reader = mysqlReader(options);
    await reader.until('the copy', () => reader.last?.phase === 'stream');
    for (let i = 2; i <= 60; i++) {
      await run(server, `INSERT INTO shop.t VALUES (${i}, REPEAT('x', 40))`);
      if (i % 15 !== 0) continue;
      await reader.until('the rows so far', () => reader.rows('shop.t').length === i);
      await reader.close();
      reader = resumed(options, reader);
    }
    await reader.until('all rows', () => reader.rows('shop.t').length === 60);
    const last = reader.last as MysqlPosition;
    expect(last.gtidSet).toBeNull();
    expect(Number(last.place.file.split('.')[1])).toBeGreaterThan(2);
    await reader.close();
    const [files] = [await run(server, 'FLUSH BINARY LOGS', 'SHOW BINARY LOGS')];
    await until('the purge', async () => {
      await run(server, `PURGE BINARY LOGS TO '${String(files.at(-1)!['Log_name'])}'`);
      return (await run(server, 'SHOW BINARY LOGS')).length === 1;
    });
    expect(await mysqlReader(options, last).fails()).toMatchObject({ code: 'RS-MY-010' });
  },
);

it.skipIf(noMysql('mysql-9') || inContainers)(
  'TLS: verified with an authority, refused without; passwords over caching_sha2',
  { timeout: 300_000 },
  async () => {
    const server = await start('mysql-9');
    await run(
      server,
      ...SHOP,
      "CREATE USER 'tls'@'%' IDENTIFIED WITH caching_sha2_password BY 'Secret-1' REQUIRE SSL",
      "GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO 'tls'@'%'",
      "GRANT SELECT ON shop.* TO 'tls'@'%'",
    );
    const [{ dir }] = (await run(server, 'SELECT @@datadir AS dir')) as [{ dir: string }];
    const ca = await readFile(join(dir, 'ca.pem'), 'utf8');
    const options = mysqlOptions(server, ['t'], {
      url: server.url.replace('root@', 'tls@'),
      password: 'Secret-1',
      tlsCa: ca,
    });
    const reader = mysqlReader({ ...options, tlsMode: 'verify-ca' });
    await reader.until('the copy', () => reader.last?.phase === 'stream');
    await run(server, "INSERT INTO shop.t VALUES (1, 'over TLS')");
    await reader.until('a row', () => reader.rows('shop.t').length === 1);
    await reader.close();
    const look = async (more: Partial<typeof options>): Promise<string | null> => {
      const source = createMysqlSource({ ...options, ...more });
      const [first] = await source.preflight();
      await source.close();
      return first!.code;
    };
    expect(await look({ tlsMode: 'verify-ca', tlsCa: null })).toBe('RS-MY-017');
    expect(await look({ tlsMode: 'disable' })).toBe('RS-MY-002');
    expect(await look({ tlsMode: 'verify-full' })).toBe('RS-MY-021');
    // The certificate that the server made for itself names no host.
    expect(await look({ tlsMode: 'verify-full', url: options.url.replace('127.0.0.1', 'localhost') })).toBe(
      'RS-MY-017',
    );
    expect(await look({ tlsMode: 'require', url: 'mysql://tls@127.0.0.1:1' })).toBe('RS-MY-001');
  },
);

it.skipIf(noMysql('mariadb-11') || inContainers)(
  'a server that falls silent is given up, and a second reader of the same number told',
  { timeout: 300_000 },
  async () => {
    const server = await start('mariadb-11');
    await run(server, ...SHOP);
    const options = mysqlOptions(server, ['t'], { heartbeatMs: 300 });
    const reader = mysqlReader(options);
    await reader.until('the copy', () => reader.last?.phase === 'stream');
    // Heartbeats keep it alive for longer than three of them.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(reader.error).toBeNull();
    const second = mysqlReader(options, reader.last);
    const first = await reader.fails();
    expect(['RS-MY-022', 'RS-MY-016']).toContain((first as { code: string }).code);
    server.freeze(true);
    try {
      await until('an error', () => second.error !== null);
    } finally {
      server.freeze(false);
    }
    expect(second.error).toMatchObject({ code: 'RS-MY-019', kind: 'transient' });
    await second.close();
  },
);

it.skipIf(noMysql('mariadb-11') || inContainers)(
  'MariaDB under another server_uid over the same data is the same server',
  { timeout: 300_000 },
  async () => {
    const server = await start('mariadb-11');
    await run(server, ...SHOP, "INSERT INTO shop.t VALUES (1, 'before')");
    const options = mysqlOptions(server, ['t']);
    const reader = mysqlReader(options);
    await reader.until('the copy', () => reader.last?.phase === 'stream');
    await run(server, "INSERT INTO shop.t VALUES (2, 'before')");
    await reader.until('a row', () => reader.rows('shop.t').length === 2);
    await reader.close();
    const last = reader.last as MysqlPosition;
    await run(server, "INSERT INTO shop.t VALUES (3, 'meanwhile')");
    // The port is part of it, as the network address is.
    const port = await freePort();
    await server.restart([`--port=${port}`]);
    const elsewhere = { ...options, url: `mysql://root@127.0.0.1:${port}` };
    const after = resumed(elsewhere, reader);
    await after.until('the row', () => after.rows('shop.t').length === 3);
    await after.close();
    expect((after.last as MysqlPosition).server).not.toBe(last.server);
    for (const other of [
      { ...last, fileBegan: last.fileBegan! - 1 },
      { ...last, gtidSet: '0-1-1' },
      { ...last, place: { ...last.place, file: 'binlog.000099' } },
    ])
      expect(await mysqlReader(elsewhere, other).fails()).toMatchObject({ code: 'RS-MY-011' });
  },
);

for (const release of ['mysql-9', 'mariadb-10', 'mariadb-11'] as const)
  it.skipIf(noMysql(release))(
    `${release}: a binlog begun anew is told, also when it has grown past the place that was read`,
    { timeout: 300_000 },
    async () => {
      const server = await start(release);
      await run(server, ...SHOP, "INSERT INTO shop.t VALUES (1, 'before')");
      const options = mysqlOptions(server, ['t']);
      const reader = mysqlReader(options);
      await reader.until('the copy', () => reader.last?.phase === 'stream');
      await run(server, "INSERT INTO shop.t VALUES (2, 'before')");
      await reader.until('a row', () => reader.rows('shop.t').length === 2);
      await reader.close();
      const same = resumed(options, reader);
      await run(server, "INSERT INTO shop.t VALUES (3, 'before')");
      await same.until('a row', () => same.rows('shop.t').length === 3);
      await same.close();
      expect((same.last as MysqlPosition).fileBegan).toBeGreaterThan(1_600_000_000);
      await new Promise((resolve) => setTimeout(resolve, 1_100));
      await run(server, (await server.statements()).resetBinlog);
      const inserts = Array.from({ length: 60 }, (_, i) => `INSERT INTO shop.t VALUES (${100 + i}, 'after')`);
      await run(
        server,
        'FLUSH BINARY LOGS',
        ...inserts,
        'FLUSH BINARY LOGS',
        "INSERT INTO shop.t VALUES (4, 'x')",
      );
      expect(await mysqlReader(options, same.last).fails()).toMatchObject({
        code: 'RS-MY-033',
        kind: 'source-lost',
      });
    },
  );

it.skipIf(noMysql('mysql-9'))(
  'a copy goes on behind its last key after another policy or key only from the beginning',
  { timeout: 300_000 },
  async () => {
    const server = await start('mysql-9');
    const values = Array.from({ length: 3000 }, (_, i) => `(${i}, 'v')`).join();
    await run(server, ...SHOP, `INSERT INTO shop.t VALUES ${values}`);
    const options = mysqlOptions(server, ['t']);
    const reader = mysqlReader(options);
    await reader.until('the copy', () => reader.last?.phase === 'stream');
    await reader.close();
    const last = (reader.positions as MysqlPosition[]).find((position) => position.copied !== null)!;
    const goesOn = mysqlReader(options, last);
    await goesOn.until('the rest', () => goesOn.last?.phase === 'stream');
    expect(goesOn.lines).not.toContain('snapshot begin t');
    await goesOn.close();
    const refused = {
      ...options,
      positionSeal: { seal: (_: unknown, text: string) => text, open: () => null },
    };
    const anew = mysqlReader(refused, last);
    await anew.until('all of it', () => anew.last?.phase === 'stream');
    expect(anew.lines).toEqual(['snapshot begin t', 'snapshot end t']);
    expect(anew.rows('shop.t').length).toBe(3000);
    await anew.close();
  },
);
