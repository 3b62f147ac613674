import { chmod, cp, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { noPostgres } from '../support/needs.ts';
import { freePort, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { makeProject, readStatus, type TestProject, until } from '../support/project.ts';
import { RowsealProcess, rowseal } from '../support/rowseal-process.ts';
import { queryWarehouse } from '../support/warehouse.ts';

const PASSWORD = 'pa55-canary-word';
const MASK = { tables: { 'public.t': { id: 'keep', v: 'token' } } };

let server: TestPostgres;
let client: Client;
const projects: TestProject[] = [];

beforeAll(async () => {
  server = await startPostgres(18);
  client = await server.client();
  await client.query('CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE nokey (v text)');
  await client.query(
    `CREATE ROLE weak LOGIN PASSWORD '${PASSWORD}'; CREATE ROLE blind LOGIN REPLICATION PASSWORD '${PASSWORD}'`,
  );
});

afterAll(async () => {
  await client?.end();
  await server?.stop();
  for (const project of projects) await project.remove();
});

async function project(
  tables: readonly string[] = ['public.t'],
  mask: Readonly<Record<string, unknown>> = MASK,
): Promise<TestProject> {
  const made = await makeProject({ url: server.url(), tables, mask });
  projects.push(made);
  return made;
}

const source = (more: Readonly<Record<string, unknown>>): Record<string, unknown> => ({
  source: { type: 'postgres', url: server.url(), tables: ['public.t'], ...more },
});
const urlAs = (user: string, password: string, database = 'postgres'): string =>
  `postgres://${user}:${password}@127.0.0.1:${server.port}/${database}`;

/** `run` must refuse: code, exit, a fix, no secret; and nothing may have been created. */
async function refused(made: TestProject, code: string, exit: number): Promise<void> {
  const result = await rowseal(['run', '--config', made.configFile]);
  const output = result.stdout + result.stderr;
  expect(output).toContain(`error[${code}]`);
  expect(output).toContain('fix:');
  expect(output).not.toContain(PASSWORD);
  expect(result.code, output).toBe(exit);
  const slots = await client.query(
    "SELECT slot_name FROM pg_replication_slots WHERE slot_name = 'rowseal_test'",
  );
  expect(slots.rows).toEqual([]);
}

describe.skipIf(noPostgres(18))('a bad source', { timeout: 180_000 }, () => {
  it.each([
    ['an address that is none', async () => source({ url: 'not a url' }), 'RS-PG-023', 2],
    [
      'a port where nothing listens',
      async () => source({ url: `postgres://u:${PASSWORD}@127.0.0.1:${await freePort()}/x` }),
      'RS-PG-001',
      1,
    ],
    ['a wrong password', async () => source({ url: urlAs('weak', `${PASSWORD}-wrong`) }), 'RS-PG-002', 1],
    [
      'a database that is not there',
      async () => source({ url: urlAs('weak', PASSWORD, 'nowhere') }),
      'RS-PG-020',
      2,
    ],
    ['a role that may not replicate', async () => source({ url: urlAs('weak', PASSWORD) }), 'RS-PG-003', 1],
    [
      'a role that may not read the table',
      async () => source({ url: urlAs('blind', PASSWORD) }),
      'RS-PG-015',
      1,
    ],
    ['a table that is not there', async () => source({ tables: ['public.nothing'] }), 'RS-PG-006', 2],
    ['TLS that the server does not speak', async () => source({ tls: { mode: 'verify-full' } }), 'RS-PG-', 2],
  ])('%s', async (_name, changes, code, exit) => {
    const made = await project();
    await made.configure(await changes());
    if (code === 'RS-PG-') {
      const result = await rowseal(['run', '--config', made.configFile]);
      expect(result.stderr).toMatch(/error\[RS-PG-\d+\]/);
      expect(result.code).not.toBe(0);
    } else await refused(made, code, exit);
  });

  it('a table whose updates would fail at the source', async () => {
    await refused(
      await project(['public.nokey'], { tables: { 'public.nokey': { v: 'token' } } }),
      'RS-PG-007',
      2,
    );
  });

  it('wal_level not logical, and no slot left', { timeout: 240_000 }, async () => {
    const plain = await startPostgres(18, { wal_level: 'replica', max_replication_slots: '10' });
    const other = await plain.client();
    await other.query('CREATE TABLE t (id int PRIMARY KEY, v text)');
    const made = await project();
    await made.configure({ source: { type: 'postgres', url: plain.url(), tables: ['public.t'] } });
    await refused(made, 'RS-PG-004', 2);
    await other.end();
    await plain.stop();
    const slots = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        client
          .query('SELECT pg_create_logical_replication_slot($1, $2)', [`full_${i}`, 'pgoutput'])
          .catch(() => null),
      ),
    );
    await refused(await project(), 'RS-PG-005', 2);
    for (const [i, slot] of slots.entries())
      if (slot !== null) await client.query('SELECT pg_drop_replication_slot($1)', [`full_${i}`]);
  });
});

describe.skipIf(noPostgres(18))('a bad policy or configuration', { timeout: 180_000 }, () => {
  const mask = (
    tables: Readonly<Record<string, unknown>>,
    more: Readonly<Record<string, unknown>> = {},
  ): Record<string, unknown> => ({ mask: { key: { file: 'mask.key' }, tables, ...more } });
  it.each([
    ['an undecided column', mask({ 'public.t': { id: 'keep' } }), 'RS-MASK-001'],
    ['an unknown column', mask({ 'public.t': { id: 'keep', v: 'token', w: 'keep' } }), 'RS-MASK-002'],
    ['an unknown domain', mask({ 'public.t': { id: 'keep', v: { domain: 'mail' } } }), 'RS-MASK-003'],
    ['an unknown method', mask({ 'public.t': { id: 'keep', v: { method: 'scramble' } } }), 'RS-CFG-003'],
    [
      'an unknown option',
      { audit: { dir: 'audit', key: { file: 'signing.key' }, segment_max_byte: 1 } },
      'RS-CFG-003',
    ],
    ['a missing secret', { pipeline: '${env:ROWSEAL_TEST_UNSET}' }, 'RS-CFG-004'],
  ])('%s', async (_name, changes, code) => {
    const made = await project();
    await made.configure(changes);
    await refused(made, code, 2);
  });

  it('names the nearest option and the place in the file', async () => {
    const made = await project();
    await made.configure({ audit: { dir: 'audit', key: { file: 'signing.key' }, segment_max_byte: 1 } });
    const { stderr } = await rowseal(['run', '--config', made.configFile]);
    expect(stderr).toMatch(/a similar option exists: `segment_max_bytes`/);
    expect(stderr).toMatch(/rowseal\.yaml:\d+:\d+ {2}audit\.segment_max_byte/);
  });

  it('YAML that cannot be read, and a file that is not there', async () => {
    const made = await project();
    await writeFile(made.configFile, 'pipeline: [unclosed\n');
    expect((await rowseal(['run', '--config', made.configFile])).stderr).toContain('RS-CFG-002');
    expect((await rowseal(['run', '--config', join(made.directory, 'none.yaml')])).code).toBe(2);
  });

  it('key files that others may read, or that are not there', async () => {
    const made = await project();
    await chmod(join(made.directory, 'mask.key'), 0o644);
    await refused(made, 'RS-CFG-005', 2);
    await rm(join(made.directory, 'mask.key'));
    await refused(made, 'RS-CFG-006', 2);
  });

  it('an environment that switches checks off', async () => {
    const made = await project();
    const result = await rowseal(['run', '--config', made.configFile], { NODE_TLS_REJECT_UNAUTHORIZED: '0' });
    expect(result.stderr).toContain('RS-CFG-007');
    expect(result.code).toBe(2);
  });

  it('a mistyped option or command, with the nearest', async () => {
    const option = await rowseal(['run', '--confg', 'x']);
    expect(option.stderr).toContain('a similar option exists: --config');
    expect(option.code).toBe(2);
    const command = await rowseal(['rnu']);
    expect(command.stderr).toContain('a similar command exists: run');
    expect(command.code).toBe(2);
  });
});

describe.skipIf(noPostgres(18))('a bad audit directory', { timeout: 180_000 }, () => {
  let made: TestProject;
  let good: string;

  beforeAll(async () => {
    made = await project();
    good = join(await mkdtemp(join(tmpdir(), 'rowseal-good-')), 'audit');
    await client.query("INSERT INTO t SELECT g, 'value ' || g FROM generate_series(1, 500) g");
    const process = new RowsealProcess(['run', '--config', made.configFile]);
    await until('delivered', async () => delivered(await readStatus(made)) >= 500);
    expect((await process.terminate()).code).toBe(0);
    await cp(made.auditDirectory, good, { recursive: true });
  });

  const delivered = (status: Readonly<Record<string, unknown>> | null): number =>
    (status?.['sinks'] as { rows: number }[] | undefined)?.[0]?.rows ?? 0;
  const run = (): ReturnType<typeof rowseal> =>
    rowseal(['run', '--config', made.configFile, '--exit-on-halt']);
  const restore = async (): Promise<void> => {
    await rm(made.auditDirectory, { recursive: true });
    await cp(good, made.auditDirectory, { recursive: true });
  };

  it('of another pipeline', async () => {
    await made.configure({ audit: { dir: 'audit', key: { file: 'signing.key' }, origin: 'rowseal/other' } });
    const result = await run();
    expect(result.stderr).toContain('RS-AUD-005');
    expect(result.code).toBe(2);
    await made.configure({});
  });

  it('held by another process, which is named', async () => {
    const holder = new RowsealProcess(['run', '--config', made.configFile]);
    await until('streaming', async () => (await readStatus(made))?.['state'] === 'streaming');
    const second = await run();
    expect(second.stderr).toContain('RS-AUD-006');
    expect(second.stderr).toContain(`process ${holder.child.pid}`);
    expect((await holder.terminate()).code).toBe(0);
    await rm(good, { recursive: true });
    await cp(made.auditDirectory, good, { recursive: true });
  });

  it('with a corrupt segment: stops, repairs nothing, signs nothing', async () => {
    const table = join(
      made.auditDirectory,
      'tables',
      (await readdir(join(made.auditDirectory, 'tables')))[0]!,
    );
    const file = join(table, 'records-00000000.seg');
    const bytes = await readFile(file);
    bytes[Math.floor(bytes.length / 2)]! ^= 1;
    await writeFile(file, bytes);
    const head = await readFile(join(made.auditDirectory, 'journal', 'head'), 'utf8');
    const result = await run();
    expect(result.stderr).toMatch(/RS-AUD-00[34]/);
    expect([10, 11]).toContain(result.code);
    expect(await readFile(join(made.auditDirectory, 'journal', 'head'), 'utf8')).toBe(head);
    await restore();
  });

  it('cut off below a published head: refuses to sign', async () => {
    const file = join(made.auditDirectory, 'journal', 'journal-00000000.seg');
    await truncate(file, Math.floor((await readFile(file)).length / 2));
    const result = await run();
    expect(result.stderr).toContain('RS-AUD-003');
    expect(result.code).toBe(11);
    await restore();
  });

  it('a full volume: the group is given up, and read again when there is room', async () => {
    await client.query(
      "INSERT INTO t SELECT g, repeat('wide ', 400) || g FROM generate_series(1001, 3000) g",
    );
    // A limit on the size of files stands in for a full volume: writes beyond it fail or come short.
    const limited = new RowsealProcess(['run', '--config', made.configFile, '--exit-on-halt'], {}, [
      'prlimit',
      '--fsize=250000',
      '--',
    ]);
    const exit = await limited.exit();
    expect(limited.output).toMatch(/RS-AUD-00[12]|RS-DUCK-006/);
    expect(exit.code).toBe(1);
    const after = new RowsealProcess(['run', '--config', made.configFile]);
    await until('everything arrived', async () => delivered(await readStatus(made)) >= 2000);
    expect((await after.terminate()).code).toBe(0);
    expect(await queryWarehouse(made.warehouseFile, 'SELECT count(*) FROM public.t')).toEqual([['2500']]);
    expect((await rowseal(['audit', 'verify', '--dir', made.auditDirectory])).code).toBe(0);
  });

  it('a slot that is gone stops the run with the code of a gap; without --exit-on-halt page and metrics stay up', async () => {
    await until(
      'the slot is free',
      async () =>
        (
          await client.query(
            "SELECT 1 FROM pg_replication_slots WHERE slot_name = 'rowseal_test' AND NOT active",
          )
        ).rows.length === 1,
    );
    await client.query("SELECT pg_drop_replication_slot('rowseal_test')");
    const result = await run();
    expect(result.stderr).toContain('RS-PG-008');
    expect(result.code).toBe(3);
    const halted = new RowsealProcess(['run', '--config', made.configFile]);
    await until('halted', async () => (await readStatus(made))?.['state'] === 'halted');
    const base = `http://127.0.0.1:${made.httpPort}`;
    expect((await fetch(`${base}/readyz`)).status).toBe(503);
    expect((await fetch(`${base}/healthz`)).status).toBe(200);
    expect(await (await fetch(`${base}/metrics`)).text()).toMatch(
      /rowseal_pipeline_state\{.*state="halted".*\} 1/,
    );
    expect(await (await fetch(base)).text()).toContain('RS-PG-008');
    expect((await halted.terminate()).code).toBe(3);
  });
});
