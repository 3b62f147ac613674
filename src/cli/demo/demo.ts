import { chmod, cp, mkdir, mkdtemp, open, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';
import { rowHistory } from '../../audit/history.ts';
import { generateSigningKeyFile, verifierKeyOf } from '../../audit/keys.ts';
import { exitOf } from '../../audit/verify/report.ts';
import { verifyAudit } from '../../audit/verify/verify.ts';
import { loadConfig, type RowsealConfig } from '../../config/load.ts';
import { Exit } from '../../error/exit.ts';
import { RowsealError } from '../../error/rowseal-error.ts';
import { generateMaskKeyFile } from '../../mask/keys.ts';
import type { PipelineObserver } from '../../pipeline/observer.ts';
import type { Pipeline } from '../../pipeline/pipeline.ts';
import { describeProblem } from '../commands/audit.ts';
import { MASK_KEY_FILE, SIGNING_KEY_FILE } from '../commands/keys.ts';
import { type Terminal, terminal } from '../context.ts';
import { loadSigner } from '../signer.ts';
import { wirePipeline } from '../wire.ts';
import { type DemoDatabase, type DemoSource, startDemoDatabase } from './database.ts';
import { ProgressBar } from './progress-bar.ts';
import { SHOP_MASK, SHOP_TABLES, type Shop } from './shop.ts';
import { readWarehouse } from './warehouse.ts';

export interface DemoOptions {
  readonly dir: string | undefined;
  readonly rows: number;
  readonly source: DemoSource;
  readonly keep: boolean;
  readonly json: boolean;
}

/** How much of the data is there before the pipeline starts, and is copied. */
const SNAPSHOT_SHARE = 0.1;
const ORDERS_PER_TRANSACTION = 200;
/** The customer whose story is told. */
const HERO = 1;

/** The whole idea in one run. @returns exit code */
export async function demo(options: DemoOptions): Promise<number> {
  const t = terminal(options.json);
  const directory =
    options.dir === undefined ? await mkdtemp(join(tmpdir(), 'rowseal-demo-')) : resolve(options.dir);
  await rm(join(directory, options.source), { recursive: true, force: true });
  await mkdir(directory, { recursive: true, mode: 0o755 });
  const keep = options.keep || options.dir !== undefined;
  const startedMs = performance.now();
  t.out(t.paint('bold', 'Rowseal: replicate a production database, masked, sealed and provable\n'));
  const database = await startDemoDatabase(
    options.source,
    join(await serverDirectory(directory), options.source),
  );
  try {
    await database.shop.create();
    const config = await writeConfig(directory, database);
    step(t, startedMs, `${database.version}, keys and policy ready in ${directory}`);
    const result = await replicate(t, config, database.shop, options.rows, startedMs);
    const matches = await compare(t, database, config);
    await showRows(t, database, config);
    const proof = await proveRow(t, config);
    const tamper = await tamperWithCopy(t, config, directory);
    const summary = await summarize(config, result);
    printSummary(t, config, summary, keep);
    const good = matches && proof && tamper.caught && tamper.cleanBefore;
    t.result({
      ...summary,
      row_history_proven: proof,
      tamper_caught: tamper.caught,
      tamper_exit_code: tamper.exit,
      seconds: round((performance.now() - startedMs) / 1000),
      directory: keep ? directory : null,
      ok: good,
    });
    return good ? Exit.ok : Exit.failure;
  } finally {
    await database.stop();
    if (!keep) await rm(directory, { recursive: true, force: true });
  }
}

/** Postgres runs as another user when we are root, and must be able to reach its directory. */
async function serverDirectory(directory: string): Promise<string> {
  if (process.getuid?.() !== 0) return directory;
  const own = await mkdtemp(join(tmpdir(), 'rowseal-demo-pg-'));
  await chmod(own, 0o755);
  return own;
}

async function writeConfig(directory: string, database: DemoDatabase): Promise<RowsealConfig> {
  for (const name of ['audit', 'warehouse.duckdb', 'warehouse.duckdb.wal', 'tampered'])
    await rm(join(directory, name), { recursive: true, force: true });
  for (const [name, content] of [
    [MASK_KEY_FILE, generateMaskKeyFile()],
    [SIGNING_KEY_FILE, generateSigningKeyFile()],
  ] as const) {
    await rm(join(directory, name), { force: true });
    await writeFile(join(directory, name), content, { mode: 0o600 });
  }
  const file = join(directory, 'rowseal.yaml');
  const document = {
    pipeline: 'shop',
    source: { type: database.type, url: database.url, tables: [...SHOP_TABLES], idle_interval_ms: 1000 },
    mask: { key: { file: MASK_KEY_FILE }, ...SHOP_MASK },
    audit: { dir: 'audit', key: { file: SIGNING_KEY_FILE } },
    sinks: { warehouse: { type: 'duckdb', path: 'warehouse.duckdb', history: ['public.customers'] } },
    http: { enabled: false },
  };
  await writeFile(file, `# Made by \`rowseal demo\`.\n${stringify(document)}`, { mode: 0o600 });
  return loadConfig(file, process.env);
}

interface ReplicationResult {
  readonly changes: number;
  readonly copied: number;
  readonly seconds: number;
  readonly lagMs: number;
  readonly groups: number;
}

async function replicate(
  t: Terminal,
  config: RowsealConfig,
  shop: Shop,
  rows: number,
  startedMs: number,
): Promise<ReplicationResult> {
  const existing = Math.max(10, Math.round(rows * SNAPSHOT_SHARE));
  await shop.addCustomers(existing);
  const watch = new Watch();
  const { pipeline, close } = await wirePipeline(config, watch);
  const running = pipeline.run();
  try {
    await watch.delivered(existing, running);
    step(t, startedMs, `${existing.toLocaleString('en')} rows copied, masked before they touched a disk`);
    const bar = new ProgressBar(t, 'live changes', rows);
    const beganMs = performance.now();
    let changes = await shop.storyOf(HERO);
    while (changes < rows) {
      changes += await shop.trade(
        Math.min(ORDERS_PER_TRANSACTION, Math.max(1, Math.round((rows - changes) / 3))),
      );
      bar.update(Math.min(changes, watch.rows - existing));
    }
    const writtenMs = performance.now();
    while (watch.rows < existing + changes) {
      await watch.delivered(watch.rows + 1, running);
      bar.update(watch.rows - existing);
    }
    bar.done();
    const doneMs = performance.now();
    const seconds = (doneMs - beganMs) / 1000;
    step(
      t,
      startedMs,
      `${changes.toLocaleString('en')} live changes sealed and delivered, ${Math.round(changes / seconds).toLocaleString('en')} rows/s while the shop was writing them`,
    );
    return {
      changes,
      copied: existing,
      seconds,
      lagMs: doneMs - writtenMs,
      groups: (pipeline.progress.sealed?.index ?? -1) + 1,
    };
  } finally {
    pipeline.stop();
    await running;
    await close();
  }
}

/** Follows a pipeline and waits for rows to arrive. */
class Watch implements PipelineObserver {
  rows = 0;
  #problem: RowsealError | null = null;
  #waiters: { readonly rows: number; readonly resolve: () => void }[] = [];

  delivered(rows: number, running: ReturnType<Pipeline['run']>): Promise<void> {
    if (this.rows >= rows) return Promise.resolve();
    const arrival = new Promise<void>((resolve) => this.#waiters.push({ rows, resolve }));
    // A pipeline that ends before the rows are there will never bring them.
    const ended = running.then((outcome) => {
      if (outcome.kind !== 'stopped') throw outcome.error;
      if (this.#problem !== null) throw this.#problem;
    });
    return Promise.race([arrival, ended]);
  }

  stateChanged(): void {}
  masked(): void {}
  groupSealed(): void {}
  undecidedColumns(): void {}
  unfitValues(): void {}
  warning(): void {}
  leaks(): void {}

  batchDelivered(_sink: string, batch: { readonly rows: number }): void {
    this.rows += batch.rows;
    const ready = this.#waiters.filter((waiter) => waiter.rows <= this.rows);
    this.#waiters = this.#waiters.filter((waiter) => waiter.rows > this.rows);
    for (const waiter of ready) waiter.resolve();
  }

  problem(_where: string, _name: string, error: RowsealError): void {
    this.#problem = error;
  }

  sinkFailed(_sink: string, error: RowsealError): void {
    this.#problem = error;
  }

  storageFailed(error: RowsealError): void {
    this.#problem = error;
  }
}

/** Every row of the shop against the warehouse: ids and every column that the policy keeps. */
async function compare(t: Terminal, database: DemoDatabase, config: RowsealConfig): Promise<boolean> {
  const queries = [
    'SELECT count(*) AS n, sum(id) AS ids, count(DISTINCT city) AS x FROM customers',
    'SELECT count(*) AS n, sum(id) AS ids, sum(total) AS x FROM orders',
    'SELECT count(*) AS n, sum(id) AS ids, sum(amount) AS x FROM payments',
  ];
  let rows = 0;
  let equal = true;
  for (const sql of queries) {
    const [source] = await database.rows(sql);
    const [target] = await readWarehouse(warehouseFile(config), sql.replace('FROM ', 'FROM public.'));
    rows += Number(source?.['n']);
    equal &&= ['n', 'ids', 'x'].every((name) => Number(source?.[name]) === Number(target?.[name]));
  }
  t.out(
    `${equal ? t.paint('green', '✔') : t.paint('red', '✘')} ${rows.toLocaleString('en')} rows in the shop, ${equal ? 'the same rows' : 'other rows'} in the warehouse (counts and sums of every table)`,
  );
  return equal;
}

async function showRows(t: Terminal, database: DemoDatabase, config: RowsealConfig): Promise<void> {
  const columns = 'id, full_name, email, phone, card, city';
  const production = await database.rows(`SELECT ${columns} FROM customers WHERE id IN (1, 2) ORDER BY id`);
  const warehouse = await readWarehouse(
    warehouseFile(config),
    `SELECT ${columns} FROM public.customers WHERE id IN (1, 2) ORDER BY id`,
  );
  t.out(`\n${t.paint('bold', 'The same rows')}${' '.repeat(4)}(production: invented people)`);
  production.forEach((row, i) => {
    for (const name of columns.split(', ')) {
      const before = String(row[name]);
      const after = String(warehouse[i]?.[name] ?? '(null)');
      const same = before === after;
      t.out(
        `  ${(name === 'id' ? 'customers' : '').padEnd(10)} ${name.padEnd(10)} ${before.padEnd(34)} ${same ? '=' : '→'} ${same ? after : t.paint('cyan', after)}`,
      );
    }
  });
  const joins = await readWarehouse(
    warehouseFile(config),
    'SELECT count(*) AS n FROM public.orders o JOIN public.customers c ON o.customer_email = c.email',
  );
  t.out(
    `  orders still join customers by the e-mail's token: ${Number(joins[0]?.['n']).toLocaleString('en')} rows`,
  );
}

async function proveRow(t: Terminal, config: RowsealConfig): Promise<boolean> {
  const signer = loadSigner(config);
  const history = await rowHistory(
    config.audit.directory,
    { namespace: 'public', name: 'customers' },
    [String(HERO)],
    verifierKeyOf(signer, config.audit.origin),
  );
  t.out(
    `\n${t.paint('bold', `The history of customer ${HERO}`)}, each version proven by ${history.versions[0]?.proof.length ?? 0} hashes against a signed root of ${history.treeSize.toLocaleString('en')} records`,
  );
  const words = { r: 'copied', c: 'created', u: 'updated', d: 'deleted', t: 'truncated' } as const;
  for (const version of history.versions.slice(0, 8)) {
    const mark = version.proven ? t.paint('green', '✔') : t.paint('red', '✘');
    t.out(
      `  ${mark} record ${String(version.seq).padEnd(7)} ${words[version.op].padEnd(8)} email ${String(version.cells.get('email')).padEnd(28)} city ${String(version.cells.get('city'))}`,
    );
  }
  return (
    history.headSigned && history.versions.length >= 4 && history.versions.every((version) => version.proven)
  );
}

interface TamperResult {
  readonly caught: boolean;
  readonly cleanBefore: boolean;
  readonly exit: number;
}

/** Edits one byte of a copy of the log and asks the verifier. */
async function tamperWithCopy(t: Terminal, config: RowsealConfig, directory: string): Promise<TamperResult> {
  const signer = loadSigner(config);
  const key = verifierKeyOf(signer, config.audit.origin);
  const clean = await verifyAudit({ directory: config.audit.directory, key });
  t.out(
    `\n${t.paint('bold', 'rowseal audit verify')}\n  ${clean.problems.length === 0 ? t.paint('green', '✔') : t.paint('red', '✘')} ${clean.records.toLocaleString('en')} records, ${clean.signatures.toLocaleString('en')} signatures, ${clean.problems.length} problems`,
  );
  const copy = join(directory, 'tampered');
  await cp(config.audit.directory, copy, { recursive: true, filter: (name) => !name.endsWith('lock') });
  const table = (await readdir(join(copy, 'tables'))).find((name) => name.startsWith('public.payments'))!;
  const file = join(copy, 'tables', table, 'rows-00000000.seg');
  const at = Math.round((await stat(file)).size / 2);
  const handle = await open(file, 'r+');
  const byte = Buffer.alloc(1);
  await handle.read(byte, 0, 1, at);
  byte[0] = byte[0]! ^ 0x01;
  await handle.write(byte, 0, 1, at);
  await handle.close();
  const report = await verifyAudit({ directory: copy, key });
  const exit = exitOf(report);
  const first = report.problems[0];
  t.out(`  one bit flipped in a copy, at byte ${at.toLocaleString('en')} of a file of payments:`);
  t.out(
    first === undefined
      ? `  ${t.paint('red', '✘ not found')}`
      : `  ${t.paint('green', '✔ caught, exit code')} ${exit}: ${describeProblem(first)}`,
  );
  await rm(copy, { recursive: true, force: true });
  return { caught: exit === Exit.tampered, cleanBefore: clean.problems.length === 0, exit };
}

interface Summary {
  readonly rows_copied: number;
  readonly changes: number;
  readonly rows_per_second: number;
  readonly groups: number;
  readonly audit_bytes_per_record: number;
  readonly row_image_bytes_per_record: number;
  readonly lag_ms: number;
}

async function summarize(config: RowsealConfig, result: ReplicationResult): Promise<Summary> {
  const size = { records: 0, rows: 0 };
  for (const table of await readdir(join(config.audit.directory, 'tables'))) {
    for (const name of await readdir(join(config.audit.directory, 'tables', table))) {
      const kind = name.startsWith('records-') ? 'records' : name.startsWith('rows-') ? 'rows' : null;
      if (kind !== null) size[kind] += (await stat(join(config.audit.directory, 'tables', table, name))).size;
    }
  }
  const total = result.changes + result.copied;
  return {
    rows_copied: result.copied,
    changes: result.changes,
    rows_per_second: Math.round(result.changes / result.seconds),
    groups: result.groups,
    audit_bytes_per_record: round(size.records / total),
    row_image_bytes_per_record: round(size.rows / total),
    lag_ms: Math.round(result.lagMs),
  };
}

function printSummary(t: Terminal, config: RowsealConfig, summary: Summary, keep: boolean): void {
  t.out(`\n${t.paint('bold', 'Summary')}`);
  t.out(
    `  rows      ${summary.rows_copied.toLocaleString('en')} copied, ${summary.changes.toLocaleString('en')} changed live, ${summary.rows_per_second.toLocaleString('en')} rows/s (the shop and the warehouse share this machine)`,
  );
  t.out(
    `  sealed    ${summary.groups.toLocaleString('en')} groups, ${summary.audit_bytes_per_record} bytes a record and ${summary.row_image_bytes_per_record} bytes of masked row`,
  );
  t.out(`  lag       ${summary.lag_ms} ms after the last write`);
  if (keep) {
    t.out(
      `\n${t.paint('bold', 'Look around')}\n  ${config.file}\n  npm run -s rowseal -- audit show --dir ${config.audit.directory} --limit 5\n  npm run -s rowseal -- audit verify --dir ${config.audit.directory}\n  duckdb ${warehouseFile(config)} "SELECT * FROM public.customers__history LIMIT 10"`,
    );
  } else
    t.out(
      `\n${t.paint('bold', 'Next')}\n  npm run demo -- --dir ./rowseal-demo     keeps everything to look at\n  docs/                                    configuration, masking, audit format, operations`,
    );
}

function step(t: Terminal, startedMs: number, text: string): void {
  t.out(
    `${t.paint('green', '✔')} ${text}  ${t.paint('gray', `${((performance.now() - startedMs) / 1000).toFixed(1)} s`)}`,
  );
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** The demo's own configuration has one sink, a DuckDB file. */
function warehouseFile({ sinks: [sink] }: RowsealConfig): string {
  if (sink?.type !== 'duckdb')
    throw new RowsealError('RS-RUN-000', { detail: 'the demo delivers into DuckDB' });
  return sink.path;
}
