import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { lockDirectory } from '../../src/audit/lock.ts';
import { noPostgres } from '../support/needs.ts';
import { freePort, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { ASKING, makeProject, type TestProject, until } from '../support/project.ts';
import { RowsealProcess, rowseal } from '../support/rowseal-process.ts';
import { slow } from '../support/slow.ts';
import { UnreliableProxy } from '../support/unreliable-proxy.ts';
import { queryWarehouse } from '../support/warehouse.ts';

const OPERATIONS = fileURLToPath(new URL('../../docs/operations.md', import.meta.url));
const CLOCK = new URL('../support/set-clock.mjs', import.meta.url).href;

let server: TestPostgres;
let client: Client;
const projects: TestProject[] = [];
const directories: string[] = [];

beforeAll(async () => {
  server = await startPostgres(18);
  client = await server.client();
});

afterAll(async () => {
  await client?.end();
  await server?.stop();
  for (const project of projects) await project.remove();
  for (const directory of directories) await rm(directory, { recursive: true, force: true });
});

/** A pipeline `name` that captures a table of this name. */
async function project(name: string, more: Readonly<Record<string, unknown>> = {}): Promise<TestProject> {
  await client.query(`CREATE TABLE IF NOT EXISTS ${name} (id int PRIMARY KEY, v text)`);
  const made = await makeProject({ url: server.url(), tables: [`public.${name}`], mask: {} });
  projects.push(made);
  const configure = (changes: Readonly<Record<string, unknown>>): Promise<void> =>
    made.configure({
      pipeline: name,
      mask: { key: { file: 'mask.key' }, tables: { [`public.${name}`]: { id: 'keep', v: 'token' } } },
      ...more,
      ...changes,
    });
  await configure({});
  return { ...made, configure };
}

interface Status {
  readonly pipeline: string;
  readonly state: string;
  readonly reason: { readonly code: string } | null;
  readonly sealed: { readonly group: number | null; readonly sealed_at: string | null };
  readonly reload: { readonly outcome: string; readonly error: { readonly code: string } | null } | null;
  readonly sinks: readonly {
    readonly rows: number;
    readonly behind_groups: number;
    readonly behind_ms: number | null;
  }[];
}

async function read<T>(port: number, path: string): Promise<T | null> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, ASKING());
    return answer.headers.get('content-type')?.startsWith('application/json') === true
      ? ((await answer.json()) as T)
      : ((await answer.text()) as T);
  } catch {
    return null;
  }
}

const statusOf = (made: TestProject): Promise<Status | null> => read<Status>(made.httpPort, '/status.json');

/** Inserts a row and waits until it is in the warehouse. */
async function insert(
  running: RowsealProcess,
  name: string,
  id: number,
  status: () => Promise<Status | null>,
): Promise<void> {
  // A sink that is opening again is among those that are there.
  let before: number | undefined;
  await until('its sink is known', async () => {
    before = (await status())?.sinks[0]?.rows;
    return before !== undefined;
  });
  await client.query(`INSERT INTO ${name} VALUES ($1, 'v')`, [id]);
  await until(`row ${id} of ${name}`, async () => {
    if (!running.running) throw new Error(running.output);
    return ((await status())?.sinks[0]?.rows ?? 0) > before!;
  });
}

async function start(made: TestProject, env: Readonly<Record<string, string>> = {}): Promise<RowsealProcess> {
  const running = new RowsealProcess(['run', '--config', made.configFile], env);
  await until('it streams', async () => {
    if (!running.running) throw new Error(running.output);
    return (await statusOf(made))?.state === 'streaming';
  });
  return running;
}

/** The steps of docs/operations.md, as they are written there. */
function backUp(audit: string, backup: string): void {
  const text = readFileSync(OPERATIONS, 'utf8');
  const steps = /<!-- backup -->\n```sh\n([\s\S]*?)```/.exec(text)![1]!;
  const { status, stderr } = spawnSync('sh', ['-eu', '-c', steps], {
    env: { ...process.env, AUDIT: audit, BACKUP: backup },
    encoding: 'utf8',
  });
  expect(status, stderr).toBe(0);
}

/** The sink's own statement waits for whoever holds the mirror. A group without rows does not. */
async function hangs(holder: Client): Promise<void> {
  await until(
    'the sink hangs',
    async () =>
      (
        await holder.query(
          `SELECT FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
        )
      ).rowCount !== 0,
  );
}

async function expectVerified(directory: string): Promise<void> {
  const verified = await rowseal(['audit', 'verify', '--dir', directory, '--json']);
  expect(verified.code, verified.stdout).toBe(0);
}

/** Its reader comes back for it: again, until it is gone. */
async function dropSlot(name: string): Promise<void> {
  await until('the slot is gone', async () => {
    await client.query(
      'SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1 AND active',
      [name],
    );
    return client.query('SELECT pg_drop_replication_slot($1)', [name]).then(
      () => true,
      () => false,
    );
  });
}

describe.skipIf(noPostgres(18))('a backup of the log', () => {
  it('is whole though it was taken while the log grew; an older one is refused by whoever knows more', {
    timeout: 240_000,
  }, async () => {
    const made = await project('kept', {
      audit: { dir: 'audit', key: { file: 'signing.key' }, segment_max_bytes: 65_536 },
    });
    const place = await mkdtemp(join(tmpdir(), 'rowseal-backup-'));
    directories.push(place);
    const running = await start(made);
    let id = 0;
    await insert(running, 'kept', ++id, () => statusOf(made));
    // Transactions come all the while.
    let writing = true;
    const writer = await server.client();
    const work = (async () => {
      while (writing) {
        await writer.query(
          `INSERT INTO kept SELECT g, repeat('v', 100) FROM generate_series(${id + 1}, ${id + 20}) g`,
        );
        id += 20;
      }
    })();
    const copies: string[] = [];
    for (let n = 0; n < 6; n++) {
      const sealed = (await statusOf(made))?.sealed.group ?? 0;
      await until('more is sealed', async () => ((await statusOf(made))?.sealed.group ?? 0) > sealed);
      const copy = join(place, String(n));
      backUp(made.auditDirectory, copy);
      copies.push(copy);
    }
    writing = false;
    await work;
    await writer.end();
    expect((await running.terminate()).code).toBe(0);
    for (const copy of copies) await expectVerified(copy);

    // A copy of the stopped log is the newest, and does.
    const newest = join(place, 'newest');
    backUp(made.auditDirectory, newest);
    await rename(made.auditDirectory, join(made.directory, 'damaged'));
    await cp(newest, made.auditDirectory, { recursive: true, preserveTimestamps: true });
    const restored = await start(made);
    await insert(restored, 'kept', ++id, () => statusOf(made));
    expect((await restored.terminate()).code).toBe(0);
    await expectVerified(made.auditDirectory);

    // An older one is refused by the sink …
    const put = async (copy: string): Promise<void> => {
      await rm(made.auditDirectory, { recursive: true });
      await cp(copy, made.auditDirectory, { recursive: true, preserveTimestamps: true });
    };
    await put(copies[0]!);
    const bySink = await rowseal(['run', '--config', made.configFile, '--exit-on-halt']);
    expect(bySink.stderr).toMatch(/RS-RUN-00[36]|RS-PG-\d+/);
    expect([3, 11]).toContain(bySink.code);
    // … and without one by the source, which was told to forget.
    await rm(made.warehouseFile);
    await put(copies[0]!);
    const bySource = await rowseal(['run', '--config', made.configFile, '--exit-on-halt']);
    expect(bySource.stderr).toMatch(/"code":"RS-PG-\d+"/);
    expect(bySource.code, bySource.stderr).toBe(3);
    // The way out that the manual names.
    const accepted = await rowseal([
      'accept-gap',
      '--config',
      made.configFile,
      '--actor',
      'a@example.com',
      '--reason',
      'only an old backup is left',
      '--yes',
    ]);
    expect(accepted.code, accepted.stderr).toBe(0);
    const again = await start(made);
    await until('copied again', async () => {
      const status = await statusOf(made);
      return (
        status?.state === 'streaming' &&
        (status.sinks[0]?.rows ?? 0) >= id &&
        status.sinks[0]!.behind_groups === 0
      );
    });
    expect((await again.terminate()).code).toBe(0);
    expect(await queryWarehouse(made.warehouseFile, 'SELECT count(*) FROM public.kept')).toEqual([
      [String(id)],
    ]);
    await expectVerified(made.auditDirectory);
  });
});

describe.skipIf(noPostgres(18))('several pipelines in one process', () => {
  let one: TestProject;
  let two: TestProject;
  let folder: string;

  /** Puts a configuration into the directory, with paths that still lead where they did. */
  async function put(
    name: string,
    made: TestProject,
    changes: Readonly<Record<string, unknown>> = {},
  ): Promise<void> {
    const config = parse(readFileSync(made.configFile, 'utf8')) as Record<string, unknown>;
    const at = (path: string): string => join(made.directory, path);
    const { http: _, ...rest } = config;
    await writeFile(
      join(folder, `${name}.yaml`),
      stringify({
        ...rest,
        mask: { ...(config['mask'] as object), key: { file: at('mask.key') } },
        audit: { dir: at('audit'), key: { file: at('signing.key') } },
        sinks: { warehouse: { type: 'duckdb', path: at('warehouse.duckdb') } },
        ...changes,
      }),
      { mode: 0o600 },
    );
  }

  beforeAll(async () => {
    one = await project('one');
    two = await project('two');
    folder = await mkdtemp(join(tmpdir(), 'rowseal-dir-'));
    directories.push(folder);
  });

  it('go on without one another, behind one door', { timeout: 240_000 }, async () => {
    await put('a', one, { http: { port: one.httpPort } });
    // Its directory is a file: this one cannot begin.
    await writeFile(join(two.directory, 'in-the-way'), '');
    await put('b', two, {
      audit: { dir: join(two.directory, 'in-the-way'), key: { file: join(two.directory, 'signing.key') } },
    });
    await writeFile(join(folder, 'notes.txt'), 'no pipeline');
    const running = new RowsealProcess(['run', '--config-dir', folder]);
    const status = (name: string) => (): Promise<Status | null> =>
      read<Status>(one.httpPort, `/pipelines/${name}/status.json`);
    await until('the first streams', async () => {
      if (!running.running) throw new Error(running.output);
      return (await status('one')())?.state === 'streaming';
    });
    await until('the second waits', async () => (await status('two')())?.state === 'waiting');
    await insert(running, 'one', 1, status('one'));
    expect(await read(one.httpPort, '/healthz')).toBe('ok\n');
    expect(await read(one.httpPort, '/readyz')).toMatchObject({
      ready: false,
      pipelines: { one: { ready: true, state: 'streaming' }, two: { ready: false } },
    });
    await rm(join(two.directory, 'in-the-way'));
    await until(
      'the second was begun again',
      async () => (await status('two')())?.state === 'streaming',
      120_000,
    );
    await insert(running, 'two', 1, status('two'));
    const stricter = (v: string) => ({
      audit: { dir: join(two.directory, 'in-the-way'), key: { file: join(two.directory, 'signing.key') } },
      mask: {
        key: { file: join(two.directory, 'mask.key') },
        tables: { 'public.two': { id: 'keep', v } },
      },
    });
    await put('b', two, stricter('redact'));
    running.signal('SIGHUP');
    await until('it is stricter', async () => (await status('two')())?.reload?.outcome === 'applied');
    // A halted one lets go of its log: commands mend it while the other goes on, and SIGHUP begins it again.
    await dropSlot('rowseal_two');
    await until('the second is halted', async () => (await status('two')())?.state === 'halted');
    // Halted is said first.
    await until('it has let go of its log', async () => {
      try {
        await lockDirectory(join(two.directory, 'in-the-way'))();
        return true;
      } catch {
        return false;
      }
    });
    await insert(running, 'one', 2, status('one'));
    const accepted = await rowseal([
      ...['accept-gap', '--config', join(folder, 'b.yaml'), '--actor', 'a@example.com'],
      ...['--reason', 'the slot was dropped', '--yes'],
    ]);
    expect(accepted.code, accepted.stderr).toBe(0);
    // Nor does it begin again under rules that show more than those in force.
    await put('b', two, stricter('keep'));
    running.signal('SIGHUP');
    await until('it is refused', async () => (await status('two')())?.reload?.outcome === 'refused');
    expect(await status('two')()).toMatchObject({
      state: 'halted',
      reload: { error: { code: 'RS-MASK-019' } },
    });
    await put('b', two, stricter('redact'));
    running.signal('SIGHUP');
    await until('the second was begun again', async () => (await status('two')())?.state === 'streaming');
    await insert(running, 'two', 2, status('two'));
    const metrics = (await read<string>(one.httpPort, '/metrics'))!;
    for (const name of ['one', 'two'])
      expect(metrics).toContain(`rowseal_pipeline_state{state="streaming",pipeline="${name}"} 1`);
    expect(metrics.match(/^# TYPE rowseal_pipeline_state /gm)).toHaveLength(1);
    expect(metrics.match(/^process_cpu_seconds_total /gm)).toHaveLength(1);
    expect(await read<string>(one.httpPort, '/')).toContain('href="/pipelines/two/"');
    expect(await read<string>(one.httpPort, '/pipelines/two/')).toContain('Rowseal <em>two</em>');
    expect(await read(one.httpPort, '/status.json')).toMatchObject({
      pipelines: [{ pipeline: 'one' }, { pipeline: 'two' }],
    });
    const asked = await rowseal(['status', '--config', join(folder, 'a.yaml'), '--json']);
    expect(JSON.parse(asked.stdout)).toMatchObject({ pipeline: 'one', state: 'streaming' });
    expect((await running.terminate()).code, running.output).toBe(0);
    // Copied again, and by the rules that were in force when it was halted: not by those that the process was started with.
    expect(await queryWarehouse(two.warehouseFile, 'SELECT count(*), count(v) FROM public.two')).toEqual([
      ['2', '0'],
    ]);
    for (const line of running.stderr.trim().split('\n'))
      expect(['one', 'two']).toContain(JSON.parse(line).pipeline);
  });

  it.each([
    ['name', { pipeline: 'one' }, 'pipeline'],
    [
      'directory',
      () => ({
        audit: { dir: join(one.directory, 'audit'), key: { file: join(two.directory, 'signing.key') } },
      }),
      'audit.dir',
    ],
    [
      'slot',
      () => ({
        source: { type: 'postgres', url: server.url('other'), tables: ['public.two'], slot: 'rowseal_one' },
      }),
      'source.slot',
    ],
    [
      'target',
      () => ({ sinks: { other: { type: 'duckdb', path: `${one.directory}/./warehouse.duckdb` } } }),
      'sinks.other.path',
    ],
  ])('that would share a %s are refused', async (_what, changes, option) => {
    await put('a', one);
    await put('b', two, typeof changes === 'function' ? changes() : changes);
    const refused = await rowseal(['run', '--config-dir', folder]);
    expect(refused.stderr).toContain('RS-CFG-012');
    expect(refused.stderr).toContain(`${option} of `);
    expect(refused.code).toBe(2);
  });

  it('of which one cannot be read are not started, and every file that is broken is named at once', async () => {
    await put('a', one);
    await put('b', two, { sink: { canary: 'canary-value' } });
    const broken = ['b.yaml', 'c.yaml', 'd.yaml'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    await writeFile(broken[1], 'pipeline: [canary-value\n');
    await put('d', two, {
      source: { type: 'postgres', url: '${env:ROWSEAL_NO_SUCH}', tables: ['public.two'] },
    });
    const several = await rowseal(['run', '--config-dir', folder, '--allow-weaker']);
    expect(several.code).toBe(2);
    expect(several.stderr).toContain('RS-CFG-014');
    expect(several.stderr).toContain('state: nothing was started');
    const after = (text: string, file: string): string => text.split(file)[1] ?? '';
    expect(after(several.stderr, broken[0])).toMatch(/^:\d+:\d+ sink: RS-CFG-003 .*unknown option `sink`/);
    expect(after(several.stderr, broken[1])).toMatch(/^:\d+:\d+: RS-CFG-002 /);
    expect(after(several.stderr, broken[2])).toMatch(/^ source\.url: RS-CFG-004 .*ROWSEAL_NO_SUCH/);
    // One is named by its own code, and as a file.
    for (const file of broken.slice(0, 2)) await rm(file);
    const single = await rowseal(['run', '--config-dir', folder]);
    expect(single.code).toBe(2);
    expect(after(single.stderr, broken[2])).toMatch(/^ {2}source\.url/);
    expect(single.stderr).toMatch(/RS-CFG-004[\s\S]*state: nothing was started/);
    await rm(broken[2]);
    for (const { stderr } of [several, single]) expect(stderr).not.toContain('canary-value');
    expect(await read(one.httpPort, '/healthz')).toBeNull();
  });

  it('that disagree on the door, and a directory with none, are refused', async () => {
    await put('a', one, { http: { port: 1 } });
    await put('b', two, { http: { port: 2 } });
    expect((await rowseal(['run', '--config-dir', folder])).stderr).toContain('RS-CFG-013');
    const empty = join(folder, 'empty');
    await mkdir(empty);
    const none = await rowseal(['run', '--config-dir', empty]);
    expect(none.stderr).toContain('RS-CFG-001');
    expect(none.code).toBe(2);
  });
});

describe.skipIf(noPostgres(18))('a process', () => {
  it('whose clock is set goes on as if nothing had happened', { timeout: 240_000 }, async () => {
    const made = await project('clocked');
    const clock = join(made.directory, 'clock');
    const set = (ms: number): Promise<void> => writeFile(clock, String(ms));
    const running = await start(made, { NODE_OPTIONS: `--import=${CLOCK}`, ROWSEAL_TEST_CLOCK: clock });
    const lags: (number | null)[] = [];
    const sealedAt: string[] = [];
    const status = async (): Promise<Status | null> => {
      const now = await statusOf(made);
      lags.push(...(now?.sinks.map((sink) => sink.behind_ms) ?? []));
      return now;
    };
    let id = 0;
    for (const offset of [0, -3_600_000, 3 * 86_400_000, 0]) {
      await set(offset);
      // At once: the watchdog has no clock that could be set.
      expect(await read(made.httpPort, '/healthz')).toBe('ok\n');
      for (let n = 0; n < 3; n++) await insert(running, 'clocked', ++id, status);
      sealedAt.push((await statusOf(made))!.sealed.sealed_at!);
    }
    // The clock was really set.
    const hours = sealedAt.map((at) => Math.round((Date.parse(at) - Date.parse(sealedAt[0]!)) / 3_600_000));
    expect(hours).toEqual([0, -1, 72, 0]);
    expect(lags.filter((lag) => lag !== null && lag < 0)).toEqual([]);
    const metrics = (await read<string>(made.httpPort, '/metrics'))!;
    const negative = metrics.split('\n').filter((line) => /^rowseal_\S*(seconds|lag)\S* -/.test(line));
    expect(negative).toEqual([]);
    expect((await running.terminate()).code).toBe(0);
    expect(await queryWarehouse(made.warehouseFile, 'SELECT count(*) FROM public.clocked')).toEqual([
      [String(id)],
    ]);
    await expectVerified(made.auditDirectory);
  });

  it('whose source is away at the start waits for it, unless it is the first start', {
    timeout: 240_000,
  }, async () => {
    const made = await project('early');
    const first = await start(made);
    await insert(first, 'early', 1, () => statusOf(made));
    expect((await first.terminate()).code).toBe(0);
    const port = await freePort();
    const url = server.url().replace(`:${server.port}`, `:${port}`);
    const source = { type: 'postgres', url, tables: ['public.early'], idle_interval_ms: 300 };
    await made.configure({ source });
    const waits = async (): Promise<boolean> => (await statusOf(made))?.state === 'waiting';
    const stopped = new RowsealProcess(['run', '--config', made.configFile]);
    await until('it waits', waits);
    expect((await stopped.terminate()).code).toBe(0);
    const early = new RowsealProcess(['run', '--config', made.configFile]);
    await until('it waits', waits);
    expect(await statusOf(made)).toMatchObject({ reason: { code: 'RS-PG-001' } });
    // A policy that comes meanwhile is in force from its first row.
    const stricter = { key: { file: 'mask.key' }, tables: { 'public.early': { id: 'keep', v: 'redact' } } };
    await made.configure({ source, mask: stricter });
    early.signal('SIGHUP');
    await until('it was read', async () => (await statusOf(made))?.reload?.outcome === 'pending');
    const health = await rowseal(['health', '--config', made.configFile]);
    expect(health.code, health.stderr).toBe(0);
    const back = new UnreliableProxy(server.host, server.port);
    await back.listen(port);
    await until('it streams', async () => {
      if (!early.running) throw new Error(early.output);
      return (await statusOf(made))?.state === 'streaming';
    });
    expect(await statusOf(made)).toMatchObject({ reload: { outcome: 'applied' } });
    await insert(early, 'early', 2, () => statusOf(made));
    // A file that somebody breaks meanwhile says nothing of the process.
    await writeFile(made.configFile, 'pipeline: [unclosed\n');
    const broken = await rowseal(['health', '--config', made.configFile]);
    expect([broken.code, broken.stderr]).toEqual([0, expect.stringContaining('RS-CFG-002')]);
    expect((await early.terminate()).code).toBe(0);
    await back.close();
    expect(await queryWarehouse(made.warehouseFile, 'SELECT v FROM public.early WHERE id = 2')).toEqual([
      [null],
    ]);
  });

  it('that is asked to stop twice ends at once, and has lost nothing', { timeout: 240_000 }, async () => {
    await server.createDatabase('warehouse');
    const made = await project('twice', {
      sinks: { warehouse: { type: 'postgres', url: server.url('warehouse') } },
    });
    const running = await start(made);
    await insert(running, 'twice', 1, () => statusOf(made));
    // The sink hangs: somebody holds the mirror.
    const holder = await server.client('warehouse');
    await holder.query('BEGIN; LOCK TABLE public.twice IN ACCESS EXCLUSIVE MODE');
    await client.query("INSERT INTO twice VALUES (2, 'v')");
    await hangs(holder);
    running.signal('SIGTERM');
    await until('it stops', () => running.output.includes('stopping'));
    running.signal('SIGINT');
    expect((await running.exit()).code).toBe(4);
    await holder.end();
    const again = await start(made);
    await client.query("INSERT INTO twice VALUES (3, 'v')");
    const warehouse = await server.client('warehouse');
    await until(
      'all three',
      async () => (await warehouse.query('SELECT id FROM public.twice')).rowCount === 3,
    );
    await warehouse.end();
    expect((await again.terminate()).code).toBe(0);
    await expectVerified(made.auditDirectory);
  });

  it.runIf(slow)(
    'that cannot deliver in time ends with a code of its own',
    { timeout: 240_000 },
    async () => {
      await server.createDatabase('warehouse_late');
      const made = await project('late', {
        sinks: { warehouse: { type: 'postgres', url: server.url('warehouse_late') } },
      });
      const running = await start(made);
      await insert(running, 'late', 1, () => statusOf(made));
      const holder = await server.client('warehouse_late');
      await holder.query('BEGIN; LOCK TABLE public.late IN ACCESS EXCLUSIVE MODE');
      await client.query("INSERT INTO late VALUES (2, 'v')");
      await hangs(holder);
      const { code } = await running.terminate();
      expect(running.output).toContain('RS-RUN-014');
      expect(code).toBe(4);
      await holder.end();
    },
  );
});
