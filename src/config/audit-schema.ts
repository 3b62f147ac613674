import { z } from 'zod';
import { identifier, positive, tableName } from './schema-parts.ts';

const disclosure = z.enum(['row', 'column']);

/** Where a key that signs comes from. */
const signingKey = z
  .strictObject({
    file: z.string().optional().describe('PKCS#8 PEM, a seed of 32 bytes, or a file that is encrypted'),
    env: z.string().optional().describe('name of an environment variable with the same'),
    command: z
      .array(z.string())
      .min(1)
      .optional()
      .describe('program and arguments: message on stdin, Ed25519 signature on stdout; for a KMS'),
    public_key: z
      .string()
      .optional()
      .describe('of the command: a vkey, 32 bytes in base64, or SubjectPublicKeyInfo (PEM, base64)'),
    passphrase_file: z.string().optional().describe('of an encrypted key'),
    passphrase_env: z.string().optional().describe('name of an environment variable with the passphrase'),
    timeout_ms: positive.max(120_000).default(10_000).describe('for one run of the command'),
  })
  .refine(
    ({ file, env, command }) => [file, env, command].filter((from) => from !== undefined).length === 1,
    {
      message: 'needs just one of file, env, command',
    },
  )
  .refine(({ command, public_key }) => (command === undefined) === (public_key === undefined), {
    message: 'command and public_key go together',
  })
  .refine(
    ({ command, passphrase_file, passphrase_env }) =>
      [command, passphrase_file, passphrase_env].filter((from) => from !== undefined).length <= 1,
    { message: 'passphrase_file or passphrase_env, and neither with command' },
  );

const webAddress = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' });

const anchor = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('directory'),
    dir: z.string().describe('a directory outside the reach of whoever can write the audit directory'),
  }),
  z.strictObject({
    type: z.literal('http'),
    url: webAddress.describe('heads are sent there by POST, as text/plain'),
    token: z.string().optional().describe('sent as a bearer token; use ${env:NAME} or ${file:/path}'),
  }),
  z
    .strictObject({
      type: z.literal('s3'),
      bucket: z.string().regex(/^[a-z0-9.-]{3,63}$/, 'must be the name of a bucket'),
      prefix: z
        .string()
        .regex(/^([^/]+(\/[^/]+)*)?$/, 'must have no slash at either end')
        .default(''),
      region: z.string().default('us-east-1'),
      endpoint: webAddress.optional().describe('default: that of Amazon S3'),
      access_key_id: z.string().optional().describe('default: environment, profile or role of the machine'),
      secret_access_key: z.string().optional().describe('use ${env:NAME} or ${file:/path}'),
    })
    .refine((s3) => (s3.access_key_id === undefined) === (s3.secret_access_key === undefined), {
      message: 'access_key_id and secret_access_key go together',
    }),
]);

export const auditSchema = z
  .strictObject({
    dir: z.string(),
    key: signingKey,
    next_key: signingKey.optional().describe('the key that `rowseal audit rotate-key` adds'),
    origin: z
      .string()
      .regex(/^[^\s+]+$/, 'must have no spaces and no +')
      .optional()
      .describe('default: rowseal/<pipeline>'),
    group_max_bytes: positive.default(1_048_576),
    group_max_ms: positive.default(50),
    segment_max_bytes: positive.min(65_536).default(67_108_864),
    min_free_bytes: z
      .int()
      .min(0)
      .default(268_435_456)
      .describe('below so much free space on the volume nothing is sealed, until there is room again'),
    compress: z
      .enum(['zstd', 'none'])
      .default('zstd')
      .describe('segments that are full; offsets and hashes stay what they were'),
    retention: z
      .strictObject({
        row_images_days: positive
          .optional()
          .describe('row images go when their group was sealed so long ago; records stay; default: kept'),
        tables: z
          .record(tableName, z.union([positive, z.literal('keep')]))
          .default({})
          .describe('days for single tables, or keep'),
      })
      .prefault({}),
    disclosure: z
      .union([disclosure, z.record(tableName, disclosure)])
      .default('row')
      .describe(
        'column: single columns of a sealed row can be proven without showing the others; by table, or for all',
      ),
    witnesses: z
      .array(
        z.strictObject({
          url: webAddress.describe('submission prefix (C2SP tlog-witness)'),
          vkey: z.string().describe('key for cosignatures, type 0x04'),
        }),
      )
      .max(32)
      .default([]),
    witness_quorum: z
      .int()
      .min(0)
      .optional()
      .describe('how many must have cosigned a head; default: more than half of the witnesses'),
    witness_interval_ms: positive.min(100).default(10_000).describe('from one head to the next'),
    witness_timeout_ms: positive.max(60_000).default(5_000).describe('for the answer of one witness'),
    witness_late_ms: positive
      .default(300_000)
      .describe('without a head that the quorum cosigned for so long, the pipeline is not ready'),
    anchors: z.record(identifier, anchor).default({}),
    anchor_interval_ms: positive.min(100).default(600_000).describe('from one head to the next'),
    anchor_timeout_ms: positive.max(120_000).default(30_000),
  })
  .refine(({ witnesses, witness_quorum }) => (witness_quorum ?? 0) <= witnesses.length, {
    message: 'there are fewer witnesses',
    path: ['witness_quorum'],
  });

export type AuditDocument = z.infer<typeof auditSchema>;
export type SigningKeyDocument = z.infer<typeof signingKey>;
export type AnchorDocument = z.infer<typeof anchor>;
