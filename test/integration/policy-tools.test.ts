import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPostgresSource } from '../../connectors/sources/postgres/source.ts';
import { columnTypeNamed } from '../../src/model/type-name.ts';
import { noPostgres } from '../support/needs.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { postgresOptions } from '../support/postgres-source.ts';
import { makeProject, type TestProject } from '../support/project.ts';
import { ReferenceMask } from '../support/reference-mask.ts';
import { rowseal } from '../support/rowseal-process.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

/** Two numbers: one alone would be a chance match. */
const OTHER_CARD = '4556737586899855';
/** Marks that occur nowhere by chance; one per masked column. */
const MARKS = [
  'Kanarienvogel',
  'canary7f3a@example.com',
  '4539578763621486',
  'CANARY-NOTE',
  'canary-json',
] as const;

let server: TestPostgres;
let client: Client;
let project: TestProject;

const policy = {
  domains: { mail: { method: 'token', normalize: ['trim', 'lower'] } },
  tables: {
    'public.people': {
      id: 'keep',
      name: { method: 'partial', keep_first: 1 },
      mail: { domain: 'mail' },
      card: { method: 'pan', keep_last: 0 },
      notes: 'redact',
      doc: { method: 'json', paths: { '$.lang': 'keep', '$.mail': { domain: 'mail' } } },
      born: { method: 'date_shift', max_days: 30, by: 'id' },
      city: 'keep',
    },
    'public.orders': { id: 'keep', mail: { domain: 'mail' } },
  },
};

beforeAll(async () => {
  if (noPostgres(18)) return;
  server = await startPostgres(18);
  client = await server.client();
  await client.query(`CREATE TABLE people (id bigint PRIMARY KEY, name text, mail text, card text, notes text, doc jsonb, born date, city text);
    CREATE TABLE orders (id int PRIMARY KEY, person bigint REFERENCES people, mail text, extra text);
    CREATE TABLE kinds (a smallint, b integer, c bigint, d numeric, e numeric(12,3), f real, g double precision, h text, i character varying(7), j character(3), k boolean, l bytea, m date, n time, o time with time zone, p timestamp, q timestamp(3) with time zone, r interval, s uuid, t json, u jsonb, v inet, w text[], x int[], y varchar(4)[])`);
  const row = (id: number): unknown[] => [
    id,
    MARKS[0] + id,
    MARKS[1],
    id === 1 ? MARKS[2] : OTHER_CARD,
    MARKS[3],
    JSON.stringify({ lang: 'en', mail: MARKS[1], secret: MARKS[4] }),
    '1990-02-03',
    'Cork',
  ];
  for (const id of [1, 2]) await client.query('INSERT INTO people VALUES ($1,$2,$3,$4,$5,$6,$7,$8)', row(id));
  await client.query('INSERT INTO orders VALUES (1, 1, $1)', [MARKS[1]]);
  project = await makeProject({
    url: server.url(),
    tables: ['public.people', 'public.orders'],
    mask: policy,
  });
});

afterAll(async () => {
  await client?.end();
  await server?.stop();
  await project?.remove();
});

const run = (...args: string[]) => rowseal([...args, '--config', project.configFile]);

const withMask = async <T>(mask: object, act: () => Promise<T>): Promise<T> => {
  await project.configure({ mask: { key: { file: 'mask.key' }, ...mask } });
  try {
    return await act();
  } finally {
    await project.configure({});
  }
};

const noMarks = (text: string): void => {
  for (const mark of [...MARKS, OTHER_CARD]) expect(text.toLowerCase()).not.toContain(mark.toLowerCase());
};

describe.skipIf(noPostgres(18))('preview', () => {
  it('shows shapes and masked values, the same as a run makes, and no raw value', async () => {
    const { stdout, stderr, code } = await run('preview', 'public.people', '--rows', '2');
    expect(stdout).toMatch(/public\.people {2}2 rows · key id/);
    expect(stdout).toMatch(/Aaaaaaaaaaaaa9 +→ {2}K\*{13}/);
    expect(stdout).toMatch(/9{16} +→ {2}\d{16}/);
    expect(stdout).toMatch(/aaaaaa9a9a@aaaaaaa\.aaa +→ {2}tok_[\w-]{22}/);
    noMarks(stdout + stderr);
    expect(code).toBe(0);
    const one = JSON.parse((await run('preview', '--table', 'public.people', '--json')).stdout);
    const other = JSON.parse((await run('preview', '--table', 'public.orders', '--json')).stdout);
    const cell = (report: { tables: { columns: { column: string; cells: { masked: string }[] }[] }[] }) =>
      report.tables[0]!.columns.find(({ column }) => column === 'mail')!.cells[0]!.masked;
    expect(cell(one)).toBe(cell(other));
    expect(cell(one)).toBe(new ReferenceMask(project.maskKey).token('domain:mail', MARKS[1]));
    noMarks(JSON.stringify(one));
  });

  it('reveals nothing into a pipe or JSON', async () => {
    for (const more of [[], ['--json']]) {
      const { stdout, stderr, code } = await run('preview', '--reveal', ...more);
      expect(stdout + stderr).toContain('RS-MASK-031');
      expect(code).toBe(2);
      noMarks(stdout + stderr);
    }
  });

  it.skipIf(spawnSync('script', ['--version']).status !== 0)('reveals raw values to a terminal', () => {
    const command = [
      process.execPath,
      MAIN,
      'preview',
      'public.people',
      '--reveal',
      '--config',
      project.configFile,
    ];
    const { stdout } = spawnSync('script', ['-qec', command.join(' '), '/dev/null'], {
      encoding: 'utf8',
      env: { ...process.env, NO_COLOR: '1' },
    });
    expect(stdout).toMatch(new RegExp(`${MARKS[0]}1 +→ {2}K\\*{13}`));
    expect(stdout).toMatch(new RegExp(`${MARKS[2]} +→ {2}\\d{16}`));
  });

  it('says what would stop a run: undecided columns, halts, methods that do not fit', async () => {
    const tables = {
      'public.people': {
        ...policy.tables['public.people'],
        card: { method: 'us_ssn', on_error: 'halt' },
        notes: { method: 'email', foreign: 'hash' },
      },
      'public.orders': { id: 'redact', mail: 'keep' },
    };
    const { stdout, code } = await withMask({ tables: { ...tables }, domains: policy.domains }, () =>
      run('preview'),
    );
    expect(stdout).toContain('halts: RS-MASK-010 (foreign)');
    expect(stdout).toMatch(/✘ a run would halt at 2 of these values: public\.people\.card \(RS-MASK-010\)/);
    expect(stdout).toContain('⚠ public.people.notes: 2 values the method cannot take (foreign)');
    expect(stdout).toContain('RS-MASK-004');
    expect(code).toBe(1);
    noMarks(stdout);
  });

  it('withholds what the leak guard met, though the policy keeps it', async () => {
    await client.query("UPDATE people SET city = 'Cork ' || mail");
    try {
      const { stdout, code } = await run('preview', 'public.people');
      expect(stdout).toContain('(withheld)');
      expect(stdout).toContain(
        '⚠ public.people.city: the leak guard met the raw value of a masked column in 2 rows',
      );
      expect(code).toBe(0);
      noMarks(stdout);
      noMarks((await run('preview', 'public.people', '--json')).stdout);
    } finally {
      await client.query("UPDATE people SET city = 'Cork'");
    }
  });

  it('refuses a table that is not captured, and numbers of rows that are none', async () => {
    expect((await run('preview', 'public.peopel')).stderr).toMatch(/a similar one exists: `public.people`/);
    expect((await run('preview', '--rows', '0')).stderr).toContain('RS-CLI-001');
  });
});

describe.skipIf(noPostgres(18))('mask explain', () => {
  it('tells rules, data, joins and costs from the live schema and sampled values, but no value', async () => {
    const { stdout, stderr } = await run('mask', 'explain', '--sample', '10', '--json');
    noMarks(stdout + stderr);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ schema: 'live', would_not_start: ['public.orders.extra'] });
    const column = (name: string) =>
      report.tables[0].columns.find((entry: { column: string }) => entry.column === name);
    expect(column('card')).toMatchObject({
      data_class: {
        class: 'pan',
        evidence: [expect.stringMatching(/^all 2 sampled values are card numbers/)],
      },
      reversible: true,
      injective: true,
      format_kept: true,
    });
    expect(column('card').cost_us).toBeGreaterThan(0);
    expect(column('mail')).toMatchObject({
      type: 'text',
      data_class: { class: 'email' },
      joins: ['public.orders.mail', 'public.people.doc$.mail'],
      learns: ['which values are equal, and how often they occur'],
    });
    expect(report.tables[1].columns[1]).toMatchObject({ column: 'person', decided: true, inherited: true });
    expect(report.tables[1].columns[3]).toMatchObject({ column: 'extra', decided: false });
    const shown = await run('mask', 'explain', '--table', 'public.orders');
    expect(shown.stdout).toContain('undecided: a run does not start');
    expect(shown.code).toBe(1);
  });

  it('knows foreign keys, and names the column that a mistake is about', async () => {
    const tables = {
      'public.people': { ...policy.tables['public.people'], id: 'token', name: 'us_ssn', born: 'ip' },
      'public.orders': { id: 'keep', mail: { domain: 'mail' } },
    };
    const { stdout } = await withMask({ tables, domains: policy.domains }, () =>
      run('mask', 'explain', '--json'),
    );
    const report = JSON.parse(stdout);
    expect(report.tables[1].columns[1]).toMatchObject({
      column: 'person',
      inherited: true,
      rule: 'token',
      joins: ['public.people.id'],
    });
    expect(report.would_not_start).toEqual(['public.people.born', 'public.orders.extra']);
    expect(report.tables[0].columns[6].problem.code).toBe('RS-MASK-005');
  });

  it('goes on without the source, and says so', async () => {
    await project.configure({
      source: { type: 'postgres', url: 'postgres://nobody:x@127.0.0.1:1/none', tables: ['public.people'] },
    });
    try {
      const { stdout, stderr, code } = await run('mask', 'explain');
      expect(stderr).toMatch(/the source was not read \(RS-PG-\d+\)/);
      expect(stdout).toMatch(/public\.people {2}8 rules/);
      expect(code).toBe(0);
    } finally {
      await project.configure({});
    }
  });
});

describe.skipIf(noPostgres(18))('mask test', () => {
  it('takes the types from the source', async () => {
    const fixtures = join(project.directory, 'people.fixtures.yaml');
    await writeFile(
      fixtures,
      `tables: { public.people: { cases: [{ name: one, input: { id: 1, name: ${MARKS[0]}, mail: ${MARKS[1]} }, expect: { name: { not_contains_input: true }, mail: { kept: true } } }] } }`,
    );
    const offline = await run('mask', 'test', fixtures);
    expect(offline.stdout).toMatch(/has no `columns`/);
    const { stdout, stderr, code } = await run('mask', 'test', fixtures, '--source');
    expect(stdout).toContain('expected  the input itself');
    expect(stdout).toMatch(/input {5}tables\.public\.people\.cases\[0\]\.input\.mail, line 1/);
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('0 passed, 1 failed');
    expect(stderr).toMatch(/mask key of epoch 1, fingerprint [0-9a-f]{16}/);
    expect(code).toBe(1);
    noMarks(stdout + stderr);
    noMarks((await run('mask', 'test', fixtures, '--source', '--json')).stdout);
    expect(await readFile(fixtures, 'utf8')).toContain(MARKS[1]);
  });

  it('knows the names of types as the source gives them', async () => {
    const source = createPostgresSource(postgresOptions(server, ['kinds'], { snapshot: 'never' }));
    try {
      const [table] = await source.tables();
      expect(table!.columns).toHaveLength(25);
      for (const { sourceType, type } of table!.columns)
        expect([sourceType, columnTypeNamed(sourceType)]).toEqual([sourceType, type]);
    } finally {
      await source.close();
    }
  });
});
