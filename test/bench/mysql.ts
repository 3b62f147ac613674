import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Connection } from 'mysql2/promise';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { BinlogDump } from '../../connectors/sources/mysql/binlog-dump.ts';
import { GtidSet } from '../../src/model/gtid-set.ts';
import { mysqlProgram, startMysql, type TestMysql } from '../support/mysql.ts';
import { mysqlOptions } from '../support/mysql-source.ts';
import { makeProject, type TestProject } from '../support/project.ts';
import { type Child, child, median, round } from './drain.ts';

/** The whole way from a MySQL binlog into DuckDB, next to what only receives it. Method and figures: docs/benchmarks.md. */
const run = promisify(execFile);
const ROWS_PER_TRANSACTION = 1_000;

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
  const [[{ g }]] = (await client.query('SELECT @@gtid_executed AS g')) as unknown as [[{ g: string }]];
  const [[{ File: file, Position: offset }]] = (await client.query('SHOW BINARY LOG STATUS')) as unknown as [
    [{ File: string; Position: string }],
  ];
  say(`writing ${options.rows.toLocaleString('en')} rows in transactions of ${ROWS_PER_TRANSACTION}`);
  await write(client, options.rows);
  const raw: number[] = [];
  const bare: number[] = [];
  const ours: Child[] = [];
  for (let i = 0; i < options.rounds; i++) {
    say(`round ${i + 1} of ${options.rounds}`);
    raw.push(await drainMysqlbinlog(server, file, Number(offset)));
    bare.push(await drainBare(server, GtidSet.parse(g)!, options.rows / ROWS_PER_TRANSACTION));
    ours.push(await child(projects[i]!, options.rows));
  }
  let copy: Child | null = null;
  if (options.copy) {
    say('the first copy of the same rows');
    const fresh = await project(server, 'initial');
    projects.push(fresh);
    copy = await child(fresh, options.rows, 'copy');
  }
  report(raw, bare, ours, copy);
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

/** Our own transport without the decoder: how fast events can be had at all in this process. */
async function drainBare(mysql: TestMysql, after: GtidSet, transactions: number): Promise<number> {
  const startedMs = performance.now();
  const dump = await BinlogDump.open(
    mysqlOptions(mysql, ['bench'], { receiveBufferBytes: 1 << 20 }),
    'mysql',
    { kind: 'gtid-set', set: after },
    { serverId: 999, uuid: '00000000-0000-4000-8000-000000000999' },
    async () => {},
  );
  let commits = 0;
  const XID = 16;
  while (commits < transactions)
    for (const { buffer, start } of await dump.read()) if (buffer[start + 5] === XID) commits++;
  const seconds = (performance.now() - startedMs) / 1000;
  await dump.close();
  return seconds;
}

function report(
  raw: readonly number[],
  bare: readonly number[],
  ours: readonly Child[],
  copy: Child | null,
): void {
  const rate = (seconds: readonly number[]): number => Math.round(options.rows / median(seconds));
  const result = {
    rows: options.rows,
    rounds: options.rounds,
    mysqlbinlog_raw_rows_per_s: rate(raw),
    bare_stream_rows_per_s: rate(bare),
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
  const per = (value: number): string => `${value.toLocaleString('en')} rows/s`;
  line('mysqlbinlog --raw, to files', per(result.mysqlbinlog_raw_rows_per_s));
  line('our stream, decodes nothing', per(result.bare_stream_rows_per_s));
  line('rowseal: 3 tokens, sealed, fsynced, in DuckDB', per(result.rowseal_rows_per_s));
  line('CPU', `${result.cpu_us_per_row} µs a row (DuckDB's threads counted)`);
  line('peak RSS', `${Math.round(result.peak_rss_bytes / 1e6)} MB`);
  if (copy !== null)
    line(
      'first copy of the same rows',
      `${per(result.copy_rows_per_s!)}, peak RSS ${Math.round(result.copy_peak_rss_bytes! / 1e6)} MB`,
    );
}
