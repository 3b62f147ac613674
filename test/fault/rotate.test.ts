import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/cli/demo/shop.ts';
import { generateMaskKeyFile } from '../../src/mask/keys.ts';
import { parseLsn } from '../../src/model/position.ts';
import { expectLogWhole } from '../support/ledger-in-log.ts';
import { noPostgres } from '../support/needs.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { makeProject, readStatus, type TestProject, until } from '../support/project.ts';
import { ReferenceMask } from '../support/reference-mask.ts';
import { RowsealProcess, rowseal } from '../support/rowseal-process.ts';
import { slow } from '../support/slow.ts';
import { queryWarehouse } from '../support/warehouse.ts';
import { expectWarehouseEqualsSource } from '../support/warehouse-equals-source.ts';
import { whileWorking } from '../support/while-working.ts';
import { WORKLOAD_MASK, WORKLOAD_TABLES, Workload } from '../support/workload.ts';

const KILLS = slow ? 6 : 3;
const seed = Number(process.env['ROWSEAL_SEED'] ?? Date.now() % 1_000_000);
const random = seededRandom(seed);
let server: TestPostgres;
let client: Client;
let project: TestProject;
let workload: Workload;

beforeAll(async () => {
  server = await startPostgres(18);
  client = await server.client();
  workload = new Workload(client, { seed, hugeRows: 30_000 });
  await workload.create();
  await workload.addColumn();
  for (let i = 0; i < 30; i++) await workload.step();
  project = await makeProject({
    url: server.url(),
    tables: WORKLOAD_TABLES.map((table) => `public.${table}`),
    mask: mask({ file: 'mask.key' }),
    history: true,
  });
  await appendFile(project.configFile, '# a comment that stays\n');
});

afterAll(async () => {
  await client?.end();
  await server?.stop();
  await project?.remove();
});

function mask(key: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return { key, undecided: 'redact', domains: { email: { method: 'token' } }, tables: WORKLOAD_MASK };
}

const rotate = (...more: string[]) =>
  rowseal(['mask', 'rotate', '--config', project.configFile, '--json', ...more]);

/** Runs until everything is in the warehouse. */
async function runToTheEnd(): Promise<void> {
  const end = parseLsn(
    (await client.query<{ lsn: string }>('SELECT pg_current_wal_lsn()::text AS lsn')).rows[0]!.lsn,
  )!;
  const run = new RowsealProcess(['run', '--config', project.configFile]);
  await until('the warehouse has caught up', async () => {
    if (!run.running) throw new Error(`the process ended:\n${run.output.slice(-3_000)}`);
    const status = (await readStatus(project)) as unknown as {
      state: string;
      source: { position: string | null };
      sinks: { behind_groups: number }[];
    } | null;
    const position = parseLsn(status?.source.position?.split(' ')[0] ?? '');
    return (
      status?.state === 'streaming' &&
      position !== null &&
      position >= end &&
      status.sinks.every((sink) => sink.behind_groups === 0)
    );
  });
  expect((await run.terminate()).code).toBe(0);
}

const whileWriting = <T>(during: () => Promise<T>): Promise<T> =>
  whileWorking(async () => {
    await workload.step();
    await new Promise((resolve) => setTimeout(resolve, random() * 10));
  }, during);

async function configuredEpoch(): Promise<number> {
  return Number(/epoch: (\d+)/.exec(await readFile(project.configFile, 'utf8'))![1]);
}

async function verified(): Promise<void> {
  const report = await rowseal(['audit', 'verify', '--dir', project.auditDirectory, '--json']);
  expect(report.code, report.stdout).toBe(0);
}

describe.skipIf(noPostgres(18))(`mask rotate (seed ${seed})`, { timeout: 480_000 }, () => {
  it('has nothing to copy again before a first copy', async () => {
    const early = await rotate();
    expect([early.code, early.stdout]).toEqual([2, expect.stringContaining('RS-RUN-009')]);
    await runToTheEnd();
    await expectWarehouseEqualsSource(client, project);
  });

  it('says what it would do, and does nothing', async () => {
    const plan = await rotate();
    expect(plan.code).toBe(2);
    const { epoch, tables, untouched } = JSON.parse(plan.stdout) as {
      epoch: number;
      tables: { table: string; why: string }[];
      untouched: string[];
    };
    expect(epoch).toBe(2);
    expect(tables.map(({ table, why }) => `${table} ${why}`)).toEqual(
      ['people', 'lines', 'slots', 'visits'].map((table) => `public.${table} key`),
    );
    expect(untouched).toEqual(['public.ledger']);
    expect(await readFile(project.configFile, 'utf8')).not.toContain('epoch');
  });

  it('moves every token to the next epoch under a live workload, and keeps every version in the log', async () => {
    for (let i = 0; i < 20; i++) await workload.step();
    const before = await queryWarehouse(project.warehouseFile, 'SELECT count(*) FROM public.people__history');
    const done = await whileWriting(() => rotate('--yes'));
    expect(done.code, done.stdout + done.stderr).toBe(0);
    expect(JSON.parse(done.stdout)).toMatchObject({ kind: 'copied', epoch: 2, stoppedSinks: [] });
    const config = await readFile(project.configFile, 'utf8');
    expect(config).toContain('epoch: 2');
    expect(config).toContain('# a comment that stays');
    await runToTheEnd();
    await expectWarehouseEqualsSource(client, project, new ReferenceMask(project.maskKey, 2));
    const after = await queryWarehouse(project.warehouseFile, 'SELECT count(*) FROM public.people__history');
    expect(Number(after[0]![0])).toBeGreaterThan(Number(before[0]![0]));
    await expectLogWhole(project, workload.committed);
    await verified();
  });

  it('goes on after kills at any point, in the next run', async () => {
    await whileWriting(async () => {
      for (let kill = 0; kill < KILLS; kill++) {
        const rotating = new RowsealProcess([
          ...['mask', 'rotate', '--config', project.configFile, '--json', '--yes'],
        ]);
        // Some whenever it may be, some just after the copies were asked for.
        if (kill % 2 === 0) {
          const before = await configuredEpoch();
          const deadline = Date.now() + 120_000;
          while ((await configuredEpoch()) === before && Date.now() < deadline && rotating.running)
            await new Promise((resolve) => setTimeout(resolve, 20));
        }
        await new Promise((resolve) => setTimeout(resolve, random() * (kill % 2 === 0 ? 600 : 2_000)));
        await rotating.kill();
      }
    });
    // Whatever was reached: a run is never left refusing.
    await runToTheEnd();
    const epoch = await configuredEpoch();
    expect(epoch).toBeGreaterThanOrEqual(3);
    await queryDeadLettersOfUnknownBases();
    await expectWarehouseEqualsSource(client, project, new ReferenceMask(project.maskKey, epoch));
    await expectLogWhole(project, workload.committed);
    await verified();
  });

  it('refuses to mix tokens of two keys', async () => {
    const epoch = await configuredEpoch();
    await project.configure({ mask: mask({ file: 'mask.key', epoch: epoch + 1 }) });
    const mixed = await rowseal(['run', '--config', project.configFile]);
    expect([mixed.code, mixed.stderr]).toEqual([2, expect.stringContaining('RS-MASK-014')]);
    await writeFile(join(project.directory, 'new.key'), generateMaskKeyFile(), { mode: 0o600 });
    await project.configure({ mask: mask({ file: 'new.key', epoch }) });
    for (const result of [await rowseal(['run', '--config', project.configFile]), await rotate()])
      expect([result.code, result.stdout + result.stderr]).toEqual([
        2,
        expect.stringContaining('RS-MASK-014'),
      ]);
  });

  it('moves on to another secret', async () => {
    const epoch = await configuredEpoch();
    const previous = [{ file: 'mask.key', epoch }];
    await project.configure({ mask: mask({ file: 'new.key', epoch: epoch + 1, previous }) });
    const done = await rotate('--yes');
    expect(done.code, done.stdout + done.stderr).toBe(0);
    await runToTheEnd();
    const secret = await readFile(join(project.directory, 'new.key'), 'utf8');
    await expectWarehouseEqualsSource(client, project, new ReferenceMask(secret, epoch + 1));
    await verified();
  });

  it('copies tables again whose rules changed, or that are named', async () => {
    const epoch = await configuredEpoch();
    const key = { file: 'new.key', epoch };
    const ledger = { ...WORKLOAD_MASK['public.ledger'], note: 'keep' };
    await project.configure({
      mask: { ...mask(key), tables: { ...WORKLOAD_MASK, 'public.ledger': ledger } },
    });
    const resnapshot = (...more: string[]) =>
      rowseal(['resnapshot', '--config', project.configFile, '--json', ...more]);
    expect((await resnapshot()).code).toBe(2);
    const plan = await resnapshot('--changed');
    expect(JSON.parse(plan.stdout)).toMatchObject({ tables: [{ table: 'public.ledger', why: 'policy' }] });
    const unknown = await resnapshot('--table', 'public.nothing', '--yes');
    expect([unknown.code, unknown.stdout]).toEqual([2, expect.stringContaining('RS-CLI-001')]);
    const done = await resnapshot('--changed', '--table', 'public.slots', '--yes');
    expect(JSON.parse(done.stdout)).toMatchObject({ kind: 'copied' });
    const notes = await queryWarehouse(
      project.warehouseFile,
      'SELECT count(*), count(note) FROM public.ledger',
    );
    expect(notes).toEqual([[String(workload.committed), String(workload.committed)]]);
    expect(JSON.parse((await resnapshot('--changed')).stdout)).toMatchObject({ tables: [] });
    await verified();
  });
});

/**
 * A change of a row whose copy is not there yet (a kill came between) leaves a dead letter for the value that it does not
 * bring; the copy that follows brings it. Nothing else may be there.
 */
async function queryDeadLettersOfUnknownBases(): Promise<void> {
  const reasons = await queryWarehouse(
    project.warehouseFile,
    'SELECT DISTINCT reason FROM _rowseal.dead_letters',
  );
  for (const [reason] of reasons) expect(reason).toContain('unchanged value is not known here');
  await queryWarehouse(project.warehouseFile, 'DELETE FROM _rowseal.dead_letters');
}
