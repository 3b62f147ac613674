import type { Socket } from 'node:net';
import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMysqlSource } from '../../connectors/sources/mysql/source.ts';
import type { MirrorReader } from '../support/mirror-reader.ts';
import { type MysqlRelease, startMysql, type TestMysql } from '../support/mysql.ts';
import { mysqlOptions, mysqlReader } from '../support/mysql-source.ts';
import { noMysql } from '../support/needs.ts';
import { until } from '../support/project.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { UnreliableProxy } from '../support/unreliable-proxy.ts';

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

/** For 3 seconds the next commit is in the binlog and not visible: no replica answers. */
async function delayCommits(server: TestMysql, client: Connection): Promise<void> {
  const role = server.flavor === 'mysql' ? 'source' : 'master';
  if (server.flavor === 'mysql')
    await client.query("INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so'").catch(() => {});
  await client.query(
    `SET GLOBAL rpl_semi_sync_${role}_enabled = OFF; SET GLOBAL rpl_semi_sync_${role}_wait_point = 'AFTER_SYNC'; SET GLOBAL rpl_semi_sync_${role}_timeout = 3000; SET GLOBAL rpl_semi_sync_${role}_enabled = ON`,
  );
}

/** A transaction that the stream tells before a SELECT sees it. */
async function copyUnderDelayedCommit(
  server: TestMysql,
  client: Connection,
  name: string,
  { bag, flush }: { readonly bag: boolean; readonly flush: boolean },
): Promise<void> {
  const [now, next] = [`${name}_now`, `${name}_next`];
  await client.query(
    `CREATE TABLE ${now} (id int PRIMARY KEY, v varchar(10)); CREATE TABLE ${next} LIKE ${now}; CREATE TABLE ${name}_bag (v int);
     INSERT INTO ${now} SELECT n, 'old' FROM numbers; INSERT INTO ${name}_bag VALUES (1)`,
  );
  // With no more than the rights that the documentation asks for.
  const url = server.url.replace('root@', 'reader@');
  const monitor = server.flavor === 'mysql' ? 'REPLICATION CLIENT' : 'BINLOG MONITOR';
  await client.query(
    `CREATE USER IF NOT EXISTS 'reader'@'%' IDENTIFIED BY ''; GRANT REPLICATION SLAVE, ${monitor} ON *.* TO 'reader'@'%'; GRANT SELECT ON shop.* TO 'reader'@'%'`,
  );
  const reader = mysqlReader(mysqlOptions(server, [now, ...(bag ? [`${name}_bag`] : []), next], { url }));
  const release = await heldInCopy(reader);
  await delayCommits(server, client);
  const writer = await server.client('shop');
  const written = writer.query(
    `BEGIN; UPDATE ${now} SET v = 'new' WHERE id = 2900; DELETE FROM ${now} WHERE id = 2901; INSERT INTO ${next} VALUES (1, 'new'); INSERT INTO ${name}_bag VALUES (2); COMMIT`,
  );
  await new Promise((resolve) => setTimeout(resolve, 500));
  const flusher = await server.client('shop');
  const flushed = flush ? flusher.query('FLUSH BINARY LOGS') : null;
  await new Promise((resolve) => setTimeout(resolve, 300));
  release();
  await written;
  await flushed;
  await flusher.end();
  await writer.query(`INSERT INTO ${next} VALUES (2, 'last')`);
  await writer.end();
  await copied(reader);
  await reader.until('the last row', () => reader.rows(`shop.${next}`).some((row) => row[1] === 'last'));
  const rows = new Map(reader.rows(`shop.${now}`).map((row) => [row[0], row[1]]));
  expect([rows.get('2900'), rows.has('2901'), rows.size]).toEqual(['new', false, 2999]);
  expect(reader.rows(`shop.${next}`)).toEqual([
    ['1', 'new'],
    ['2', 'last'],
  ]);
  if (bag) expect(reader.rows(`shop.${name}_bag`)).toEqual([['1'], ['2']]);
  await reader.close();
}

const COM_BINLOG_DUMP = 0x12;
const COM_BINLOG_DUMP_GTID = 0x1e;

/** Can let the binlog come later than the answers of other connections. */
class LateBinlog extends TcpProxy {
  #dump: { readonly client: Socket; readonly server: Socket } | null = null;

  holdBack(): void {
    const { client, server } = this.#dump!;
    server.unpipe(client);
  }

  letGo(): void {
    const { client, server } = this.#dump!;
    server.pipe(client);
  }

  protected override join(client: Socket, server: Socket): void {
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const)
      one.on('error', () => other.destroy()).on('close', () => other.destroy());
    client.on('data', (chunk: Buffer) => {
      const command = chunk[3] === 0 ? chunk[4] : undefined;
      if (command === COM_BINLOG_DUMP || command === COM_BINLOG_DUMP_GTID) this.#dump = { client, server };
      server.write(chunk);
    });
    server.pipe(client);
  }
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

    it.skipIf(missing)('copies nothing that is older than what the stream has told', async () => {
      await copyUnderDelayedCommit(server, client, 'told', { bag: true, flush: false });
    });

    it.skipIf(missing)('nor when a new binlog file is begun meanwhile', async () => {
      await copyUnderDelayedCommit(server, client, 'flushed', { bag: false, flush: true });
    });

    it.skipIf(missing)(
      'nor a view when the stream has not told yet what waits in the file before',
      async () => {
        await client.query(
          'CREATE TABLE early_bag (v int); CREATE TABLE late_bag (v int); INSERT INTO early_bag VALUES (1); INSERT INTO late_bag VALUES (1)',
        );
        const proxy = new LateBinlog(server.host, server.port);
        const url = `mysql://root@127.0.0.1:${await proxy.listen()}`;
        const reader = mysqlReader(mysqlOptions(server, ['early_bag', 'late_bag'], { url }));
        const release = await heldInCopy(reader);
        proxy.holdBack();
        await delayCommits(server, client);
        const [writer, flusher] = [await server.client('shop'), await server.client('shop')];
        const written = writer.query('INSERT INTO late_bag VALUES (2)');
        await new Promise((resolve) => setTimeout(resolve, 500));
        const flushed = flusher.query('FLUSH BINARY LOGS');
        await new Promise((resolve) => setTimeout(resolve, 300));
        release();
        await new Promise((resolve) => setTimeout(resolve, 1_000));
        proxy.letGo();
        await Promise.all([written, flushed]);
        await writer.query('INSERT INTO late_bag VALUES (3)');
        await Promise.all([writer.end(), flusher.end()]);
        await copied(reader);
        await reader.until('the last row', () => reader.rows('shop.late_bag').some((row) => row[0] === '3'));
        expect(reader.rows('shop.late_bag')).toEqual([['1'], ['2'], ['3']]);
        await reader.close();
        await proxy.close();
      },
    );

    it.skipIf(missing)('sees an XA transaction that is committed while a view is open', async () => {
      await client.query('CREATE TABLE xa_bag (v int); INSERT INTO xa_bag VALUES (1)');
      const reader = mysqlReader(mysqlOptions(server, ['xa_bag']));
      const release = Promise.withResolvers<void>();
      reader.pause(release.promise);
      await reader.until('the beginning', () => reader.last !== null);
      const writer = await server.client('shop');
      await writer.query("XA START 'x'; INSERT INTO xa_bag VALUES (2); XA END 'x'; XA PREPARE 'x'");
      await delayCommits(server, client);
      const committed = writer.query("XA COMMIT 'x'");
      await new Promise((resolve) => setTimeout(resolve, 500));
      release.resolve();
      await committed;
      await writer.query('INSERT INTO xa_bag VALUES (3)');
      await writer.end();
      await copied(reader);
      await reader.until('the last row', () => reader.rows('shop.xa_bag').some((row) => row[0] === '3'));
      expect(reader.rows('shop.xa_bag')).toEqual([['1'], ['2'], ['3']]);
      await reader.close();
    });

    it.skipIf(missing)('a stop does not wait for a lock that the copy waits for', async () => {
      await client.query('CREATE TABLE locked (id int PRIMARY KEY); CREATE TABLE locked_bag (v int)');
      const holder = await server.client('shop');
      await holder.query('LOCK TABLES locked WRITE, locked_bag WRITE');
      for (const table of ['locked', 'locked_bag']) {
        const reader = mysqlReader(mysqlOptions(server, [table]));
        await reader.until('the beginning', () => reader.last !== null);
        await new Promise((resolve) => setTimeout(resolve, 1_000));
        let closed = false;
        void reader.close().then(() => {
          closed = true;
        });
        await until('the stop', () => closed, 10_000);
        expect(reader.error).toBeNull();
      }
      await holder.end();
    });

    it.skipIf(missing)('a server that falls silent in the middle of a chunk is given up', async () => {
      await client.query('CREATE TABLE silent (id int PRIMARY KEY)');
      const holder = await server.client('shop');
      await holder.query('LOCK TABLES silent WRITE');
      const proxy = new UnreliableProxy(server.host, server.port);
      const url = `mysql://root@127.0.0.1:${await proxy.listen()}`;
      const reader = mysqlReader(mysqlOptions(server, ['silent'], { url, heartbeatMs: 300 }));
      await reader.until('the beginning', () => reader.last !== null);
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      proxy.freeze();
      await until('an error', () => reader.error !== null, 10_000);
      expect(reader.error).toMatchObject({ code: 'RS-MY-019', kind: 'transient' });
      await reader.close();
      await proxy.close();
      await holder.end();
    });

    it.skipIf(missing)('begins a table again whose key is altered under its copy', async () => {
      await client.query(
        "CREATE TABLE keyed (id int, created_at datetime NOT NULL, PRIMARY KEY (id)); INSERT INTO keyed SELECT n, '2026-01-01' FROM numbers",
      );
      const reader = mysqlReader(mysqlOptions(server, ['keyed']));
      const release = await heldInCopy(reader);
      // The next chunk is asked for before the stream can tell of the ALTER.
      const holder = await server.client('shop');
      await holder.query('LOCK TABLES keyed WRITE');
      release();
      await new Promise((resolve) => setTimeout(resolve, 500));
      await holder.query('ALTER TABLE keyed DROP PRIMARY KEY, ADD PRIMARY KEY (id, created_at)');
      await holder.query("INSERT INTO keyed VALUES (5000, '2026-01-02'); UNLOCK TABLES");
      await holder.end();
      await reader.until('the row behind', () => reader.rows('shop.keyed').some((row) => row[0] === '5000'));
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

describe('mysql-9 without GTIDs', () => {
  const missing = noMysql('mysql-9');
  let server: TestMysql;
  let client: Connection;

  beforeAll(async () => {
    if (missing) return;
    const options = ['--gtid-mode=OFF', '--enforce-gtid-consistency=OFF'];
    ({ server, client } = await serve('mysql-9', options));
  });

  afterAll(async () => {
    await client?.end();
    await server?.stop();
  });

  it.skipIf(missing)('a copy waits for rows that are being committed', async () => {
    await copyUnderDelayedCommit(server, client, 'told', { bag: false, flush: false });
  });

  it.skipIf(missing)('the stream goes on while a row that is to be copied is locked', async () => {
    await client.query(
      "CREATE TABLE beside (id int PRIMARY KEY); CREATE TABLE busy (id int PRIMARY KEY, v varchar(10)); INSERT INTO busy SELECT n, 'old' FROM numbers",
    );
    const holder = await server.client('shop');
    await holder.query("BEGIN; UPDATE busy SET v = 'new' WHERE id = 5; DELETE FROM busy WHERE id = 6");
    const reader = mysqlReader(mysqlOptions(server, ['beside', 'busy']));
    await reader.until('the copy', () => reader.lines.includes('snapshot begin busy'));
    for (const id of [1, 2, 3]) {
      await client.query(`INSERT INTO beside VALUES (${id})`);
      await reader.until('the row', () => reader.rows('shop.beside').length === id, 5_000);
    }
    // Nor does a lock of the copy hold others for long.
    await client.query('SET SESSION innodb_lock_wait_timeout = 5');
    await client.query("UPDATE busy SET v = 'newer' WHERE id = 4; INSERT INTO busy VALUES (0, 'first')");
    await holder.query('COMMIT');
    await holder.end();
    await copied(reader);
    await reader.until('the last rows', () => reader.rows('shop.busy').some((row) => row[1] === 'first'));
    const rows = new Map(reader.rows('shop.busy').map((row) => [row[0], row[1]]));
    expect([rows.size, rows.get('4'), rows.get('5'), rows.has('6')]).toEqual([3000, 'newer', 'new', false]);
    expect(reader.error).toBeNull();
    await reader.close();
  });
});

it.skipIf(noMysql('mariadb-11'))(
  'names are those of the server where it does not tell upper from lower case',
  async () => {
    const { server, client } = await serve('mariadb-11', ['--lower-case-table-names=1']);
    try {
      await client.query('CREATE TABLE Orders (id int PRIMARY KEY, v int); INSERT INTO Orders VALUES (1, 1)');
      const typed = mysqlOptions(server, [], { tables: [{ namespace: 'Shop', name: 'Orders' }] });
      const source = createMysqlSource(typed);
      await expect(source.tables()).rejects.toMatchObject({
        code: 'RS-MY-008',
        detail: expect.stringContaining('shop.orders'),
      });
      expect(await source.preflight()).toContainEqual(
        expect.objectContaining({ code: 'RS-MY-008', fix: expect.stringContaining('shop.orders') }),
      );
      await source.close();
      const reader = mysqlReader(mysqlOptions(server, ['orders']));
      await copied(reader);
      await client.query('TRUNCATE TABLE Orders; INSERT INTO ORDERS VALUES (2, 2)');
      await client.query('ALTER TABLE Orders ADD w int NOT NULL DEFAULT 7');
      await client.query('INSERT INTO Orders VALUES (3, 3, 3)');
      await reader.until('the copy after the ALTER', () => reader.rows('shop.orders').length === 2);
      await copied(reader);
      expect(reader.rows('shop.orders')).toEqual([
        ['2', '2', '7'],
        ['3', '3', '3'],
      ]);
      await client.query('DROP DATABASE Shop');
      await reader.until('no rows', () => reader.rows('shop.orders').length === 0);
      expect(reader.lines.filter((line) => line === 'truncate orders').length).toBe(2);
      await reader.close();
    } finally {
      await client.end();
      await server.stop();
    }
  },
);
