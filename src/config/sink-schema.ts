import { z } from 'zod';
import { columnRule } from './rule-schema.ts';
import { positive, tableName, tls } from './schema-parts.ts';

/** What a sink gets of one table. */
const sinkTable = z
  .strictObject({
    leave_out: z.array(z.string()).min(1).optional().describe('columns that this sink does not get'),
    only: z
      .array(z.string())
      .min(1)
      .optional()
      .describe('columns that this sink gets; one that is added later it does not get'),
    mask: z
      .record(z.string(), columnRule)
      .default({})
      .describe('columns that are masked once more, by a rule that is stricter than the policy'),
  })
  .refine((table) => table.leave_out === undefined || table.only === undefined, {
    message: 'has either leave_out or only',
  });

/** Options of every sink. */
const anySink = {
  tables: z
    .union([z.array(tableName).min(1), z.record(z.union([z.literal('*'), tableName]), sinkTable.nullable())])
    .optional()
    .describe(
      'tables that this sink gets, as a list, or by name with what it gets of each (`*`: all others, whole); default: all',
    ),
};

/** Options of sinks that keep aside what they cannot hold. */
const typed = {
  ...anySink,
  dead_letters: z
    .strictObject({
      max_rows: z
        .int()
        .min(0)
        .default(10_000)
        .describe('dead letters that one table may have; one more, and the sink stops'),
    })
    .prefault({}),
};

/** Options of sinks that keep mirrors of tables, and histories. */
const mirrors = {
  ...typed,
  history: z
    .union([z.boolean(), z.array(tableName)])
    .default(false)
    .describe('tables that also get a …__history table with every version of every row'),
};

/** Where the mirrors' own columns may be left out. */
const warehouse = {
  ...mirrors,
  provenance: z
    .boolean()
    .default(true)
    .describe('mirrors carry _rowseal_op, _rowseal_group, _rowseal_seq, _rowseal_committed_at'),
};

const duckdb = z.strictObject({
  type: z.literal('duckdb'),
  ...warehouse,
  path: z.string(),
  memory_limit_bytes: positive.min(32_000_000).default(40_000_000),
  threads: positive.max(64).default(1),
  read_memory_bytes: positive
    .min(32_000_000)
    .default(128_000_000)
    .describe('on top of memory_limit_bytes while a query or a snapshot reads'),
  query: z
    .strictObject({
      enabled: z.boolean().default(true).describe('`rowseal run` answers `rowseal query`'),
      socket: z.string().optional().describe('Unix socket that only its owner may use; default: <path>.sock'),
      max_rows: positive.default(100_000),
      time_limit_ms: positive.default(30_000),
      temp_limit_bytes: positive
        .default(1_000_000_000)
        .describe('disk beside the file that a query may take for what does not fit its memory'),
    })
    .prefault({}),
  snapshots: z
    .strictObject({
      dir: z.string().describe('directory of this sink alone, for Parquet files of all mirrors'),
      interval_ms: positive.min(1_000).default(300_000).describe('made at most this often'),
      keep: positive.max(1_000).default(3).describe('snapshots that stay, the newest among them'),
    })
    .optional(),
});

const postgres = z.strictObject({
  type: z.literal('postgres'),
  ...warehouse,
  url: z.string().describe('postgres://user@host:5432/database'),
  password: z.string().optional().describe('use ${env:NAME} or ${file:/path}'),
  tls,
  state_schema: z
    .string()
    .regex(/^[a-z_][a-z0-9_]{0,40}$/, 'must be lower-case letters, digits and _')
    .default('_rowseal')
    .describe('schema of cursor and dead letters; one for each pipeline in a database'),
  schema_prefix: z.string().max(40).default('').describe('put before the schema of the source'),
  fillfactor: z
    .int()
    .min(10)
    .max(100)
    .default(85)
    .describe(
      'percent of a page that inserts fill, of mirrors that are made from now on: updates use the rest',
    ),
});

const parquet = z.strictObject({
  type: z.literal('parquet'),
  ...typed,
  dir: z
    .string()
    .refine((dir) => !dir.includes('://') || /^s3:\/\/[a-z0-9.-]{3,63}(\/[^/]+)*$/.test(dir), {
      message: 'must be a directory, or s3://<bucket>/<prefix>',
    })
    .describe('a directory, or s3://<bucket>/<prefix>'),
  s3: z
    .strictObject({
      region: z.string().default('us-east-1'),
      endpoint: z
        .url({ protocol: /^https?$/ })
        .optional()
        .describe('default: that of Amazon S3'),
      access_key_id: z.string().optional().describe('default: environment, profile or role of the machine'),
      secret_access_key: z.string().optional().describe('use ${env:NAME} or ${file:/path}'),
      work_dir: z
        .string()
        .default('rowseal-work')
        .describe('where files are made before they go to the bucket'),
    })
    .refine((s3) => (s3.access_key_id === undefined) === (s3.secret_access_key === undefined), {
      message: 'access_key_id and secret_access_key go together',
    })
    .prefault({}),
  batch_interval_ms: z.int().min(0).default(60_000).describe('files are written at most this often'),
  batch_bytes: positive.default(67_108_864).describe('files are written earlier when this much waits'),
  memory_limit_bytes: positive.min(32_000_000).default(64_000_000),
  compaction: z
    .strictObject({
      enabled: z.boolean().default(true).describe('small files of a table and day become larger ones'),
      files: z
        .int()
        .min(2)
        .default(64)
        .describe('so many of the day that is being written; of a past day, two'),
      max_bytes: positive
        .min(1_048_576)
        .max(1_073_741_824)
        .default(134_217_728)
        .describe('of a merged file; one with more than half of that is left alone'),
    })
    .prefault({}),
});

const bigqueryMode = z
  .enum(['merge', 'cdc'])
  .describe('merge: a transaction per batch, exactly once; cdc: streamed rows, seconds behind, converging');

const bigquery = z.strictObject({
  type: z.literal('bigquery'),
  ...mirrors,
  project: z
    .string()
    .regex(/^[a-z0-9.:-]{4,100}$/, 'must be a project id')
    .describe('id of the Google Cloud project; jobs are billed to it'),
  dataset: z.string().regex(/^\w{1,1024}$/, 'must be letters, digits and _'),
  location: z
    .string()
    .optional()
    .describe('where the dataset must be, for example EU; default: wherever it is'),
  key_file: z
    .string()
    .optional()
    .describe('service account key (JSON); default: Application Default Credentials'),
  impersonate: z.string().email().optional().describe('service account to act as'),
  mode: bigqueryMode.default('merge'),
  table_name: z
    .string()
    .includes('{table}')
    .default('{schema}_{table}')
    .describe('name of the views, with {schema} and {table}'),
  json: z.enum(['json', 'string']).default('json').describe('type of JSON columns'),
  arrays: z
    .enum(['json', 'repeated', 'string'])
    .default('json')
    .describe('repeated has neither NULL elements nor dimensions'),
  unbounded_numeric: z
    .enum(['string', 'bignumeric'])
    .default('string')
    .describe('type of numeric columns that BIGNUMERIC does not hold wholly'),
  by_table: z
    .record(
      tableName,
      z.strictObject({
        mode: bigqueryMode.optional(),
        partition_by: z
          .strictObject({
            column: z.string(),
            every: z.enum(['hour', 'day', 'month', 'year']).default('day'),
          })
          .optional(),
        cluster_by: z
          .array(z.string())
          .max(4)
          .optional()
          .describe('columns; default: the first four of the key'),
      }),
    )
    .default({})
    .describe('options of single tables; they hold when a table is made'),
  labels: z
    .record(z.string().regex(/^[a-z][a-z0-9_-]{0,62}$/), z.string().regex(/^[a-z0-9_-]{0,63}$/))
    .default({})
    .describe('on every table and job'),
  max_staleness_ms: positive
    .min(60_000)
    .optional()
    .describe('cdc: how stale queries may be; default: every query is exact, and pays for it'),
  batch_interval_ms: z
    .int()
    .min(0)
    .optional()
    .describe('a batch is applied at most this often; default: 60,000 in merge mode, 5,000 in cdc mode'),
  batch_bytes: positive.default(67_108_864).describe('a batch is applied earlier when this much waits'),
  piece_bytes: positive
    .min(65_536)
    .default(16_777_216)
    .describe('cells of one table held in memory before they are staged'),
  staging_expiration_ms: positive.min(3_600_000).default(86_400_000),
});

export const sinkSchema = z.discriminatedUnion('type', [duckdb, postgres, parquet, bigquery]);

export type BigqueryDocument = z.infer<typeof bigquery>;
export type SinkTableDocument = z.infer<typeof sinkTable>;
export type SinkDocument = z.infer<typeof sinkSchema>;
