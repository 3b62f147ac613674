import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The contract, and what sinks share because they load tables. */
const sinkMayImport = [
  'src/model',
  'src/error',
  'src/deliver/sink.ts',
  'src/deliver/warehouse-reader.ts',
  'src/deliver/mirror-reader.ts',
  'src/deliver/warehouse',
  'src/audit/audit-log.ts',
];

/** Who may import whom among our own rooms (DESIGN: one direction). A room may always import itself. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  'src/model': [],
  'src/error': [],
  'src/sha256': [],
  'src/mask': ['src/model', 'src/error', 'src/sha256'],
  'src/audit': ['src/model', 'src/error', 'src/sha256'],
  // A witness is a program of its own, and what the log tells the world outside.
  'src/witness': ['src/model', 'src/error', 'src/audit'],
  'src/capture': ['src/model', 'src/error'],
  'src/deliver': ['src/model', 'src/error', 'src/audit/audit-log.ts'],
  'src/reconcile': [
    'src/model',
    'src/error',
    'src/audit/audit-log.ts',
    'src/deliver/mirror-reader.ts',
    'src/deliver/warehouse',
  ],
  'src/pipeline': [
    'src/model',
    'src/error',
    'src/mask',
    'src/audit/audit-log.ts',
    'src/capture',
    'src/deliver',
  ],
  'src/ops': ['src/model', 'src/error', 'src/pipeline/status.ts', 'src/deliver/warehouse-reader.ts'],
  'src/config': ['src/model', 'src/error', 'src/mask'],
  'src/cli': ['src', 'connectors'],
  'connectors/sources/postgres': ['src/model', 'src/error', 'src/capture'],
  'connectors/sources/mysql': ['src/model', 'src/error', 'src/capture'],
  'connectors/sinks/bigquery': sinkMayImport,
  // No connector, but what both users of the embedded DuckDB need.
  'connectors/duckdb-engine': ['src/model', 'src/deliver/warehouse'],
  'connectors/sinks/duckdb': [...sinkMayImport, 'connectors/duckdb-engine'],
  // No connector either: the client of S3, for those who keep something in a bucket.
  'connectors/object-store': [],
  'connectors/anchors': ['src/witness/anchor.ts', 'connectors/object-store'],
  'connectors/sinks/parquet': [...sinkMayImport, 'connectors/duckdb-engine', 'connectors/object-store'],
  'connectors/sinks/postgres': sinkMayImport,
};

/** Packages and Node modules by room: drivers stay in their connector, the mask and the model do no I/O. */
const packages: Readonly<Record<string, readonly string[]>> = {
  'src/model': [],
  'src/error': [],
  'src/sha256': [],
  'src/mask': [
    'node:crypto',
    'node:worker_threads',
    'fastest-levenshtein',
    're2js',
    'libphonenumber-js',
    'ibantools',
  ],
  'src/capture': [],
  'src/deliver': [],
  'src/pipeline': [],
  'src/reconcile': ['node:fs/promises', 'node:path', 'node:sqlite'],
  'src/ops': [
    'node:crypto',
    'node:events',
    'node:fs',
    'node:http',
    'node:https',
    'node:tls',
    'node:util',
    '@opentelemetry/api',
    '@opentelemetry/exporter-metrics-otlp-http',
    '@opentelemetry/exporter-trace-otlp-http',
    '@opentelemetry/resources',
    '@opentelemetry/sdk-metrics',
    '@opentelemetry/sdk-trace',
    '@prometheus-io/client',
    'pino',
  ],
  'src/audit': [
    'node:crypto',
    'node:fs',
    'node:fs/promises',
    'node:path',
    'node:sqlite',
    'node:zlib',
    '@noble/ed25519',
  ],
  'connectors/sources/postgres': [
    'pg',
    'pg-logical-replication',
    'node:buffer',
    'node:crypto',
    'node:fs/promises',
    'node:path',
    'node:stream',
  ],
  'connectors/sources/mysql': ['mysql2', 'iconv-lite', 'node:crypto', 'node:net', 'node:zlib'],
  'connectors/sinks/bigquery': [
    '@google-cloud/bigquery',
    '@grpc/grpc-js',
    'google-auth-library',
    'protobufjs/minimal.js',
    'node:crypto',
    'node:stream',
    'node:timers/promises',
  ],
  'connectors/duckdb-engine': ['@duckdb/node-api'],
  'connectors/object-store': ['@aws-sdk/client-s3'],
  'connectors/anchors': ['@aws-sdk/client-s3', 'node:crypto', 'node:fs/promises', 'node:path'],
  'src/witness': ['node:crypto', 'node:http', 'node:path'],
  'connectors/sinks/parquet': [
    '@aws-sdk/client-s3',
    '@duckdb/node-api',
    'node:crypto',
    'node:fs',
    'node:fs/promises',
    'node:path',
    'node:stream',
    'node:stream/promises',
  ],
  'connectors/sinks/duckdb': ['@duckdb/node-api', 'node:crypto', 'node:fs/promises', 'node:path'],
  'connectors/sinks/postgres': ['pg', 'node:crypto'],
};

interface Import {
  readonly file: string;
  readonly target: string;
}

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .map((name) => join(folder, name));
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8');
  const statements = text.matchAll(
    /^(?:import|export)\b[^;]*?from '([^']+)';|^import '([^']+)';|\bimport\(\s*'([^']+)'\s*\)/gm,
  );
  const found = [...statements].map((match) => (match[1] ?? match[2] ?? match[3])!);
  return found.map((target) => ({
    file,
    target: target.startsWith('.') ? relative(root, resolve(root, dirname(file), target)) : target,
  }));
}

const all = ['src', 'connectors'].flatMap(sources).flatMap(importsOf);
const roomOf = (path: string): string | undefined =>
  Object.keys(allowed).find((room) => path.startsWith(`${room}/`));

describe('the house', () => {
  it('has a rule for every room', () => {
    expect([
      ...new Set(['src', 'connectors'].flatMap(sources).filter((file) => roomOf(file) === undefined)),
    ]).toEqual([]);
  });

  it('imports in one direction', () => {
    const breaches = all.filter(({ file, target }) => {
      if (!target.startsWith('src/') && !target.startsWith('connectors/')) return false;
      const room = roomOf(file)!;
      return (
        !target.startsWith(`${room}/`) &&
        !allowed[room]!.some((place) => target === place || target.startsWith(`${place}/`))
      );
    });
    expect(breaches).toEqual([]);
  });

  it('keeps packages where they belong', () => {
    const breaches = all.filter(({ file, target }) => {
      const list = packages[roomOf(file)!];
      return (
        list !== undefined &&
        !target.startsWith('src/') &&
        !target.startsWith('connectors/') &&
        !list.includes(target)
      );
    });
    expect(breaches).toEqual([]);
  });

  it('lets only the mask and the reader of sealed rows make masked rows', () => {
    const makers = all.filter(({ target }) => target === 'src/model/mask-warrant.ts').map(({ file }) => file);
    expect(makers.sort()).toEqual([
      'src/audit/row-reader.ts',
      'src/mask/masker.ts',
      'src/mask/sink-mask.ts',
      'src/model/masked.ts',
    ]);
  });

  it('lets one file of the Postgres source write, which encrypts', () => {
    const writers = all.filter(
      ({ file, target }) => file.startsWith('connectors/sources/postgres/') && target.startsWith('node:fs'),
    );
    expect(writers.map(({ file }) => file)).toEqual(['connectors/sources/postgres/spill.ts']);
  });

  it('lets no connector know another', () => {
    const breaches = all.filter(
      ({ file, target }) =>
        file.startsWith('connectors/') &&
        /^connectors\/(sources|sinks)\//.test(target) &&
        roomOf(file) !== roomOf(target),
    );
    expect(breaches).toEqual([]);
  });
});
