import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadConfig, type RowsealConfig } from '../../../src/config/load.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rowseal-sink-tables-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function load(tables: string): Promise<RowsealConfig> {
  const file = join(directory, 'rowseal.yaml');
  await writeFile(
    file,
    `pipeline: p
source: { type: postgres, url: postgres://u@h/d, tables: [public.a, public.b] }
mask: { key: { file: k }, domains: { d: { method: token } }, tables: { public.a: { id: keep } } }
audit: { dir: audit, key: { file: k } }
sinks: { s: { type: duckdb, path: w.duckdb${tables} } }
memory: { queue_bytes: 1000000 }
`,
  );
  return loadConfig(file, {});
}

it('reads what a sink gets: all, a list, or by table', async () => {
  expect((await load('')).sinks[0]!.tables).toBeNull();
  const whole: object = { leaveOut: null, only: null, rules: new Map() };
  expect((await load(', tables: [public.a]')).sinks[0]!.tables).toEqual({
    tables: new Map([['public.a', whole]]),
    others: false,
  });
  const config = await load(
    ', tables: { public.a: { leave_out: [x], mask: { y: redact, z: { domain: d } } }, public.b: , "*": {} }',
  );
  expect(config.sinks[0]!.tables).toEqual({
    tables: new Map<string, unknown>([
      [
        'public.a',
        {
          leaveOut: new Set(['x']),
          only: null,
          rules: new Map<string, unknown>([
            ['y', { kind: 'method', method: { method: 'redact', with: 'null' } }],
            ['z', { kind: 'domain', domain: 'd' }],
          ]),
        },
      ],
      ['public.b', whole],
    ]),
    others: true,
  });
  expect(config.queueBytes).toBe(1_000_000);
});

it.each([
  ', tables: { public.c: {} }',
  ', tables: { public.a: { only: [x], leave_out: [y] } }',
  ', tables: { public.a: { leave_out: [] } }',
  ', tables: { public.a: { mask: { x: tokn } } }',
  ', tables: { public.a: { drop: [x] } }',
  ', tables: { a: {} }',
])('refuses%s', async (tables) => {
  const place = { path: expect.stringContaining('sinks.s.tables') };
  await expect(load(tables)).rejects.toMatchObject({ kind: 'config', place });
});
