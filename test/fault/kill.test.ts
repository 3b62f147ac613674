import { join } from 'node:path';
import type { Client } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { GroupReader } from '../../src/audit/group-reader.ts';
import { NodeDisk } from '../../src/audit/node-disk.ts';
import { seededRandom } from '../../src/cli/demo/shop.ts';
import { type Op, opLetter } from '../../src/model/change.ts';
import { parseLsn } from '../../src/model/position.ts';
import { noPostgres } from '../support/needs.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { makeProject, readStatus, type TestProject, until } from '../support/project.ts';
import { ReferenceMask } from '../support/reference-mask.ts';
import { RowsealProcess, rowseal } from '../support/rowseal-process.ts';
import { queryWarehouse } from '../support/warehouse.ts';
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
    timeout: 400_000,
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
    let working = true;
    let hugeDue = false;
    const observer = await server.client();
    let confirmedTooFar = 0;
    let lastConfirmed = 0n;
    const work = (async () => {
      while (working) {
        await (hugeDue ? workload.huge() : workload.step());
        hugeDue = false;
        await new Promise((resolve) => setTimeout(resolve, random() * 15));
      }
    })();
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
    working = false;
    await work;
    // A column that appears while running is redacted; at a start it would have to be decided first (law 2).
    await until(
      'the last process streams',
      async () => (await readStatus(project))?.['state'] === 'streaming',
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
      90_000,
    );
    console.log(`caught up after ${Date.now() - endedMs} ms`);
    expect((await process.terminate()).code).toBe(0);
    await observer.end();
    expect(confirmedTooFar).toBe(0);

    await expectWarehouseEqualsSource();
    const verified = await rowseal(['audit', 'verify', '--dir', project.auditDirectory, '--json']);
    expect(verified.code, verified.stdout).toBe(0);
    await expectLogWhole(workload.committed);
  },
);

/** Every table, row by row, against the source masked by the reference. */
async function expectWarehouseEqualsSource(): Promise<void> {
  const mask = new ReferenceMask(project.maskKey);
  const email = (value: string | null): string | null => mask.token('domain:email', value);
  const source = async (sql: string): Promise<(string | null)[][]> =>
    (await client.query({ text: sql, rowMode: 'array' })).rows.map((row: (string | null)[]) => row);
  const sorted = (rows: readonly (readonly (string | null)[])[]): string[] =>
    rows.map((row) => JSON.stringify(row)).sort();
  const check = async (name: string, expected: (string | null)[][], sql: string): Promise<void> => {
    const actual = sorted(await queryWarehouse(project.warehouseFile, sql));
    const wanted = sorted(expected);
    expect(actual.length, name).toBe(wanted.length);
    const difference = wanted.findIndex((row, i) => row !== actual[i]);
    if (difference >= 0) expect(actual[difference], name).toBe(wanted[difference]);
  };
  await check(
    'people',
    (
      await source(
        "SELECT id::text, email, phone, bio, score::text, to_char(seen AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), nickname FROM people",
      )
    ).map(([id, mail, phone, bio, score, seen]) => [
      id!,
      null,
      email(mail!),
      mask.keepLast(2, '*', phone!),
      mask.token('column:public.people.bio', bio!),
      score!,
      seen!,
      null,
    ]),
    "SELECT id, full_name, email, phone, bio, CAST(score AS VARCHAR), strftime(seen, '%Y-%m-%d %H:%M:%S'), nickname FROM public.people",
  );
  await check(
    'lines',
    (
      await source(
        'SELECT order_no::text, line_no::text, sku, owner_email, qty::text, price::text FROM lines',
      )
    ).map(([a, b, sku, mail, qty, price]) => [a!, b!, sku!, email(mail!), qty!, price!, null]),
    'SELECT order_no, line_no, sku, owner_email, qty, CAST(price AS VARCHAR), CAST(flags AS VARCHAR) FROM public.lines',
  );
  await check(
    'slots',
    (await source('SELECT code, holder, n::text FROM slots')).map(([code, holder, n]) => [
      mask.token('column:public.slots.code', code!),
      email(holder!),
      n!,
    ]),
    'SELECT code, holder, n FROM public.slots',
  );
  await check(
    'visits',
    (await source("SELECT to_char(at, 'YYYY-MM-DD HH24:MI:SS.US'), email, path FROM visits")).map(
      ([at, mail, path]) => [at!, email(mail!), path!],
    ),
    `SELECT strftime("at", '%Y-%m-%d %H:%M:%S.%f'), email, path FROM public.visits`,
  );
  await check(
    'ledger',
    (await source('SELECT seq::text FROM ledger')).map(([seq]) => [seq!, null]),
    'SELECT seq, note FROM public.ledger',
  );
  expect(await queryWarehouse(project.warehouseFile, 'SELECT * FROM _rowseal.dead_letters')).toEqual([]);
}

/** Every ledger row once and in order, groups without holes, positions never back; read from the log alone. */
async function expectLogWhole(committed: number): Promise<void> {
  const seen: number[] = [];
  const copied = new Set<number>();
  let group = 0;
  let lsn = 0n;
  for await (const sealed of new GroupReader(new NodeDisk(), project.auditDirectory).read(
    0,
    Number.MAX_SAFE_INTEGER,
  )) {
    expect(sealed.index).toBe(group++);
    if (sealed.position.kind === 'postgres' && sealed.position.phase === 'stream') {
      expect(sealed.position.lsn >= lsn).toBe(true);
      lsn = sealed.position.lsn;
    }
    for await (const events of sealed.chunks()) {
      for (const event of events) {
        // A copy that was broken off began again: what counts is the last one.
        if (event.kind === 'snapshot' && event.table.name === 'ledger' && event.phase === 'begin')
          copied.clear();
        if (event.kind !== 'rows' || event.run.table.name !== 'ledger') continue;
        for (let row = 0; row < event.run.count; row++) {
          const seq = Number(event.run.cells[row * 2]);
          if (opLetter[event.run.ops[row]! as Op] === 'r') copied.add(seq);
          else seen.push(seq);
        }
      }
    }
  }
  const first = copied.size + 1;
  expect(seen).toEqual(Array.from({ length: committed - copied.size }, (_, i) => first + i));
}

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
      if (group.position.kind === 'postgres') lsn = group.position.lsn;
    }
  } catch {
    // The tail of a killed writer may be torn; what was read counts.
  }
  return lsn;
}
