import { z } from 'zod';

/**
 * The configuration file. Objects are strict: an unknown option is an error. Names carry their unit (`_ms`, `_bytes`).
 * `schema/rowseal.schema.json` is generated from here (`npm run schema`).
 */
const identifier = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,40}$/, 'must be lower-case letters, digits and _, beginning with a letter');
const tableName = z.string().regex(/^[^.]+\.[^.]+$/, 'must be <schema>.<table>');
const positive = z.int().positive();

const normalizer = z.enum(['trim', 'lower', 'upper', 'nfc']);

const method = z.discriminatedUnion('method', [
  z.strictObject({ method: z.literal('keep') }),
  z.strictObject({ method: z.literal('drop') }),
  z.strictObject({
    method: z.literal('redact'),
    with: z.literal('shape').optional().describe('a harmless value that fits the type, instead of null'),
    constant: z.string().optional().describe('a fixed text instead'),
  }),
  z.strictObject({
    method: z.literal('partial'),
    keep_first: z.int().min(0).max(1000).default(0),
    keep_last: z.int().min(0).max(1000).default(0),
    fill: z.string().regex(/^.$/u, 'must be one character').default('*'),
  }),
  z.strictObject({
    method: z.literal('token'),
    normalize: z.array(normalizer).default([]),
    prefix: z.string().max(20).default('tok_'),
  }),
]);

const shorthand = z.enum(['keep', 'drop', 'redact', 'token']);
const columnRule = z.union([shorthand, z.strictObject({ domain: z.string() }), method]);

const source = z.strictObject({
  type: z.literal('postgres'),
  url: z.string().describe('postgres://user@host:5432/database'),
  password: z.string().optional().describe('use ${env:NAME} or ${file:/path}'),
  tls: z
    .strictObject({
      mode: z.enum(['disable', 'require', 'verify-ca', 'verify-full']).optional(),
      ca_file: z.string().optional(),
    })
    .default({}),
  slot: identifier.optional().describe('default: rowseal_<pipeline>'),
  publication: identifier.optional().describe('default: rowseal_<pipeline>'),
  tables: z.array(tableName).min(1),
  snapshot: z.enum(['initial', 'never']).default('initial'),
  idle_interval_ms: positive.min(100).default(10_000),
});

const duckdb = z.strictObject({
  type: z.literal('duckdb'),
  path: z.string(),
  history: z.union([z.boolean(), z.array(tableName)]).default(false),
  memory_limit_bytes: positive.min(32_000_000).default(40_000_000),
  threads: positive.max(64).default(1),
});

export const configSchema = z.strictObject({
  pipeline: identifier,
  source,
  mask: z.strictObject({
    key: z.strictObject({ file: z.string(), epoch: positive.default(1) }),
    undecided: z.enum(['halt', 'redact']).default('halt'),
    domains: z.record(z.string(), method).default({}),
    tables: z.record(tableName, z.record(z.string(), columnRule)),
  }),
  audit: z.strictObject({
    dir: z.string(),
    key: z.strictObject({ file: z.string() }),
    origin: z
      .string()
      .regex(/^[^\s+]+$/, 'must have no spaces and no +')
      .optional()
      .describe('default: rowseal/<pipeline>'),
    group_max_bytes: positive.default(1_048_576),
    group_max_ms: positive.default(50),
    segment_max_bytes: positive.min(65_536).default(67_108_864),
  }),
  sinks: z.record(identifier, duckdb).default({}),
  http: z
    .strictObject({
      enabled: z.boolean().default(true),
      host: z.string().default('127.0.0.1'),
      port: z.int().min(0).max(65_535).default(8484),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
      format: z.enum(['auto', 'json', 'pretty']).default('auto'),
    })
    .prefault({}),
  memory: z.strictObject({ queue_bytes: positive.default(3_145_728) }).prefault({}),
});

export type ConfigDocument = z.infer<typeof configSchema>;
export type MethodConfig = z.infer<typeof method>;
export type ColumnRuleConfig = z.infer<typeof columnRule>;
