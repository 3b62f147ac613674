import type { BigqueryDocument } from './sink-schema.ts';
import type { Paths } from './sinks.ts';

/** What `connectors/sinks/bigquery/options.ts` wants, as far as the configuration decides it. */
export interface BigqueryConfig {
  readonly type: 'bigquery';
  readonly project: string;
  readonly dataset: string;
  readonly location: string | null;
  readonly credentials:
    | { readonly kind: 'default' }
    | { readonly kind: 'key'; readonly json: string; readonly file: string };
  readonly impersonate: string | null;
  readonly mode: 'merge' | 'cdc';
  readonly tableName: string;
  readonly types: {
    readonly json: 'json' | 'string';
    readonly arrays: 'json' | 'repeated' | 'string';
    readonly unboundedNumeric: 'string' | 'bignumeric';
  };
  readonly byTable: ReadonlyMap<string, BigqueryTableConfig>;
  readonly labels: ReadonlyMap<string, string>;
  readonly maxStalenessMs: number | null;
  readonly batchIntervalMs: number;
  readonly batchBytes: number;
  readonly pieceBytes: number;
  readonly stagingExpirationMs: number;
}

export interface BigqueryTableConfig {
  readonly mode: 'merge' | 'cdc' | null;
  readonly partitionBy: { readonly column: string; readonly every: 'hour' | 'day' | 'month' | 'year' } | null;
  readonly clusterBy: readonly string[] | null;
}

/** A load and a transaction take seconds and scan the mirror: rarely is cheap. Appends cost by bytes alone. */
const INTERVAL_MS = { merge: 60_000, cdc: 5_000 } as const;

export function bigqueryConfig(sink: BigqueryDocument, paths: Paths): BigqueryConfig {
  return {
    type: 'bigquery',
    project: sink.project,
    dataset: sink.dataset,
    location: sink.location ?? null,
    credentials:
      sink.key_file === undefined
        ? { kind: 'default' }
        : { kind: 'key', json: paths.readSecret(sink.key_file), file: sink.key_file },
    impersonate: sink.impersonate ?? null,
    mode: sink.mode,
    tableName: sink.table_name,
    types: { json: sink.json, arrays: sink.arrays, unboundedNumeric: sink.unbounded_numeric },
    byTable: new Map(
      Object.entries(sink.by_table).map(([table, { mode, partition_by, cluster_by }]) => [
        table,
        { mode: mode ?? null, partitionBy: partition_by ?? null, clusterBy: cluster_by ?? null },
      ]),
    ),
    labels: new Map(Object.entries(sink.labels)),
    maxStalenessMs: sink.max_staleness_ms ?? null,
    batchIntervalMs: sink.batch_interval_ms ?? INTERVAL_MS[sink.mode],
    batchBytes: sink.batch_bytes,
    pieceBytes: sink.piece_bytes,
    stagingExpirationMs: sink.staging_expiration_ms,
  };
}
