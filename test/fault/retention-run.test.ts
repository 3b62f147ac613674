import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { noPostgres } from '../support/needs.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { makeProject, readStatus, type TestProject, until } from '../support/project.ts';
import { RowsealProcess, rowseal } from '../support/rowseal-process.ts';

const CLOCK = new URL('../support/set-clock.mjs', import.meta.url).href;
const DAY_MS = 86_400_000;

describe.skipIf(noPostgres(18))('a pipeline with a retention of a day', { timeout: 240_000 }, () => {
  let server: TestPostgres;
  let client: Client;
  let project: TestProject;
  beforeAll(async () => {
    server = await startPostgres(18);
    client = await server.client();
    await client.query('CREATE TABLE people (id int PRIMARY KEY, name text)');
    await server.createDatabase('warehouse');
    project = await makeProject({
      url: server.url(),
      tables: ['public.people'],
      mask: { tables: { 'public.people': { id: 'keep', name: 'keep' } } },
    });
    await project.configure({
      audit: { dir: 'audit', key: { file: 'signing.key' }, retention: { row_images_days: 1 } },
      sinks: { warehouse: { type: 'postgres', url: server.url('warehouse') } },
    });
  });
  afterAll(async () => {
    await client?.end();
    await server?.stop();
    await project?.remove();
  });

  /** Of which the clock is so many days ahead. */
  async function run(days: number): Promise<RowsealProcess> {
    const clock = join(project.directory, 'clock');
    await writeFile(clock, String(days * DAY_MS));
    return new RowsealProcess(['run', '--config', project.configFile], {
      NODE_OPTIONS: `--import=${CLOCK}`,
      ROWSEAL_TEST_CLOCK: clock,
    });
  }

  const sealed = async (): Promise<number> =>
    ((await readStatus(project)) as { sealed?: { group: number | null } } | null)?.sealed?.group ?? -1;

  async function goesOn(running: RowsealProcess): Promise<void> {
    let from = -1;
    await until('more groups', async () => {
      if (!running.running) throw new Error(running.output);
      await client.query(
        "INSERT INTO people VALUES (100, 'tick') ON CONFLICT (id) DO UPDATE SET name = 'tick'",
      );
      const now = await sealed();
      if (from < 0) from = now;
      return from >= 0 && now > from + 3;
    });
  }

  async function warehouse(): Promise<readonly (readonly unknown[])[]> {
    const there = await server.client('warehouse');
    try {
      const { rows } = await there.query({
        text: 'SELECT id, name FROM public.people WHERE id < 100 ORDER BY id',
        rowMode: 'array',
      });
      return rows;
    } catch {
      return [];
    } finally {
      await there.end();
    }
  }

  async function expired(): Promise<number> {
    const { code, stdout } = await rowseal(['audit', 'verify', '--dir', project.auditDirectory, '--json']);
    expect(code, stdout).toBe(0);
    return (JSON.parse(stdout) as { expired: number }).expired;
  }

  it('keeps what its sink has not had, however long that is down, and says so', async () => {
    const first = await run(0);
    await client.query("INSERT INTO people VALUES (1, 'one'), (2, 'two'), (3, 'three')");
    await until('the rows', async () => (await warehouse()).length === 3);
    expect((await first.terminate()).code).toBe(0);

    await client.query('ALTER DATABASE warehouse RENAME TO away');
    const second = await run(0);
    await client.query(
      "UPDATE people SET name = 'uno' WHERE id = 1; DELETE FROM people WHERE id = 2; INSERT INTO people VALUES (4, 'four')",
    );
    await goesOn(second);
    await second.terminate();

    const third = await run(3);
    await until('it says so', () => third.output.includes('RS-AUD-033'));
    await goesOn(third);
    await third.terminate();
    expect(await expired()).toBe(0);

    await client.query('ALTER DATABASE away RENAME TO warehouse');
    const fourth = await run(3);
    await until('the changes', async () => (await warehouse()).some(([id]) => id === 4));
    await fourth.terminate();
    expect(await warehouse()).toEqual([
      [1, 'uno'],
      [3, 'three'],
      [4, 'four'],
    ]);

    const fifth = await run(3);
    await goesOn(fifth);
    expect((await fifth.terminate()).code).toBe(0);
    expect(await expired()).toBeGreaterThan(5);
  });

  it('halts a new sink that would be filled with holes, until the table is copied again', async () => {
    await client.query('DROP DATABASE warehouse WITH (FORCE)');
    await server.createDatabase('warehouse');
    const first = await run(3);
    await until('it is halted', () => first.output.includes('RS-AUD-035'));
    expect((await readStatus(project)) as { state: string } | null).toMatchObject({ state: 'streaming' });
    await first.terminate();
    expect(await warehouse()).toEqual([]);

    const copied = await rowseal([
      'resnapshot',
      '--table',
      'public.people',
      '--yes',
      '--config',
      project.configFile,
    ]);
    expect(copied.code, copied.stderr).toBeLessThan(2);
    const second = await run(3);
    await until('all rows', async () => (await warehouse()).length === 3);
    expect((await second.terminate()).code).toBe(0);
    expect(second.output).not.toContain('RS-AUD-035');
  });
});
