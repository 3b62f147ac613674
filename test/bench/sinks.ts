import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { createDuckdbSink } from '../../connectors/sinks/duckdb/sink.ts';
import { createParquetSink } from '../../connectors/sinks/parquet/sink.ts';
import { createPostgresSink } from '../../connectors/sinks/postgres/sink.ts';
import type { SealedGroup } from '../../src/audit/audit-log.ts';
import type { Sink } from '../../src/deliver/sink.ts';
import { column, INT, type Row, rows, table, UNCHANGED } from '../support/masked.ts';
import { startPostgres } from '../support/postgres.ts';
import { deliver, GroupMaker } from '../support/sink/groups.ts';

/** From sealed groups into a sink: rows of eight columns and about 190 bytes, as in docs/benchmarks.md. */
const options = await yargs(hideBin(process.argv))
  .option('rows', { type: 'number', default: 300_000 })
  .option('sink', { type: 'array', default: ['duckdb', 'parquet', 'postgres'] })
  .strict()
  .parseAsync();

const bench = table('bench', [
  column('id', 1, INT),
  column('full_name', 2),
  column('email', 3),
  column('phone', 4),
  column('amount', 5, { kind: 'decimal', precision: 12, scale: 2 }),
  column('active', 6, { kind: 'boolean' }),
  column('note', 7),
  column('created_at', 8, { kind: 'timestamp', withZone: true }),
]);
const ROWS_PER_GROUP = 5_000;

function cells(id: number, round: number): string[] {
  const minute = String(id % 60).padStart(2, '0');
  return [
    String(id),
    `tok_${String(id).padStart(22, 'abcdefghij')}`,
    `tok_${String(id).padStart(22, 'klmnopqrst')}`,
    `tok_${String(id).padStart(22, 'uvwxyzabcd')}`,
    `${id % 10_000}.${String(round % 100).padStart(2, '0')}`,
    id % 2 === 0 ? 't' : 'f',
    `a note of some length about order ${id} in round ${round}, with a few words more`,
    `2026-01-01 00:${minute}:00+00`,
  ];
}

/** Groups of one kind of change over all ids in a scattered order. */
function groupsOf(maker: GroupMaker, count: number, row: (id: number) => Row): readonly SealedGroup[] {
  const groups: SealedGroup[] = [];
  for (let at = 0; at < count; at += ROWS_PER_GROUP) {
    const list = Array.from({ length: Math.min(ROWS_PER_GROUP, count - at) }, (_, i) =>
      row(((at + i) * 7_919) % count),
    );
    groups.push(maker.seal([rows(bench, 0, list)]));
  }
  return groups;
}

async function measure(name: string, sink: Sink): Promise<void> {
  const maker = new GroupMaker();
  const count = options.rows;
  const kinds: readonly [string, readonly SealedGroup[]][] = [
    ['insert', groupsOf(maker, count, (id) => ({ op: 'c', after: cells(id, 1) }))],
    ['update', groupsOf(maker, count, (id) => ({ op: 'u', after: cells(id, 2) }))],
    [
      'half unchanged',
      groupsOf(maker, count / 5, (id) => ({
        op: 'u',
        after:
          id % 2 === 0 ? cells(id, 3) : [...cells(id, 3).slice(0, 6), UNCHANGED, '2026-01-01 00:00:00+00'],
      })),
    ],
  ];
  let cursor = await sink.open('bench', 1n);
  for (const [kind, groups] of kinds) {
    const total = groups.reduce((sum, group) => sum + group.rows, 0);
    const startedMs = performance.now();
    const startedCpu = process.cpuUsage();
    for (let at = 0; at < groups.length; at += 4)
      cursor = await deliver(sink, cursor, groups.slice(at, at + 4));
    const seconds = (performance.now() - startedMs) / 1000;
    const { user, system } = process.cpuUsage(startedCpu);
    const rate = Math.round(total / seconds).toLocaleString('en');
    const cpu = ((user + system) / total).toFixed(2);
    process.stdout.write(
      `${name.padEnd(28)} ${kind.padEnd(16)} ${rate.padStart(9)} rows/s, ${cpu} µs of CPU a row\n`,
    );
  }
  await sink.close();
}

const any = { name: 'bench', maxDeadLetters: 0 } as const;
for (const sink of options.sink) {
  if (sink === 'duckdb') {
    for (const [history, proof] of [
      ['none', false],
      ['none', true],
      ['all', true],
    ] as const) {
      const path = join(tmpdir(), `rowseal-bench-${randomUUID()}.duckdb`);
      const name = `duckdb${proof ? ' + proof' : ''}${history === 'all' ? ' + history' : ''}`;
      await measure(
        name,
        createDuckdbSink({ ...any, path, history, proof, memoryLimitBytes: 256_000_000, threads: 2 }),
      );
      for (const suffix of ['', '.wal', '.tmp'])
        await rm(`${path}${suffix}`, { recursive: true, force: true });
    }
  }
  if (sink === 'parquet') {
    const path = join(tmpdir(), `rowseal-bench-${randomUUID()}`);
    const place = { kind: 'directory', path } as const;
    const sinkOptions = {
      ...any,
      place,
      intervalMs: 0,
      batchBytes: 64_000_000,
      memoryLimitBytes: 256_000_000,
      compaction: { files: 64, maxBytes: 134_217_728 },
    };
    await measure('parquet', createParquetSink(sinkOptions));
    await rm(path, { recursive: true });
  }
  if (sink === 'postgres') {
    const server = await startPostgres(18, { fsync: 'on', max_wal_size: '8GB', shared_buffers: '512MB' });
    try {
      for (const [proof, fillfactor] of [
        [false, 85],
        [true, 85],
        [true, 60],
      ] as const) {
        const sinkOptions = {
          ...any,
          url: server.url(),
          password: null,
          tlsMode: null,
          tlsCa: null,
          stateSchema: `state_${proof}_${fillfactor}`,
          schemaPrefix: `bench_${proof}_${fillfactor}_`,
          fillfactor,
          history: 'none' as const,
          proof,
        };
        await measure(
          `postgres${proof ? ' + proof' : ''}, ${fillfactor}% filled`,
          createPostgresSink(sinkOptions),
        );
      }
    } finally {
      await server.stop();
    }
  }
}
