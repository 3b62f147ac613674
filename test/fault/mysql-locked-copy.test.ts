import { afterEach, expect, it } from 'vitest';
import { expectMirrorEqualsSource, mysqlShop, runToTheEnd, shopProject } from '../support/gap-shop.ts';
import { noMysql } from '../support/needs.ts';
import { type TestProject, until } from '../support/project.ts';
import { RowsealProcess } from '../support/rowseal-process.ts';

let project: TestProject | null = null;
let shop: Awaited<ReturnType<typeof mysqlShop>> | null = null;

afterEach(async () => {
  await shop?.stop();
  await project?.remove();
});

it.skipIf(noMysql('mariadb-11'))(
  'a copy by command that waits for a lock ends when it is asked to, at a second signal at once, and the next run goes on',
  { timeout: 300_000 },
  async () => {
    shop = await mysqlShop('mariadb-11');
    project = await shopProject(shop);
    const holder = await shop.server.client('shop');
    await holder.query(
      "INSERT INTO t SELECT 1000 + seq, 'v', CONCAT('p', seq, '@example.com') FROM seq_1_to_150000",
    );
    await runToTheEnd(shop, project);
    const args = ['resnapshot', '--config', project.configFile, '--table', 'shop.t', '--yes', '--json'];
    const threads = async (sql: string): Promise<boolean> =>
      (await shop!.rows(`SELECT 1 FROM information_schema.PROCESSLIST WHERE ${sql}`)).length > 0;
    const waiting = async (): Promise<RowsealProcess> => {
      const command = new RowsealProcess(args);
      // Before that it would wait as well, and end as any other program does.
      await until('the copy', () => threads("COMMAND = 'Binlog Dump'"));
      await holder.query('LOCK TABLES t WRITE');
      await until('the lock', () => threads("STATE LIKE 'Waiting for table metadata lock%'"));
      expect(command.running, command.output).toBe(true);
      return command;
    };
    const asked = await waiting();
    const before = performance.now();
    asked.signal('SIGINT');
    expect((await asked.exit()).signal).toBeNull();
    expect(performance.now() - before).toBeLessThan(10_000);
    await holder.query('UNLOCK TABLES');
    const twice = await waiting();
    twice.signal('SIGINT');
    twice.signal('SIGTERM');
    expect((await twice.exit()).code).toBe(4);
    await holder.end();
    await runToTheEnd(shop, project);
    await expectMirrorEqualsSource(shop, project);
  },
);
