import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GroupReader } from '../../src/audit/group-reader.ts';
import { NodeDisk } from '../../src/audit/node-disk.ts';
import { generateMaskKeyFile } from '../../src/mask/keys.ts';
import { startMysql, type TestMysql } from '../support/mysql.ts';
import { noMysql, noPostgres } from '../support/needs.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { makeProject, readStatus, type TestProject, until } from '../support/project.ts';
import { RowsealProcess, rowseal } from '../support/rowseal-process.ts';
import { queryWarehouse } from '../support/warehouse.ts';

interface Status {
  readonly state: string;
  readonly reason: { readonly code: string } | null;
  readonly sealed: { readonly group: number | null };
  readonly sinks: readonly {
    readonly rows: number;
    readonly behind_groups: number;
    readonly error: { readonly code: string } | null;
  }[];
  readonly reload: {
    readonly at: string;
    readonly outcome: string;
    readonly error: { readonly code: string; readonly detail: string | null } | null;
    readonly restart_needed: readonly string[];
  } | null;
}

let server: TestPostgres;
let client: Client;
let project: TestProject;

const mask = (v: string, w: string): Record<string, unknown> => ({
  mask: { key: { file: 'mask.key' }, tables: { 'public.t': { id: 'keep', v, w } } },
});

beforeAll(async () => {
  server = await startPostgres(18);
  client = await server.client();
  await client.query('CREATE TABLE t (id int PRIMARY KEY, v text, w text)');
  project = await makeProject({
    url: server.url(),
    tables: ['public.t'],
    mask: mask('token', 'keep')['mask'] as never,
  });
});

afterAll(async () => {
  await client?.end();
  await server?.stop();
  await project?.remove();
});

async function status(): Promise<Status | null> {
  return (await readStatus(project)) as unknown as Status | null;
}

let inserted = 0;

async function insert(running: RowsealProcess): Promise<void> {
  inserted++;
  const rows = (await status())?.sinks[0]?.rows ?? 0;
  await client.query('INSERT INTO t VALUES ($1, $2, $3)', [inserted, `v${inserted}`, `w${inserted}`]);
  await until(`row ${inserted} is delivered`, async () => {
    if (!running.running) throw new Error(running.output);
    return ((await status())?.sinks[0]?.rows ?? 0) > rows;
  });
}

/** SIGHUP, what came of it, and what the pipeline was doing then. */
async function reload(
  running: RowsealProcess,
): Promise<NonNullable<Status['reload']> & Pick<Status, 'state'>> {
  const before = (await status())?.reload?.at;
  running.signal('SIGHUP');
  let after: Status | null = null;
  await until('the configuration was read again', async () => {
    if (!running.running) throw new Error(running.output);
    after = await status();
    return after?.reload != null && after.reload.at !== before && after.reload.outcome !== 'pending';
  });
  const { reload: read, state } = after! as Status;
  return { ...read!, state };
}

/** Rules of column w in every version of the table that was sealed, in order. */
async function sealedRules(): Promise<readonly string[]> {
  const rules: string[] = [];
  for await (const group of new GroupReader(new NodeDisk(), project.auditDirectory).read(
    0,
    Number.MAX_SAFE_INTEGER,
  ))
    for (const table of group.tables) {
      const policy = new Map(JSON.parse(table.policy) as [string, { method: string }][]);
      const rule = policy.get('w')!.method;
      if (rules.at(-1) !== rule) rules.push(rule);
    }
  return rules;
}

async function start(...more: string[]): Promise<RowsealProcess> {
  const running = new RowsealProcess(['run', '--config', project.configFile, ...more]);
  await until('it streams', async () => {
    if (!running.running) throw new Error(running.output);
    return (await status())?.state === 'streaming';
  });
  return running;
}

describe.skipIf(noPostgres(18))('SIGHUP', () => {
  it('takes over a stricter policy between two groups, and nothing else', { timeout: 240_000 }, async () => {
    const running = await start();
    await insert(running);

    await project.configure(mask('token', 'redact'));
    expect(await reload(running)).toMatchObject({ outcome: 'applied', error: null, restart_needed: [] });
    // Signed before any row came.
    expect(await sealedRules()).toEqual(['keep', 'redact']);
    await insert(running);

    await project.configure(mask('keep', 'redact'));
    const weaker = await reload(running);
    expect(weaker).toMatchObject({
      outcome: 'refused',
      error: { code: 'RS-MASK-019', detail: 'public.t.v' },
    });

    await writeFile(project.configFile, 'pipeline: [unclosed\n');
    expect(await reload(running)).toMatchObject({ outcome: 'failed', error: { code: 'RS-CFG-002' } });

    await project.configure({ mask: { key: { file: 'mask.key' }, tables: { 'public.t': { id: 'keep' } } } });
    // An undecided column would be redacted, as a foreign key it might not: not comparable.
    expect(await reload(running)).toMatchObject({ outcome: 'refused' });

    await writeFile(join(project.directory, 'other.key'), generateMaskKeyFile(), { mode: 0o600 });
    await project.configure({
      mask: { ...(mask('token', 'redact')['mask'] as object), key: { file: 'other.key' } },
    });
    expect(await reload(running)).toMatchObject({ outcome: 'refused', error: { code: 'RS-MASK-014' } });
    const metrics = await (await fetch(`http://127.0.0.1:${project.httpPort}/metrics`)).text();
    expect(metrics).toMatch(/rowseal_policy_reload_total\{outcome="refused",pipeline="test"\} 3/);
    expect(metrics).toMatch(/rowseal_policy_last_reload_successful\{pipeline="test"\} 0/);
    await insert(running);

    await project.configure({
      ...mask('token', 'redact'),
      audit: { dir: 'audit', key: { file: 'signing.key' }, group_max_ms: 60 },
    });
    expect(await reload(running)).toMatchObject({
      outcome: 'unchanged',
      restart_needed: ['audit.group_max_ms'],
    });

    expect((await running.terminate()).code).toBe(0);
    expect(running.output).not.toContain('v1');
    expect(await sealedRules()).toEqual(['keep', 'redact']);
    const rows = await queryWarehouse(project.warehouseFile, 'SELECT id, v, w FROM public.t ORDER BY id');
    expect(rows.map(([, , w]) => w)).toEqual(['w1', null, null]);
    for (const [, v] of rows) expect(v).not.toMatch(/^v\d$/);
  });

  it('takes over one that shows more only when the process was started so, and says it', {
    timeout: 240_000,
  }, async () => {
    await project.configure(mask('token', 'redact'));
    const running = await start('--allow-weaker');
    await project.configure(mask('token', 'keep'));
    expect(await reload(running)).toMatchObject({ outcome: 'applied' });
    // Its line and the answer about it come by different ways.
    await until('it says so', () => running.output.includes('which shows more'));
    await insert(running);
    expect((await running.terminate()).code).toBe(0);
    expect(await sealedRules()).toEqual(['keep', 'redact', 'keep']);
    const verified = await rowseal(['audit', 'verify', '--dir', project.auditDirectory, '--json']);
    expect(verified.code, verified.stdout).toBe(0);
  });

  it('is not needed for a password that was rotated: each login reads it', { timeout: 240_000 }, async () => {
    await client.query("CREATE ROLE rotated SUPERUSER LOGIN REPLICATION PASSWORD 'first'");
    const secret = join(project.directory, 'password');
    await writeFile(secret, 'first\n');
    await project.configure({
      ...mask('token', 'keep'),
      source: {
        type: 'postgres',
        url: `postgres://rotated@${server.host}:${server.port}/postgres`,
        password: '${file:password}',
        tables: ['public.t'],
      },
    });
    const running = await start();
    // Working is said before the stream is open.
    await until(
      'the stream is open',
      async () =>
        (await client.query("SELECT FROM pg_stat_replication WHERE usename = 'rotated'")).rowCount === 1,
    );
    await insert(running);
    await client.query("ALTER ROLE rotated PASSWORD 'second'");
    await client.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rotated'");
    await until('it is refused', async () => (await status())?.reason?.code === 'RS-PG-002');
    await writeFile(secret, 'second\n');
    await until('it is let in', async () => (await status())?.state === 'streaming');
    await insert(running);
    expect((await running.terminate()).code).toBe(0);
  });

  it('is not needed for the password of a sink either, and has a halted one tried at once', {
    timeout: 240_000,
  }, async () => {
    await server.createDatabase('warehouse');
    const warehouse = await server.client('warehouse');
    await warehouse.query("CREATE ROLE loader LOGIN PASSWORD 'canary-1'");
    await warehouse.query('GRANT CREATE, TEMPORARY ON DATABASE warehouse TO loader');
    const secret = join(project.directory, 'sink-password');
    await writeFile(secret, 'canary-1\n');
    const sinks = {
      warehouse: {
        type: 'postgres',
        url: `postgres://loader@${server.host}:${server.port}/warehouse`,
        password: '${file:sink-password}',
        schema_prefix: 'w_',
      },
    };
    await project.configure({ ...mask('token', 'keep'), sinks });
    const running = await start();
    await insert(running);
    await until('it has all', async () => (await status())?.sinks[0]?.behind_groups === 0);
    const rows = (await status())!.sinks[0]!.rows;
    await warehouse.query("ALTER ROLE loader PASSWORD 'canary-2'");
    await warehouse.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'loader'");
    await client.query('INSERT INTO t VALUES ($1)', [++inserted]);
    await until('it is refused', async () => (await status())?.sinks[0]?.error?.code === 'RS-PGS-002');
    await writeFile(secret, 'canary-2\n');
    await project.configure({ ...mask('token', 'keep'), sinks, log: { format: 'json', level: 'debug' } });
    expect(await reload(running)).toMatchObject({ outcome: 'unchanged', restart_needed: [] });
    // Counted on, over the login.
    await until('it is let in', async () => ((await status())?.sinks[0]?.rows ?? 0) > rows);
    await until('more is told', () => running.output.includes('"message":"delivered"'));
    expect(running.output).toContain('log.level is debug');
    expect((await running.terminate()).code).toBe(0);
    expect(running.output).not.toMatch(/canary-/);
    const { rows: delivered } = await warehouse.query('SELECT max(id) AS last FROM w_public.t');
    expect(delivered).toEqual([{ last: inserted }]);
    await warehouse.end();
  });

  it('is not what a restart is: that takes a policy that shows more, and names the columns', {
    timeout: 240_000,
  }, async () => {
    await project.configure(mask('keep', 'redact'));
    const running = await start();
    await until('it says so', () => running.output.includes('show more, or may: v"'));
    expect(running.output).toContain('RS-MASK-018');
    expect((await running.terminate()).code).toBe(0);
  });

  it('changes the policy between two transactions of a busy stream', { timeout: 240_000 }, async () => {
    await project.configure(mask('token', 'keep'));
    const running = await start();
    const first = inserted + 1;
    const transactions: (readonly [from: number, to: number])[] = [];
    let writing = true;
    const writer = await server.client();
    const work = (async () => {
      for (let n = 0; writing; n++) {
        const from = inserted + 1;
        inserted += 1 + (n % 60);
        await writer.query(`INSERT INTO t SELECT g, 'v', 'w' FROM generate_series(${from}, ${inserted}) g`);
        transactions.push([from, inserted]);
      }
    })();
    const rows = async (): Promise<number> => (await status())?.sinks[0]?.rows ?? 0;
    await until('it is busy', async () => (await rows()) > 500);
    await project.configure(mask('token', 'redact'));
    expect(await reload(running)).toMatchObject({ outcome: 'applied' });
    const then = await rows();
    await until('it goes on', async () => (await rows()) > then + 500);
    writing = false;
    await work;
    await writer.end();
    await until('all is delivered', async () => (await rows()) >= inserted - first + 1);
    expect((await running.terminate()).code).toBe(0);
    const masked = new Set(
      (
        await queryWarehouse(
          project.warehouseFile,
          `SELECT id FROM public.t WHERE id >= ${first} AND w IS NULL`,
        )
      ).map(([id]) => Number(id)),
    );
    // Whole transactions, and from one of them on all.
    const kinds = transactions.map(([from, to]) => {
      const count = Array.from({ length: to - from + 1 }, (_, n) => from + n).filter((id) =>
        masked.has(id),
      ).length;
      expect([0, to - from + 1]).toContain(count);
      return count > 0;
    });
    expect(kinds.indexOf(true)).toBeGreaterThan(0);
    expect(kinds.slice(kinds.indexOf(true))).not.toContain(false);
    const verified = await rowseal(['audit', 'verify', '--dir', project.auditDirectory, '--json']);
    expect(verified.code, verified.stdout).toBe(0);
  });

  it('leaves it to `resnapshot --changed` to find what was delivered before', {
    timeout: 240_000,
  }, async () => {
    const resnapshot = async (...more: string[]) => {
      const { stdout } = await rowseal(['resnapshot', '--config', project.configFile, '--json', ...more]);
      return JSON.parse(stdout) as { readonly tables: readonly unknown[] };
    };
    await project.configure(mask('token', 'keep'));
    expect(await resnapshot('--changed', '--yes')).toMatchObject({ kind: 'copied' });
    expect(await resnapshot('--changed')).toMatchObject({ tables: [] });
    const running = await start();
    await project.configure(mask('token', 'redact'));
    expect(await reload(running)).toMatchObject({ outcome: 'applied' });
    // Sealed, and with it a row: the newest version tells nothing of those before.
    await insert(running);
    expect((await running.terminate()).code).toBe(0);
    expect(running.output).toContain('rowseal resnapshot --table public.t');
    expect(await resnapshot('--changed')).toMatchObject({ tables: [{ table: 'public.t', why: 'policy' }] });
    expect(await resnapshot('--changed', '--yes')).toMatchObject({ kind: 'copied' });
    expect(await queryWarehouse(project.warehouseFile, 'SELECT count(w) FROM public.t')).toEqual([['0']]);
    expect(await resnapshot('--changed')).toMatchObject({ tables: [] });
  });

  it('opens no door: where the process listens, a token stays needed', { timeout: 240_000 }, async () => {
    await writeFile(join(project.directory, 'token'), 'the-only-token-there-is', { mode: 0o600 });
    const open = { host: '0.0.0.0', port: project.httpPort, token: { file: 'token' } };
    await project.configure({ ...mask('token', 'redact'), http: open });
    const running = new RowsealProcess(['run', '--config', project.configFile]);
    const ask = (headers: Readonly<Record<string, string>>): Promise<Response | null> =>
      fetch(`http://127.0.0.1:${project.httpPort}/status.json`, {
        headers: { connection: 'close', ...headers },
      }).catch(() => null);
    const asked = async (): Promise<number> => (await ask({}))?.status ?? 0;
    const read = async (): Promise<Status['reload']> =>
      ((await (await ask({ authorization: 'Bearer the-only-token-there-is' }))?.json()) as Status | undefined)
        ?.reload ?? null;
    await until('it asks for a token', async () => (await asked()) === 401);
    for (const http of [
      { port: project.httpPort },
      { host: '0.0.0.0', port: project.httpPort, allow_unauthenticated: true },
    ]) {
      const before = (await read())?.at;
      await project.configure({ ...mask('token', 'redact'), http });
      running.signal('SIGHUP');
      await until('it was read', async () => (await read())?.at !== before);
      expect(await read()).toMatchObject({ outcome: 'failed', error: { code: 'RS-HTTP-001' } });
      expect(await asked()).toBe(401);
    }
    expect((await running.terminate()).code).toBe(0);
  });

  it('reads the token again', { timeout: 240_000 }, async () => {
    const tokenFile = join(project.directory, 'token');
    await writeFile(tokenFile, 'the-first-token-of-two', { mode: 0o600 });
    await project.configure({
      ...mask('token', 'keep'),
      http: { port: project.httpPort, token: { file: 'token' } },
    });
    const running = new RowsealProcess(['run', '--config', project.configFile]);
    const asked = async (token: string): Promise<number> =>
      fetch(`http://127.0.0.1:${project.httpPort}/status.json`, {
        headers: { authorization: `Bearer ${token}` },
      }).then(
        (response) => response.status,
        () => 0,
      );
    await until('the first token lets in', async () => (await asked('the-first-token-of-two')) === 200);
    await writeFile(tokenFile, 'the-other-token-of-two', { mode: 0o600 });
    running.signal('SIGHUP');
    await until('the other token lets in', async () => (await asked('the-other-token-of-two')) === 200);
    expect(await asked('the-first-token-of-two')).toBe(401);
    expect((await running.terminate()).code).toBe(0);
  });
});

describe.skipIf(noMysql('mysql-9'))('SIGHUP with MySQL', () => {
  const ROWS = 120_000;
  let mysql: TestMysql;

  afterAll(() => mysql?.stop());

  it('in the middle of a copy: killed then, the copy begins again under the new policy', {
    timeout: 300_000,
  }, async () => {
    mysql = await startMysql('mysql-9');
    const db = await mysql.client();
    await db.query(`CREATE DATABASE shop; USE shop; CREATE TABLE t (id int PRIMARY KEY, v varchar(60), w varchar(60));
      SET SESSION cte_max_recursion_depth = 1000000`);
    await db.query(
      `INSERT INTO t WITH RECURSIVE g (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < ${ROWS}) SELECT n, 'v', 'w' FROM g`,
    );
    const policy = (w: string): Record<string, unknown> => ({
      mask: { key: { file: 'mask.key' }, tables: { 'shop.t': { id: 'keep', v: 'token', w } } },
    });
    await project.remove();
    project = await makeProject({
      url: mysql.url,
      tables: ['shop.t'],
      mask: policy('keep')['mask'] as never,
    });
    const running = new RowsealProcess(['run', '--config', project.configFile]);
    const rows = async (): Promise<number> => (await status())?.sinks[0]?.rows ?? 0;
    await until('some of the copy', async () => {
      if (!running.running) throw new Error(running.output);
      return ((await status())?.sealed.group ?? 0) > 2;
    });
    await project.configure(policy('redact'));
    expect(await reload(running)).toMatchObject({ outcome: 'applied', state: 'snapshot' });
    await running.kill();
    expect(await sealedRules()).toEqual(['keep', 'redact']);
    const again = await start();
    await until('the copy', async () => (await rows()) >= ROWS, 200_000);
    await db.query("UPDATE t SET w = 'other' WHERE id = 1");
    await until('the change', async () => (await rows()) > ROWS);
    expect((await again.terminate()).code).toBe(0);
    await db.end();
    expect(
      await queryWarehouse(project.warehouseFile, 'SELECT count(*), count(v), count(w) FROM shop.t'),
    ).toEqual([[String(ROWS), String(ROWS), '0']]);
    const verified = await rowseal(['audit', 'verify', '--dir', project.auditDirectory, '--json']);
    expect(verified.code, verified.stdout).toBe(0);
  });
});
