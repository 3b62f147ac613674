import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NodeDisk } from '../../src/audit/node-disk.ts';
import { RecordKind } from '../../src/audit/record.ts';
import { tableDirectory } from '../../src/audit/table-directory.ts';
import { readTableRecords } from '../../src/audit/table-records.ts';
import { haystacksOf, search } from '../support/canary.ts';
import { noPostgres } from '../support/needs.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { makeProject, readStatus, type TestProject, until } from '../support/project.ts';
import { RowsealProcess, rowseal } from '../support/rowseal-process.ts';
import { queryWarehouse } from '../support/warehouse.ts';

/**
 * One column for every method on every type that it takes. `values` fit the method; `unfit` ones do not, and must become
 * what the rule says, never themselves. Every value is a mark: it may turn up nowhere.
 */
interface Case {
  readonly name: string;
  readonly type: string;
  readonly rule: unknown;
  readonly values: readonly [string, string, string];
  readonly unfit?: string;
}

const text = (tag: string): [string, string, string] => [
  `Kanarienvogel ${tag} eins`,
  `Kanarienvogel ${tag} zwei`,
  `Kanarienvogel ${tag} "drei" ñ`,
];

const cases: readonly Case[] = [
  { name: 'drop_text', type: 'text', rule: 'drop', values: text('drop') },
  { name: 'redact_text', type: 'text', rule: 'redact', values: text('redact') },
  {
    name: 'redact_shape',
    type: 'bigint',
    rule: { method: 'redact', with: 'shape' },
    values: ['918273645500001', '918273645500002', '918273645500003'],
  },
  {
    name: 'redact_constant',
    type: 'varchar(60)',
    rule: { method: 'redact', constant: 'gone' },
    values: text('constant'),
  },
  {
    name: 'redact_bytes',
    type: 'bytea',
    rule: 'redact',
    values: ['\\x4b616e617269656e31', '\\x4b616e617269656e32', '\\x4b616e617269656e33'],
  },
  {
    name: 'redact_json',
    type: 'jsonb',
    rule: 'redact',
    values: ['{"k": "Kanarienjson1"}', '{"k": "Kanarienjson2"}', '{"k": "Kanarienjson3"}'],
  },
  {
    name: 'redact_array',
    type: 'text[]',
    rule: 'redact',
    values: ['{Kanarienfeld1}', '{Kanarienfeld2}', '{Kanarienfeld3}'],
  },
  {
    name: 'redact_range',
    type: 'int8range',
    rule: 'redact',
    values: ['[728190001,728190002)', '[728190003,728190004)', '[728190005,728190006)'],
  },
  {
    name: 'partial_text',
    type: 'text',
    rule: { method: 'partial', keep_first: 1, keep_last: 2 },
    values: text('partial'),
  },
  { name: 'token_text', type: 'text', rule: { domain: 'shared' }, values: text('token') },
  {
    name: 'token_int',
    type: 'bigint',
    rule: 'token',
    values: ['718273645500001', '718273645500002', '718273645500003'],
  },
  {
    name: 'token_numeric',
    type: 'numeric(20,4)',
    rule: 'token',
    values: ['518273645500001.0001', '518273645500002.0002', '518273645500003.0003'],
  },
  {
    name: 'token_uuid',
    type: 'uuid',
    rule: 'token',
    values: [
      'c0ffee00-1111-4222-8333-0123456789a1',
      'c0ffee00-1111-4222-8333-0123456789a2',
      'c0ffee00-1111-4222-8333-0123456789a3',
    ],
  },
  { name: 'token_date', type: 'date', rule: 'token', values: ['1961-03-17', '1962-04-18', '1963-05-19'] },
  {
    name: 'token_bytes',
    type: 'bytea',
    rule: 'token',
    values: ['\\x746f6b656e627974657331', '\\x746f6b656e627974657332', '\\x746f6b656e627974657333'],
  },
  {
    name: 'token_array',
    type: 'text[]',
    rule: 'token',
    values: [
      '{Kanarientoken1,Kanarientoken2}',
      '{"Kanarien, token3"}',
      '{{Kanarientoken4},{Kanarientoken5}}',
    ],
  },
  {
    name: 'token_digits',
    type: 'text',
    rule: { method: 'token', alphabet: 'digits', length: 20, normalize: ['trim', 'lower'] },
    values: text('digits'),
  },
  { name: 'reversible_text', type: 'text', rule: 'reversible', values: text('reversible') },
  {
    name: 'reversible_numeric',
    type: 'numeric',
    rule: 'reversible',
    values: ['418273645500001.5', '418273645500002.5', '418273645500003.5'],
  },
  {
    name: 'fpe_text',
    type: 'text',
    rule: { method: 'fpe', alphabet: 'lower_alphanumeric', separators: '-' },
    values: ['kanari-en0001', 'kanari-en0002', 'kanari-en0003'],
    unfit: 'KANARI_unfit!',
  },
  {
    name: 'fpe_int',
    type: 'bigint',
    rule: { method: 'fpe', min: 100000000000000, max: 999999999999999 },
    values: ['318273645500001', '318273645500002', '318273645500003'],
    unfit: '4711471147114711471',
  },
  {
    name: 'fpe_hash',
    type: 'text',
    rule: { method: 'fpe', alphabet: 'digits', short: 'hash', foreign: 'hash' },
    values: ['8172635400001', '8172635400002', '8172635400003'],
    unfit: 'Kanarienziffern',
  },
  {
    name: 'pan_text',
    type: 'text',
    rule: 'pan',
    values: ['4929 0000 0000 0000', '4929000000000018', '4929-0000-0000-0026'],
    unfit: 'Kanarienkarte',
  },
  {
    name: 'phone_text',
    type: 'text',
    rule: { method: 'phone', country: 'US' },
    values: ['+1 202-555-0171', '(202) 555-0172', '+12025550173'],
    unfit: 'Kanarientelefon',
  },
  {
    name: 'email_text',
    type: 'text',
    rule: 'email',
    values: ['kanari.eins@example.com', 'Kanari.Zwei@Example.com', 'kanari+drei@example.org'],
    unfit: 'Kanarienpost',
  },
  {
    name: 'email_kept_host',
    type: 'text',
    rule: { method: 'email', host: 'keep' },
    values: ['kanari.vier@example.com', 'kanari.fuenf@example.com', 'kanari.sechs@example.org'],
    unfit: 'a@Kanarienpost@b',
  },
  {
    name: 'iban_text',
    type: 'text',
    rule: 'iban',
    values: ['DE89370400440532013000', 'GB82 WEST 1234 5698 7654 32', 'NL91ABNA0417164300'],
    unfit: 'DE88370400440532013000',
  },
  {
    name: 'ssn_text',
    type: 'text',
    rule: 'us_ssn',
    values: ['219-09-9991', '219099992', '219-09-9993'],
    unfit: '000-12-3456',
  },
  {
    name: 'uuid_uuid',
    type: 'uuid',
    rule: 'uuid',
    values: [
      'deadc0de-aaaa-4bbb-8ccc-0123456789b1',
      'deadc0de-aaaa-4bbb-8ccc-0123456789b2',
      'deadc0de-aaaa-4bbb-8ccc-0123456789b3',
    ],
  },
  {
    name: 'ip_inet',
    type: 'inet',
    rule: 'ip',
    values: ['198.51.100.171', '198.51.100.172', '2001:db8::7a7a:7a73'],
  },
  {
    name: 'ip_text',
    type: 'text',
    rule: 'ip',
    values: ['203.0.113.171', '203.0.113.172', '203.0.113.173'],
    unfit: 'Kanarienadresse',
  },
  {
    name: 'shift_date',
    type: 'date',
    rule: { method: 'date_shift', max_days: 300, by: 'id' },
    values: ['1951-03-17', '1952-04-18', '1953-05-19'],
    unfit: '-infinity',
  },
  {
    name: 'shift_timestamp',
    type: 'timestamptz',
    rule: { method: 'date_shift', max_days: 300, by: 'id' },
    values: [
      '1951-03-17 01:02:03.456789+00',
      '1952-04-18 01:02:03.456781+00',
      '1953-05-19 01:02:03.456782+00',
    ],
  },
  {
    name: 'bucket_int',
    type: 'int',
    rule: { method: 'bucket', bounds: [0, 1000000] },
    values: ['728190011', '728190012', '728190013'],
  },
  {
    name: 'generalize_numeric',
    type: 'numeric',
    rule: { method: 'generalize', size: 1000 },
    values: ['728190021.25', '728190022.25', '728190023.25'],
    unfit: 'NaN',
  },
  {
    name: 'generalize_date',
    type: 'date',
    rule: { method: 'generalize', to: 'year' },
    values: ['1941-03-17', '1942-04-18', '1943-05-19'],
  },
  {
    name: 'generalize_zip',
    type: 'text',
    rule: { method: 'generalize', to: 'zip3' },
    values: ['90210', '90211', '90213-7777'],
    unfit: 'Kanarienplz',
  },
  {
    name: 'round_numeric',
    type: 'numeric(20,2)',
    rule: { method: 'round', to: 1000 },
    values: ['628190021.25', '628190022.25', '628190023.25'],
  },
  {
    name: 'json_jsonb',
    type: 'jsonb',
    rule: {
      method: 'json',
      paths: { '$.mail': { domain: 'shared' }, '$.list[*].n': 'redact', '$.kept': 'keep' },
    },
    values: [
      '{"mail": "kanari.sieben@example.com", "kept": 1, "Kanarienname": 5, "list": [{"n": "Kanarienliste1", "m": "Kanarienliste2"}]}',
      '{"mail": 918273645577777, "kept": [], "list": [["Kanarienliste3"]]}',
      '["Kanarienliste4"]',
    ],
  },
  {
    name: 'json_text',
    type: 'text',
    rule: { method: 'json', paths: { '$.a': 'token' } },
    values: [
      '{"a":"Kanarientext1","b":"Kanarientext2"}',
      '{"a":["Kanarientext3"]}',
      '{"a":{"Kanarientext4":1}}',
    ],
    unfit: '{"a":"Kanarientext5","a":"Kanarientext6"}',
  },
  {
    name: 'scan_label',
    type: 'text',
    rule: { method: 'scan', patterns: [{ name: 'bird', pattern: 'Kanarien[a-z]+' }] },
    values: [
      'call +1 202-555-0181 or write kanari.acht@example.com',
      'card 4929000000000034, a Kanarienmuster',
      'from 219-09-9995 with love',
    ],
  },
  {
    name: 'scan_token',
    type: 'text',
    rule: { method: 'scan', replace: 'token' },
    values: [
      'write to kanari.neun@example.com',
      'write to kanari.zehn@example.com',
      'write to kanari.elf@example.com',
    ],
  },
  {
    name: 'custom_text',
    type: 'text',
    rule: { method: 'custom', module: 'mask.js', export: 'vowels', returns: 'text' },
    values: text('custom'),
  },
  {
    name: 'custom_throws',
    type: 'text',
    rule: { method: 'custom', module: 'mask.js', export: 'throws' },
    values: text('throws'),
  },
  {
    name: 'custom_object',
    type: 'text',
    rule: { method: 'custom', module: 'mask.js', export: 'object' },
    values: text('object'),
  },
  {
    name: 'custom_hangs',
    type: 'text',
    rule: { method: 'custom', module: 'mask.js', export: 'hangs', timeout_ms: 50 },
    values: text('hangs'),
  },
];

const mask = {
  domains: { shared: { method: 'token' } },
  leak_guard: { rows: 'every', action: 'redact' },
  tables: {
    'public.canaries': {
      id: 'keep',
      code: { domain: 'shared' },
      ...Object.fromEntries(cases.map(({ name, rule }) => [name, rule])),
    },
    'public.open_notes': { id: 'keep', note: 'keep' },
    'public.strict': { id: 'keep', iban: { method: 'iban', on_error: 'halt' } },
  },
};

const MODULE = `
export const vowels = (value) => 'x'.repeat(value.replace(/[^aeiou]/g, '').length);
export const throws = (value) => { throw new Error(value); };
export const object = (value) => ({ value });
export const hangs = () => { for (;;); };
`;

/** Words inside documents and texts that must not turn up on their own either. */
const INSIDE =
  /Kanarien\w+|kanari\.\w+@example\.\w+|918273645577777|\+1 202-555-0181|4929000000000034|219-09-9995/g;

const columns = cases.map(({ name, type }) => `${name} ${type}`).join(', ');

let server: TestPostgres;
let client: Client;
let project: TestProject;

beforeAll(async () => {
  server = await startPostgres(18);
  client = await server.client();
  await client.query(
    `CREATE TABLE canaries (id int, code text, ${columns}, PRIMARY KEY (id, code)); ALTER TABLE canaries REPLICA IDENTITY FULL`,
  );
  await client.query('CREATE TABLE strict (id int PRIMARY KEY, iban text)');
  await client.query('CREATE TABLE open_notes (id int PRIMARY KEY, note text)');
  project = await makeProject({
    url: server.url(),
    tables: ['public.canaries', 'public.strict', 'public.open_notes'],
    mask,
    history: true,
  });
  await writeFile(join(project.directory, 'mask.js'), MODULE);
});

afterAll(async () => {
  await client?.end();
  await server?.stop();
  await project?.remove();
});

type Row = readonly (string | null)[];

async function insert(id: number, values: Row): Promise<void> {
  const places = values.map((_, i) => `$${i + 3}`).join(', ');
  await client.query(`INSERT INTO canaries VALUES ($1, $2, ${places})`, [id, CODES[id % 3]!, ...values]);
}

const CODES = ['Kanarienschluessel0', 'Kanarienschluessel1', 'Kanarienschluessel2'];
const row = (i: 0 | 1 | 2): Row => cases.map(({ values }) => values[i]);
const unfitRow: Row = cases.map(({ unfit }) => unfit ?? null);

describe.skipIf(noPostgres(18))('canaries of every method', { timeout: 180_000 }, () => {
  it('no value leaves memory: copied, inserted, updated, moved, deleted, or unfit', async () => {
    await insert(0, row(0));
    await insert(1, unfitRow);
    const outputs: string[] = [];
    const process = new RowsealProcess(['run', '--config', project.configFile]);
    await until('streaming', async () => {
      if (!process.running) throw new Error(process.output);
      return (await readStatus(project))?.['state'] === 'streaming';
    });
    await insert(2, row(1));
    const sets = cases.map(({ name }, i) => `${name} = $${i + 1}`).join(', ');
    await client.query(`UPDATE canaries SET ${sets} WHERE id = 0`, [...row(2)]);
    await client.query(`UPDATE canaries SET ${sets} WHERE id = 2`, [...unfitRow]);
    await client.query('UPDATE canaries SET id = id + 10, code = code || $1', ['moved']);
    await client.query('DELETE FROM canaries WHERE id = 10');
    await until('delivered', async () => {
      const status = (await readStatus(project)) as { sinks?: { rows: number }[] } | null;
      return (status?.sinks?.[0]?.rows ?? 0) >= 7;
    });
    for (const page of ['metrics', 'status.json', ''])
      outputs.push(await (await fetch(`http://127.0.0.1:${project.httpPort}/${page}`)).text());
    expect((await process.terminate()).code).toBe(0);
    outputs.push(process.output);
    for (const command of [
      ['audit', 'show', '--dir', project.auditDirectory, '--limit', '500'],
      ['audit', 'verify', '--dir', project.auditDirectory],
      ['check', '--config', project.configFile],
      ['mask', 'rotate', '--config', project.configFile, '--yes'],
    ]) {
      const result = await rowseal(command);
      outputs.push(result.stdout, result.stderr);
    }
    await expectNothingRaw(outputs);
    // The unfit were met, and counted.
    expect(outputs[0]).toMatch(/rowseal_mask_unfit_values_total\{.*column="pan_text".*\} [1-9]/);
    expect(outputs[0]).toMatch(/rowseal_mask_unfit_values_total\{.*reason="timeout".*\} [1-9]/);
  });

  it('a leak that halts is in the log, its value is not', async () => {
    // The rotation above raised the epoch.
    const key = { file: 'mask.key', epoch: 2 };
    await project.configure({ mask: { ...mask, key, leak_guard: { rows: 'every', action: 'halt' } } });
    const halting = new RowsealProcess(['run', '--config', project.configFile, '--exit-on-halt']);
    await until('streaming', async () => (await readStatus(project))?.['state'] === 'streaming');
    await client.query("INSERT INTO open_notes VALUES (1, 'write to kanari.leck@example.com')");
    expect((await halting.exit()).code).toBe(2);
    expect(halting.output).toContain('RS-MASK-012');
    await expectNothingRaw([halting.output], ['kanari.leck@example.com']);
    const found: unknown[] = [];
    const folder = join('tables', tableDirectory({ namespace: 'public', name: 'open_notes' }));
    for await (const record of readTableRecords(new NodeDisk(), project.auditDirectory, folder, 'meta'))
      if (record.kind === RecordKind.finding) found.push(JSON.parse(record.payload));
    expect(found).toEqual([{ action: 'halt', columns: [{ column: 'note', kind: 'email', count: 1 }] }]);
    const verified = await rowseal(['audit', 'verify', '--dir', project.auditDirectory]);
    expect(verified.code, verified.stdout).toBe(0);
    await client.query('DELETE FROM open_notes');
    await project.configure({ mask: { ...mask, key } });
  });

  it('a halt names column and reason, not the value', async () => {
    const halting = new RowsealProcess(['run', '--config', project.configFile, '--exit-on-halt']);
    await until('streaming', async () => (await readStatus(project))?.['state'] === 'streaming');
    await client.query("INSERT INTO strict VALUES (1, 'Kanarienhalt')");
    expect((await halting.exit()).code).toBe(2);
    expect(halting.output).toContain('RS-MASK-010');
    expect(halting.output).toContain('public.strict.iban');
    await expectNothingRaw([halting.output], ['Kanarienhalt']);
  });
});

async function expectNothingRaw(outputs: readonly string[], more: readonly string[] = []): Promise<void> {
  const marks = new Set([...more, ...CODES]);
  // The source's own text of each value, as it came through the stream, beside what was written.
  for (const { values, unfit } of cases) {
    for (const value of [...values, unfit ?? null]) {
      if (value === null || value === 'NaN' || value === '-infinity') continue;
      marks.add(value);
      for (const inside of value.match(INSIDE) ?? []) marks.add(inside);
    }
  }
  const haystacks = await haystacksOf(project.directory, outputs);
  expect(search(haystacks, marks)).toEqual([]);
  // What DuckDB keeps in a binary form of its own is asked for as text.
  const table = await queryWarehouse(project.warehouseFile, 'SELECT * FROM public.canaries');
  const history = await queryWarehouse(project.warehouseFile, 'SELECT * FROM public.canaries__history');
  expect(history.length).toBeGreaterThan(table.length);
  const cells = new Set([...table, ...history].flat());
  expect([...marks].filter((mark) => cells.has(mark))).toEqual([]);
}
