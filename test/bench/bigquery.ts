import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { MergeWriter } from '../../connectors/sinks/bigquery/merge-writer.ts';
import { RowEncoder } from '../../connectors/sinks/bigquery/row-encoder.ts';
import { SharedBytes } from '../../connectors/sinks/bigquery/shared-bytes.ts';
import { createBigquerySink } from '../../connectors/sinks/bigquery/sink.ts';
import type { StagedLines, Staging } from '../../connectors/sinks/bigquery/staging.ts';
import { Statements } from '../../connectors/sinks/bigquery/statements.ts';
import { createTarget } from '../../connectors/sinks/bigquery/target.ts';
import type { SealedEvent, SealedGroup } from '../../src/audit/audit-log.ts';
import type { Sink } from '../../src/deliver/sink.ts';
import { CopyingTables } from '../../src/deliver/warehouse/copying-tables.ts';
import type { MaskedCell } from '../../src/model/cell.ts';
import type { MaskedRun, MaskedTable } from '../../src/model/masked.ts';
import { BigqueryFake } from '../support/bigquery-fake.ts';
import { testOptions } from '../support/bigquery-target.ts';
import { BigqueryWriteFake } from '../support/bigquery-write-fake.ts';
import { at, begin, column, INT, rows, TEXT, table } from '../support/masked.ts';

/**
 * `npm run bench -- bigquery [--rows 600000]`: rows of ten fields and about 190 bytes of text, as protobuf, as staged JSON, and
 * through the whole sink in cdc mode into a server in another process, which takes the requests apart and counts them. Then
 * what memory a transaction of that many rows takes in each mode, over one table and over many.
 */
const { rows: ROWS } = await yargs(hideBin(process.argv))
  .option('rows', { type: 'number', default: 600_000 })
  .strict()
  .parseAsync();
const RUN = 2_000;
const DATASET = 'bench';

if (process.send === undefined) await measure();
else await serve();

async function serve(): Promise<void> {
  const fake = await BigqueryFake.start();
  for (const name of [DATASET, 'memory_merge_1', 'memory_merge_90', 'memory_cdc_1', 'memory_cdc_90'])
    fake.addDataset(name);
  const write = await BigqueryWriteFake.start(fake);
  write.discard = true;
  fake.discard = true;
  process.send!({ project: fake.project, rest: fake.url, grpc: write.address });
  process.on('message', () => process.send!({ rows: write.rows, appends: write.appends }));
  process.on('disconnect', () => process.exit());
}

async function measure(): Promise<void> {
  const wide = table('bench', [
    column('id', 1, INT),
    column('full_name', 2, TEXT),
    column('email', 3, TEXT),
    column('phone', 4, TEXT),
    column('amount', 5, { kind: 'decimal', precision: 12, scale: 2 }),
    column('active', 6, { kind: 'boolean' }),
    column('note', 7, TEXT),
    column('created_at', 8, { kind: 'timestamp', withZone: true }),
    column('born', 9, { kind: 'date' }),
    column('visits', 10, { kind: 'int', bits: 32, unsigned: false }),
  ]);
  const cellsOf = (id: number): MaskedCell[] => [
    String(id),
    `Person Number ${id % 9973}`,
    `${(id * 2_654_435_761) % 4_294_967_296}e2a41c88d0b7@example.com`,
    `+353 86 ${String(id % 10_000_000).padStart(7, '0')}`,
    `${id % 100_000}.${String(id % 100).padStart(2, '0')}`,
    id % 3 === 0 ? 't' : 'f',
    'a note that is long enough to look like one that somebody typed, not too short',
    `2026-0${1 + (id % 9)}-1${id % 10} 1${id % 10}:2${id % 10}:3${id % 10}.12345${id % 10}+00`,
    `19${10 + (id % 90)}-0${1 + (id % 9)}-1${id % 10}`,
    String(id % 1_000),
  ];
  const runs = Array.from({ length: 20 }, (_, n) => {
    const list = Array.from({ length: RUN }, (_, i) => ({ op: 'c' as const, after: cellsOf(n * RUN + i) }));
    const event = rows(wide, 0, list);
    if (event.kind !== 'rows') throw new Error('rows are rows');
    return event.run;
  });
  const place = (seq: number) => ({ group: 1, seq, commitTimeUs: 1_700_000_000_000_000n });
  const target = createTarget(wide, 0, {
    types: { json: 'json', arrays: 'json', unboundedNumeric: 'string' },
    taken: () => false,
    name: 'bench',
    mode: 'cdc',
    history: false,
  });
  const none = (): void => {};

  const encode = (count: number): number => {
    const encoder = new RowEncoder(target.mirror);
    encoder.use(wide);
    let bytes = 0;
    for (let seq = 0; seq < count; ) {
      const run = runs[(seq / RUN) % runs.length]!;
      for (let row = 0; row < RUN; row++) {
        encoder.begin();
        encoder.cells(run, row * 10, none);
        encoder.end('UPSERT', place(0), seq++, 'c', 1);
        if (encoder.bytes.length > 1 << 20) bytes += encoder.bytes.take().length;
      }
    }
    return bytes + encoder.bytes.length;
  };
  encode(100_000);
  await timed(
    'protobuf encoding, values checked',
    async () => `${(encode(ROWS) / ROWS).toFixed(0)} bytes a row`,
  );

  const staging = {
    stage: async (_: unknown, lines: StagedLines) => {
      lines.chunks();
      return 'x';
    },
  } as unknown as Staging;
  await timed('coalescing and staged JSON (merge mode)', async () => {
    const writer = new MergeWriter(target, {
      statements: new Statements('p', 'd'),
      staging,
      pieceBytes: 16_000_000,
      gathered: new SharedBytes(32_000_000),
      copying: new CopyingTables([]),
      keep: none,
    });
    for (let seq = 0; seq < ROWS; seq += RUN) await writer.add(runs[(seq / RUN) % runs.length]!, place(seq));
    await writer.finish();
    return '';
  });

  const child = fork(fileURLToPath(import.meta.url));
  const [fake] = (await once(child, 'message')) as [{ project: string; rest: string; grpc: string }];
  const openSink = (mode: 'merge' | 'cdc', dataset: string): Sink =>
    createBigquerySink(
      testOptions({
        project: fake.project,
        dataset,
        mode,
        history: 'none',
        fake: { rest: fake.rest, grpc: fake.grpc },
        pieceBytes: 16_000_000,
      }),
    );
  const groupOf = (tables: readonly MaskedTable[]): SealedGroup => ({
    index: 0,
    position: at(0),
    sealedAtUs: 0n,
    commitTimeUs: 0n,
    transactions: 1,
    rows: ROWS,
    bytes: ROWS * 200,
    tables,
    head: '',
    resident: false,
    chunks: async function* (): AsyncGenerator<readonly SealedEvent[]> {
      yield [begin(0) as SealedEvent];
      for (let n = 0; n * RUN < ROWS; n++) {
        const table = tables[n % tables.length]!;
        const run = { ...runs[n % runs.length]!, table } as MaskedRun;
        yield [{ kind: 'rows', run, seq: n * RUN }];
      }
    },
  });
  const sink = openSink('cdc', DATASET);
  await sink.open('bench', 1n);
  await sink.alter(wide, 0);
  const group = groupOf([wide]);
  await timed('the sink in cdc mode into a server that decodes, acknowledged and committed', async () => {
    await sink.write({
      after: null,
      to: 0,
      head: group.head,
      groups: [group],
      rows: ROWS,
      bytes: group.bytes,
    });
    child.send('count');
    const [counts] = (await once(child, 'message')) as [{ rows: number; appends: number }];
    if (counts.rows !== ROWS) throw new Error(`${counts.rows} rows of ${ROWS} arrived`);
    return `${counts.appends} requests`;
  });
  await sink.close();

  for (const mode of ['merge', 'cdc'] as const) {
    for (const count of [1, 90]) {
      const tables = Array.from({ length: count }, (_, i) => ({
        ...wide,
        name: `bench_${mode}_${count}_${i}`,
      }));
      const one = openSink(mode, `memory_${mode}_${count}`);
      await one.open('bench', 1n);
      for (const table of tables) await one.alter(table, 0);
      await peakOf(`memory of one transaction in ${mode} mode over ${count} tables`, () =>
        one.write({ after: null, to: 0, head: '', groups: [groupOf(tables)], rows: ROWS, bytes: ROWS * 200 }),
      );
      await one.close();
    }
  }
  child.disconnect();
}

/** What a step takes on top of what there is before it. */
async function peakOf(what: string, action: () => Promise<unknown>): Promise<void> {
  globalThis.gc?.();
  const before = process.memoryUsage();
  let resident = 0;
  let used = 0;
  const watch = setInterval(() => {
    const now = process.memoryUsage();
    resident = Math.max(resident, now.rss - before.rss);
    used = Math.max(used, now.heapUsed + now.external - before.heapUsed - before.external);
  }, 5);
  await action();
  clearInterval(watch);
  const mb = (bytes: number): string => (bytes / 1e6).toFixed(0);
  process.stdout.write(`${what}: ${mb(used)} MB of heap and buffers, ${mb(resident)} MB resident\n`);
}

async function timed(what: string, action: () => Promise<string>): Promise<void> {
  const cpu = process.cpuUsage();
  const started = performance.now();
  const note = await action();
  const seconds = (performance.now() - started) / 1000;
  const used = process.cpuUsage(cpu);
  const perRow = (used.user + used.system) / ROWS;
  process.stdout.write(
    `${what}: ${Math.round(ROWS / seconds).toLocaleString('en')} rows/s, ${perRow.toFixed(2)} µs CPU a row of the process${note === '' ? '' : `, ${note}`}\n`,
  );
}
