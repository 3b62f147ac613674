import { join } from 'node:path';
import type { Client } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { GroupReader } from '../../src/audit/group-reader.ts';
import { NodeDisk } from '../../src/audit/node-disk.ts';
import { seededRandom } from '../../src/cli/demo/shop.ts';
import { parseLsn } from '../../src/model/position.ts';
import { expectLogWhole } from '../support/ledger-in-log.ts';
import { noPostgres } from '../support/needs.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { makeProject, readStatus, type TestProject, until } from '../support/project.ts';
import { RowsealProcess, rowseal } from '../support/rowseal-process.ts';
import { expectWarehouseEqualsSource } from '../support/warehouse-equals-source.ts';
import { whileWorking } from '../support/while-working.ts';
import { WORKLOAD_MASK, WORKLOAD_TABLES, Workload } from '../support/workload.ts';

const KILLS = 25;
const seed = Number(process.env['ROWSEAL_SEED'] ?? Date.now() % 1_000_000);

let server: TestPostgres;
let client: Client;
let project: TestProject;

beforeAll(async () => {
  server = await startPostgres(18);
  client = await server.client();
});

afterAll(async () => {
  await client?.end();
  await server?.stop();
  await project?.remove();
});

it.skipIf(noPostgres(18))(
  `loses, repeats and splits nothing through ${KILLS} kills (seed ${seed})`,
  {
    timeout: 600_000,
  },
  async () => {
    const workload = new Workload(client, { seed, hugeRows: 120_000 });
    await workload.create();
    for (let i = 0; i < 40; i++) await workload.step();
    project = await makeProject({
      url: server.url(),
      tables: WORKLOAD_TABLES.map((table) => `public.${table}`),
      mask: { domains: { email: { method: 'token' } }, tables: WORKLOAD_MASK },
      history: true,
    });
    const random = seededRandom(seed);
    let process = new RowsealProcess(['run', '--config', project.configFile]);
    let hugeDue = false;
    const observer = await server.client();
    let confirmedTooFar = 0;
    let lastConfirmed = 0n;
    const step = async (): Promise<void> => {
      const huge = hugeDue;
      hugeDue = false;
      await (huge ? workload.huge() : workload.step());
      await new Promise((resolve) => setTimeout(resolve, random() * 15));
    };
    await whileWorking(step, async () => {
      for (let kill = 1; kill <= KILLS; kill++) {
        // Some during the first copy, some right after the start, most in the middle of things.
        await new Promise((resolve) =>
          setTimeout(resolve, kill % 5 === 0 ? random() * 400 : 300 + random() * 2_200),
        );
        if (kill === 8) hugeDue = true;
        const confirmed = await confirmedFlush(observer);
        if (confirmed !== null) {
          if (confirmed < lastConfirmed) confirmedTooFar++;
          lastConfirmed = confirmed;
        }
        expect(process.running, `the process ended by itself:\n${process.output.slice(-3_000)}`).toBe(true);
        await process.kill();
        const sealed = await sealedPosition(project);
        const afterKill = await confirmedFlush(observer);
        // Law 3: what the server was told to forget is in the log, always.
        if (afterKill !== null && sealed !== null && afterKill > sealed) confirmedTooFar++;
        process = new RowsealProcess(['run', '--config', project.configFile]);
      }
    });
    // A column that appears while running is redacted; at a start it would have to be decided first (law 2).
    await until(
      'the last process streams',
      async () => (await readStatus(project))?.['state'] === 'streaming',
      180_000,
    );
    await workload.addColumn();
    await workload.step();
    const endedMs = Date.now();
    const end = parseLsn(
      (await client.query<{ lsn: string }>('SELECT pg_current_wal_lsn()::text AS lsn')).rows[0]!.lsn,
    )!;
    await until(
      'the warehouse has caught up',
      async () => {
        if (!process.running) throw new Error(`the process ended:\n${process.output.slice(-3_000)}`);
        const status = (await readStatus(project)) as unknown as {
          source: { position: string | null };
          sinks: { behind_groups: number }[];
        } | null;
        const position = parseLsn(status?.source.position?.split(' ')[0] ?? '');
        return (
          position !== null && position >= end && status!.sinks.every((sink) => sink.behind_groups === 0)
        );
      },
      240_000,
    ).catch(async (error: unknown) => {
      // What the process says of itself tells more than that it did not come.
      console.error(JSON.stringify(await readStatus(project)), process.output.slice(-4_000));
      throw error;
    });
    console.log(`caught up after ${Date.now() - endedMs} ms`);
    expect((await process.terminate()).code).toBe(0);
    await observer.end();
    expect(confirmedTooFar).toBe(0);

    await expectWarehouseEqualsSource(client, project);
    const verified = await rowseal(['audit', 'verify', '--dir', project.auditDirectory, '--json']);
    expect(verified.code, verified.stdout).toBe(0);
    await expectLogWhole(project, workload.committed);
  },
);

async function confirmedFlush(observer: Client): Promise<bigint | null> {
  const { rows } = await observer.query<{ lsn: string | null }>(
    "SELECT confirmed_flush_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = 'rowseal_test'",
  );
  return rows[0]?.lsn == null ? null : parseLsn(rows[0].lsn);
}

/** The newest leaf of the journal, torn tail aside. */
async function sealedPosition(project: TestProject): Promise<bigint | null> {
  let lsn: bigint | null = null;
  try {
    for await (const group of new GroupReader(new NodeDisk(), join(project.directory, 'audit')).read(
      0,
      Number.MAX_SAFE_INTEGER,
    )) {
      // Until the copy is whole a start makes the slot anew: where it stands says nothing yet.
      if (group.position.kind === 'postgres' && group.position.phase === 'stream') lsn = group.position.lsn;
    }
  } catch {
    // The tail of a killed writer may be torn; what was read counts.
  }
  return lsn;
}
