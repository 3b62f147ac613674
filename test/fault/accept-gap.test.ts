import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import {
  expectMirrorEqualsSource,
  type GapShop,
  mysqlShop,
  postgresShop,
  runToTheEnd,
  shopProject,
  verify,
} from '../support/gap-shop.ts';
import type { MysqlRelease } from '../support/mysql.ts';
import { noMysql, noPostgres } from '../support/needs.ts';
import type { TestProject } from '../support/project.ts';
import { until } from '../support/project.ts';
import { rowseal } from '../support/rowseal-process.ts';
import { slow } from '../support/slow.ts';

const opened: { stop(): Promise<void> }[] = [];
let project: TestProject | null = null;

afterEach(async () => {
  for (const one of opened.splice(0)) await one.stop();
  await project?.remove();
  project = null;
});

/** What happens to the rows while nobody reads: changed, gone, new, and a key used again. */
const UNSEEN = [
  "UPDATE shop.t SET v = 'changed unseen' WHERE id % 3 = 0",
  'DELETE FROM shop.t WHERE id % 5 = 1',
  "INSERT INTO shop.t VALUES (1000, 'new', 'new@example.com')",
  "INSERT INTO shop.t VALUES (1, 'again', 'again@example.com')",
  'DELETE FROM shop.bag WHERE n = 2',
  "INSERT INTO shop.bag VALUES (3, 'three')",
];
const AFTER = [
  "UPDATE shop.t SET v = 'changed later' WHERE id % 7 = 0",
  'DELETE FROM shop.t WHERE id = 1000',
  "INSERT INTO shop.bag VALUES (3, 'three')",
];

interface Expected {
  readonly code: string;
  /** In what the command says is lost. */
  readonly lost: RegExp;
}

/** From a run that halts at the hole to a mirror that is equal to the source again. */
async function throughTheGap(shop: GapShop, expected: Expected): Promise<void> {
  const made = project!;
  const before = await verify(made);
  const accept = (...more: readonly string[]) =>
    rowseal(['accept-gap', '--config', made.configFile, ...more]);

  const halted = await rowseal(['run', '--config', made.configFile, '--exit-on-halt']);
  expect(halted.stderr).toContain(expected.code);
  expect(halted.code).toBe(3);
  expect(halted.stderr).toContain('rowseal accept-gap');

  const asked = await accept();
  expect([asked.code, asked.stderr]).toEqual([2, '']);
  expect(asked.stdout).toContain(expected.code);
  expect(asked.stdout).toMatch(expected.lost);
  expect(asked.stdout).toContain(shop.tables.join(', '));
  const mute = await accept('--yes', '--actor', 'ops@example.com');
  expect([mute.code, mute.stderr]).toEqual([2, expect.stringContaining('--reason')]);
  // Nothing so far has changed the log.
  expect((await verify(made)).groups).toBe(before.groups);

  const accepted = await accept('--yes', '--actor', 'ops@example.com', '--reason', 'incident 17', '--json');
  expect([accepted.code, accepted.stderr]).toEqual([0, '']);
  const { from, to } = JSON.parse(accepted.stdout) as { from: string; to: string };
  await runToTheEnd(shop, made);
  await expectMirrorEqualsSource(shop, made);
  await shop.run(...AFTER);
  await runToTheEnd(shop, made);
  await expectMirrorEqualsSource(shop, made);

  const after = await verify(made);
  expect([after.code, after.problems]).toEqual([0, []]);
  expect(after.gaps).toEqual([
    expect.objectContaining({
      cause: expected.code,
      from,
      to,
      actor: 'ops@example.com',
      reason: 'incident 17',
      copied: true,
    }),
  ]);
  const told = await rowseal(['audit', 'verify', '--dir', made.auditDirectory]);
  expect(told.stdout).toContain(`gap at group ${after.gaps[0]!.group}: what the source did from ${from} to`);
  const shown = await rowseal(['audit', 'show', '--dir', made.auditDirectory, '--limit', '100000']);
  expect(shown.stdout).toContain('accepted by "ops@example.com": "incident 17"');
  const whole = await accept();
  expect([whole.code, whole.stdout]).toEqual([0, expect.stringContaining('no gap')]);
}

async function purge(shop: GapShop): Promise<void> {
  await shop.run('FLUSH BINARY LOGS');
  const newest = (await shop.rows('SHOW BINARY LOGS')).at(-1)![0]!;
  await until('the purge', async () => {
    await shop.run(`PURGE BINARY LOGS TO '${newest}'`);
    return (await shop.rows('SHOW BINARY LOGS')).length === 1;
  });
}

async function begun(shop: GapShop): Promise<void> {
  opened.push(shop);
  project = await shopProject(shop);
  await runToTheEnd(shop, project);
  await expectMirrorEqualsSource(shop, project);
}

/** In CI each way to lose the binlog is met on one server, in the slow suite on all. */
const ways = [
  ['mysql-9', ['purge', 'server']],
  ['mariadb-10', []],
  ['mariadb-11', ['reset']],
] as const;

describe.each(ways)('%s', (release: MysqlRelease, always: readonly string[]) => {
  const leftOut = (way: string): boolean => noMysql(release) || !(slow || always.includes(way));
  const isMysql = release === 'mysql-9';

  it.skipIf(leftOut('purge'))('goes on over purged binlog', { timeout: 300_000 }, async () => {
    const shop = await mysqlShop(release);
    await begun(shop);
    await shop.run(...UNSEEN);
    await purge(shop);
    await throughTheGap(shop, {
      code: 'RS-MY-010',
      lost: isMysql ? /transactions \S+:\d+-\d+/ : /what ran up to 0-1-/,
    });
  });

  it.skipIf(leftOut('reset'))('goes on after a reset', { timeout: 300_000 }, async () => {
    const shop = await mysqlShop(release);
    await begun(shop);
    await shop.run(...UNSEEN, (await shop.server.statements()).resetBinlog);
    await throughTheGap(shop, {
      code: 'RS-MY-012',
      lost: isMysql ? /which the server does not have/ : /what ran up to/,
    });
  });

  it.skipIf(leftOut('server'))('goes on at another server', { timeout: 300_000 }, async () => {
    const first = await mysqlShop(release);
    await begun(first);
    const second = await mysqlShop(release, ['--server-id=2']);
    opened.push(second);
    await second.run(...UNSEEN);
    await project!.configure({
      source: { type: 'mysql', url: second.url, tables: second.tables, idle_interval_ms: 300 },
    });
    await throughTheGap(second, { code: 'RS-MY-011', lost: /lost/ });
  });
});

it.skipIf(noMysql('mysql-9'))(
  'MySQL without GTIDs goes on over purged binlog',
  { timeout: 300_000 },
  async () => {
    const shop = await mysqlShop('mysql-9', ['--gtid-mode=OFF', '--enforce-gtid-consistency=OFF'], false);
    await begun(shop);
    await shop.run(...UNSEEN);
    await purge(shop);
    await throughTheGap(shop, { code: 'RS-MY-010', lost: /cannot tell how much/ });
  },
);

it.skipIf(noMysql('mysql-9'))(
  'a stream that halts at what it cannot take is passed over with --force only',
  { timeout: 300_000 },
  async () => {
    const shop = await mysqlShop('mysql-9');
    await begun(shop);
    const client = await shop.server.client();
    await client.query(
      "SET SESSION binlog_format = 'STATEMENT'; UPDATE shop.t SET v = 'by a statement' WHERE id = 2",
    );
    await client.end();
    const made = project!;
    const halted = await rowseal(['run', '--config', made.configFile, '--exit-on-halt']);
    expect([halted.code, halted.stderr]).toEqual([1, expect.stringContaining('RS-MY-023')]);
    const consent = ['--yes', '--actor', 'ops', '--reason', 'a statement was logged'];
    const accept = ['accept-gap', '--config', made.configFile, ...consent];
    const whole = await rowseal(accept);
    expect([whole.code, whole.stdout]).toEqual([0, expect.stringContaining('--force')]);
    expect((await rowseal([...accept, '--force'])).code).toBe(0);
    await runToTheEnd(shop, made);
    await expectMirrorEqualsSource(shop, made);
    const { code, gaps } = await verify(made);
    expect([code, gaps.map(({ cause }) => cause)]).toEqual([0, ['asked']]);
  },
);

describe.skipIf(noPostgres(18))('Postgres', () => {
  const dropped = async (shop: GapShop): Promise<void> => {
    await until(
      'the slot is free',
      async () => (await shop.rows('SELECT 1 FROM pg_replication_slots WHERE NOT active')).length === 1,
    );
    await shop.run("SELECT pg_drop_replication_slot('rowseal_test')");
  };

  it('goes on after the slot was dropped', { timeout: 300_000 }, async () => {
    const shop = await postgresShop();
    await begun(shop);
    await dropped(shop);
    await shop.run(...UNSEEN);
    await throughTheGap(shop, { code: 'RS-PG-008', lost: /\d+ bytes of WAL/ });
  });

  it('goes on after the slot was made again', { timeout: 300_000 }, async () => {
    const shop = await postgresShop();
    await begun(shop);
    await dropped(shop);
    await shop.run(...UNSEEN, "SELECT pg_create_logical_replication_slot('rowseal_test', 'pgoutput')");
    await throughTheGap(shop, {
      code: 'RS-PG-009',
      lost: /drops the replication slot rowseal_test, which is confirmed up to/,
    });
  });

  it('goes on at another server, but never takes the slot of another plugin', {
    timeout: 300_000,
  }, async () => {
    const first = await postgresShop();
    await begun(first);
    const second = await postgresShop();
    opened.push(second);
    await second.run(...UNSEEN, "SELECT pg_create_logical_replication_slot('rowseal_test', 'test_decoding')");
    await project!.configure({
      source: { type: 'postgres', url: second.url, tables: second.tables, idle_interval_ms: 300 },
    });
    const refused = await rowseal(['accept-gap', '--config', project!.configFile]);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('RS-PG-013')]);
    await second.run("SELECT pg_drop_replication_slot('rowseal_test')");
    await throughTheGap(second, { code: 'RS-PG-010', lost: /cannot tell how much/ });
  });
});

/** Gives a command a terminal of its own. */
const SCRIPT = '/usr/bin/script';

it.skipIf(noPostgres(18) || !existsSync(SCRIPT))(
  'asks on a terminal, and takes nothing but the name of the pipeline for a yes',
  { timeout: 300_000 },
  async () => {
    const shop = await postgresShop();
    await begun(shop);
    const made = project!;
    await until(
      'the slot is free',
      async () => (await shop.rows('SELECT 1 FROM pg_replication_slots WHERE NOT active')).length === 1,
    );
    await shop.run("SELECT pg_drop_replication_slot('rowseal_test')");
    const answer = async (keys: string): Promise<string> => {
      const command = `${process.execPath} src/cli/main.ts accept-gap --config ${made.configFile} --actor me --reason why`;
      const child = spawn(SCRIPT, ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'ignore'] });
      let out = '';
      let asked = false;
      child.stdout.on('data', (bytes: Buffer) => {
        out += bytes.toString('utf8');
        if (asked || !out.includes('type test to accept the gap')) return;
        asked = true;
        // The terminal is in raw mode a moment after the question is there.
        setTimeout(() => child.stdin.write(keys), 500);
      });
      const [code] = (await once(child, 'close')) as [number];
      return `${code} ${out}`;
    };
    for (const no of ['yes\n', '\u0003', '\u0004'])
      expect(await answer(no)).toMatch(/^2 .*nothing was changed/s);
    expect((await verify(made)).gaps).toEqual([]);
    expect(await answer('test\n')).toMatch(/^0 .*the gap is on record/s);
    expect((await verify(made)).gaps).toMatchObject([{ actor: 'me', reason: 'why' }]);
  },
);

it('needs a history', { timeout: 180_000 }, async () => {
  const shop = await postgresShop();
  opened.push(shop);
  project = await shopProject(shop);
  const early = await rowseal(['accept-gap', '--config', project.configFile]);
  expect([early.code, early.stderr]).toEqual([2, expect.stringContaining('RS-RUN-013')]);
});
