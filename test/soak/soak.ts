import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { seededRandom } from '../../src/cli/demo/shop.ts';
import { parseLsn } from '../../src/model/position.ts';
import { median } from '../bench/drain.ts';
import { startPostgres } from '../support/postgres.ts';
import { makeProject, readStatus, type TestProject, until } from '../support/project.ts';
import { ReferenceMask } from '../support/reference-mask.ts';
import { RowsealProcess, rowseal } from '../support/rowseal-process.ts';
import { queryWarehouse } from '../support/warehouse.ts';
import { quantile, readMetrics, type Sample, slopePerHour } from './samples.ts';

/**
 * `npm run soak`: one process as it runs in a container, under a steady load for a long time. In the end the warehouse is
 * compared with the source row by row and the log is verified. What it looks for: memory that grows, latency that grows,
 * and any error at all.
 */
const CHANGES_PER_TRANSACTION = 50;
const ROWS = 200_000;

const options = await yargs(hideBin(process.argv))
  .scriptName('npm run soak --')
  .option('minutes', { type: 'number', default: 60, describe: 'How long the load lasts' })
  .option('rate', { type: 'number', default: 5_000, describe: 'Changes per second' })
  .option('warm-up-minutes', {
    type: 'number',
    default: 5,
    describe: 'Not looked at for the slope of memory',
  })
  .option('samples', { type: 'string', describe: 'File for all samples, as JSON lines' })
  .option('json', { type: 'boolean', default: false, describe: 'Only the result, as JSON' })
  .strict()
  .parseAsync();

const say = (text: string): void => {
  if (!options.json) process.stderr.write(`${text}\n`);
};

const server = await startPostgres(18);
const client = await server.client();
await client.query(
  `CREATE TABLE soak (id bigint PRIMARY KEY, full_name text, email text, amount numeric(12,2), active boolean, note text, seen timestamptz)`,
);
await client.query(insertion(1, ROWS));
// What is lost in a crash of this server is lost to both sides.
await client.query('SET synchronous_commit = off');
const project = await makeProject({
  url: server.url(),
  tables: ['public.soak'],
  mask: {
    tables: {
      'public.soak': {
        id: 'keep',
        full_name: 'token',
        email: 'token',
        amount: 'keep',
        active: 'keep',
        note: 'keep',
        seen: 'keep',
      },
    },
  },
});
const run = new RowsealProcess(['run', '--config', project.configFile]);
const samples: Sample[] = [];
let written = 0;
try {
  await until('the copy', async () => (await status())?.['state'] === 'streaming', 120_000);
  say('minute  rate/s  RSS MB  heap MB  p50 ms  p99 ms  files');
  const endsMs = performance.now() + options.minutes * 60_000;
  const load = write(client, endsMs);
  load.catch(() => {});
  for (let n = 1; performance.now() < endsMs; n++) {
    await sleep(10_000);
    if (!run.running) throw new Error(`the process ended:\n${run.output.slice(-3_000)}`);
    const metrics = await readMetrics(project.httpPort);
    if (metrics === null) continue;
    const sample = { atMs: Date.now(), written, ...metrics };
    samples.push(sample);
    if (n % 6 === 0) tell(n / 6);
  }
  await load;
  // Written first: a soak that ends badly is the one whose samples are wanted.
  if (options.samples !== undefined)
    await writeFile(options.samples, samples.map((sample) => `${JSON.stringify(sample)}\n`).join(''));
  const result = await judge(client, project);
  process.stdout.write(`${JSON.stringify(result, null, options.json ? 0 : 2)}\n`);
  process.exitCode = result.equal && result.verified && result.problems.length === 0 ? 0 : 1;
} finally {
  if (run.running) await run.kill();
  await client.end();
  await server.stop();
  await project.remove();
}

function status(): Promise<Readonly<Record<string, unknown>> | null> {
  if (!run.running) throw new Error(`the process ended:\n${run.output.slice(-3_000)}`);
  return readStatus(project);
}

function insertion(from: number, to: number): string {
  return `INSERT INTO soak SELECT g, 'Person Number ' || g, 'person.' || g || '@example.com', (g % 1000000) / 100.0, g % 2 = 0,
            'a note about order ' || md5(g::text), TIMESTAMPTZ '2026-01-01 00:00:00+00' + g * interval '1 second'
     FROM generate_series(${from}::bigint, ${to}::bigint) AS g`;
}

/** Ten rows come, the ten oldest go, thirty change: the table keeps its size. */
async function write(postgres: Client, endsMs: number): Promise<void> {
  const random = seededRandom(1);
  const everyMs = (CHANGES_PER_TRANSACTION * 1_000) / options.rate;
  let oldest = 1;
  let next = ROWS + 1;
  let dueMs = performance.now();
  while (performance.now() < endsMs) {
    const changed = Array.from({ length: 30 }, () => oldest + 10 + Math.floor(random() * (ROWS - 20)));
    // One message a transaction: the load must not wait for itself on a busy machine.
    const results = (await postgres.query(
      `BEGIN; ${insertion(next, next + 9)}; UPDATE soak SET amount = amount + 1, active = NOT active WHERE id IN (${changed.join()});
       DELETE FROM soak WHERE id < ${oldest + 10}; COMMIT`,
    )) as unknown as readonly { readonly rowCount: number | null }[];
    written += results.reduce((sum, { rowCount }) => sum + (rowCount ?? 0), 0);
    next += 10;
    oldest += 10;
    // What a busy machine did not let through is not made up for: the load would be another one.
    dueMs = Math.max(dueMs + everyMs, performance.now() - 1_000);
    const earlyMs = dueMs - performance.now();
    if (earlyMs > 1) await sleep(earlyMs);
  }
}

function tell(minute: number): void {
  const [before, last] = [samples.at(-7) ?? samples[0]!, samples.at(-1)!];
  const seconds = Math.max(1, (last.atMs - before.atMs) / 1_000);
  const ms = (q: number): string => quantileMs(before, last, q).toFixed(0).padStart(6);
  const mb = (bytes: number): string => (bytes / 2 ** 20).toFixed(0).padStart(6);
  say(
    `${String(minute).padStart(6)}  ${((last.written - before.written) / seconds).toFixed(0).padStart(6)}  ${mb(last.rssBytes)}  ${mb(last.heapBytes)}   ${ms(0.5)}  ${ms(0.99)}  ${String(last.openFiles).padStart(5)}`,
  );
}

function quantileMs(from: Sample, to: Sample, q: number): number {
  const buckets = to.latency.map(([le, count], i) => [le, count - (from.latency[i]?.[1] ?? 0)] as const);
  return quantile(buckets, q) * 1_000;
}

async function judge(postgres: Client, made: TestProject) {
  const { rows } = await postgres.query<{ lsn: string }>('SELECT pg_current_wal_lsn()::text AS lsn');
  const end = parseLsn(rows[0]!.lsn)!;
  const metrics = await readMetrics(made.httpPort);
  await until(
    'the warehouse has caught up',
    async () => {
      const now = (await status()) as unknown as {
        source: { position: string | null };
        sinks: { behind_groups: number }[];
      } | null;
      const position = parseLsn(now?.source.position?.split(' ')[0] ?? '');
      return position !== null && position >= end && now!.sinks.every((sink) => sink.behind_groups === 0);
    },
    120_000,
  );
  const stopped = await run.terminate();
  const problems = run.output.split('\n').filter((line) => /"level":"(warn|error)"/.test(line));
  if (stopped.code !== 0) problems.push(`exit code ${stopped.code}`);
  const equal = await isEqual(postgres, made);
  const verified = (await rowseal(['audit', 'verify', '--dir', made.auditDirectory, '--json'])).code === 0;
  const warm = samples.filter(({ atMs }) => atMs - samples[0]!.atMs >= options['warm-up-minutes'] * 60_000);
  const used = warm.length > 1 ? warm : samples;
  const rss = used.map(({ rssBytes }) => rssBytes);
  const tenth = Math.max(1, Math.floor(rss.length / 10));
  const mb = (bytes: number): number => Math.round((bytes / 2 ** 20) * 10) / 10;
  return {
    minutes: options.minutes,
    changes: written,
    changes_per_second: Math.round(written / (options.minutes * 60)),
    p50_ms: Math.round(quantileMs(samples[0]!, samples.at(-1)!, 0.5)),
    p99_ms: Math.round(quantileMs(samples[0]!, samples.at(-1)!, 0.99)),
    rss_mb_first_tenth: mb(median(rss.slice(0, tenth))),
    rss_mb_last_tenth: mb(median(rss.slice(-tenth))),
    rss_mb_max: mb(Math.max(...rss)),
    rss_mb_per_hour: mb(slopePerHour(used.map(({ atMs, rssBytes }) => [atMs, rssBytes]))),
    open_files: metrics?.openFiles ?? null,
    equal,
    verified,
    problems: problems.slice(0, 20),
  };
}

async function isEqual(postgres: Client, made: TestProject): Promise<boolean> {
  const mask = new ReferenceMask(made.maskKey);
  const { rows } = await postgres.query({
    text: "SELECT id::text, full_name, email, amount::text, active::text, note, to_char(seen AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') FROM soak",
    rowMode: 'array',
  });
  const wanted = (rows as string[][])
    .map(([id, name, email, ...kept]) => [
      id!,
      mask.token('column:public.soak.full_name', name!),
      mask.token('column:public.soak.email', email!),
      ...kept,
    ])
    .map((row) => JSON.stringify(row));
  const actual = await queryWarehouse(
    made.warehouseFile,
    "SELECT id::VARCHAR, full_name, email, amount::VARCHAR, active::VARCHAR, note, strftime(seen, '%Y-%m-%d %H:%M:%S') FROM public.soak",
  );
  const found = new Set(actual.map((row) => JSON.stringify(row)));
  return found.size === wanted.length && wanted.every((row) => found.has(row));
}
