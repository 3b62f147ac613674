import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SnapshotManifest } from '../../connectors/sinks/duckdb/snapshots.ts';
import { askServer } from '../../src/cli/query-client.ts';
import { noPostgres } from '../support/needs.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { makeProject, readStatus, type TestProject, until } from '../support/project.ts';
import { RowsealProcess, rowseal } from '../support/rowseal-process.ts';
import { queryWarehouse } from '../support/warehouse.ts';

const ACCOUNTS = 4_000;
const TABLES = ['public.one', 'public.two'];

/** Money goes from a table to the other in single transactions: in every whole state the sum is what it was. */
describe.skipIf(noPostgres(18))('reading the DuckDB sink while it is written', () => {
  let server: TestPostgres;
  let client: Client;
  let project: TestProject;
  let run: RowsealProcess;
  let paying = false;
  let payments: Promise<void> = Promise.resolve();

  beforeAll(async () => {
    server = await startPostgres(18);
    client = await server.client();
    for (const table of TABLES) {
      await client.query(`CREATE TABLE ${table} (id int PRIMARY KEY, amount bigint NOT NULL, note text)`);
      await client.query(
        `INSERT INTO ${table} SELECT i, 100, repeat('note ', 20) FROM generate_series(1, ${ACCOUNTS}) AS i`,
      );
    }
    const columns = { id: 'keep', amount: 'keep', note: 'keep' };
    project = await makeProject({
      url: server.url(),
      tables: TABLES,
      mask: { tables: { 'public.one': columns, 'public.two': columns } },
    });
    await project.configure({
      sinks: {
        warehouse: {
          type: 'duckdb',
          path: 'warehouse.duckdb',
          history: true,
          snapshots: { dir: 'snapshots', interval_ms: 1_000, keep: 4 },
        },
      },
    });
    run = await started();
    await until('the copy is delivered', async () => {
      const answer = await ask(
        'select (select count(*) from public.one), (select count(*) from public.two)',
      ).catch(() => null);
      return answer !== null && String(answer.rows[0]) === `${ACCOUNTS},${ACCOUNTS}`;
    });
  }, 300_000);

  afterAll(async () => {
    paying = false;
    await payments;
    if (run.running) await run.kill();
    await project.remove();
    await server.stop();
  });

  const socket = (): string => `${project.warehouseFile}.sock`;
  const snapshots = (): string => join(project.directory, 'snapshots');

  async function started(): Promise<RowsealProcess> {
    const process = new RowsealProcess(['run', '--config', project.configFile]);
    await until('it runs', async () => {
      if (!process.running) throw new Error(process.stderr);
      return (await readStatus(project)) !== null;
    });
    return process;
  }

  async function ask(sql: string): Promise<{ group: number | null; rows: unknown[][] }> {
    const parts = await askServer(socket(), sql, { rows: 1_000, timeMs: 60_000 });
    if (parts === null) throw new Error('nobody answers');
    let group: number | null = null;
    const rows: unknown[][] = [];
    for await (const part of parts) {
      if (part.kind === 'columns') group = part.group;
      if (part.kind === 'rows') rows.push(...part.rows.map((row) => [...row]));
    }
    return { group, rows };
  }

  function pay(): void {
    paying = true;
    payments = (async () => {
      for (let n = 0; paying; n++) {
        const ids = `id % 7 = ${n % 7}`;
        await client.query(
          `BEGIN; UPDATE public.one SET amount = amount - ${n} WHERE ${ids}; UPDATE public.two SET amount = amount + ${n} WHERE ${ids}; COMMIT`,
        );
      }
    })();
  }

  async function stopPaying(): Promise<void> {
    paying = false;
    await payments;
  }

  const STATE = `select sum(amount), count(*), max(_rowseal_group) from (from public.one union all from public.two)`;

  it('a query sees whole groups, up to the cursor that it names, also across tables', async () => {
    pay();
    const groups: number[] = [];
    // At least so often, and until a later group is there.
    while (groups.length < 25 || groups.at(-1)! === groups[0]!) {
      const { group, rows } = await ask(STATE);
      const [sum, count, newest] = rows[0]!.map(Number);
      expect([sum, count]).toEqual([2 * ACCOUNTS * 100, 2 * ACCOUNTS]);
      expect(newest).toBeLessThanOrEqual(group!);
      groups.push(group!);
    }
    const shown = await rowseal(['query', STATE, '--config', project.configFile, '--json']);
    await stopPaying();
    expect(groups).toEqual([...groups].sort((a, b) => a - b));
    expect(shown.code).toBe(0);
    const document = JSON.parse(shown.stdout);
    expect(document.rows[0]['sum(amount)']).toBe(String(2 * ACCOUNTS * 100));
    expect(document.group).toBeGreaterThanOrEqual(groups.at(-1)!);
    expect(document.more).toBe(false);
  }, 300_000);

  it('only the owner may connect', async () => {
    const { mode, uid } = await stat(socket());
    expect(mode & 0o777).toBe(0o600);
    expect(uid).toBe(process.getuid!());
  });

  it('prints a table, CSV and JSON, and refuses with a code', async () => {
    const query = (...args: string[]) => rowseal(['query', '--config', project.configFile, ...args]);
    const sql = `select id, 'a,"b"' as text, null as nothing from public.one where id in (7, 1000) order by id`;
    const table = await query(sql);
    expect(table.stdout).toBe(
      '  id  text   nothing\n────  ─────  ───────\n   7  a,"b"     NULL\n1000  a,"b"     NULL\n',
    );
    expect(table.stderr).toMatch(/^2 rows \(group \d+\)\n$/);
    expect((await query('--csv', sql)).stdout).toBe('id,text,nothing\n7,"a,""b""",\n1000,"a,""b""",\n');
    const limited = await query('--limit', '3', '--json', 'from public.one order by id');
    expect(JSON.parse(limited.stdout)).toMatchObject({ more: true, rows: [{ id: 1 }, { id: 2 }, { id: 3 }] });
    const refused = await query('--json', 'delete from public.one');
    expect([refused.code, JSON.parse(refused.stdout).error.code]).toEqual([2, 'RS-QRY-001']);
    const missing = await query('select nothing from public.one');
    expect(missing.stderr).toContain('RS-QRY-002');
    expect(missing.stderr).toContain('nothing');
  }, 300_000);

  it('a query whose client leaves is stopped', async () => {
    const endless = new RowsealProcess([
      'query',
      '--config',
      project.configFile,
      'select count(*) from range(1000000000) a, range(1000) b',
    ]);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(endless.running).toBe(true);
    await endless.kill();
    const began = performance.now();
    await ask('select 1');
    // The other one would go on for hours.
    expect(performance.now() - began).toBeLessThan(30_000);
  }, 300_000);

  it('snapshots are the mirrors at their group, while delivery goes on', async () => {
    await until('a snapshot', async () => (await current()) !== null);
    pay();
    const first = (await current())?.group ?? -1;
    await until('snapshots follow each other', async () => ((await current())?.group ?? -1) > first + 2);
    await stopPaying();
    // Not the newest group: idle progress of the source is a group too, and changes no table.
    const newest = async (): Promise<number> => {
      const { rows } = await ask(
        'SELECT max(g) FROM (SELECT _rowseal_group AS g FROM public.one UNION ALL SELECT _rowseal_group FROM public.two)',
      );
      return Number(rows[0]![0]);
    };
    await until('the last state is published', async () => {
      const status = (await readStatus(project)) as { sinks: { behind_groups: number }[] } | null;
      return status?.sinks[0]?.behind_groups === 0 && ((await current())?.group ?? -1) >= (await newest());
    });
    expect((await run.terminate()).code).toBe(0);
    const kept = (await readdir(snapshots())).filter((name) => name.startsWith('group-'));
    expect(kept.length).toBeGreaterThan(1);
    expect(kept.length).toBeLessThanOrEqual(4);
    for (const name of kept) await expectEqualsHistory(join(snapshots(), name));
    run = await started();
  }, 300_000);

  async function current(): Promise<SnapshotManifest | null> {
    const text = await readFile(join(snapshots(), 'current/manifest.json'), 'utf8').catch(() => null);
    return text === null ? null : (JSON.parse(text) as SnapshotManifest);
  }

  async function expectEqualsHistory(directory: string): Promise<void> {
    const manifest = JSON.parse(await readFile(join(directory, 'manifest.json'), 'utf8')) as SnapshotManifest;
    expect(manifest.tables.map(({ table }) => table)).toEqual(['one', 'two']);
    for (const { table, file, rows } of manifest.tables) {
      expect(rows).toBe(ACCOUNTS);
      const columns = 'id, amount, note, _rowseal_op, _rowseal_group, _rowseal_seq, _rowseal_committed_at';
      const then = `SELECT ${columns} FROM public.${table}__history WHERE _rowseal_op <> 's' AND _rowseal_group <= ${manifest.group}
        QUALIFY row_number() OVER (PARTITION BY id ORDER BY _rowseal_seq DESC) = 1`;
      const now = `SELECT ${columns} FROM '${join(directory, file)}'`;
      const different = await queryWarehouse(
        project.warehouseFile,
        `SELECT count(*) FROM ((${then} EXCEPT ${now}) UNION ALL (${now} EXCEPT ${then}))`,
      );
      expect(different, `${table} at group ${manifest.group}`).toEqual([['0']]);
    }
  }

  it('a process killed while it makes a snapshot leaves the one before whole', async () => {
    // Larger, so that making one takes a moment.
    await client.query(
      `INSERT INTO public.one SELECT i, 0, repeat(md5(i::text), 8) FROM generate_series(10001, 130000) AS i`,
    );
    let hit = 0;
    // Until one was killed in the middle, whatever else this machine is at.
    for (let round = 0; round < 4 || hit === 0; round++) {
      const before = await current();
      await client.query('UPDATE public.one SET amount = amount WHERE id < 2000');
      await until('a snapshot is being made', async () => {
        const names = await readdir(snapshots());
        return (
          names.some((name) => name.startsWith('.making-')) || (await current())?.group !== before?.group
        );
      });
      await new Promise((resolve) => setTimeout(resolve, (round % 4) * 60));
      await run.kill();
      if ((await readdir(snapshots())).some((name) => name.startsWith('.making-'))) hit++;
      await expectWhole();
      run = await started();
    }
    expect(hit).toBeGreaterThan(0);
    const group = (await current())!.group;
    await until('the next one comes', async () => {
      await client.query('UPDATE public.one SET amount = amount WHERE id = 1');
      return ((await current())?.group ?? -1) > group;
    });
    await until('what was begun is gone', async () =>
      (await readdir(snapshots())).every((name) => !name.startsWith('.making-')),
    );
    await expectWhole();
  }, 300_000);

  async function expectWhole(): Promise<void> {
    const name = await readlink(join(snapshots(), 'current'));
    const manifest = (await current())!;
    expect(name).toBe(`group-${String(manifest.group).padStart(16, '0')}`);
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    for (const { file, rows, bytes } of manifest.tables) {
      const path = join(snapshots(), 'current', file);
      expect((await stat(path)).size).toBe(bytes);
      const reader = await connection.runAndReadAll(
        `SELECT count(*), max(_rowseal_group) FROM (SELECT COLUMNS(*) FROM '${path}')`,
      );
      const [count, newest] = reader.getRowsJS()[0]!.map(Number);
      expect(count).toBe(rows);
      expect(newest).toBeLessThanOrEqual(manifest.group);
    }
    connection.closeSync();
    instance.closeSync();
  }

  it('without a process the file is opened for reading; held by another one it says so', async () => {
    await run.kill();
    const args = ['query', '--config', project.configFile, '--json', 'select count(*) as n from public.two'];
    const answered = await rowseal(args);
    expect([answered.code, JSON.parse(answered.stdout).rows]).toEqual([0, [{ n: String(ACCOUNTS) }]]);
    const instance = await DuckDBInstance.create(project.warehouseFile);
    const connection = await instance.connect();
    const refused = await rowseal(args);
    connection.closeSync();
    instance.closeSync();
    expect([refused.code, JSON.parse(refused.stdout).error.code]).toEqual([2, 'RS-QRY-005']);
    run = await started();
    await until('the socket left behind is replaced', async () =>
      ask('select 1').then(
        () => true,
        () => false,
      ),
    );
  }, 300_000);
});
