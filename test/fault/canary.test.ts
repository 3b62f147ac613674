import type { Client } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseLsn } from '../../src/model/position.ts';
import { haystacksOf, search } from '../support/canary.ts';
import { noPostgres } from '../support/needs.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { hasDelivered, makeProject, readStatus, type TestProject, until } from '../support/project.ts';
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

/**
 * A column of every method: type, rule, a value that fits it, and (where the type lets one in) a value that does not.
 * None of them may be found afterwards; dates are long enough to be searched for only as what they are.
 */
const FORMS: Readonly<Record<string, readonly [type: string, rule: unknown, fits: string, unfit?: string]>> =
  {
    reversible: ['text', 'reversible', 'rückwärts-kanarie-41'],
    hashed: [
      'varchar(40)',
      { method: 'fpe', short: 'hash', foreign: 'hash' },
      '73519284601',
      'kanarie-fpe-42',
    ],
    number: ['bigint', { method: 'fpe' }, '618273940517', '-618273940518'],
    pan: ['char(24)', 'pan', '4556737586899855', 'kanarie-pan-43'],
    phone: ['text', { method: 'phone', country: 'IE' }, '+353861729405', 'kanarie-phone-44'],
    email: ['text', { method: 'email', host: 'token' }, 'kanarie.q45@canary-host.example', 'kanarie-mail-45'],
    iban: ['text', 'iban', 'DE89370400440532013000', 'kanarie-iban-46'],
    ssn: ['text', 'us_ssn', '219-09-9998', 'kanarie-ssn-47'],
    uid: ['uuid', 'uuid', '7d1e4d3c-91a2-4b3c-8d4e-5f60718293a4'],
    ip: ['inet', 'ip', '198.51.100.173'],
    born: ['date', { method: 'date_shift', max_days: 30, by: 'id' }, '1957-11-23', 'infinity'],
    seen: ['timestamptz', { method: 'generalize', to: 'month' }, '2019-07-23 17:43:29.137+00', '-infinity'],
    salary: ['numeric(12,2)', { method: 'bucket', bounds: ['1000', '100000'] }, '61827.39', 'NaN'],
    weight: ['double precision', { method: 'generalize', size: '10' }, '83.62914', 'Infinity'],
    amount: ['numeric(12,2)', { method: 'round', to: '1000' }, '734916.25', 'NaN'],
    zip: ['text', { method: 'generalize', to: 'zip3' }, '94107-6183', 'kanarie-zip-48'],
    doc: [
      'jsonb',
      { method: 'json', paths: { '$.mail': 'email', '$.list[*]': 'token' } },
      '{"mail": "kanarie.q49@canary-host.example", "list": ["kanarie-49a"], "kanarie-49b": {"x": "kanarie-49c"}}',
      '["kanarie-49d"]',
    ],
    tags: ['text[]', 'token', '{kanarie-50a,"kanarie \\"50b\\""}'],
    note: ['text', 'scan', 'write to kanarie.q51@canary-host.example'],
    bytes: ['bytea', 'token', '\\x6b616e617269652d3532'],
    span: ['interval', 'token', '17 days 03:41:59'],
  };
/** What is searched for, of the values above: texts that occur nowhere else. */
const FORM_MARKS = [
  ...Object.values(FORMS).flatMap(([type, , fits, unfit]) =>
    /jsonb|\[\]|bytea|scan|double/.test(type) || fits.startsWith('write')
      ? []
      : [fits, ...(unfit === undefined || !/\d/.test(unfit) ? [] : [unfit])],
  ),
  ...[
    'kanarie.q49',
    'kanarie-49a',
    'kanarie-49b',
    'kanarie-49c',
    'kanarie-49d',
    'kanarie-50a',
    'kanarie.q51',
    '6b616e617269652d3532',
    '83.62914',
  ],
];

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
    timeout: 240_000,
  },
  async () => {
    await client.query(`CREATE TABLE people (id int PRIMARY KEY, a text, b text, c text, d numeric, e text, n numeric(38,2));
    ALTER TABLE people REPLICA IDENTITY FULL;
    CREATE TABLE keyed (k text PRIMARY KEY, v text);
    CREATE TABLE forms (id int PRIMARY KEY, ${Object.entries(FORMS)
      .map(([name, [type]]) => `${name} ${type}`)
      .join(', ')});
    ALTER TABLE forms REPLICA IDENTITY FULL`);
    const insert = (id: number): Promise<unknown> =>
      client.query('INSERT INTO people VALUES ($1, $2, $3, $4, $5, $6, $7)', [id, ...MARKS, 'NaN']);
    const insertForms = (id: number, bad: boolean): Promise<unknown> => {
      const values = Object.values(FORMS).map(([, , fits, unfit]) => (bad ? (unfit ?? null) : fits));
      return client.query(`INSERT INTO forms VALUES ($1, ${values.map((_, i) => `$${i + 2}`).join(', ')})`, [
        id,
        ...values,
      ]);
    };
    await insert(1);
    await insertForms(1, false);
    await client.query('INSERT INTO keyed VALUES ($1, $2)', [MARKS[0], MARKS[1]]);
    project = await makeProject({
      url: server.url(),
      tables: ['public.people', 'public.keyed', 'public.forms'],
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
          'public.forms': {
            id: 'keep',
            ...Object.fromEntries(Object.entries(FORMS).map(([name, [, rule]]) => [name, rule])),
          },
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
      await insertForms(2, false);
      await insertForms(3, true);
      await client.query("UPDATE forms SET note = note || '!'");
      await client.query('DELETE FROM forms WHERE id = 2');
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
      // What the first life left behind comes before it.
      const { rows } = await client.query<{ lsn: string }>('SELECT pg_current_wal_lsn()::text AS lsn');
      await until('all of it', () => hasDelivered(project, parseLsn(rows[0]!.lsn)!));
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
    const found = search(haystacks, [...MARKS, ...FORM_MARKS]);
    expect(found).toEqual([]);
    // Rows of every method arrived, masked; what did not fit is null, or a token where the rule says so.
    const forms = await queryWarehouse(
      project.warehouseFile,
      'SELECT id, hashed, pan, email, tags, weight, note FROM public.forms ORDER BY id',
    );
    expect(forms.map(([id, hashed]) => [id, hashed])).toEqual([
      ['1', expect.stringMatching(/^\d{11}$/)],
      ['3', expect.stringMatching(/^tok_/)],
    ]);
    expect(forms[0]!.slice(2)).toEqual([
      expect.stringMatching(/^\d{12}9855$/),
      expect.stringMatching(/^[\da-f]{24}@[\da-f]{12}\.example$/),
      expect.stringMatching(/tok_.*tok_/),
      '[80,90)',
      'write to [email]!',
    ]);
    expect(forms[1]!.slice(2)).toEqual([null, null, null, null, null]);
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
