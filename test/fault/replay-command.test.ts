import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseSigningKey } from '../../src/audit/keys.ts';
import { openAuditLog } from '../../src/audit/open.ts';
import { progressLine } from '../../src/cli/progress.ts';
import { at, begin, column, INT, type Row, rows, table } from '../support/masked.ts';
import { makeProject, type TestProject } from '../support/project.ts';
import { RowsealProcess } from '../support/rowseal-process.ts';
import { dumpDuckdb } from '../support/sink/dump-warehouse.ts';
import { slow } from '../support/slow.ts';
import { queryWarehouse } from '../support/warehouse.ts';

const ROWS = slow ? 1_000_000 : 40_000;
const timeout = slow ? 3_600_000 : 600_000;
const GROUP_ROWS = 2_000;
const GROUPS = ROWS / GROUP_ROWS;
const HEAP_MB = 48;

const people = table('people', [column('id', 1, INT), column('email', 2), column('note', 3)]);
let project: TestProject;

beforeAll(async () => {
  project = await makeProject({
    url: 'postgres://localhost:1/none',
    tables: ['public.people'],
    mask: { tables: { 'public.people': { id: 'keep', email: 'token', note: 'keep' } } },
    history: true,
  });
  const { log } = await openAuditLog({
    directory: project.auditDirectory,
    origin: 'rowseal/test',
    signer: parseSigningKey(await readFile(join(project.directory, 'signing.key'), 'utf8')),
    segmentMaxBytes: 4 << 20,
  });
  for (let group = 0; group < GROUPS; group++) {
    const open = log.begin();
    const list = Array.from({ length: GROUP_ROWS }, (_, i): Row => {
      const id = group * GROUP_ROWS + i;
      return { op: 'c', after: [String(id), `tok_${id}_abcdefghijklmnop`, 'x'.repeat(60)] };
    });
    await open.append([begin(group), rows(people, 0, list)]);
    await open.seal(at(group + 1));
  }
  await log.close();
}, timeout);
afterAll(() => project.remove());

async function rowseal(
  ...args: string[]
): Promise<{ code: number | null; output: string; json: Record<string, unknown> }> {
  const command = new RowsealProcess([...args, '--config', project.configFile]);
  const { code } = await command.exit();
  const line = command.stdout.split('\n').find((text) => text.startsWith('{'));
  return { code, output: command.output, json: line === undefined ? {} : JSON.parse(line) };
}

describe('audit replay and reconcile', { timeout }, () => {
  it('refuse what is not there, and what is not theirs', async () => {
    const nothing = await rowseal('audit', 'reconcile', '--sink', 'warehouse');
    expect([nothing.code, nothing.output]).toEqual([2, expect.stringContaining('RS-REC-001')]);
    const unknown = await rowseal('audit', 'reconcile', '--sink', 'warehous');
    expect([unknown.code, unknown.output]).toEqual([2, expect.stringContaining('`warehouse`')]);
    const late = await rowseal('audit', 'replay', '--to', String(GROUPS + 5), '--into', 'x.duckdb');
    expect([late.code, late.output]).toEqual([2, expect.stringContaining('RS-RPL-002')]);
    const wrong = await rowseal('audit', 'replay', '--from', '-1');
    expect([wrong.code, wrong.output]).toEqual([2, expect.stringContaining('--from')]);
  });

  it('fill the configured sink once, and a fresh one beside it, to the byte', async () => {
    const first = await rowseal('audit', 'replay', '--json');
    expect([first.code, first.output]).toEqual([0, expect.anything()]);
    expect(first.json).toMatchObject({ sink: 'warehouse', groups: GROUPS, rows: ROWS, cursor: GROUPS - 1 });
    const again = await rowseal('audit', 'replay');
    expect([again.code, again.output]).toEqual([2, expect.stringContaining('RS-RPL-001')]);
    const beside = join(project.directory, 'beside.duckdb');
    expect((await rowseal('audit', 'replay', '--into', beside)).code).toBe(0);
    if (ROWS <= 100_000) expect(await dumpDuckdb(beside)).toEqual(await dumpDuckdb(project.warehouseFile));
  });

  it('find every row in a heap that the rows would not fit in', async () => {
    const equal = await rowseal('audit', 'reconcile', '--json');
    expect([equal.code, equal.json]).toEqual([
      0,
      expect.objectContaining({ equal: true, cursor: GROUPS - 1 }),
    ]);
    await queryWarehouse(project.warehouseFile, "UPDATE public.people SET note = 'mine' WHERE id = 1234");
    await queryWarehouse(project.warehouseFile, 'DELETE FROM public.people WHERE id = 17');
    const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
    const small = spawnSync(
      process.execPath,
      [
        `--max-old-space-size=${HEAP_MB}`,
        '--max-semi-space-size=2',
        main,
        ...['audit', 'reconcile', '--config', project.configFile],
      ],
      { encoding: 'utf8' },
    );
    expect(small.status, small.stderr).toBe(10);
    expect(small.stdout).toContain('id="1234": changed; record');
    expect(small.stdout).toContain('id="17": removed');
    expect(small.stdout).not.toContain('mine');
    expect(small.stdout).toContain('1 changed, 1 removed');
    const json = await rowseal('audit', 'reconcile', '--json', '--limit', '1');
    expect(json.code).toBe(10);
    expect(json.json['differences']).toHaveLength(1);
  });

  it('say that a sink is ahead of a log that was cut off', async () => {
    await queryWarehouse(project.warehouseFile, `UPDATE _rowseal.cursor SET group_index = ${GROUPS + 7}`);
    const ahead = await rowseal('audit', 'reconcile');
    expect([ahead.code, ahead.output]).toEqual([11, expect.stringContaining('RS-REC-004')]);
    await queryWarehouse(project.warehouseFile, "UPDATE _rowseal.cursor SET pipeline = 'other'");
    const foreign = await rowseal('audit', 'reconcile');
    expect([foreign.code, foreign.output]).toEqual([2, expect.stringContaining('holds pipeline other')]);
  });

  it('leave out what expired', async () => {
    const asked = await rowseal('audit', 'expire', '--actor', 'a', '--reason', 'r');
    expect([asked.code, asked.output]).toEqual([2, expect.stringContaining('--days')]);
    const plan = await rowseal('audit', 'expire', '--actor', 'a', '--reason', 'r', '--days', '0', '--json');
    expect([plan.code, plan.json]).toEqual([2, expect.objectContaining({ gone: 0 })]);
    const done = await rowseal(
      'audit',
      'expire',
      '--actor',
      'a',
      '--reason',
      'r',
      '--days',
      '0',
      '--yes',
      '--json',
    );
    expect([done.code, done.json]).toEqual([0, expect.objectContaining({ gone: ROWS })]);
    const verified = new RowsealProcess(['audit', 'verify', '--dir', project.auditDirectory]);
    expect((await verified.exit()).code).toBe(0);
    expect(verified.output).toContain(`expired: ${ROWS} row images`);
    const empty = join(project.directory, 'empty.duckdb');
    await rowseal('audit', 'replay', '--into', empty);
    expect(await queryWarehouse(empty, 'SELECT count(*) FROM public.people')).toEqual([['0']]);
  });
});

describe('the progress line', () => {
  it('has a share, numbers and what is left', () => {
    expect(progressLine('rows', 250, 1000, 10_000)).toMatch(
      /^█{7}░{21} {2}25% {2}250 of 1,000 rows, 30 s left$/,
    );
    expect(progressLine('rows', 1, 1000, 500)).not.toContain('left');
    expect(progressLine('rows', 10, 1_000_000, 2_000)).toContain('55 h 33 min left');
    expect(progressLine('rows', 0, 0, 0)).toContain('100%');
  });
});
