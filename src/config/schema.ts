import { z } from 'zod';
import { identifier, positive, tableName, tls } from './schema-parts.ts';
import { sinkSchema } from './sink-schema.ts';

/**
 * The configuration file. Objects are strict: an unknown option is an error. Names carry their unit (`_ms`, `_bytes`).
 * `schema/rowseal.schema.json` is generated from here (`npm run docs`).
 */

const normalizer = z.enum(['trim', 'unpad', 'lower', 'upper', 'casefold', 'accents', 'nfc', 'digits']);
const kept = z.int().min(0).max(1000).default(0);
/** Numbers may be written as such; they are kept as text, because a double does not hold every one. */
const decimal = z
  .union([z.number(), z.string()])
  .transform(String)
  .pipe(z.string().regex(/^-?\d+(\.\d+)?$/, 'must be a number'));
const integer = z
  .union([z.int(), z.string()])
  .transform(String)
  .pipe(z.string().regex(/^-?\d+$/, 'must be an integer'));

/** Of every method: what becomes of values that it cannot take. */
const handling = {
  on_error: z.enum(['redact', 'halt']).optional().describe('default: redact; on a key column, halt'),
  short: z
    .enum(['redact', 'halt', 'hash'])
    .optional()
    .describe('for values with too few characters; default: as on_error'),
  foreign: z
    .enum(['redact', 'halt', 'hash'])
    .optional()
    .describe('for values of another form; default: as on_error'),
  on_null: z
    .strictObject({ constant: z.string() })
    .optional()
    .describe('what a null becomes; default: it stays null'),
};

const simpleMethods = [
  z.strictObject({ method: z.literal('keep'), ...handling }),
  z.strictObject({ method: z.literal('drop') }),
  z.strictObject({
    method: z.literal('redact'),
    with: z.literal('shape').optional().describe('a harmless value that fits the type, instead of null'),
    constant: z.string().optional().describe('a fixed text instead'),
    on_null: handling.on_null,
  }),
  z.strictObject({
    method: z.literal('partial'),
    keep_first: kept,
    keep_last: kept,
    fill: z.string().regex(/^.$/u, 'must be one character').default('*'),
    ...handling,
  }),
  z.strictObject({
    method: z.literal('token'),
    normalize: z.array(normalizer).default([]),
    prefix: z.string().max(20).default('tok_'),
    alphabet: z.enum(['base64url', 'base32', 'hex', 'alphanumeric', 'digits']).optional(),
    length: z
      .int()
      .min(6)
      .max(64)
      .optional()
      .describe('characters after the prefix; default: 128 bits of them'),
    ...handling,
  }),
  z.strictObject({ method: z.literal('reversible'), ...handling }),
  z.strictObject({
    method: z.literal('fpe'),
    alphabet: z
      .string()
      .default('digits')
      .describe('digits, hex, lower, upper, letters, lower_alphanumeric, …, or the characters themselves'),
    keep_first: kept,
    keep_last: kept,
    separators: z.string().optional().describe('characters that stay where they are'),
    check_digit: z.enum(['none', 'luhn']).default('none'),
    normalize: z.array(normalizer).default([]),
    min: integer.optional().describe('of an integer column; default: 0'),
    max: integer.optional().describe('of an integer column; default: the largest of its type'),
    ...handling,
  }),
  z.strictObject({
    method: z.literal('pan'),
    keep_first: kept,
    keep_last: z.int().min(0).max(1000).default(4),
    min_digits: z.int().min(12).max(19).default(13),
    max_digits: z.int().min(12).max(19).default(19),
    ...handling,
  }),
  z.strictObject({
    method: z.literal('phone'),
    country: z
      .string()
      .regex(/^[A-Z]{2}$/, 'must be two capital letters (ISO 3166)')
      .optional()
      .describe('of numbers without a plus'),
    ...handling,
  }),
  z.strictObject({
    method: z.literal('email'),
    host: z
      .union([z.enum(['token', 'keep']), z.strictObject({ replace: z.string().regex(/^[a-z0-9.-]+$/) })])
      .default('token'),
    ...handling,
  }),
  z.strictObject({ method: z.literal('iban'), ...handling }),
  z.strictObject({ method: z.literal('us_ssn'), ...handling }),
  z.strictObject({ method: z.literal('uuid'), ...handling }),
  z.strictObject({ method: z.literal('ip'), ...handling }),
  z.strictObject({
    method: z.literal('date_shift'),
    max_days: z.int().min(1).max(36_500),
    by: z.string().describe('column of the same table that names the entity'),
    entity: z.string().optional().describe('token space of the entity; default: that of the `by` column'),
    ...handling,
  }),
  z.strictObject({
    method: z.literal('bucket'),
    bounds: z.array(decimal).min(1).max(1000),
    labels: z.array(z.string()).optional(),
    ...handling,
  }),
  z.strictObject({
    method: z.literal('generalize'),
    size: decimal.optional().describe('width of the ranges of a number'),
    to: z.enum(['hour', 'day', 'week', 'month', 'quarter', 'year', 'decade', 'zip3']).optional(),
    oldest_year: z.int().optional().describe('earlier dates become the first day of this year'),
    ...handling,
  }),
  z.strictObject({ method: z.literal('round'), to: decimal, ...handling }),
  z.strictObject({
    method: z.literal('scan'),
    classes: z.array(z.string()).min(1).optional(),
    patterns: z
      .array(z.strictObject({ name: identifier, pattern: z.string().min(1).max(1000) }))
      .default([])
      .describe('RE2 syntax'),
    replace: z.enum(['label', 'token', 'fill']).default('label'),
    ...handling,
  }),
  z.strictObject({
    method: z.literal('custom'),
    module: z.string().describe('a JavaScript module without imports'),
    export: z.string().default('mask'),
    returns: z.enum(['same', 'text']).default('same'),
    timeout_ms: positive.max(60_000).default(1000),
    injective: z.boolean().default(false).describe('different values stay different: for key columns'),
    ...handling,
  }),
] as const;

const shorthand = z.enum([
  'keep',
  'drop',
  'redact',
  'token',
  'reversible',
  'pan',
  'phone',
  'email',
  'iban',
  'us_ssn',
  'uuid',
  'ip',
  'scan',
]);
const domainReference = z.strictObject({ domain: z.string() });
const innerRule = z.union([shorthand, domainReference, z.discriminatedUnion('method', simpleMethods)]);

const method = z.discriminatedUnion('method', [
  ...simpleMethods,
  z.strictObject({
    method: z.literal('json'),
    paths: z.record(z.string(), innerRule),
    otherwise: z
      .enum(['redact', 'drop'])
      .default('redact')
      .describe('places without a rule: members are left out, elements become null (drop: are left out)'),
    ...handling,
  }),
]);

const columnRule = z.union([shorthand, domainReference, method]);

const secret = z.string().optional().describe('use ${env:NAME} or ${file:/path}');

const postgres = z.strictObject({
  type: z.literal('postgres'),
  url: z.string().describe('postgres://user@host:5432/database'),
  password: secret,
  tls,
  slot: identifier.optional().describe('default: rowseal_<pipeline>'),
  publication: identifier.optional().describe('default: rowseal_<pipeline>'),
  failover_slot: z
    .boolean()
    .default(false)
    .describe('standbys keep a copy of the slot, so that the stream goes on after a failover; PostgreSQL 17'),
  tables: z.array(tableName).min(1),
  snapshot: z.enum(['initial', 'never']).default('initial'),
  idle_interval_ms: positive.min(100).default(10_000),
  copy_tables: positive.max(64).default(2).describe('tables that are copied at the same time'),
  copy_rows_per_second: positive
    .optional()
    .describe('most rows a second that copies read together; default: no limit'),
  copy_bytes_per_second: positive.optional().describe('the same in bytes of their text'),
});

const mysql = z.strictObject({
  type: z.literal('mysql').describe('MySQL or MariaDB; which of them is asked of the server'),
  url: z.string().describe('mysql://user@host:3306'),
  password: secret,
  tls,
  server_id: positive
    .max(4_294_967_295)
    .optional()
    .describe('what no replica of the server has; default: made of the name of the pipeline'),
  accept_servers: z
    .array(z.string().min(1))
    .default([])
    .describe('server_uuid of servers that may take over after a failover, with GTIDs'),
  tables: z.array(z.string().regex(/^[^.]+\.[^.]+$/, 'must be <database>.<table>')).min(1),
  snapshot: z.enum(['initial', 'never']).default('initial'),
  idle_interval_ms: positive.min(100).default(10_000),
  heartbeat_ms: positive
    .min(100)
    .max(3_600_000)
    .default(10_000)
    .describe('a connection without a sign of life for three of them is given up'),
  zero_dates: z
    .enum(['text', 'null', 'error'])
    .default('text')
    .describe('dates that are in no calendar, such as 0000-00-00'),
  invalid_text: z
    .enum(['error', 'hex'])
    .default('error')
    .describe('bytes that the character set of their column does not have'),
});

const source = z.discriminatedUnion('type', [postgres, mysql]);

/** Where a mask key comes from. */
const keyPlace = {
  file: z.string().optional(),
  env: z.string().optional().describe('name of an environment variable'),
  command: z
    .array(z.string())
    .min(1)
    .optional()
    .describe('program and arguments that print the key, for a KMS or a vault'),
  timeout_ms: positive.default(30_000).describe('for the command'),
};

function onePlace<Shape extends typeof keyPlace>(shape: Shape) {
  return z.strictObject(shape).refine(
    (key) => {
      const { file, env, command } = key as z.infer<z.ZodObject<typeof keyPlace>>;
      return [file, env, command].filter((from) => from !== undefined).length === 1;
    },
    { message: 'needs just one of file, env, command' },
  );
}

function areEarlier(key: {
  readonly epoch: number;
  readonly previous: readonly { readonly epoch: number }[];
}): boolean {
  const epochs = key.previous.map(({ epoch }) => epoch);
  return new Set(epochs).size === epochs.length && epochs.every((epoch) => epoch < key.epoch);
}

export const configSchema = z.strictObject({
  pipeline: identifier,
  source,
  mask: z.strictObject({
    key: onePlace({
      ...keyPlace,
      epoch: positive.default(1),
      previous: z
        .array(onePlace({ ...keyPlace, epoch: positive }))
        .default([])
        .describe(
          'keys of earlier epochs that came of another secret: to turn back and to erase what they masked',
        ),
    }).refine(areEarlier, { message: 'previous: each epoch once, and all below `epoch`' }),
    undecided: z.enum(['halt', 'redact']).default('halt'),
    leak_guard: z
      .strictObject({
        rows: z
          .union([z.enum(['every', 'sample', 'off']), z.strictObject({ one_in: positive })])
          .default('sample')
          .describe('sample: one row image in 100'),
        action: z.enum(['alert', 'redact', 'halt']).default('alert'),
        except: z
          .array(z.string().regex(/^[^.]+\.[^.]+\.[^.]+$/, 'must be <schema>.<table>.<column>'))
          .default([]),
      })
      .prefault({}),
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
  sinks: z.record(identifier, sinkSchema).default({}),
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
export type InnerRuleConfig = z.infer<typeof innerRule>;
export type ColumnRuleConfig = z.infer<typeof columnRule>;
