import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Client } from 'pg';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { formatLsn } from '../../src/model/position.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { makeProject, type TestProject } from '../support/project.ts';
import { drainBare } from './bare-reader.ts';
import { BENCH_SERVER, type Child, child, endOfStream, median, round } from './drain.ts';

/** Method and figures: docs/benchmarks.md. */
const run = promisify(execFile);
const ROWS_PER_TRANSACTION = 1_000;
const COLUMNS = `id bigint PRIMARY KEY, full_name text, email text, phone text, amount numeric(12,2), active boolean, note text, created_at timestamptz`;

const options = await yargs(hideBin(process.argv))
  .scriptName('npm run bench -- pipeline')
  .option('rows', { type: 'number', default: 500_000, describe: 'Rows of each drain' })
  .option('rounds', { type: 'number', default: 3, describe: 'Rounds; medians are printed' })
  .option('huge-rows', {
    type: 'number',
    default: 1_000_000,
    describe: 'Rows of the one large transaction; 0 leaves it out',
  })
  .option('json', { type: 'boolean', default: false })
  .strict()
  .parseAsync();

const say = (text: string): void => {
  if (!options.json) process.stderr.write(`${text}\n`);
};

const server = await startPostgres(18, BENCH_SERVER);
const projects: TestProject[] = [];
try {
  const client = await server.client();
  await client.query(`CREATE TABLE bench (${COLUMNS})`);
  await client.query('CREATE PUBLICATION bench_peer FOR TABLE bench');
  for (let i = 0; i < options.rounds; i++) {
    await client.query('SELECT pg_create_logical_replication_slot($1, $2)', [`peer_${i}`, 'pgoutput']);
    await client.query('SELECT pg_create_logical_replication_slot($1, $2)', [`bare_${i}`, 'pgoutput']);
    projects.push(await begun(server, `round${i}`));
  }
  say(`writing ${options.rows.toLocaleString('en')} rows in transactions of ${ROWS_PER_TRANSACTION}`);
  await write(client, 1, options.rows, ROWS_PER_TRANSACTION);
  await client.query('CHECKPOINT');
  const end = await endOfStream(client, 'bench');
  const peer: number[] = [];
  const bare: number[] = [];
  const ours: Child[] = [];
  const recvlogical = findRecvlogical();
  for (let i = 0; i < options.rounds; i++) {
    say(`round ${i + 1} of ${options.rounds}`);
    if (recvlogical !== null) peer.push(await drainPeer(server, recvlogical, `peer_${i}`, end));
    bare.push(await drainBare(server.url(), `bare_${i}`, 'bench_peer', end));
    ours.push(await child(projects[i]!, options.rows));
  }
  const audit = await bytesPerRecord(projects[0]!, options.rows);
  let huge: Child | null = null;
  if (options['huge-rows'] > 0) {
    const project = await begun(server, 'huge');
    projects.push(project);
    say(`one transaction of ${options['huge-rows'].toLocaleString('en')} rows`);
    await write(client, options.rows + 1, options.rows + options['huge-rows'], options['huge-rows']);
    huge = await child(project, options['huge-rows']);
  }
  report(peer, bare, ours, audit, huge);
  await client.end();
} finally {
  await server.stop();
  for (const project of projects) await project.remove();
}

/** A pipeline whose slot exists and that has nothing to copy. */
async function begun(postgres: TestPostgres, name: string): Promise<TestProject> {
  const project = await makeProject({
    url: postgres.url(),
    tables: ['public.bench'],
    mask: {
      tables: {
        'public.bench': {
          id: 'keep',
          full_name: 'token',
          email: 'token',
          phone: 'token',
          amount: 'keep',
          active: 'keep',
          note: 'keep',
          created_at: 'keep',
        },
      },
    },
  });
  const source = {
    type: 'postgres',
    url: postgres.url(),
    tables: ['public.bench'],
    snapshot: 'never',
    slot: `rowseal_${name}`,
    publication: 'bench_peer',
  };
  await project.configure({ source, http: { enabled: false } });
  await child(project, 0);
  return project;
}

async function write(client: Client, from: number, to: number, step: number): Promise<void> {
  for (let at = from; at <= to; at += step) {
    await client.query(
      `INSERT INTO bench SELECT g, 'Person Number ' || g, 'person.' || g || '@example.com', '+1-555-' || lpad((g % 10000000)::text, 7, '0'),
              (g % 1000000) / 100.0, g % 2 = 0, 'a note of some length about order ' || md5(g::text), TIMESTAMPTZ '2026-01-01 00:00:00+00' + g * interval '1 second'
       FROM generate_series($1::bigint, $2::bigint) AS g`,
      [at, Math.min(to, at + step - 1)],
    );
  }
}

/** Debian's own directories before PATH, where a wrapper script stands; null: not to be had. */
function findRecvlogical(): string | null {
  const debian = [18, 17, 16, 15].map((major) => `/usr/lib/postgresql/${major}/bin`);
  const path = (process.env['PATH'] ?? '').split(':');
  return (
    [...debian, ...path]
      .map((directory) => join(directory, 'pg_recvlogical'))
      .find((file) => existsSync(file)) ?? null
  );
}

async function drainPeer(postgres: TestPostgres, binary: string, slot: string, end: bigint): Promise<number> {
  const startedMs = performance.now();
  await run(
    binary,
    [
      '-d',
      `host=${postgres.host} port=${postgres.port} user=${postgres.user} dbname=postgres`,
      '--slot',
      slot,
      '--start',
      '-f',
      '/dev/null',
      '--endpos',
      formatLsn(end),
      '--no-loop',
      '-F',
      '0',
      '-o',
      'proto_version=1',
      '-o',
      'publication_names=bench_peer',
    ],
    { env: { ...process.env, PGPASSWORD: postgres.password }, maxBuffer: 1 << 24 },
  );
  return (performance.now() - startedMs) / 1000;
}

async function bytesPerRecord(
  project: TestProject,
  rows: number,
): Promise<{ readonly records: number; readonly images: number }> {
  const total = { records: 0, images: 0 };
  for (const table of await readdir(join(project.auditDirectory, 'tables'))) {
    for (const name of await readdir(join(project.auditDirectory, 'tables', table))) {
      const { size } = await stat(join(project.auditDirectory, 'tables', table, name));
      if (name.startsWith('records-')) total.records += size;
      if (name.startsWith('rows-')) total.images += size;
    }
  }
  return { records: total.records / rows, images: total.images / rows };
}

function report(
  peer: readonly number[],
  bare: readonly number[],
  ours: readonly Child[],
  audit: { readonly records: number; readonly images: number },
  huge: Child | null,
): void {
  const rate = (seconds: readonly number[]): number | null =>
    seconds.length === 0 ? null : Math.round(options.rows / median(seconds));
  const peerRate = rate(peer);
  const bareRate = rate(bare)!;
  const ourRate = rate(ours.map((one) => one.seconds))!;
  const result = {
    rows: options.rows,
    rounds: options.rounds,
    pg_recvlogical_rows_per_s: peerRate,
    bare_socket_rows_per_s: bareRate,
    rowseal_rows_per_s: ourRate,
    ratio_to_pg_recvlogical: peerRate === null ? null : round(ourRate / peerRate, 3),
    ratio_to_bare_socket: round(ourRate / bareRate, 3),
    cpu_us_per_row: round((median(ours.map((one) => one.cpu_seconds)) / options.rows) * 1e6, 2),
    cpu_seconds: round(median(ours.map((one) => one.cpu_seconds)), 2),
    peak_rss_bytes: Math.max(...ours.map((one) => one.peak_rss_bytes)),
    groups: Math.round(median(ours.map((one) => one.groups))),
    audit_bytes_per_record: round(audit.records, 1),
    row_image_bytes_per_record: round(audit.images, 1),
    huge_tx_rows: huge?.rows ?? null,
    huge_tx_rows_per_s: huge === null ? null : Math.round(huge.rows / huge.seconds),
    huge_tx_peak_rss_bytes: huge?.peak_rss_bytes ?? null,
  };
  if (options.json) {
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  const line = (name: string, value: string): void =>
    void process.stdout.write(`${name.padEnd(46)} ${value}\n`);
  const per = (value: number | null): string =>
    value === null ? 'skipped: pg_recvlogical was not found' : `${value.toLocaleString('en')} rows/s`;
  line('pg_recvlogical, to /dev/null', per(peerRate));
  line('bare socket reader, decodes nothing', per(bareRate));
  line('rowseal: 3 tokens, sealed, fsynced, in DuckDB', per(ourRate));
  line('ratio to pg_recvlogical', String(result.ratio_to_pg_recvlogical));
  line('ratio to the bare reader', String(result.ratio_to_bare_socket));
  line('CPU', `${result.cpu_us_per_row} µs a row (DuckDB's threads counted)`);
  line('peak RSS', `${Math.round(result.peak_rss_bytes / 1e6)} MB`);
  line(
    'audit log',
    `${result.audit_bytes_per_record} bytes a record, ${result.row_image_bytes_per_record} bytes of masked row`,
  );
  if (huge !== null)
    line(
      `one transaction of ${huge.rows.toLocaleString('en')} rows`,
      `${per(result.huge_tx_rows_per_s)}, peak RSS ${Math.round(huge.peak_rss_bytes / 1e6)} MB`,
    );
}
