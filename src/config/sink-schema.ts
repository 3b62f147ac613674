import { z } from 'zod';
import { positive, tableName, tls } from './schema-parts.ts';

/** Options of every sink. */
const anySink = {
  tables: z.array(tableName).min(1).optional().describe('tables that this sink gets; default: all'),
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

/** Options of sinks that keep mirrors and histories of tables. */
const warehouse = {
  ...typed,
  history: z
    .union([z.boolean(), z.array(tableName)])
    .default(false)
    .describe('tables that also get a …__history table with every version of every row'),
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
});

export const sinkSchema = z.discriminatedUnion('type', [duckdb, postgres, parquet]);

export type SinkDocument = z.infer<typeof sinkSchema>;
