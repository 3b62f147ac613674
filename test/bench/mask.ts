import { aessiv } from '@noble/ciphers/aes.js';
import { FF1 } from '@noble/ciphers/ff1.js';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { generateMaskKeyFile, MaskKeys } from '../../src/mask/keys.ts';
import type { TableMasker } from '../../src/mask/masker.ts';
import { customWorkers } from '../../src/mask/method/custom-worker.ts';
import { CompiledPolicy } from '../../src/mask/policy.ts';
import type { ColumnRule, LeakGuardDocument, Rule } from '../../src/mask/policy-document.ts';
import { Image, Op, type RowRun } from '../../src/model/change.ts';
import type { Column, TableSchema } from '../../src/model/table.ts';
import type { ColumnType } from '../../src/model/type.ts';
import { custom, fpe } from '../support/policies.ts';

/**
 * Cost of the mask, one core: CPU time of this process (not the clock: the machine may be shared), least of several
 * rounds. Each figure is what a column adds to a run of rows, the loop and the row image included.
 */

export interface MethodCost {
  readonly method: string;
  readonly microseconds: number;
  /** What the issue allows, where it does. */
  readonly limit: number | null;
  /** The library that a fast path of ours stands in for. */
  readonly library: number | null;
}

export interface GuardCost {
  /** µs a row of four kept texts and three masked columns, guard at `every`, by what the texts hold. */
  readonly texts: string;
  readonly microseconds: number;
}

const TEXT: ColumnType = { kind: 'text', maxLength: null, padded: false };
const INT: ColumnType = { kind: 'int', bits: 64, unsigned: false };
const KEYS = MaskKeys.parse(generateMaskKeyFile(), 1);
const ROWS = 2_000;

interface Case {
  readonly name: string;
  readonly rule: Rule;
  readonly value: (i: number) => string;
  readonly type?: ColumnType;
  readonly sourceType?: string;
  readonly limit?: number;
  readonly library?: (value: string) => unknown;
}

const digits = (i: number, width: number): string =>
  String(((i + 1) * 7_919_317_351) % 10 ** Math.min(width, 15)).padStart(width, '4');
const email = (i: number): string => `person.number${i}@example${i % 50}.com`;
const note = (i: number): string =>
  `Customer asked about delivery of order ${i}, wants a call back tomorrow morning; gate code is unknown.`;

const noble = {
  ff1: (value: string) => FF1(10, KEY_BYTES, TWEAK).encrypt(Array.from(value, Number)),
  siv: (value: string) => aessiv(SIV_KEY, TWEAK).encrypt(Buffer.from(value)),
};
const KEY_BYTES = new Uint8Array(32).fill(7);
const SIV_KEY = new Uint8Array(64).fill(7);
const TWEAK = new Uint8Array(8);

const cases: readonly Case[] = [
  { name: 'keep', rule: { method: 'keep' }, value: email },
  { name: 'drop', rule: { method: 'drop' }, value: email },
  { name: 'redact', rule: { method: 'redact', with: 'null' }, value: email },
  { name: 'partial', rule: { method: 'partial', keepFirst: 1, keepLast: 2, fill: '*' }, value: email },
  {
    name: 'token',
    rule: { method: 'token', normalize: [], prefix: 'tok_' },
    value: email,
    limit: 1,
  },
  {
    name: 'token, trim and lower',
    rule: { method: 'token', normalize: ['trim', 'lower'], prefix: 'tok_' },
    value: email,
  },
  {
    name: 'token, alphanumeric',
    rule: { method: 'token', normalize: [], prefix: 'tok_', alphabet: 'alphanumeric' },
    value: email,
  },
  { name: 'reversible', rule: { method: 'reversible' }, value: email, limit: 10, library: noble.siv },
  {
    name: 'fpe, 16 digits',
    rule: fpe,
    value: (i) => digits(i, 16),
    limit: 8,
    library: noble.ff1,
  },
  { name: 'fpe, 64-bit integer', rule: fpe, value: (i) => digits(i, 12), type: INT },
  {
    name: 'fpe, 20 letters and digits',
    rule: { ...fpe, alphabet: 'lower_alphanumeric' },
    value: (i) => `abcdefgh${digits(i, 12)}`,
  },
  {
    name: 'pan',
    rule: { method: 'pan', keepFirst: 0, keepLast: 4, minDigits: 13, maxDigits: 19 },
    value: (i) => digits(i, 16),
    limit: 8,
  },
  {
    name: 'phone, with a plus',
    rule: { method: 'phone', country: null },
    value: (i) => `+4930${digits(i, 8)}`,
  },
  {
    name: 'phone, national',
    rule: { method: 'phone', country: 'US' },
    value: (i) => `(202) 555-${digits(i, 4)}`,
  },
  { name: 'email', rule: { method: 'email', host: 'token' }, value: email, limit: 2 },
  {
    name: 'iban',
    rule: { method: 'iban' },
    value: () => 'DE89370400440532013000',
  },
  {
    name: 'us_ssn',
    rule: { method: 'us_ssn' },
    value: (i) => `123-45-${String(1 + (i % 9999)).padStart(4, '0')}`,
  },
  {
    name: 'uuid',
    rule: { method: 'uuid' },
    value: (i) => `2f1e4d3c-0000-4000-8000-${String(i).padStart(12, '0')}`,
    type: { kind: 'uuid' },
  },
  {
    name: 'ip, version 4',
    rule: { method: 'ip' },
    value: (i) => `192.0.${i % 256}.${(i * 7) % 256}`,
    type: { kind: 'other' },
    sourceType: 'inet',
  },
  {
    name: 'ip, version 6',
    rule: { method: 'ip' },
    value: (i) => `2001:db8::${(i % 65_535).toString(16)}`,
    type: { kind: 'other' },
    sourceType: 'inet',
  },
  {
    name: 'date_shift',
    rule: { method: 'date_shift', maxDays: 30, by: 'id', entity: null },
    value: (i) => `19${10 + (i % 90)}-06-15`,
    type: { kind: 'date' },
  },
  {
    name: 'bucket',
    rule: { method: 'bucket', bounds: ['18', '30', '45', '65'], labels: null },
    value: (i) => String(i % 100),
    type: INT,
  },
  {
    name: 'generalize, size',
    rule: { method: 'generalize', to: { kind: 'size', size: '10' } },
    value: (i) => String(i % 100),
    type: INT,
  },
  {
    name: 'generalize, month',
    rule: { method: 'generalize', to: { kind: 'date', unit: 'month', oldestYear: null } },
    value: (i) => `19${10 + (i % 90)}-06-15`,
    type: { kind: 'date' },
  },
  {
    name: 'round',
    rule: { method: 'round', to: '100' },
    value: (i) => `${i}.25`,
    type: { kind: 'decimal', precision: 12, scale: 2 },
  },
  {
    name: 'json, 5 members, 2 kept, 1 token',
    rule: {
      method: 'json',
      otherwise: 'redact',
      paths: [
        { path: '$.id', rule: { kind: 'method', method: { method: 'keep' } } },
        { path: '$.plan', rule: { kind: 'method', method: { method: 'keep' } } },
        {
          path: '$.email',
          rule: { kind: 'method', method: { method: 'token', normalize: [], prefix: 'tok_' } },
        },
      ],
    },
    value: (i) =>
      `{"id": ${i}, "plan": "gold", "email": "${email(i)}", "ssn": "123-45-6789", "tags": ["a", "b"]}`,
    type: { kind: 'json' },
  },
  {
    name: 'scan, 100 characters',
    rule: { method: 'scan', classes: null, patterns: [], replace: 'label' },
    value: note,
  },
  {
    name: 'custom, in runs of 2,000',
    rule: custom('export const mask = (value) => value.slice(0, 2) + "…"', {
      returns: 'text',
      timeoutMs: 1000,
    }),
    value: email,
  },
];

function tableOf(types: readonly (readonly [string, ColumnType, string])[]): TableSchema {
  const columns = types.map(
    ([name, type, sourceType], i): Column => ({ name, type, sourceType, id: String(i + 1) }),
  );
  return { namespace: 'public', name: 'bench', columns, key: [0] };
}

function masker(
  table: TableSchema,
  rules: Readonly<Record<string, Rule>>,
  leakGuard: LeakGuardDocument = { oneIn: null, action: 'alert', except: new Set() },
): TableMasker {
  const columns = Object.entries(rules).map(([name, rule]): [string, ColumnRule] => [
    name,
    { kind: 'method', method: rule },
  ]);
  const compiled = new CompiledPolicy(
    {
      undecided: 'halt',
      keyEpoch: 1,
      domains: new Map(),
      tables: new Map([['public.bench', new Map(columns)]]),
      leakGuard,
    },
    KEYS,
    customWorkers,
  );
  compiled.check([table]);
  return compiled.compileMasker(table, 'start');
}

function runOf(table: TableSchema, cells: readonly string[]): RowRun {
  return {
    table,
    count: ROWS,
    ops: new Uint8Array(ROWS).fill(Op.read),
    images: new Uint8Array(ROWS).fill(Image.after),
    cells,
    firstOrdinal: 0,
    bytes: 0,
  };
}

/** µs of CPU time a call, least of the rounds. */
function cost(rounds: number, calls: number, body: () => unknown): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 3; i++) body();
  for (let round = 0; round < rounds; round++) {
    const started = process.cpuUsage();
    body();
    const { user, system } = process.cpuUsage(started);
    least = Math.min(least, (user + system) / calls);
  }
  return least;
}

export function methodCosts(rounds: number): readonly MethodCost[] {
  const base = tableOf([['id', INT, 'int8']]);
  const ids = Array.from({ length: ROWS }, (_, i) => String(i));
  const idle = masker(base, { id: { method: 'keep' } });
  const alone = cost(rounds, ROWS, () => idle.mask(runOf(base, ids)));
  return cases.map(({ name, rule, value, type, sourceType, limit, library }) => {
    const table = tableOf([
      ['id', INT, 'int8'],
      ['value', type ?? TEXT, sourceType ?? 'text'],
    ]);
    const tested = masker(table, { id: { method: 'keep' }, value: rule });
    const values = Array.from({ length: ROWS }, (_, i) => value(i));
    const run = runOf(
      table,
      values.flatMap((text, i) => [String(i), text]),
    );
    const together = cost(rounds, ROWS, () => tested.mask(run));
    if (tested.takeUnfit().length > 0) throw new Error(`${name}: values that do not fit`);
    return {
      method: name,
      microseconds: Math.max(0, together - alone),
      limit: limit ?? null,
      library:
        library === undefined
          ? null
          : cost(Math.min(rounds, 5), ROWS, () => values.forEach((text) => void library(text))),
    };
  });
}

const WORDS =
  'the order was late again so please send another one to our warehouse before next week because customers wait and nobody has told them why it takes so long this time'.split(
    ' ',
  );

function words(seed: number, characters: number): string {
  let text = '';
  for (let i = seed; text.length < characters; i = (i * 31 + 7) % 9973) text += `${WORDS[i % WORDS.length]} `;
  return text.slice(0, characters);
}

/** Four kept texts of 20 to 200 characters. */
const textSets: Readonly<Record<string, (i: number) => readonly [string, string, string, string]>> = {
  'lower-case words': (i) => [words(i, 20), words(i + 1, 60), words(i + 2, 120), words(i + 3, 200)],
  'sentences, some digits': (i) => [
    `Order ${i}-B, paid`,
    `Delivered to the Dublin depot on 2024-11-${10 + (i % 20)}, ${i % 90} boxes`,
    `Ticket #${100_000 + i}: ${words(i, 80)}. Version 2.10.${i % 9} Build 7.`,
    `Called at ${i % 24}:30; ${words(i, 100)}. Invoice INV-2024-${i} of EUR 1,299.00 is open. ${words(i + 5, 40)}`,
  ],
  'codes, many digits': (i) => [
    `SKU-${i}-XL-000${i % 10}`,
    `${'0123456789abcdef'.repeat(2)}-${i}`,
    `https://shop.example.com/o/${100_000_000 + i}?ref=mail&utm=2024-11-25T10:00:00Z&x=${i}`,
    `batch 20241125.${i} lot 7781234567 qty 12 x 4.50; EAN 4006381333931; ${words(i, 110)}`,
  ],
};

export function guardCosts(rounds: number): readonly GuardCost[] {
  const names = ['a', 'b', 'c', 'd'];
  const table = tableOf([
    ['id', INT, 'int8'],
    ['full_name', TEXT, 'text'],
    ['email', TEXT, 'text'],
    ['phone', TEXT, 'text'],
    ...names.map((name) => [name, TEXT, 'text'] as const),
  ]);
  const token: Rule = { method: 'token', normalize: [], prefix: 'tok_' };
  const rules: Record<string, Rule> = {
    id: { method: 'keep' },
    full_name: token,
    email: token,
    phone: token,
  };
  for (const name of names) rules[name] = { method: 'keep' };
  const without = masker(table, rules);
  const every = masker(table, rules, { oneIn: 1, action: 'alert', except: new Set() });
  return Object.entries(textSets).map(([texts, make]) => {
    const run = runOf(
      table,
      Array.from({ length: ROWS }, (_, i) => [
        String(i),
        `Person Number ${i}`,
        email(i),
        `+1-202-555-${String(i % 10_000).padStart(4, '0')}`,
        ...make(i),
      ]).flat(),
    );
    // In turns, and many, so that other work on the machine strikes both alike.
    let [bare, guarded] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    for (let i = 0; i < rounds; i++) {
      bare = Math.min(
        bare,
        cost(3, ROWS, () => without.mask(run)),
      );
      guarded = Math.min(
        guarded,
        cost(3, ROWS, () => every.mask(run)),
      );
    }
    if (every.takeLeaks().length > 0) throw new Error(`${texts}: a leak is met where there is none`);
    return { texts, microseconds: guarded - bare };
  });
}

if (import.meta.main) {
  const options = await yargs(hideBin(process.argv))
    .scriptName('node test/bench/mask.ts')
    .option('rounds', { type: 'number', default: 15, describe: 'Rounds; the least of them is printed' })
    .option('json', { type: 'boolean', default: false })
    .strict()
    .parseAsync();
  const methods = methodCosts(options.rounds);
  const guard = guardCosts(options.rounds);
  if (options.json) process.stdout.write(`${JSON.stringify({ methods, guard })}\n`);
  else {
    const shown = (value: number): string => value.toFixed(2).padStart(7);
    for (const { method, microseconds, limit, library } of methods) {
      const beside = [
        ...(limit === null ? [] : [`at most ${limit}`]),
        ...(library === null ? [] : [`the library alone: ${library.toFixed(1)}`]),
      ];
      process.stdout.write(
        `${method.padEnd(34)}${shown(microseconds)} µs${beside.length === 0 ? '' : `  (${beside.join('; ')})`}\n`,
      );
    }
    for (const { texts, microseconds } of guard)
      process.stdout.write(`leak guard, 4 ${texts.padEnd(26)}${shown(microseconds)} µs a row\n`);
  }
  process.exit(0);
}
