import { afterEach, describe, expect, it } from 'vitest';
import {
  expectMirrorEqualsSource,
  mysqlShop,
  runToTheEnd,
  shopProject,
  verify,
} from '../support/gap-shop.ts';
import { mysqlOptions, mysqlReader } from '../support/mysql-source.ts';
import { noMysql } from '../support/needs.ts';
import { readStatus, type TestProject, until } from '../support/project.ts';
import { RowsealProcess } from '../support/rowseal-process.ts';

let project: TestProject | null = null;
let shop: Awaited<ReturnType<typeof mysqlShop>> | null = null;

afterEach(async () => {
  await shop?.stop();
  await project?.remove();
  project = null;
});

/** Makes MariaDB log the rows of a transaction although it is rolled back. */
const CANNOT_ROLL_BACK = 'CREATE TEMPORARY TABLE scratch (i int); DROP TEMPORARY TABLE scratch';

/** About 2 MiB of rows. */
const bulk = (from: number, v: string): string =>
  `INSERT INTO shop.t SELECT ${from} + seq, '${v}', CONCAT('p', seq, '@example.com') FROM seq_1_to_40000`;

describe.each(['mariadb-10', 'mariadb-11'] as const)('%s', (release) => {
  it.skipIf(noMysql(release))(
    'large transactions that take rows back arrive without them',
    { timeout: 300_000 },
    async () => {
      shop = await mysqlShop(release);
      project = await shopProject(shop);
      await runToTheEnd(shop, project);
      const run = new RowsealProcess(['run', '--config', project.configFile]);
      await until('it streams', async () => (await readStatus(project!))?.['state'] === 'streaming');
      const client = await shop.server.client('shop');
      await client.query(`BEGIN; ${bulk(100_000, 'gone')}; ${CANNOT_ROLL_BACK}; ROLLBACK`);
      await client.query(
        `BEGIN; INSERT INTO t VALUES (5000, 'kept', 'k@example.com'); SAVEPOINT one; ${bulk(200_000, 'undone')};
         ${CANNOT_ROLL_BACK}; ROLLBACK TO one; ${bulk(300_000, 'kept')}; SAVEPOINT two; DELETE FROM t WHERE id > 310000;
         ROLLBACK TO two; UPDATE t SET v = 'last' WHERE id = 5000; COMMIT`,
      );
      await client.query("INSERT INTO t VALUES (6000, 'behind it', 'b@example.com')");
      await client.end();
      await until(
        'each was read again',
        () => (run.output.match(/RS-MY-024/g) ?? []).length >= 2,
        240_000,
      ).catch((error: unknown) => {
        throw new Error(`${String(error)}\n${run.output.slice(-3_000)}`);
      });
      expect((await run.terminate()).code).toBe(0);
      await runToTheEnd(shop, project);
      await expectMirrorEqualsSource(shop, project);
      const { code, problems } = await verify(project);
      expect([code, problems]).toEqual([0, []]);
    },
  );

  it.skipIf(noMysql(release))(
    'a copy misses no row that a transaction named and took back',
    { timeout: 300_000 },
    async () => {
      shop = await mysqlShop(release);
      const client = await shop.server.client('shop');
      await client.query(bulk(10_000, 'copied'));
      let working = true;
      let rollbacks = 0;
      const work = (async () => {
        while (working) {
          const id = 10_000 + ((rollbacks * 977) % 40_000);
          await client.query(
            `BEGIN; UPDATE t SET v = 'undone' WHERE id BETWEEN ${id} AND ${id + 300}; ${CANNOT_ROLL_BACK}; ROLLBACK`,
          );
          rollbacks++;
        }
      })();
      const reader = mysqlReader(mysqlOptions(shop.server, ['t']));
      // Of the 2 MiB it has one batch at most before it goes on among them.
      reader.pause(until('some rollbacks', () => rollbacks > 10));
      await reader.until('the copy', () => reader.last?.phase === 'stream');
      working = false;
      await work;
      await client.end();
      expect(rollbacks).toBeGreaterThan(10);
      const expected = (await shop.rows('SELECT id, v, email FROM shop.t')).map(String).sort();
      expect(reader.rows('shop.t').map(String).sort()).toEqual(expected);
      await reader.close();
    },
  );
});
