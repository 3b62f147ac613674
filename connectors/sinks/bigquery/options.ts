import type { AuthClient } from 'google-auth-library';
import type { TypeChoices } from './types.ts';

/** Who the sink is: what the machine offers (Application Default Credentials), or the JSON text of a key file. */
export type BigqueryCredentials =
  | { readonly kind: 'default' }
  | { readonly kind: 'key'; readonly json: string; readonly file: string }
  /** Made elsewhere; for tests. */
  | { readonly kind: 'client'; readonly client: AuthClient }
  /** No credentials at all: the fake of the tests. */
  | { readonly kind: 'none' };

export type BigqueryMode = 'merge' | 'cdc';

export interface TableOptions {
  /** null: the sink's mode. */
  readonly mode: BigqueryMode | null;
  readonly partitionBy: { readonly column: string; readonly every: 'hour' | 'day' | 'month' | 'year' } | null;
  /** null: the row key, as far as it can be clustered by. */
  readonly clusterBy: readonly string[] | null;
}

export interface BigquerySinkOptions {
  readonly name: string;
  readonly project: string;
  readonly dataset: string;
  /** Where the dataset must be; null: wherever it is. */
  readonly location: string | null;
  readonly credentials: BigqueryCredentials;
  /** Service account that the credentials act as; null: they act as themselves. */
  readonly impersonate: string | null;
  readonly mode: BigqueryMode;
  /** Tables, as `namespace.name`, that also get a history with every version of every row. */
  readonly history: 'none' | 'all' | ReadonlySet<string>;
  /** Name of a view, with `{schema}` and `{table}`. */
  readonly tableName: string;
  readonly types: TypeChoices;
  /** By `namespace.name`. */
  readonly byTable: ReadonlyMap<string, TableOptions>;
  /** Dead letters that a table may have before the sink stops. */
  readonly maxDeadLetters: number;
  /** Put on every table and job. */
  readonly labels: ReadonlyMap<string, string>;
  /** How stale a query of a cdc table may be, in milliseconds; null: every query pays for being exact. */
  readonly maxStalenessMs: number | null;
  /** A batch is applied at most this often: mutating DML is counted and costs by bytes scanned. */
  readonly batchIntervalMs: number;
  /** A batch is applied earlier when this many bytes wait. */
  readonly batchBytes: number;
  /** Cells of one table kept in memory before they are staged, in bytes. */
  readonly pieceBytes: number;
  /** Staging tables that a crash left behind vanish after this time. */
  readonly stagingExpirationMs: number;
  /** Other addresses than Google's, for private endpoints and tests. */
  readonly endpoints?: Endpoints;
  readonly patience?: Patience;
}

export interface Endpoints {
  /** Base of the REST interface, for example `http://127.0.0.1:9050`. */
  readonly rest: string;
  /** `host:port` of the Storage Write interface. */
  readonly grpc: string;
  /** Plain text instead of TLS; for tests. */
  readonly plaintext: boolean;
}

/** How long to try before the caller is told. */
export interface Patience {
  /** First wait after a failed request, in milliseconds; doubles, with jitter. */
  readonly firstMs: number;
  readonly maxMs: number;
  readonly attempts: number;
  /** First wait between looks at a running job, in milliseconds. */
  readonly pollMs: number;
  /** How long the write interface may take to learn new columns, in milliseconds. */
  readonly schemaMs: number;
}

export const defaultPatience: Patience = {
  firstMs: 250,
  maxMs: 10_000,
  attempts: 6,
  pollMs: 150,
  schemaMs: 600_000,
};
