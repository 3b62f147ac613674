import { RowsealError } from '../error/rowseal-error.ts';
import type { SinkColumns, SinkTables } from '../mask/sink-mask.ts';
import { type BigqueryConfig, bigqueryConfig } from './bigquery.ts';
import { columnRule } from './policy.ts';
import type { SinkDocument, SinkTableDocument } from './sink-schema.ts';

/** What a sink is made of, with every path absolute and every file read. */
export type SinkConfig = {
  readonly name: string;
  /** null: all tables, whole. */
  readonly tables: SinkTables | null;
} & (
  | ({
      readonly type: 'duckdb';
      readonly path: string;
      readonly memoryLimitBytes: number;
      readonly threads: number;
      readonly readMemoryBytes: number;
      readonly query: {
        readonly enabled: boolean;
        readonly socket: string;
        readonly rows: number;
        readonly timeMs: number;
        readonly tempBytes: number;
      };
      readonly snapshots: {
        readonly directory: string;
        readonly intervalMs: number;
        readonly keep: number;
      } | null;
    } & Warehouse)
  | ({
      readonly type: 'postgres';
      readonly url: string;
      readonly password: string | null;
      readonly tlsMode: 'disable' | 'require' | 'verify-ca' | 'verify-full' | null;
      readonly tlsCa: string | null;
      readonly stateSchema: string;
      readonly schemaPrefix: string;
      readonly fillfactor: number;
    } & Warehouse)
  | {
      readonly type: 'parquet';
      readonly place: ParquetPlace;
      readonly intervalMs: number;
      readonly batchBytes: number;
      readonly memoryLimitBytes: number;
      readonly maxDeadLetters: number;
      readonly compaction: { readonly files: number; readonly maxBytes: number } | null;
    }
  | (BigqueryConfig & Mirrors)
);

interface Mirrors {
  readonly history: 'none' | 'all' | ReadonlySet<string>;
  readonly maxDeadLetters: number;
}

interface Warehouse extends Mirrors {
  /** Mirrors carry columns that lead to the audit record of each row. */
  readonly proof: boolean;
}

export interface Paths {
  absolute(name: string): string;
  /** @throws RowsealError RS-CFG-006 */
  read(name: string): string;
  /** Of a mask function. @throws RowsealError RS-CFG-008 */
  readModule(name: string): string;
  /** As `read`, of a file that nobody else may read. @throws RowsealError RS-CFG-005, -006 */
  readSecret(name: string): string;
}

export function sinkConfig(name: string, sink: SinkDocument, paths: Paths): SinkConfig {
  const any = { name, tables: sinkTables(sink.tables, (path) => paths.readModule(path)) };
  switch (sink.type) {
    case 'duckdb':
      return {
        ...any,
        ...warehouse(sink),
        type: 'duckdb',
        path: paths.absolute(sink.path),
        memoryLimitBytes: sink.memory_limit_bytes,
        threads: sink.threads,
        readMemoryBytes: sink.read_memory_bytes,
        query: {
          enabled: sink.query.enabled,
          socket: paths.absolute(sink.query.socket ?? `${sink.path}.sock`),
          rows: sink.query.max_rows,
          timeMs: sink.query.time_limit_ms,
          tempBytes: sink.query.temp_limit_bytes,
        },
        snapshots:
          sink.snapshots === undefined
            ? null
            : {
                directory: paths.absolute(sink.snapshots.dir),
                intervalMs: sink.snapshots.interval_ms,
                keep: sink.snapshots.keep,
              },
      };
    case 'postgres':
      return {
        ...any,
        ...warehouse(sink),
        type: 'postgres',
        url: sink.url,
        password: sink.password ?? null,
        tlsMode: sink.tls.mode ?? null,
        tlsCa: sink.tls.ca_file === undefined ? null : paths.read(sink.tls.ca_file),
        stateSchema: sink.state_schema,
        schemaPrefix: sink.schema_prefix,
        fillfactor: sink.fillfactor,
      };
    case 'bigquery':
      return { ...any, ...mirrors(sink), ...bigqueryConfig(sink, paths) };
    case 'parquet':
      return {
        ...any,
        type: 'parquet',
        place: parquetPlace(sink, paths),
        intervalMs: sink.batch_interval_ms,
        batchBytes: sink.batch_bytes,
        memoryLimitBytes: sink.memory_limit_bytes,
        maxDeadLetters: sink.dead_letters.max_rows,
        compaction: sink.compaction.enabled
          ? { files: sink.compaction.files, maxBytes: sink.compaction.max_bytes }
          : null,
      };
  }
}

const WHOLE: SinkColumns = { leaveOut: null, only: null, rules: new Map() };

/**
 * @param readModule text of a module that a rule names
 * @returns null: all tables, whole
 */
export function sinkTables(
  config: SinkDocument['tables'],
  readModule: (path: string) => string,
): SinkTables | null {
  if (config === undefined) return null;
  if (Array.isArray(config)) return { tables: new Map(config.map((table) => [table, WHOLE])), others: false };
  const tables = Object.entries(config).flatMap(([name, table]) =>
    name === '*' ? [] : [[name, table === null ? WHOLE : sinkColumns(table, readModule)] as const],
  );
  return { tables: new Map(tables), others: '*' in config };
}

function sinkColumns(
  { leave_out, only, mask }: SinkTableDocument,
  readModule: (path: string) => string,
): SinkColumns {
  return {
    leaveOut: leave_out === undefined ? null : new Set(leave_out),
    only: only === undefined ? null : new Set(only),
    rules: new Map(Object.entries(mask).map(([column, rule]) => [column, columnRule(rule, readModule)])),
  };
}

type ParquetPlace =
  | { readonly kind: 'directory'; readonly path: string }
  | {
      readonly kind: 's3';
      readonly bucket: string;
      readonly prefix: string;
      readonly region: string;
      readonly endpoint: string | null;
      readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | null;
      readonly workDirectory: string;
    };

function parquetPlace({ dir, s3 }: Extract<SinkDocument, { type: 'parquet' }>, paths: Paths): ParquetPlace {
  const match = /^s3:\/\/([^/]+)\/?(.*)$/.exec(dir);
  if (match === null) return { kind: 'directory', path: paths.absolute(dir) };
  const { access_key_id: accessKeyId, secret_access_key: secretAccessKey } = s3;
  return {
    kind: 's3',
    bucket: match[1]!,
    prefix: match[2]!,
    region: s3.region,
    endpoint: s3.endpoint ?? null,
    credentials:
      accessKeyId === undefined || secretAccessKey === undefined ? null : { accessKeyId, secretAccessKey },
    workDirectory: paths.absolute(s3.work_dir),
  };
}

function mirrors({ history, dead_letters }: Exclude<SinkDocument, { type: 'parquet' }>): Mirrors {
  return {
    history: history === true ? 'all' : history === false ? 'none' : new Set(history),
    maxDeadLetters: dead_letters.max_rows,
  };
}

function warehouse(sink: Extract<SinkDocument, { provenance: boolean }>): Warehouse {
  return { ...mirrors(sink), proof: sink.provenance };
}

/** @throws RowsealError RS-CFG-003 for a table that the source does not capture */
export function checkSinkTables(
  sinks: Readonly<Record<string, SinkDocument>>,
  captured: readonly string[],
  file: string,
): void {
  for (const [name, sink] of Object.entries(sinks)) {
    for (const option of ['tables', 'history'] as const) {
      const value: unknown = option in sink ? sink[option as keyof typeof sink] : undefined;
      if (typeof value !== 'object' || value === null) continue;
      const listed = Array.isArray(value) ? (value as string[]) : Object.keys(value);
      const unknown = listed.find((table) => table !== '*' && !captured.includes(table));
      if (unknown === undefined) continue;
      throw new RowsealError('RS-CFG-003', {
        detail: `${unknown} is not among source.tables`,
        place: { file, path: `sinks.${name}.${option}` },
      });
    }
  }
}
