import { z } from 'zod';
import { identifier, positive } from './schema-parts.ts';

/** Rules of columns, as the configuration and the fixtures of policies write them. */

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

export const method = z.discriminatedUnion('method', [
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

export const columnRule = z.union([shorthand, domainReference, method]);

export type MethodConfig = z.infer<typeof method>;
export type InnerRuleConfig = z.infer<typeof innerRule>;
export type ColumnRuleConfig = z.infer<typeof columnRule>;
