import type { Client } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { seededRandom } from '../../src/cli/demo/shop.ts';
import { parseLsn } from '../../src/model/position.ts';
import type { PipelineStatus } from '../../src/pipeline/status.ts';
import { expectLogWhole } from '../support/ledger-in-log.ts';
import { noPostgres } from '../support/needs.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { makeProject, readStatus, type TestProject, until } from '../support/project.ts';
import { RowsealProcess, rowseal } from '../support/rowseal-process.ts';
import { slow } from '../support/slow.ts';
import { UnreliableProxy } from '../support/unreliable-proxy.ts';
import { expectWarehouseEqualsSource } from '../support/warehouse-equals-source.ts';
import { whileWorking } from '../support/while-working.ts';
import { WORKLOAD_MASK, WORKLOAD_TABLES, Workload } from '../support/workload.ts';

const CUTS = slow ? 60 : 12;
const seed = Number(process.env['ROWSEAL_SEED'] ?? Date.now() % 1_000_000);

let server: TestPostgres;
let client: Client;
let proxy: UnreliableProxy;
let project: TestProject;

beforeAll(async () => {
  if (noPostgres(18)) return;
  server = await startPostgres(18);
  client = await server.client();
  proxy = new UnreliableProxy(server.host, server.port);
});

afterAll(async () => {
  await client?.end();
  await proxy?.close();
  await server?.stop();
  await project?.remove();
});

it.skipIf(noPostgres(18))(
  `loses and repeats nothing when connections are cut ${CUTS} times in copy and stream (seed ${seed})`,
  { timeout: 400_000 },
  async () => {
    const random = seededRandom(seed);
    const workload = new Workload(client, { seed, hugeRows: 20_000 });
    await workload.create();
    await workload.huge();
    for (let i = 0; i < 40; i++) await workload.step();
    const url = server.url().replace(`:${server.port}/`, `:${await proxy.listen()}/`);
    const tables = WORKLOAD_TABLES.map((table) => `public.${table}`);
    project = await makeProject({
      url,
      tables,
      mask: { domains: { email: { method: 'token' } }, tables: WORKLOAD_MASK },
    });
    await project.configure({
      // Slow enough that a copy is met on its way.
      source: { type: 'postgres', url, tables, idle_interval_ms: 300, copy_rows_per_second: 10_000 },
    });
    const process = new RowsealProcess(['run', '--config', project.configFile]);
    const status = async (): Promise<PipelineStatus | null> => {
      expect(process.running, `the process ended by itself:\n${process.output.slice(-3_000)}`).toBe(true);
      const now = (await readStatus(project)) as unknown as PipelineStatus | null;
      expect(now?.state, JSON.stringify(now?.reason)).not.toBe('halted');
      return now;
    };
    let inCopy = 0;
    await whileWorking(
      async () => {
        await workload.step();
        await new Promise((resolve) => setTimeout(resolve, random() * 15));
      },
      async () => {
        for (let cut = 1; cut <= CUTS; cut++) {
          // It has connected since the last one.
          await until('it reads', async () => {
            const now = await status();
            return now?.state === 'streaming' || (now?.state === 'snapshot' && now.source.snapshot !== null);
          });
          if ((await status())?.state === 'snapshot') inCopy++;
          proxy.cut(random);
          await new Promise((resolve) => setTimeout(resolve, 100 + random() * 400));
        }
      },
    );
    await until('it streams', async () => (await status())?.state === 'streaming');
    await workload.addColumn();
    const { rows } = await client.query<{ lsn: string }>('SELECT pg_current_wal_lsn()::text AS lsn');
    const end = parseLsn(rows[0]!.lsn)!;
    await until(
      'the warehouse has caught up',
      async () => {
        const now = await status();
        const position = parseLsn(now?.source.position?.split(' ')[0] ?? '');
        return (
          position !== null &&
          position >= end &&
          now!.state === 'streaming' &&
          now!.sinks.every((sink) => sink.behind_groups === 0)
        );
      },
      240_000,
    );
    expect(proxy.cuts).toBeGreaterThan(CUTS);
    expect(inCopy).toBeGreaterThan(0);
    expect((await process.terminate()).code).toBe(0);
    await expectWarehouseEqualsSource(client, project);
    const verified = await rowseal(['audit', 'verify', '--dir', project.auditDirectory, '--json']);
    expect(verified.code, verified.stdout).toBe(0);
    await expectLogWhole(project, workload.committed);
  },
);
