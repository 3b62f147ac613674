import { z } from 'zod';
import { auditSchema } from './audit-schema.ts';
import { httpSchema } from './http-schema.ts';
import { columnRule, method } from './rule-schema.ts';
import { capturedTable, identifier, positive, postgresTls, tableName, tls } from './schema-parts.ts';
import { sinkSchema } from './sink-schema.ts';
import { telemetrySchema } from './telemetry-schema.ts';

/**
 * The configuration file. Objects are strict: an unknown option is an error. Names carry their unit (`_ms`, `_bytes`).
 * `schema/rowseal.schema.json` is generated from here (`npm run docs`).
 */

const secret = z.string().optional().describe('use ${env:NAME} or ${file:/path}');

const messages = z
  .array(
    z.strictObject({
      prefix: z
        .string()
        .min(1)
        .refine((prefix) => !prefix.startsWith('rowseal.'), 'is the prefix of our own messages')
        .describe('messages whose prefix begins so; the longest one decides'),
      log: identifier.describe('their log, and their table in the sinks, is logical_message.<log>'),
    }),
  )
  .default([])
  .refine(
    (logs) => new Set(logs.map(({ prefix }) => prefix)).size === logs.length,
    'each prefix has one log',
  );

const postgres = z.strictObject({
  type: z.literal('postgres'),
  url: z
    .string()
    .describe('postgres://user@host:5432/database; several hosts and parameters as libpq reads them'),
  password: secret,
  tls: postgresTls,
  slot: identifier.optional().describe('default: rowseal_<pipeline>'),
  publication: identifier.optional().describe('default: rowseal_<pipeline>'),
  failover_slot: z
    .boolean()
    .default(false)
    .describe('standbys keep a copy of the slot, so that the stream goes on after a failover; PostgreSQL 17'),
  tables: z.array(capturedTable).min(1),
  messages: messages.describe('logical messages (pg_logical_emit_message) that become records'),
  origin: z
    .enum(['any', 'none'])
    .default('any')
    .describe('none: changes that came to this server by replication are left out; PostgreSQL 16'),
  streaming: z
    .boolean()
    .default(true)
    .describe('large transactions are read before their end, and kept encrypted on the disk until then'),
  snapshot: z.enum(['initial', 'never']).default('initial'),
  idle_interval_ms: positive.min(100).default(10_000),
  receive_timeout_ms: positive
    .min(1_000)
    .max(3_600_000)
    .default(120_000)
    .describe('a server that says nothing for so long, though it was asked, is given up'),
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
  tables: z.array(capturedTable.regex(/^[^.]+\.[^.]+$/, 'must be <database>.<table>')).min(1),
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
  max_unpacked_bytes: positive
    .max(1 << 30)
    .default(1 << 28)
    .describe('of a compressed transaction, event or column; twice as much memory for a moment'),
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
  audit: auditSchema,
  sinks: z.record(identifier, sinkSchema).default({}),
  http: httpSchema,
  telemetry: telemetrySchema,
  log: z
    .strictObject({
      level: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
      format: z.enum(['auto', 'json', 'pretty']).default('auto'),
    })
    .prefault({}),
  memory: z
    .strictObject({
      queue_bytes: positive
        .min(262_144)
        .default(6_291_456)
        .describe(
          'sealed groups in memory for all sinks together, batches in hand among them; the log has the rest',
        ),
    })
    .prefault({}),
});

export type ConfigDocument = z.infer<typeof configSchema>;
