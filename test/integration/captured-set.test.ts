import { createHash } from 'node:crypto';
import { afterEach, expect, it } from 'vitest';
import {
  expectMirrorEqualsSource,
  type GapShop,
  mysqlShop,
  postgresShop,
  runToTheEnd,
  SHOP_MASK,
  shopProject,
  verify,
} from '../support/gap-shop.ts';
import { noMysql, noPostgres } from '../support/needs.ts';
import type { TestProject } from '../support/project.ts';
import { queryWarehouse } from '../support/warehouse.ts';

let shop: GapShop | null = null;
let project: TestProject | null = null;

afterEach(async () => {
  await shop?.stop();
  await project?.remove();
});

/** Rows wide enough to be kept out of line, so that Postgres sends them as unchanged. */
const WIDE = Array.from({ length: 200 }, (_, i) => createHash('md5').update(`${i}`).digest('hex')).join('');

async function throughTheSets(made: GapShop, publish: (tables: readonly string[]) => Promise<void>) {
  shop = made;
  const both = [...made.tables, 'shop.later'];
  await made.run(
    'CREATE TABLE shop.later (id int PRIMARY KEY, v text, n int)',
    `INSERT INTO shop.later VALUES (1, '${WIDE}', 0), (2, 'old', 0), (3, 'old', 0)`,
  );
  project = await shopProject(made);
  await runToTheEnd(made, project);
  const capture = async (tables: readonly string[]): Promise<string> => {
    const mask = Object.fromEntries(Object.entries(SHOP_MASK).filter(([name]) => tables.includes(name)));
    await project!.configure({
      source: {
        type: made.url.startsWith('mysql:') ? 'mysql' : 'postgres',
        url: made.url,
        tables,
        idle_interval_ms: 300,
      },
      mask: { key: { file: 'mask.key' }, domains: { email: { method: 'token' } }, tables: mask },
    });
    return (await runToTheEnd(made, project!)).output;
  };
  // Added: its old rows come too, also those that were changed between the publication and the start.
  await publish(both);
  await made.run(
    'UPDATE shop.later SET n = 1 WHERE id = 1',
    "UPDATE shop.later SET v = 'changed' WHERE id = 2",
    'DELETE FROM shop.later WHERE id = 3',
    "INSERT INTO shop.later VALUES (4, 'new', 0)",
    "UPDATE shop.t SET v = 'beside it' WHERE id = 4",
  );
  expect(await capture(both)).toContain('shop.later is captured from now on, and copied first');
  await expectMirrorEqualsSource(made, project, both);
  // Only that table was copied.
  expect(await copies('t')).toEqual([['1']]);
  expect(await copies('later')).toEqual([['1']]);
  await made.run("INSERT INTO shop.later VALUES (5, 'streamed', 0)");
  await runToTheEnd(made, project);
  await expectMirrorEqualsSource(made, project, both);
  // Left out and taken in again: what it went through meanwhile is not in the stream.
  expect(await capture(made.tables)).toContain('shop.later is captured no longer');
  await made.run('DELETE FROM shop.later WHERE id = 1', "UPDATE shop.later SET v = 'unseen' WHERE id = 5");
  await runToTheEnd(made, project);
  expect(await capture(both)).toContain('shop.later is captured from now on');
  await expectMirrorEqualsSource(made, project, both);
  expect(await copies('later')).toEqual([['2']]);
  const { code, problems } = await verify(project);
  expect([code, problems]).toEqual([0, []]);
}

function copies(table: string): Promise<readonly (readonly (string | null)[])[]> {
  return queryWarehouse(
    project!.warehouseFile,
    `SELECT count(*) FROM shop.${table}__history WHERE _rowseal_op = 's'`,
  );
}

for (const release of ['mysql-9', 'mariadb-11'] as const)
  it.skipIf(noMysql(release))(
    `${release}: a table that is captured later, or again, is copied first`,
    { timeout: 300_000 },
    async () => {
      await throughTheSets(await mysqlShop(release), async () => {});
    },
  );

it.skipIf(noPostgres(18))(
  'Postgres: a table that is captured later, or again, is copied first',
  { timeout: 300_000 },
  async () => {
    const made = await postgresShop();
    await throughTheSets(made, (tables) =>
      made.run(`ALTER PUBLICATION rowseal_test SET TABLE ${tables.join(', ')}`),
    );
  },
);
