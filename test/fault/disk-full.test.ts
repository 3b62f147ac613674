import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditLog } from '../../src/audit/audit-log.ts';
import { generateSigningKeyFile, parseSigningKey, verifierKeyOf } from '../../src/audit/keys.ts';
import { openAuditLog } from '../../src/audit/open.ts';
import { exitOf } from '../../src/audit/verify/report.ts';
import { verifyAudit } from '../../src/audit/verify/verify.ts';
import { isRowsealError } from '../../src/error/rowseal-error.ts';
import { at, begin, column, INT, rows, table } from '../support/masked.ts';
import { noPostgres } from '../support/needs.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { makeProject, readStatus, type TestProject, until } from '../support/project.ts';
import { RowsealProcess, rowseal } from '../support/rowseal-process.ts';
import { SimulatedDisk } from '../support/simulated-disk.ts';
import { queryWarehouse } from '../support/warehouse.ts';

const DIRECTORY = '/audit';
const ORIGIN = 'rowseal/full';
const signer = parseSigningKey(generateSigningKeyFile());
const TABLE = table('t', [column('id', 1, INT), column('v', 2)]);

async function open(disk: SimulatedDisk): Promise<AuditLog> {
  const { log } = await openAuditLog({
    directory: DIRECTORY,
    origin: ORIGIN,
    signer,
    disk,
    lock: () => async () => {},
    headIntervalMs: 0,
  });
  return log;
}

const isFull = (error: unknown): boolean => isRowsealError(error) && error.code === 'RS-AUD-002';

/** Seals groups until one does not fit. @returns how many were promised */
async function fill(log: AuditLog, from: number): Promise<number> {
  for (let n = from; ; n++) {
    try {
      const group = log.begin();
      await group.append([begin(n), rows(TABLE, 0, [{ op: 'c', after: [String(n), 'x'.repeat(200)] }])]);
      await group.seal(at(1_000 + n));
    } catch (error) {
      expect(isFull(error)).toBe(true);
      // Dead for good: nothing is said to be sealed any more.
      await expect(log.begin().seal(at(9_999))).rejects.toThrow();
      await log.close().catch(() => {});
      return n;
    }
  }
}

describe('a volume that is full at any byte', () => {
  it('keeps what was sealed, and nothing else, through recoveries on the full volume', async () => {
    const capacities = Array.from({ length: 120 }, (_, i) => 3_000 + i * 37);
    for (const capacity of capacities) {
      const disk = new SimulatedDisk(() => 0.5);
      const first = await open(disk);
      disk.capacityBytes = capacity;
      let promised = await fill(first, 0);
      // A start on the full volume either manages or says that it is full; it takes nothing away.
      await open(disk).then(
        (log) => log.close().catch((error: unknown) => expect(isFull(error)).toBe(true)),
        (error: unknown) => expect(isFull(error)).toBe(true),
      );
      disk.capacityBytes = Number.POSITIVE_INFINITY;
      const second = await open(disk);
      const kept = (second.last?.index ?? -1) + 1;
      // A group that failed only when its head was published is whole all the same: it was not confirmed, and is not lost.
      expect([promised, promised + 1]).toContain(kept);
      promised = kept;
      const group = second.begin();
      await group.append([begin(kept), rows(TABLE, 0, [{ op: 'c', after: [String(kept), 'goes on'] }])]);
      await group.seal(at(1_000 + kept));
      await second.close();
      const report = await verifyAudit({ directory: DIRECTORY, key: verifierKeyOf(signer, ORIGIN), disk });
      expect(exitOf(report), JSON.stringify(report.problems[0])).toBe(0);
      expect(report.groups).toBe(kept + 1);
    }
  });
});

describe.skipIf(noPostgres(18))('a small volume', () => {
  let server: TestPostgres;
  let client: Client;
  let project: TestProject;
  let mounted = false;
  const ballast = (): string => join(project.auditDirectory, 'ballast');

  beforeAll(async () => {
    // What is larger comes before its end.
    server = await startPostgres(18, { logical_decoding_work_mem: '64kB' });
    client = await server.client();
    await client.query('CREATE TABLE t (id int PRIMARY KEY, v text)');
    project = await makeProject({
      url: server.url(),
      tables: ['public.t'],
      // A few bytes at the source become many in the log: no guard that counts what comes in foresees it.
      mask: {
        tables: {
          'public.t': { id: 'keep', v: { method: 'redact', constant: 'x'.repeat(4_000) } },
        },
      },
    });
    mkdirSync(project.auditDirectory);
    mounted =
      spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'rowseal-test', project.auditDirectory]).status ===
      0;
    if (!mounted)
      console.error('\n!! No tmpfs can be mounted here.\n!! THE TESTS OF A REAL FULL VOLUME ARE SKIPPED.\n');
  });

  afterAll(async () => {
    await client?.end();
    await server?.stop();
    if (mounted) spawnSync('umount', ['-l', project.auditDirectory]);
    await project?.remove();
  });

  const status = async () =>
    (await readStatus(project)) as unknown as {
      state: string;
      reason: { code: string } | null;
      source: { spill: { transactions: number } };
      sinks: { rows: number; behind_groups: number }[];
      reload: { outcome: string; error: { code: string } | null } | null;
    } | null;

  const configure = (minFreeBytes: number, more: Readonly<Record<string, unknown>> = {}): Promise<void> =>
    project.configure({
      audit: { dir: 'audit', key: { file: 'signing.key' }, min_free_bytes: minFreeBytes },
      ...more,
    });

  const masked = (id: string): Readonly<Record<string, unknown>> => ({
    mask: { key: { file: 'mask.key' }, tables: { 'public.t': { id, v: 'redact' } } },
  });

  /** Fills the volume until so many bytes are free. */
  async function leave(bytes: number): Promise<void> {
    rmSync(ballast(), { force: true });
    const { bavail, bsize } = statfsSync(project.auditDirectory);
    await writeFile(ballast(), Buffer.alloc(bavail * bsize - bytes));
  }

  async function start(): Promise<RowsealProcess> {
    const running = new RowsealProcess(['run', '--config', project.configFile]);
    await until('it streams', async () => {
      if (!running.running) throw new Error(running.output);
      return (await status())?.state === 'streaming';
    });
    return running;
  }

  const insert = (from: number, to: number): Promise<unknown> =>
    client.query(`INSERT INTO t SELECT g, 'v' FROM generate_series(${from}, ${to}) g`);

  async function expectRows(running: RowsealProcess, count: number): Promise<void> {
    expect((await running.terminate()).code, running.output).toBe(0);
    const [row] = await queryWarehouse(project.warehouseFile, 'SELECT count(*) FROM public.t');
    expect(row).toEqual([String(count)]);
    rmSync(ballast(), { force: true });
    const verified = await rowseal(['audit', 'verify', '--dir', project.auditDirectory, '--json']);
    expect(verified.code, verified.stdout).toBe(0);
  }

  const walsender = async (): Promise<number> =>
    (await client.query<{ pid: number }>('SELECT pid FROM pg_stat_replication')).rows[0]!.pid;

  /** Whether the server may forget what lies before this LSN. */
  const confirmed = async (lsn: string): Promise<boolean> =>
    (
      await client.query<{ done: boolean }>(
        `SELECT confirmed_flush_lsn >= $1::pg_lsn AS done FROM pg_replication_slots WHERE slot_name = 'rowseal_test'`,
        [lsn],
      )
    ).rows[0]!.done;

  const walEnd = async (): Promise<string> =>
    (await client.query<{ lsn: string }>('SELECT pg_current_wal_lsn()::text AS lsn')).rows[0]!.lsn;

  it('is not filled below the floor: the source is held back, and let go again', {
    timeout: 240_000,
  }, async (test) => {
    if (!mounted) return test.skip();
    await configure(40 << 20);
    const running = await start();
    await insert(1, 10);
    await until('delivered', async () => ((await status())?.sinks[0]?.rows ?? 0) >= 10);
    await leave(30 << 20);
    let waiting: Awaited<ReturnType<typeof status>> = null;
    await until('it waits', async () => {
      await client.query('UPDATE t SET v = v WHERE id = 1');
      waiting = await status();
      return waiting?.state === 'waiting_for_space';
    });
    expect(waiting).toMatchObject({ reason: { code: 'RS-AUD-018' } });
    const ready = await fetch(`http://127.0.0.1:${project.httpPort}/readyz`);
    expect(ready.status).toBe(503);
    const metrics = await (await fetch(`http://127.0.0.1:${project.httpPort}/metrics`)).text();
    expect(metrics).toMatch(/rowseal_pipeline_state\{state="waiting_for_space",pipeline="test"\} 1/);
    const before = await walsender();
    const from = await walEnd();
    await insert(11, 20);
    // What is sealed is delivered all the same.
    await until('nothing waits for the sink', async () => (await status())?.sinks[0]?.behind_groups === 0);
    // Connected all the time, and told nothing that is not sealed.
    expect(await walsender()).toBe(before);
    const to = await walEnd();
    expect(from).not.toBe(to);
    expect(await confirmed(to)).toBe(false);
    // A stop does not wait for room, and a start waits for it again.
    expect((await running.terminate()).code, running.output).toBe(0);
    const again = new RowsealProcess(['run', '--config', project.configFile]);
    await client.query('UPDATE t SET v = v WHERE id = 1');
    await until('it waits again', async () => (await status())?.state === 'waiting_for_space');
    rmSync(ballast());
    await until('it streams', async () => (await status())?.state === 'streaming');
    await until('the rest is sealed and confirmed', () => confirmed(to));
    await expectRows(again, 20);
  });

  it('that fills up in the middle of a group costs the group, and is recovered from without a restart', {
    timeout: 240_000,
  }, async (test) => {
    if (!mounted) return test.skip();
    await configure(0);
    const running = await start();
    await leave(128 << 10);
    await insert(101, 200);
    let waiting: Awaited<ReturnType<typeof status>> = null;
    await until('it waits', async () => {
      waiting = await status();
      return waiting?.state === 'waiting_for_space';
    });
    expect(waiting).toMatchObject({ reason: { code: 'RS-AUD-002' } });
    const outcome = async (): Promise<string | undefined> => (await status())?.reload?.outcome;
    // Another policy holds from when it is begun again. One that cannot hold is given up then, and what was in force goes on.
    await configure(0, masked('redact'));
    running.signal('SIGHUP');
    await until('it was read', async () => (await outcome()) === 'pending');
    rmSync(ballast());
    await until('it streams', async () => (await status())?.state === 'streaming');
    expect(await status()).toMatchObject({ reload: { outcome: 'failed', error: { code: 'RS-MASK-004' } } });
    await until('the rest', async () => ((await status())?.sinks[0]?.rows ?? 0) >= 100);
    await expectRows(running, 120);
  });

  it('gets back from the source what it keeps there, and the server keeps that again', {
    timeout: 120_000,
  }, async (test) => {
    if (!mounted) return test.skip();
    await configure(40 << 20);
    const running = await start();
    const held = async (): Promise<number | undefined> => (await status())?.source.spill.transactions;
    const other = await server.client();
    try {
      await other.query('BEGIN');
      await other.query("INSERT INTO t SELECT g, repeat('v', 1000) FROM generate_series(1001, 1400) g");
      await until('it is on the disk', async () => (await held()) === 1);
      const metrics = await (await fetch(`http://127.0.0.1:${project.httpPort}/metrics`)).text();
      expect(metrics).toMatch(/rowseal_source_spill_bytes\{pipeline="test"\} [1-9]/);
      await leave(30 << 20);
      await until('it waits', async () => {
        await client.query('UPDATE t SET v = v WHERE id = 1');
        return (await status())?.state === 'waiting_for_space';
      });
      await until('the disk is free of it', async () => (await held()) === 0);
      rmSync(ballast());
      await until('it streams', async () => (await status())?.state === 'streaming');
      await other.query('COMMIT');
      const end = await walEnd();
      await until('it is sealed and confirmed', () => confirmed(end));
    } finally {
      await other.end();
    }
    expect(running.output).toContain('RS-PG-050');
    await expectRows(running, 520);
  });
});
