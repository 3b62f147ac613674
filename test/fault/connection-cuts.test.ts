import type { Client } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { seededRandom } from '../../src/cli/demo/shop.ts';
import { parseLsn } from '../../src/model/position.ts';
import type { PipelineStatus } from '../../src/pipeline/status.ts';
import { expectLogWhole } from '../support/ledger-in-log.ts';
import { noPostgres } from '../support/needs.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { connectionTo, postgresOptions, postgresReader, resumed } from '../support/postgres-source.ts';
import { makeProject, readStatus, type TestProject, until } from '../support/project.ts';
import { RowsealProcess, rowseal } from '../support/rowseal-process.ts';
import { slow } from '../support/slow.ts';
import { UnreliableProxy } from '../support/unreliable-proxy.ts';
import { expectWarehouseEqualsSource } from '../support/warehouse-equals-source.ts';
import { whileWorking } from '../support/while-working.ts';
import { WORKLOAD_MASK, WORKLOAD_TABLES, Workload } from '../support/workload.ts';

const CUTS = slow ? 60 : 8;
const seed = Number(process.env['ROWSEAL_SEED'] ?? Date.now() % 1_000_000);

let server: TestPostgres;
let client: Client;
let proxy: UnreliableProxy;
/** URL of the server behind the proxy. */
let throughProxy: string;
let project: TestProject;
let started: RowsealProcess | null = null;

beforeAll(async () => {
  if (noPostgres(18)) return;
  server = await startPostgres(18);
  client = await server.client();
  proxy = new UnreliableProxy(server.host, server.port);
  throughProxy = server.url().replace(`:${server.port}/`, `:${await proxy.listen()}/`);
});

afterAll(async () => {
  // Still there when the test failed.
  if (started?.running === true) await started.kill();
  await client?.end();
  await proxy?.close();
  await server?.stop();
  await project?.remove();
});

it.skipIf(noPostgres(18))(
  'gives a silent server up, in copy and stream, and no server that has only nothing to say',
  { timeout: 240_000 },
  async () => {
    await client.query(
      'CREATE TABLE quiet (id int PRIMARY KEY); INSERT INTO quiet SELECT generate_series(1, 20000)',
    );
    const options = postgresOptions(server, ['quiet'], {
      connection: connectionTo(throughProxy),
      // A busy server takes seconds for an answer.
      receiveTimeoutMs: 8_000,
      slot: 'quiet',
      publication: 'quiet',
      copyRowsPerSecond: 5_000,
    });
    const copying = postgresReader(options);
    await copying.until('it copies', () => copying.rows('public.quiet').length > 0);
    proxy.freeze();
    expect(await copying.fails()).toMatchObject({ code: 'RS-PG-016', kind: 'transient' });
    proxy.thaw();
    await freed('quiet');
    const streaming = resumed({ ...options, copyRowsPerSecond: null }, copying);
    await streaming.until('it streams', () => streaming.last?.phase === 'stream');
    // Nobody writes: the answers to its questions are all that comes.
    const quietFrom = Date.now();
    await streaming.until(
      'the silence',
      () => (streaming.source.stats().lastReceivedMs ?? 0) > quietFrom + 9_000,
      120_000,
    );
    proxy.freeze();
    await client.query('INSERT INTO quiet VALUES (0)');
    expect(await streaming.fails()).toMatchObject({ code: 'RS-PG-016', kind: 'transient' });
    proxy.thaw();
    await freed('quiet');
    const again = resumed({ ...options, receiveTimeoutMs: 60_000 }, streaming);
    await again.until('the row', () => again.rows('public.quiet').length === 20_001);
    await again.close();
    await freed('quiet');
    await client.query("SELECT pg_drop_replication_slot('quiet')");
  },
);

/** The server must find out on its own side that nobody reads the slot any more. */
async function freed(slot: string): Promise<void> {
  await until('the slot is free', async () => {
    const { rows } = await client.query(
      'SELECT 1 FROM pg_replication_slots WHERE slot_name = $1 AND active',
      [slot],
    );
    return rows.length === 0;
  });
}

it.skipIf(noPostgres(18))(
  `loses and repeats nothing when connections are cut ${CUTS} times in copy and stream (seed ${seed})`,
  { timeout: 600_000 },
  async () => {
    const random = seededRandom(seed);
    const workload = new Workload(client, { seed, hugeRows: 20_000 });
    await workload.create();
    await workload.huge();
    for (let i = 0; i < 40; i++) await workload.step();
    const url = throughProxy;
    const tables = WORKLOAD_TABLES.map((table) => `public.${table}`);
    project = await makeProject({
      url,
      tables,
      mask: { domains: { email: { method: 'token' } }, tables: WORKLOAD_MASK },
    });
    await project.configure({
      // Slow enough that a copy is met on its way.
      source: { type: 'postgres', url, tables, idle_interval_ms: 300, copy_rows_per_second: 5_000 },
    });
    const running = new RowsealProcess(['run', '--config', project.configFile]);
    started = running;
    const status = async (): Promise<PipelineStatus | null> => {
      expect(running.running, `the process ended by itself:\n${running.output.slice(-3_000)}`).toBe(true);
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
        // One that is due after some more bytes may be in the middle of nothing, and not come.
        for (let cut = 1; cut <= CUTS || proxy.cuts <= CUTS; cut++) {
          // It has connected since the last one.
          let now: PipelineStatus | null = null;
          await until('it reads', async () => {
            now = await status();
            return now?.state === 'streaming' || (now?.state === 'snapshot' && now.source.snapshot !== null);
          });
          if (now!.state === 'snapshot') inCopy++;
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
    expect(inCopy).toBeGreaterThan(0);
    expect((await running.terminate()).code).toBe(0);
    await expectWarehouseEqualsSource(client, project);
    const verified = await rowseal(['audit', 'verify', '--dir', project.auditDirectory, '--json']);
    expect(verified.code, verified.stdout).toBe(0);
    await expectLogWhole(project, workload.committed);
  },
);
