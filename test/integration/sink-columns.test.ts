import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { Client } from 'pg';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { parseSignedHead } from '../../src/audit/note.ts';
import { parseLsn } from '../../src/model/position.ts';
import { haystacksOf, search } from '../support/canary.ts';
import { noPostgres } from '../support/needs.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { makeProject, readStatus, type TestProject, until } from '../support/project.ts';
import { RowsealProcess, rowseal } from '../support/rowseal-process.ts';
import { dumpDuckdb } from '../support/sink/dump-warehouse.ts';

/** Kept by the policy, and not for the lake: none of it may be found in what the lake is made of. */
const MARKS = ['kanarie-notes-71', 'kanarie-city-72', 'kanarie.phone.73', '618273940517', 'kanarie-late-74'];

const WAIT = { timeout: 120_000, interval: 50 };

let server: TestPostgres;
let client: Client;
let project: TestProject;

beforeAll(async () => {
  server = await startPostgres(18);
  client = await server.client();
  await server.createDatabase('analytics');
  await server.createDatabase('archive');
});

afterAll(async () => {
  await client?.end();
  await server?.stop();
  await project?.remove();
});

const year = { method: 'generalize', to: 'year' };
const LAKE = {
  'public.people': {
    leave_out: ['notes'],
    mask: { city: 'redact', phone: 'token', email: 'token', account: { domain: 'account' }, born: year },
  },
  'public.logins': { only: ['id', 'account'], mask: { account: { domain: 'account' } } },
};

const configure = (sinks: Readonly<Record<string, unknown>>): Promise<void> => project.configure({ sinks });

interface SinkShown {
  readonly name: string;
  readonly state: string;
  readonly breaker: string;
  readonly rows: number;
  readonly behind_groups: number;
  readonly behind_bytes: number | null;
  readonly behind_ms: number | null;
  readonly error: { readonly code: string } | null;
}

async function sinks(): Promise<readonly SinkShown[]> {
  return ((await readStatus(project))?.['sinks'] ?? []) as readonly SinkShown[];
}

/** The sinks have what is committed now. */
async function caughtUp(names: readonly string[]): Promise<void> {
  const { rows } = await client.query<{ lsn: string }>('SELECT pg_current_wal_lsn()::text AS lsn');
  const end = parseLsn(rows[0]!.lsn)!;
  await until('the sinks have all', async () => {
    const status = await readStatus(project);
    const shown = (status?.['sinks'] ?? []) as readonly SinkShown[];
    const { position = null } = (status?.['source'] ?? {}) as { readonly position?: string | null };
    const reached = parseLsn(position?.split(' ')[0] ?? '');
    return (
      status?.['state'] === 'streaming' &&
      reached !== null &&
      reached >= end &&
      names.every((name) => shown.some((sink) => sink.name === name && sink.state === 'caught-up'))
    );
  });
}

async function duck(file: string, sql: string): Promise<readonly unknown[][]> {
  const instance = await DuckDBInstance.create(`${project.directory}/${file}`, { access_mode: 'READ_ONLY' });
  try {
    return (await (await instance.connect()).runAndReadAll(sql)).getRowsJson() as unknown[][];
  } finally {
    instance.closeSync();
  }
}

/**
 * What was set aside live is set aside by a replay too, however that batches the groups: into a sink of the same kind all is the
 * same, into one of another kind rows and dead letters are; only the words of the reason are its own.
 */
async function expectSameFromLog(
  live: { readonly type: string; readonly path: string },
  table: string,
  letters: readonly (readonly (string | null)[])[],
): Promise<void> {
  await configure({
    inside: live,
    archive: {
      type: 'postgres',
      url: server.url('archive').replace(/:[^:@/]*@/, '@'),
      password: server.password,
      tls: { mode: 'disable' },
    },
  });
  const replay = async (...args: string[]): Promise<void> => {
    const done = await rowseal(['audit', 'replay', '--config', project.configFile, ...args]);
    expect(done.code, done.stderr).toBe(0);
  };
  const from = (name: string): string => join(project.directory, name);
  await replay('--sink', 'inside', '--into', from('replayed.duckdb'));
  expect(await dumpDuckdb(from('replayed.duckdb'))).toEqual(await dumpDuckdb(from(live.path)));
  await replay('--sink', 'archive');
  const archive = await server.client('archive');
  try {
    const dead = `SELECT CAST(group_index AS text), row_key, column_name, value FROM _rowseal.dead_letters WHERE table_name = '${table}' ORDER BY value`;
    const { rows } = await archive.query<(string | null)[]>({ text: dead, rowMode: 'array' });
    expect(rows.map(([, ...letter]) => letter)).toEqual(letters);
    expect(await duck(live.path, dead)).toEqual(rows);
    const mirror = `SELECT id, reading FROM ${table} ORDER BY id`;
    const kept = [
      [1, 42],
      [2, null],
      [3, null],
      [4, 44],
    ];
    expect((await archive.query({ text: mirror, rowMode: 'array' })).rows).toEqual(kept);
    expect(await duck(live.path, mirror)).toEqual(kept);
  } finally {
    await archive.end();
  }
}

it.skipIf(noPostgres(18))(
  'each sink gets its columns under its own rules, live and from the log alike',
  { timeout: 300_000 },
  async () => {
    await client.query(`
      CREATE TABLE people (id int PRIMARY KEY, email text, city text, phone text, account bigint, born date, notes text);
      ALTER TABLE people REPLICA IDENTITY FULL;
      CREATE TABLE logins (id int PRIMARY KEY, account bigint, agent text);
      CREATE TABLE meters (id int PRIMARY KEY, reading text);
      INSERT INTO meters VALUES (1, '42'), (2, 'none');
      INSERT INTO people VALUES (1, 'ann@example.com', 'kanarie-city-72', 'kanarie.phone.73', 618273940517, '1980-05-17', 'kanarie-notes-71');
      INSERT INTO logins VALUES (9, 618273940517, 'kanarie-notes-71')`);
    project = await makeProject({
      url: server.url(),
      tables: ['public.people', 'public.logins', 'public.meters'],
      mask: {
        domains: { account: { method: 'token', prefix: 'acc_' } },
        // A column that comes later is redacted, also after a restart.
        undecided: 'redact',
        leak_guard: { rows: 'off' },
        tables: {
          'public.people': {
            id: 'keep',
            email: 'token',
            city: 'keep',
            phone: 'keep',
            account: 'keep',
            born: 'keep',
            notes: 'keep',
          },
          'public.logins': { id: 'keep', account: 'keep', agent: 'keep' },
          'public.meters': { id: 'keep', reading: 'keep' },
        },
      },
    });
    const all = {
      inside: { type: 'duckdb', path: 'inside.duckdb' },
      lake: { type: 'duckdb', path: 'lake/lake.duckdb', history: true, tables: LAKE },
      partner: {
        type: 'postgres',
        url: server.url('analytics').replace(/:[^:@/]*@/, '@'),
        password: server.password,
        tls: { mode: 'disable' },
        tables: LAKE,
      },
    };
    await configure(all);

    const check = await rowseal(['check', '--config', project.configFile]);
    expect(check.stdout).toMatch(/sink lake.*public\.people: .*city redact.*notes left out/);
    expect(check.code).toBe(0);
    const preview = await rowseal(['preview', '--sink', 'lake', '--config', project.configFile]);
    expect(preview.stdout).toMatch(/city\s+keep, then redact/);
    expect(preview.stdout).toMatch(/acc_/);

    let process = new RowsealProcess(['run', '--config', project.configFile]);
    await caughtUp(['inside', 'lake', 'partner']);
    await client.query(`
      UPDATE people SET city = 'kanarie-city-72 again', email = 'bea@example.com' WHERE id = 1;
      INSERT INTO people SELECT n, 'p' || n || '@example.com', 'kanarie-city-72', 'kanarie.phone.73', 1000 + n, '1991-02-03', 'kanarie-notes-71' FROM generate_series(2, 60) n;
      UPDATE people SET id = 1002 WHERE id = 2;
      DELETE FROM people WHERE id = 3;
      ALTER TABLE people ADD late text; UPDATE people SET late = 'kanarie-late-74' WHERE id = 4;
      ALTER TABLE logins ADD late text; UPDATE logins SET late = 'kanarie-late-74'`);
    // The source makes null of what is no number and says nothing of those rows; the warehouse has them in a column that is one now.
    await client.query(`
      INSERT INTO meters VALUES (3, 'late');
      ALTER TABLE meters ALTER reading TYPE int USING CASE WHEN reading ~ '^[0-9]+$' THEN reading::int END;
      INSERT INTO meters VALUES (4, 44)`);
    await caughtUp(['inside', 'lake', 'partner']);
    // Idle groups come all the time; between two of them all have everything.
    await vi.waitFor(
      async () =>
        expect(
          (await sinks()).map(({ breaker, behind_bytes, behind_ms }) => [breaker, behind_bytes, behind_ms]),
        ).toEqual([
          ['closed', 0, 0],
          ['closed', 0, 0],
          ['closed', 0, 0],
        ]),
      WAIT,
    );
    const outputs = [check.stdout, process.output];
    expect((await process.terminate()).code).toBe(0);

    const columns = await duck(
      'lake/lake.duckdb',
      "SELECT table_name, string_agg(column_name, ',' ORDER BY ordinal_position) FROM information_schema.columns WHERE table_schema = 'public' AND column_name NOT LIKE '\\_%' ESCAPE '\\' AND table_name NOT LIKE '%history' GROUP BY 1 ORDER BY 1",
    );
    expect(columns).toEqual([
      ['logins', 'id,account'],
      ['people', 'id,email,city,phone,account,born,late'],
    ]);
    const [person] = await duck('lake/lake.duckdb', 'SELECT * FROM public.people WHERE id = 1');
    expect(person!.slice(0, 4)).toEqual([
      1,
      expect.stringMatching(/^tok_/),
      null,
      expect.stringMatching(/^tok_/),
    ]);
    expect(person!.slice(4, 6)).toEqual([expect.stringMatching(/^acc_/), '1980-01-01']);
    // The token of the policy is not that of the lake, and the domain joins.
    const inside = await duck('inside.duckdb', 'SELECT email, phone FROM public.people WHERE id = 1');
    expect(inside[0]![0]).not.toBe(person![1]);
    expect(inside[0]![1]).toBe('kanarie.phone.73');
    expect(
      await duck(
        'lake/lake.duckdb',
        'SELECT count(*) FROM public.people p JOIN public.logins l ON l.account = p.account',
      ),
    ).toEqual([['1']]);
    const analytics = await server.client('analytics');
    const { rows: partner } = await analytics.query<Record<string, unknown>>(
      'SELECT id, email, city, phone, account FROM people ORDER BY id',
    );
    expect(partner).toHaveLength(59);
    expect(partner[0]).toMatchObject({ id: 1, city: null, account: person![4] });
    // Every sink has tokens of its own, unless they are of a domain.
    expect(partner[0]!['email']).not.toBe(person![1]);

    // Nothing that the lake should not have is in any of its files, in any image, and the partner has none of it.
    expect(search(await haystacksOf(`${project.directory}/lake`, outputs), MARKS)).toEqual([]);
    const dump = await analytics.query(
      'SELECT (SELECT json_agg(p) FROM people p)::text || (SELECT json_agg(l) FROM logins l)::text || (SELECT json_agg(t) FROM _rowseal.tables t)::text AS text',
    );
    expect(search(new Map([['analytics', Buffer.from(String(dump.rows[0]!.text))]]), MARKS)).toEqual([]);
    const head = (await analytics.query<{ head: string }>('SELECT head FROM _rowseal.cursor')).rows[0]!.head;
    expect(parseSignedHead(head)?.head.origin).toBe('rowseal/test');
    await analytics.end();

    // The same sink, filled from the log alone, holds the same bytes.
    await configure({ ...all, lake: { ...all.lake, path: 'again/again.duckdb' } });
    process = new RowsealProcess(['run', '--config', project.configFile]);
    await caughtUp(['inside', 'lake', 'partner']);
    await process.terminate();
    for (const table of ['people', 'people__history', 'logins', 'logins__history']) {
      const sql = `SELECT * FROM public.${table} ORDER BY _rowseal_seq, _rowseal_op`;
      expect(await duck('again/again.duckdb', sql), table).toEqual(await duck('lake/lake.duckdb', sql));
    }

    await expectSameFromLog(all.inside, 'public.meters', [
      ['3', 'reading', 'late'],
      // Delivered before, as text; found by the retyping of the column, which knows values and not rows.
      [null, 'reading', 'none'],
    ]);

    // A looser rule does not start.
    await configure({
      lake: { type: 'duckdb', path: 'x.duckdb', tables: { 'public.people': { mask: { email: 'keep' } } } },
    });
    const refused = await rowseal(['run', '--config', project.configFile]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/RS-SINK-002[\s\S]*which would show: the value itself/);
  },
);

it.skipIf(noPostgres(18))(
  'a halted sink is shown and tried again, and neither the source nor the others wait for it',
  { timeout: 300_000 },
  async () => {
    await client.query('CREATE TABLE IF NOT EXISTS visits (id int PRIMARY KEY); TRUNCATE visits');
    await project?.remove();
    // The server notices a moment later that the reader before is gone.
    await until('the slot is free', async () => {
      await client.query(
        'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active',
      );
      return (await client.query('SELECT 1 FROM pg_replication_slots')).rows.length === 0;
    });
    await client.query('DROP PUBLICATION IF EXISTS rowseal_test');
    project = await makeProject({
      url: server.url(),
      tables: ['public.visits'],
      mask: { tables: { 'public.visits': { id: 'keep' } } },
    });
    const partner = {
      type: 'postgres',
      url: server.url('analytics').replace(/:[^:@/]*@/, '@'),
      password: server.password,
      tls: { mode: 'disable' },
      state_schema: '_visits',
    };
    // A table of that name that is not ours: somebody may move it away.
    const analytics = await server.client('analytics');
    await analytics.query('CREATE TABLE visits (mine int)');
    await configure({ warehouse: { type: 'duckdb', path: 'warehouse.duckdb' }, partner });
    const process = new RowsealProcess(['run', '--config', project.configFile]);
    await client.query('INSERT INTO visits VALUES (1)');
    await until('the partner is halted', async () =>
      (await sinks()).some(({ name, state }) => name === 'partner' && state === 'halted'),
    );
    await client.query('INSERT INTO visits SELECT generate_series(2, 100)');
    await caughtUp(['warehouse']);
    // It is halted, but for the moments in which it is tried again.
    await vi.waitFor(async () => {
      const halted = (await sinks()).find(({ name }) => name === 'partner')!;
      expect(halted).toMatchObject({ breaker: 'open', error: { code: 'RS-PGS-005' } });
      expect(halted.behind_groups).toBeGreaterThan(0);
      const ready = await fetch(`http://127.0.0.1:${project.httpPort}/readyz`);
      expect(ready.status).toBe(200);
      expect(await ready.json()).toMatchObject({ ready: true, degraded: ['partner'], halted: ['partner'] });
    }, WAIT);
    const scrape = async (): Promise<string> =>
      (await fetch(`http://127.0.0.1:${project.httpPort}/metrics`)).text();
    await until('it is open in the metrics', async () =>
      /rowseal_sink_breaker_state\{[^}]*sink="partner",state="open"[^}]*\} 1/.test(await scrape()),
    );
    const metrics = await scrape();
    expect(metrics).toMatch(/rowseal_delivery_backlog_groups\{[^}]*sink="partner"[^}]*\} [1-9]/);
    // Idle groups come all the time; between two of them it lags behind none.
    await until('the warehouse lags behind nothing', async () =>
      /rowseal_delivery_lag_seconds\{[^}]*sink="warehouse"[^}]*\} 0\n/.test(await scrape()),
    );
    expect(metrics).toMatch(/rowseal_delivery_retries_total\{[^}]*sink="partner"[^}]*\} \d/);
    await until('the command says so', async () => {
      const status = await rowseal(['status', '--config', project.configFile]);
      return /partner\s+halted.*\n.*RS-PGS-005.*next try at/.test(status.stdout);
    });
    await analytics.query('DROP TABLE visits');
    // Within the first pauses of 15 and 30 s, or on a slow machine a later one.
    await caughtUp(['warehouse', 'partner']);
    expect((await analytics.query('SELECT count(*)::int AS n FROM visits')).rows).toEqual([{ n: 100 }]);
    expect((await process.terminate()).code).toBe(0);

    // With no sink left that is tried again, there is nothing to run for.
    await analytics.query("UPDATE _visits.cursor SET pipeline = 'another'");
    await configure({ partner });
    const ended = await rowseal(['run', '--exit-on-halt', '--config', project.configFile]);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(/RS-PGS-003/);
    await analytics.end();
  },
);
