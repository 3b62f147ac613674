import { afterAll, expect, it } from 'vitest';
import { GroupReader } from '../../src/audit/group-reader.ts';
import { NodeDisk } from '../../src/audit/node-disk.ts';
import { newestGroup } from '../../src/audit/sealed-groups.ts';
import { haystacksOf, search } from '../support/canary.ts';
import { startMysql, type TestMysql } from '../support/mysql.ts';
import { noMysql } from '../support/needs.ts';
import { makeProject, readStatus, type TestProject, until } from '../support/project.ts';
import { RowsealProcess, rowseal } from '../support/rowseal-process.ts';
import { queryWarehouse } from '../support/warehouse.ts';

/** Marks that occur nowhere by chance: in every key, in text, in bytes, in a statement. */
const MARKS = ['KANARIENVOGEL-7f3a', 'zoë"canary\'q7', 'CaNaRy9x-bytes', '918273645546372'] as const;
const ROWS = 90_000;

let server: TestMysql;
let project: TestProject;

afterAll(async () => {
  await server?.stop();
  await project?.remove();
});

it.skipIf(noMysql('mysql-9'))(
  'keys of a copy that was stopped are in no file, and the copy goes on where it was',
  { timeout: 360_000 },
  async () => {
    server = await startMysql('mysql-9');
    const client = await server.client();
    await client.query(`CREATE DATABASE shop CHARACTER SET utf8mb4; USE shop;
      CREATE TABLE keyed (k varchar(60) PRIMARY KEY, v varchar(60), b varbinary(40), n decimal(20,2));
      SET SESSION cte_max_recursion_depth = 1000000`);
    await client.query(
      `INSERT INTO keyed WITH RECURSIVE g (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < ?)
       SELECT CONCAT(?, '-', LPAD(n, 6, '0')), ?, ?, ? FROM g`,
      [ROWS, ...MARKS],
    );
    project = await makeProject({
      url: server.url,
      tables: ['shop.keyed'],
      mask: { tables: { 'shop.keyed': { k: 'token', v: 'redact', b: 'token', n: 'token' } } },
    });
    await project.configure({ log: { format: 'json', level: 'debug' } });
    const outputs: string[] = [];
    // Three times in the middle of the copy.
    for (let rows = 10_000; rows <= 50_000; rows += 20_000) {
      const run = new RowsealProcess(['run', '--config', project.configFile]);
      await until('some of the copy', async () => (await sealedRows()) >= rows);
      outputs.push(await (await fetch(`http://127.0.0.1:${project.httpPort}/status.json`)).text());
      await run.kill();
      outputs.push(run.output);
    }
    const run = new RowsealProcess(['run', '--config', project.configFile]);
    await until('the stream', async () => (await readStatus(project))?.['state'] === 'streaming', 180_000);
    await client.query('UPDATE keyed SET v = CONCAT(v, ?) LIMIT 5', [MARKS[0]]);
    await client.query("UPDATE keyed SET k = CONCAT(k, '-moved') LIMIT 5");
    await client.query('DELETE FROM keyed LIMIT 5');
    await until('the changes', async () => (await sealedRows()) >= ROWS + 15);
    // A halt ends deliveries too; what is sealed by then is delivered at the next start. The log has a group before the process
    // says so.
    const newest = (await newestGroup(new NodeDisk(), project.auditDirectory))!;
    await until('their delivery', async () => {
      const status = (await readStatus(project)) as { sinks?: { group: number | null }[] } | null;
      return status?.sinks?.every(({ group }) => (group ?? -1) >= newest) === true;
    });
    // A statement with a value in it stops the run, and is not quoted.
    await client.query("SET SESSION binlog_format = 'STATEMENT'");
    await client.query('UPDATE keyed SET v = ? WHERE k = ?', [MARKS[1], `${MARKS[0]}-000100`]);
    await until('the halt', async () => (await readStatus(project))?.['state'] === 'halted');
    await run.terminate();
    outputs.push(run.output);
    expect(run.output).toContain('RS-MY-023');
    for (const command of [
      ['audit', 'show', '--dir', project.auditDirectory, '--limit', '500'],
      ['audit', 'verify', '--dir', project.auditDirectory],
    ]) {
      const result = await rowseal(command);
      outputs.push(result.stdout, result.stderr);
      expect(result.code, result.stdout).toBe(0);
    }
    const found = search(await haystacksOf(project.directory, outputs), MARKS);
    expect(found.map((line) => line.slice(0, 120))).toEqual([]);

    let begins = 0;
    for await (const group of new GroupReader(new NodeDisk(), project.auditDirectory).read(
      0,
      Number.MAX_SAFE_INTEGER,
    ))
      for await (const events of group.chunks())
        for (const event of events) if (event.kind === 'snapshot' && event.phase === 'begin') begins++;
    expect(begins).toBe(1);
    const [[count, distinct]] = (await queryWarehouse(
      project.warehouseFile,
      'SELECT count(*), count(DISTINCT k) FROM shop.keyed',
    )) as [[string, string]];
    expect([count, distinct]).toEqual([String(ROWS - 5), String(ROWS - 5)]);
    await client.end();
  },
);

/** Rows that are sealed, of all runs. */
async function sealedRows(): Promise<number> {
  const status = (await readStatus(project)) as { sealed?: { group: number | null } } | null;
  if (status?.sealed?.group == null) return 0;
  let rows = 0;
  try {
    for await (const group of new GroupReader(new NodeDisk(), project.auditDirectory).read(
      0,
      Number.MAX_SAFE_INTEGER,
    ))
      rows += group.rows;
  } catch {
    // The newest group is still being written.
  }
  return rows;
}
