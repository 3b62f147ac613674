import type { Client } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { haystacksOf, search } from '../support/canary.ts';
import { noPostgres } from '../support/needs.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { makeProject, readStatus, type TestProject, until } from '../support/project.ts';
import { RowsealProcess, rowseal } from '../support/rowseal-process.ts';
import { queryWarehouse } from '../support/warehouse.ts';

/** Marks that occur nowhere by chance; one per masked column and image. */
const MARKS = [
  'KANARIENVOGEL-7f3a',
  'zoë"canary\'q7',
  'CaNaRy\nline9x',
  '918273645546372',
  'kanarek 名前 ź8',
] as const;

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
  'no value of a masked column leaves memory, in any image, file, log line, error or page',
  {
    timeout: 120_000,
  },
  async () => {
    await client.query(`CREATE TABLE people (id int PRIMARY KEY, a text, b text, c text, d numeric, e text, n numeric(38,2));
    ALTER TABLE people REPLICA IDENTITY FULL;
    CREATE TABLE keyed (k text PRIMARY KEY, v text)`);
    const insert = (id: number): Promise<unknown> =>
      client.query('INSERT INTO people VALUES ($1, $2, $3, $4, $5, $6, $7)', [id, ...MARKS, 'NaN']);
    await insert(1);
    await client.query('INSERT INTO keyed VALUES ($1, $2)', [MARKS[0], MARKS[1]]);
    project = await makeProject({
      url: server.url(),
      tables: ['public.people', 'public.keyed'],
      mask: {
        undecided: 'redact',
        tables: {
          'public.people': {
            id: 'keep',
            a: 'token',
            b: 'redact',
            c: 'drop',
            d: 'token',
            e: { method: 'partial', keep_last: 1 },
            n: 'keep',
          },
          'public.keyed': { k: 'token', v: 'redact' },
        },
      },
      history: true,
    });
    await project.configure({ log: { format: 'json', level: 'debug' } });
    const outputs: string[] = [];
    const life = async (act: () => Promise<void>, end: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
      const process = new RowsealProcess(['run', '--config', project.configFile]);
      await until('streaming', async () => (await readStatus(project))?.['state'] === 'streaming');
      await act();
      for (const page of ['metrics', 'status.json', 'readyz', ''])
        outputs.push(await (await fetch(`http://127.0.0.1:${project.httpPort}/${page}`)).text());
      if (end === 'SIGKILL') await process.kill();
      else expect((await process.terminate()).code).toBe(0);
      outputs.push(process.output);
    };
    // Before, after and key images; values that the warehouse cannot hold (NaN in a DECIMAL); a column nobody decided.
    await life(async () => {
      await insert(2);
      await client.query("UPDATE people SET a = a || '1', b = b || '2'");
      await client.query('ALTER TABLE people ADD COLUMN surprise text');
      await client.query('UPDATE people SET surprise = $1', [MARKS[4]]);
      await client.query("UPDATE keyed SET k = k || 'moved'");
      await client.query('DELETE FROM people WHERE id = 1');
      await until('rows are delivered', async () => (await queryStatusRows()) >= 6);
    }, 'SIGKILL');
    await life(async () => {
      await insert(3);
      await client.query('ALTER TABLE people ALTER COLUMN d TYPE text');
      await client.query('UPDATE people SET d = $1', [MARKS[0]]);
      await client.query('DELETE FROM keyed');
      await until('more rows', async () => (await queryStatusRows()) >= 4);
    }, 'SIGTERM');
    for (const command of [
      ['audit', 'show', '--dir', project.auditDirectory, '--limit', '500'],
      ['audit', 'verify', '--dir', project.auditDirectory],
      ['check', '--config', project.configFile],
      ['status', '--config', project.configFile],
    ]) {
      const result = await rowseal(command);
      outputs.push(result.stdout, result.stderr);
    }
    // What could not be held is counted, and kept masked.
    const dead = await queryWarehouse(
      project.warehouseFile,
      'SELECT column_name, value FROM _rowseal.dead_letters',
    );
    expect(dead.some(([column]) => column === 'n')).toBe(true);

    const haystacks = await haystacksOf(project.directory, outputs);
    const found = search(haystacks, MARKS);
    expect(found).toEqual([]);
    // The search itself works: a kept value is found.
    expect([...haystacks.values()].some((hay) => hay.includes('people'))).toBe(true);
    expect(
      (await queryWarehouse(project.warehouseFile, 'SELECT id FROM public.people ORDER BY id')).map(
        ([id]) => id,
      ),
    ).toEqual(['2', '3']);
  },
);

async function queryStatusRows(): Promise<number> {
  const status = (await readStatus(project)) as { sinks?: { rows: number }[] } | null;
  return status?.sinks?.[0]?.rows ?? 0;
}
