import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PipelineStatus } from '../../src/pipeline/status.ts';
import { noPostgres } from '../support/needs.ts';
import { freePort, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { until } from '../support/project.ts';
import { createRealisticSchema, ODD_TABLES } from '../support/realistic-schema.ts';
import { RowsealProcess, rowseal } from '../support/rowseal-process.ts';
import { queryWarehouse } from '../support/warehouse.ts';

/** Occur nowhere by chance; in every kind of column, as names of JSON members, too. */
const MARKS = [
  'kanarek4711',
  'zeisig.8812@vogel.example',
  '+49 170 8837261',
  'Ottokar Zwitscherlein',
  '4929718832746513',
] as const;
const PASSWORD = 'test';

let server: TestPostgres;
let client: Client;
let directory: string;

beforeAll(async () => {
  if (noPostgres(18)) return;
  server = await startPostgres(18);
  await server.createDatabase('shop');
  client = await server.client('shop');
  await createRealisticSchema(client);
  await server.createDatabase('marked');
  const marked = await server.client('marked');
  await marked.query(`CREATE TABLE birds (id int PRIMARY KEY, a text, b text, c text[], d jsonb, e json, notes text, f varchar(60), g bigint);
    CREATE TABLE "keyed" (k text PRIMARY KEY, v jsonb)`);
  for (let row = 0; row < 40; row++) {
    const mark = MARKS[row % MARKS.length]!;
    await marked.query('INSERT INTO birds VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)', [
      row,
      mark,
      row % 2 === 0 ? MARKS[1] : mark,
      [mark, MARKS[2]],
      JSON.stringify({ [mark]: { [MARKS[0]]: mark }, list: [mark, { deep: mark }] }),
      JSON.stringify({ [MARKS[1]]: 1, [MARKS[3]]: true }),
      `Please write to ${mark} as soon as you can, the parcel of last week has not arrived here yet.`,
      mark,
      4929718832746513n.toString(),
    ]);
    await marked.query('INSERT INTO keyed VALUES ($1, $2)', [`${mark}-${row}`, JSON.stringify(mark)]);
  }
  await marked.end();
}, 300_000);

afterAll(async () => {
  await client?.end();
  await server?.stop();
});

const url = (database: string): string => `postgres://postgres@127.0.0.1:${server.port}/${database}`;

async function fresh(): Promise<string> {
  directory = await mkdtemp(join(tmpdir(), 'rowseal-init-'));
  return directory;
}

async function run(args: readonly string[]): ReturnType<typeof rowseal> {
  return rowseal(args, { ROWSEAL_SOURCE_PASSWORD: PASSWORD });
}

describe.skipIf(noPostgres(18))('init', () => {
  it.each(['gdpr', 'hipaa', 'pci'])(
    'writes a configuration with the preset %s that check accepts',
    async (preset) => {
      const home = await fresh();
      const file = join(home, 'rowseal.yaml');
      const init = await run([
        'init',
        '--url',
        url('shop'),
        '--config',
        file,
        '--preset',
        preset,
        '--exclude',
        'app_logs',
      ]);
      expect(init.stderr).toBe('');
      expect(init.stdout).toContain('all decided');
      expect(init.code).toBe(0);
      for (const key of ['rowseal-mask.key', 'rowseal-signing.key'])
        expect((await stat(join(home, 'keys', key))).mode & 0o777).toBe(0o600);
      const check = await run(['check', '--config', file, '--json']);
      const { findings } = JSON.parse(check.stdout) as {
        findings: { level: string; subject: string; detail: string }[];
      };
      expect(findings.filter(({ level }) => level === 'error')).toEqual([]);
      expect(findings.find(({ subject }) => subject === 'policy')?.detail).toMatch(
        /^(\d+)\/\1 columns decided$/,
      );
      expect(check.code).toBe(0);
      const scan = await run(['scan', '--config', file, '--fail-on-finding', '--json']);
      // Safe Harbor keeps health and gender: a scan says so, and a person has to accept it.
      const kept = (
        JSON.parse(scan.stdout) as { tables: { findings: { class: string; open: boolean }[] }[] }
      ).tables.flatMap(({ findings: all }) => all.filter(({ open }) => open).map((finding) => finding.class));
      expect([...new Set(kept)].sort()).toEqual(preset === 'hipaa' ? ['gender', 'health'] : []);
      expect(scan.code).toBe(preset === 'hipaa' ? 1 : 0);
      await rm(home, { recursive: true });
    },
  );

  it('writes no password, wherever it came from, and says that one in the URL is seen', async () => {
    const home = await fresh();
    const secret = `postgres://postgres:${PASSWORD}@127.0.0.1:${server.port}/marked`;
    const file = join(home, 'rowseal.yaml');
    const init = await rowseal(['init', '--url', secret, '--config', file], { ROWSEAL_SOURCE_PASSWORD: '' });
    expect(init.code).toBe(0);
    expect(init.stderr).toContain('seen by everyone who lists processes');
    expect(init.stdout).toContain('export ROWSEAL_SOURCE_PASSWORD=');
    expect(await everyByte(home)).not.toContain(`:${PASSWORD}@`);
    expect(await readFile(file, 'utf8')).toContain('password: ${env:ROWSEAL_SOURCE_PASSWORD}');
    await writeFile(join(home, 'pw'), `${PASSWORD}\n`);
    const byFile = await rowseal(
      ['init', '--url', url('marked'), '--config', file, '--force', '--password-file', join(home, 'pw')],
      {},
    );
    expect(byFile.code).toBe(0);
    expect(await readFile(file, 'utf8')).toMatch(/password: \$\{file:.*pw\}/);
    expect((await rowseal(['check', '--config', file], {})).code).toBe(0);
    await rm(home, { recursive: true });
  });

  it('overwrites only when told to, and never a key', async () => {
    const home = await fresh();
    const file = join(home, 'rowseal.yaml');
    const args = ['init', '--url', url('marked'), '--config', file, '--no-sample'];
    expect((await run(args)).code).toBe(0);
    const [config, key] = [
      await readFile(file, 'utf8'),
      await readFile(join(home, 'keys/rowseal-mask.key'), 'utf8'),
    ];
    expect(config).toContain('names and types only');
    const again = await run(args);
    expect(again.code).toBe(2);
    expect(again.stderr).toContain('RS-SCAN-002');
    expect((await run([...args, '--force'])).code).toBe(0);
    expect(await readFile(join(home, 'keys/rowseal-mask.key'), 'utf8')).toBe(key);
    await rm(home, { recursive: true });
  });

  it('prints and writes nothing in a dry run', async () => {
    const home = await fresh();
    const dry = await run([
      'init',
      '--url',
      url('shop'),
      '--config',
      join(home, 'rowseal.yaml'),
      '--dry-run',
      '--tables',
      'customers',
      'orders',
    ]);
    expect(dry.code).toBe(0);
    expect(dry.stdout).toMatch(/^# Written by rowseal init/);
    expect(dry.stdout).toContain('public.orders:');
    expect(dry.stdout).not.toContain('public.payments');
    expect(await readdir(home)).toEqual([]);
    await rm(home, { recursive: true });
  });

  it('decides every type, key and name, or leaves the table out with a reason', async () => {
    const home = await fresh();
    const file = join(home, 'rowseal.yaml');
    await server.createDatabase('odd');
    const odd = await server.client('odd');
    await odd.query(ODD_TABLES);
    await odd.end();
    for (const more of [['--preset', 'gdpr'], ['--preset', 'hipaa'], ['--preset', 'pci'], ['--no-sample']]) {
      const init = await run(['init', '--url', url('odd'), '--config', file, '--force', ...more]);
      expect(init.stderr).toBe('');
      expect(init.stdout).toContain('4 tables, 62 columns, all decided');
      expect(init.stdout).toContain('left out: its name would be read as a reference to a secret');
      expect(init.stdout).toContain('public.no_columns: left out: it has no columns');
      expect((await run(['check', '--config', file])).code).toBe(0);
    }
    await rm(home, { recursive: true });
  });

  it('says what is wrong with a pattern, a sink, a password', async () => {
    const home = await fresh();
    const file = join(home, 'rowseal.yaml');
    const wrong = async (...more: string[]): Promise<string> => {
      const { code, stderr } = await run(['init', '--url', url('shop'), '--config', file, ...more]);
      expect(code).not.toBe(0);
      return stderr;
    };
    expect(await wrong('--tables', 'custmers')).toContain('a similar name exists: `public.customers`');
    expect(await wrong('--sink', 'kafka:x')).toContain('--sink must be duckdb:FILE');
    expect(await wrong('--exclude', '*')).toContain('RS-SCAN-001');
    const none = await rowseal(['init', '--url', url('shop'), '--config', file], {
      ROWSEAL_SOURCE_PASSWORD: '',
    });
    expect(none.stderr).toContain('RS-SCAN-004');
    expect(await readdir(home)).toEqual([]);
    await rm(home, { recursive: true });
  });
});

describe.skipIf(noPostgres(18))('scan', () => {
  it('finds what a policy keeps, and a column that came after it', async () => {
    const home = await fresh();
    const file = join(home, 'rowseal.yaml');
    expect(
      (await run(['init', '--url', url('shop'), '--config', file, '--tables', 'customers', 'events'])).code,
    ).toBe(0);
    const clean = await run(['scan', '--config', file, '--fail-on-finding']);
    expect(clean.code).toBe(0);
    const text = await readFile(file, 'utf8');
    await writeFile(
      file,
      text
        .replace(/^ {6}email: .*$/m, '      email: keep')
        .replace(/^ {10}\$\.user\.email: .*$/m, '          $.user.email: keep')
        .replace(/^ {6}city: .*\n/m, ''),
    );
    const open = await run(['scan', '--config', file, '--fail-on-finding']);
    expect(open.code).toBe(1);
    expect(open.stdout).toContain('✘ public.customers.email is kept: e-mail address');
    expect(open.stdout).toContain('✘ public.events.payload $.user.email is kept: e-mail address');
    expect(open.stdout).toContain('1 column has no decision: public.customers.city');
    expect((await run(['scan', '--config', file])).code).toBe(0);
    const accepted = (await readFile(file, 'utf8')).replace(
      'leak_guard: { rows: sample, action: alert }',
      'leak_guard: { rows: sample, action: alert, except: [public.customers.email, public.events.payload] }',
    );
    await writeFile(file, accepted.replace('undecided: halt', 'undecided: redact'));
    const report = await run(['scan', '--config', file, '--json']);
    expect(JSON.parse(report.stdout)).toMatchObject({
      open: 1,
      accepted: 2,
      undecided: ['public.customers.city'],
    });
    await rm(home, { recursive: true });
  });

  it('of a database without a policy needs only its URL', async () => {
    const scan = await run([
      'scan',
      '--url',
      url('shop'),
      '--tables',
      'public.pa*',
      '--sample-rows',
      '50',
      '--json',
    ]);
    const report = JSON.parse(scan.stdout) as {
      tables: { table: string; rows_read: number }[];
      personal: number;
    };
    expect(report.tables.map(({ table }) => table)).toEqual(['public.patients', 'public.payments']);
    expect(report.tables.every(({ rows_read }) => rows_read === 50)).toBe(true);
    expect(report.personal).toBeGreaterThan(12);
    expect(
      (await run(['scan', '--url', url('shop'), '--tables', 'order_lines', '--fail-on-finding'])).code,
    ).toBe(0);
    expect(
      (await run(['scan', '--url', url('shop'), '--tables', 'payments', '--fail-on-finding'])).code,
    ).toBe(1);
  });

  it('reads nothing when told so', async () => {
    const scan = await run(['scan', '--url', url('shop'), '--tables', 'customers', '--sample-rows', '0']);
    expect(scan.stdout).toContain('no row read');
    expect(scan.stdout).not.toContain('sampled values');
  });
});

/** What a person would not want to find in a warehouse, column by column of the realistic schema. */
const PERSONAL = `
  SELECT email FROM customers UNION SELECT phone FROM customers UNION SELECT street FROM customers UNION SELECT password_hash FROM customers
  UNION SELECT notes FROM customers UNION SELECT card_number FROM payments UNION SELECT iban FROM payments UNION SELECT cardholder FROM payments
  UNION SELECT body FROM support_tickets UNION SELECT dni FROM empleados UNION SELECT nombre FROM empleados UNION SELECT ssn FROM patients
  UNION SELECT name FROM patients UNION SELECT mrn FROM patients UNION SELECT clinical_notes FROM visits UNION SELECT vitals->>'nurse' FROM visits
  UNION SELECT payload->'user'->>'email' FROM events UNION SELECT metadata->'contact'->>'phone' FROM orders
  UNION SELECT jsonb_object_keys(metadata::jsonb->'seen_by') FROM orders UNION SELECT shipping_address->>'name' FROM orders
  UNION SELECT sozialversicherungsnummer FROM mitarbeiter`;

describe.skipIf(noPostgres(18))('a policy that init wrote', () => {
  it.each(['gdpr', 'hipaa'])(
    'runs as it is, and lets nothing personal into warehouse and log (%s)',
    { timeout: 300_000 },
    async (preset) => {
      const home = await fresh();
      const file = join(home, 'rowseal.yaml');
      const name = `run_${preset}`;
      expect(
        (
          await run([
            'init',
            '--url',
            url('shop'),
            '--config',
            file,
            '--preset',
            preset,
            '--exclude',
            'app_logs',
            '--pipeline',
            name,
          ])
        ).code,
      ).toBe(0);
      const port = await freePort();
      await writeFile(file, `${await readFile(file, 'utf8')}http: { port: ${port} }\n`);
      const process = new RowsealProcess(['run', '--config', file], { ROWSEAL_SOURCE_PASSWORD: PASSWORD });
      try {
        await until('everything is delivered', async () => {
          if (!process.running) throw new Error(process.output);
          const status = await fetch(`http://127.0.0.1:${port}/status.json`).then(
            (answer) => answer.json() as Promise<PipelineStatus>,
            () => null,
          );
          return (
            status?.state === 'streaming' &&
            status.sinks.every(({ rows, behind_groups }) => rows > 2000 && behind_groups === 0)
          );
        });
      } finally {
        expect((await process.terminate()).code).toBe(0);
        // The server notices a moment later that the reader is gone.
        await until('the slot is dropped', async () => {
          const { rowCount } = await client.query(
            'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND NOT active',
            [`rowseal_${name}`],
          );
          return rowCount === 1;
        });
      }
      const { rows } = await client.query<{ email: string | null }>(
        `SELECT DISTINCT email FROM (${PERSONAL}) AS all_of_it (email) WHERE length(email) > 6`,
      );
      const texts = [process.output, await dump(join(home, 'warehouse.duckdb')), await everyByte(home)];
      const leaked = rows.filter(({ email }) => texts.some((text) => text.includes(email!)));
      expect(rows.length).toBeGreaterThan(1000);
      // What is about things is there: the search looked at the right place.
      expect(texts[1]).toContain('quick to put together');
      expect(leaked).toEqual([]);
      await rm(home, { recursive: true });
    },
  );
});

/** Every cell of every table, as text: the file itself is compressed. */
async function dump(warehouse: string): Promise<string> {
  const tables = await queryWarehouse(
    warehouse,
    "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE'",
  );
  const cells: string[] = [];
  for (const [namespace, name] of tables)
    for (const row of await queryWarehouse(
      warehouse,
      `SELECT CAST(t AS VARCHAR) FROM "${namespace}"."${name}" t`,
    ))
      cells.push(row[0] ?? '');
  return cells.join('\n');
}

async function everyByte(below: string): Promise<string> {
  const names = await readdir(below, { recursive: true });
  const files: string[] = [];
  for (const name of names)
    if ((await stat(join(below, name))).isFile())
      files.push((await readFile(join(below, name))).toString('utf8'));
  return files.join('\n');
}

describe.skipIf(noPostgres(18))('no value leaves memory', () => {
  it('on stdout, stderr, in JSON, in what is written', async () => {
    const home = await fresh();
    const file = join(home, 'rowseal.yaml');
    const runs = [
      await run(['scan', '--url', url('marked')]),
      await run(['scan', '--url', url('marked'), '--json']),
      await run(['init', '--url', url('marked'), '--config', file, '--dry-run']),
      await run(['init', '--url', url('marked'), '--config', file]),
      await run(['init', '--url', url('marked'), '--config', file, '--force', '--preset', 'hipaa', '--json']),
      await run(['scan', '--config', file]),
      await run(['scan', '--config', file, '--json', '--fail-on-finding']),
    ];
    expect(runs.map(({ code }) => code).slice(0, 5)).toEqual([0, 0, 0, 0, 0]);
    expect(runs[0]!.stdout).toContain('phone number');
    const everything = runs.map(({ stdout, stderr }) => stdout + stderr).join('\n') + (await everyByte(home));
    for (const mark of MARKS) {
      for (const part of [
        mark,
        mark.toLowerCase(),
        ...mark.split(/[ @]/).filter((piece) => piece.length > 5),
      ])
        expect(everything, part).not.toContain(part);
    }
    await rm(home, { recursive: true });
  });
});
