import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Connection } from 'mysql2/promise';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { mysqlProgram, startMysql, type TestMysql } from '../support/mysql.ts';
import { makeProject, type TestProject } from '../support/project.ts';
import { type Child, child, median, round } from './drain.ts';

/** The whole way from a MySQL binlog into DuckDB, next to what only receives it. Method and figures: docs/benchmarks.md. */
const run = promisify(execFile);
const ROWS_PER_TRANSACTION = 1_000;
const READER = fileURLToPath(new URL('./mysql-reader.ts', import.meta.url));
const READERS = ['bare', 'decoded', '@vlasky/zongji', '@powersync/mysql-zongji'] as const;

const options = await yargs(hideBin(process.argv))
  .scriptName('npm run bench -- mysql')
  .option('rows', { type: 'number', default: 500_000, describe: 'Rows of each drain' })
  .option('rounds', { type: 'number', default: 3, describe: 'Rounds; medians are printed' })
  .option('copy', { type: 'boolean', default: true, describe: 'Also the first copy of the same rows' })
  .option('json', { type: 'boolean', default: false })
  .parseAsync();

const say = (text: string): void => {
  if (!options.json) process.stderr.write(`${text}\n`);
};

const server = await startMysql('mysql-9', ['--innodb-buffer-pool-size=512M', '--max-binlog-size=1G']);
const projects: TestProject[] = [];
try {
  const client = await server.client();
  await client.query(
    'CREATE DATABASE shop; USE shop; CREATE TABLE bench (id bigint PRIMARY KEY, full_name text, email text, phone text, amount decimal(12,2), active tinyint(1), note text, created_at timestamp)',
  );
  await client.query('SET SESSION cte_max_recursion_depth = 100000000');
  for (let i = 0; i < options.rounds; i++) projects.push(await project(server, 'never'));
  const [[{ File: file, Position: offset }]] = (await client.query('SHOW BINARY LOG STATUS')) as unknown as [
    [{ File: string; Position: string }],
  ];
  say(`writing ${options.rows.toLocaleString('en')} rows in transactions of ${ROWS_PER_TRANSACTION}`);
  await write(client, options.rows);
  const raw: number[] = [];
  const readers = new Map<string, number[]>(READERS.map((reader) => [reader, []]));
  const ours: Child[] = [];
  for (let i = 0; i < options.rounds; i++) {
    say(`round ${i + 1} of ${options.rounds}`);
    raw.push(await drainMysqlbinlog(server, file, Number(offset)));
    for (const [reader, taken] of readers) {
      const seconds = await drain(reader, server, file, offset);
      if (seconds !== null) taken.push(seconds);
    }
    ours.push(await child(projects[i]!, options.rows));
  }
  let copy: Child | null = null;
  if (options.copy) {
    say('the first copy of the same rows');
    const fresh = await project(server, 'initial');
    projects.push(fresh);
    copy = await child(fresh, options.rows, 'copy');
  }
  report(raw, readers, ours, copy);
  await client.end();
} finally {
  await server.stop();
  for (const one of projects) await one.remove();
}

async function project(mysql: TestMysql, snapshot: 'initial' | 'never'): Promise<TestProject> {
  const made = await makeProject({
    url: mysql.url,
    tables: ['shop.bench'],
    mask: {
      tables: {
        'shop.bench': {
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
    type: 'mysql',
    url: mysql.url,
    tables: ['shop.bench'],
    snapshot,
    server_id: 1000 + projects.length,
  };
  await made.configure({ source, http: { enabled: false } });
  if (snapshot === 'never') await child(made, 0);
  return made;
}

async function write(client: Connection, rows: number): Promise<void> {
  for (let at = 1; at <= rows; at += ROWS_PER_TRANSACTION) {
    await client.query(
      `INSERT INTO bench WITH RECURSIVE n (g) AS (SELECT ? UNION ALL SELECT g + 1 FROM n WHERE g < ?)
       SELECT g, CONCAT('Person Number ', g), CONCAT('person.', g, '@example.com'), CONCAT('+1-555-', LPAD(g % 10000000, 7, '0')),
              (g % 1000000) / 100.0, g % 2, CONCAT('a note of some length about order ', LEFT(SHA2(g, 256), 32)), TIMESTAMP '2026-01-01 00:00:00' + INTERVAL g SECOND
       FROM n`,
      [at, Math.min(rows, at + ROWS_PER_TRANSACTION - 1)],
    );
  }
}

/** As a replica would keep it: bytes to files, nothing decoded. */
async function drainMysqlbinlog(mysql: TestMysql, file: string, offset: number): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'rowseal-raw-'));
  const [program, ...args] = await mysqlProgram('mysql-9', 'mysqlbinlog');
  const startedMs = performance.now();
  await run(program, [
    ...args,
    '--read-from-remote-server',
    '--raw',
    `--host=${mysql.host}`,
    `--port=${mysql.port}`,
    '--user=root',
    `--start-position=${offset}`,
    '--to-last-log',
    `--result-file=${directory}/`,
    file,
  ]);
  const seconds = (performance.now() - startedMs) / 1000;
  await rm(directory, { recursive: true, force: true });
  return seconds;
}

/** Seconds of one reader in a process of its own; null: the library is not installed here. */
async function drain(reader: string, mysql: TestMysql, file: string, offset: string): Promise<number | null> {
  try {
    const { stdout } = await run(process.execPath, [
      READER,
      reader,
      String(mysql.port),
      file,
      offset,
      String(options.rows),
    ]);
    return (JSON.parse(stdout) as { seconds: number }).seconds;
  } catch (error) {
    const text = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
    if (text.includes('ERR_MODULE_NOT_FOUND')) return null;
    throw error;
  }
}

function report(
  raw: readonly number[],
  readers: ReadonlyMap<string, readonly number[]>,
  ours: readonly Child[],
  copy: Child | null,
): void {
  const rate = (seconds: readonly number[]): number => Math.round(options.rows / median(seconds));
  const rateOrNull = (seconds: readonly number[]): number | null =>
    seconds.length === 0 ? null : rate(seconds);
  const result = {
    rows: options.rows,
    rounds: options.rounds,
    mysqlbinlog_raw_rows_per_s: rate(raw),
    bare_stream_rows_per_s: rate(readers.get('bare')!),
    decoded_rows_per_s: rate(readers.get('decoded')!),
    vlasky_zongji_rows_per_s: rateOrNull(readers.get('@vlasky/zongji')!),
    powersync_zongji_rows_per_s: rateOrNull(readers.get('@powersync/mysql-zongji')!),
    rowseal_rows_per_s: rate(ours.map((one) => one.seconds)),
    cpu_us_per_row: round((median(ours.map((one) => one.cpu_seconds)) / options.rows) * 1e6, 2),
    peak_rss_bytes: Math.max(...ours.map((one) => one.peak_rss_bytes)),
    groups: Math.round(median(ours.map((one) => one.groups))),
    copy_rows_per_s: copy === null ? null : Math.round(copy.rows / copy.seconds),
    copy_peak_rss_bytes: copy?.peak_rss_bytes ?? null,
  };
  if (options.json) {
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  const line = (name: string, value: string): void =>
    void process.stdout.write(`${name.padEnd(46)} ${value}\n`);
  const per = (value: number | null): string =>
    value === null
      ? 'skipped: not installed (mysql-reader.ts says how)'
      : `${value.toLocaleString('en')} rows/s`;
  line('mysqlbinlog --raw, to files', per(result.mysqlbinlog_raw_rows_per_s));
  line('our stream, decodes nothing', per(result.bare_stream_rows_per_s));
  line('our stream and decoder, to canonical cells', per(result.decoded_rows_per_s));
  line('@vlasky/zongji, to objects', per(result.vlasky_zongji_rows_per_s));
  line('@powersync/mysql-zongji, to objects', per(result.powersync_zongji_rows_per_s));
  line('rowseal: 3 tokens, sealed, fsynced, in DuckDB', per(result.rowseal_rows_per_s));
  line('CPU', `${result.cpu_us_per_row} µs a row (DuckDB's threads counted)`);
  line('peak RSS', `${Math.round(result.peak_rss_bytes / 1e6)} MB`);
  if (copy !== null)
    line(
      'first copy of the same rows',
      `${per(result.copy_rows_per_s!)}, peak RSS ${Math.round(result.copy_peak_rss_bytes! / 1e6)} MB`,
    );
}
