import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { makeProject, type TestProject } from '../support/project.ts';
import { BENCH_SERVER, type Child, child, median, round } from './drain.ts';

/**
 * What the leak guard costs end to end: one table with four kept text columns and three tokens is drained into DuckDB with
 * the guard off and with the guard on every row, one after the other, round by round. Method: docs/benchmarks.md.
 */
const options = await yargs(hideBin(process.argv))
  .scriptName('npm run bench -- leak-guard')
  .option('rows', { type: 'number', default: 300_000, describe: 'Rows of each drain' })
  .option('rounds', { type: 'number', default: 5, describe: 'Rounds; medians are printed' })
  .option('json', { type: 'boolean', default: false })
  .strict()
  .parseAsync();

const COLUMNS = `id bigint PRIMARY KEY, full_name text, email text, phone text, subject text, note text, address_note text, status_text text`;
const MASK = {
  id: 'keep',
  full_name: 'token',
  email: 'token',
  phone: 'token',
  subject: 'keep',
  note: 'keep',
  address_note: 'keep',
  status_text: 'keep',
};

const server = await startPostgres(18, BENCH_SERVER);
const projects: TestProject[] = [];
try {
  const client = await server.client();
  await client.query(`CREATE TABLE texts (${COLUMNS})`);
  const drains: { readonly off: Child; readonly every: Child }[] = [];
  const pairs: (readonly [TestProject, TestProject])[] = [];
  for (let i = 0; i < options.rounds; i++)
    pairs.push([await begun(server, `off_${i}`, 'off'), await begun(server, `every_${i}`, 'every')]);
  for (let at = 1; at <= options.rows; at += 1_000) {
    await client.query(
      `INSERT INTO texts SELECT g, 'Person Number ' || g, 'person.' || g || '@example.com', '+1-555-' || lpad((g % 10000000)::text, 7, '0'),
         'Order ' || g || ' arrived late', 'customer called about order ' || g || ' and asked for a refund of ' || (g % 900) || '.50, will call back on Monday at 10:30',
         'ring twice; the parcel box behind the house, unit ' || (g % 40) || ', gate code was changed last week', 'waiting for warehouse ' || (g % 7) || ', step ' || (g % 12) || ' of 12'
       FROM generate_series($1::bigint, $2::bigint) AS g`,
      [at, Math.min(options.rows, at + 999)],
    );
  }
  await client.query('CHECKPOINT');
  for (const [i, [off, every]] of pairs.entries()) {
    // Which one goes first changes from round to round.
    const first = await child(i % 2 === 0 ? off : every, options.rows);
    const second = await child(i % 2 === 0 ? every : off, options.rows);
    drains.push(i % 2 === 0 ? { off: first, every: second } : { off: second, every: first });
  }
  report(drains);
  await client.end();
} finally {
  await server.stop();
  for (const project of projects) await project.remove();
}

async function begun(postgres: TestPostgres, name: string, rows: 'off' | 'every'): Promise<TestProject> {
  const project = await makeProject({
    url: postgres.url(),
    tables: ['public.texts'],
    mask: { leak_guard: { rows }, tables: { 'public.texts': MASK } },
  });
  projects.push(project);
  const source = {
    type: 'postgres',
    url: postgres.url(),
    tables: ['public.texts'],
    snapshot: 'never',
    slot: `rowseal_${name}`,
    publication: `rowseal_${name}`,
  };
  await project.configure({ source, http: { enabled: false } });
  await child(project, 0);
  return project;
}

function report(drains: readonly { readonly off: Child; readonly every: Child }[]): void {
  const rate = (one: Child): number => one.rows / one.seconds;
  const ratios = drains.map(({ off, every }) => rate(every) / rate(off));
  const cpu = (of: readonly Child[]): number => median(of.map((one) => (one.cpu_seconds / one.rows) * 1e6));
  const result = {
    rows: options.rows,
    rounds: options.rounds,
    off_rows_per_s: Math.round(median(drains.map(({ off }) => rate(off)))),
    every_rows_per_s: Math.round(median(drains.map(({ every }) => rate(every)))),
    ratio_every_to_off: round(median(ratios), 3),
    ratios: ratios.map((ratio) => round(ratio, 3)),
    off_cpu_us_per_row: round(cpu(drains.map(({ off }) => off)), 2),
    every_cpu_us_per_row: round(cpu(drains.map(({ every }) => every)), 2),
  };
  if (options.json) {
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  const line = (name: string, value: string): void =>
    void process.stdout.write(`${name.padEnd(46)} ${value}\n`);
  line('leak guard off, 4 kept texts, 3 tokens', `${result.off_rows_per_s.toLocaleString('en')} rows/s`);
  line('leak guard on every row', `${result.every_rows_per_s.toLocaleString('en')} rows/s`);
  line('ratio, median of pairs', `${result.ratio_every_to_off} (${result.ratios.join(', ')})`);
  line('CPU a row', `${result.off_cpu_us_per_row} µs off, ${result.every_cpu_us_per_row} µs every`);
}
