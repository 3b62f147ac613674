import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { customWorkers } from '../../../src/mask/method/custom-worker.ts';
import type { ColumnRule, Rule } from '../../../src/mask/policy-document.ts';
import { Image, Op } from '../../../src/model/change.ts';
import type { ColumnType } from '../../../src/model/type.ts';
import { type ColumnUnderTest, maskedColumn } from '../../support/mask-column.ts';
import { custom, fpe, keep, method, policy, schema, token } from '../../support/policies.ts';

/** Line by line what may be wrong with a value, for every method: redacted or halted, counted, and never the raw value. */

const TEXT: ColumnType = { kind: 'text', maxLength: null, padded: false };
const INT: ColumnType = { kind: 'int', bits: 32, unsigned: false };
const DECIMAL: ColumnType = { kind: 'decimal', precision: 10, scale: 2 };
const pan: Rule = { method: 'pan', keepFirst: 0, keepLast: 4, minDigits: 13, maxDigits: 19 };
const shift: Rule = { method: 'date_shift', maxDays: 30, by: 'owner', entity: null };

interface Case {
  readonly name: string;
  readonly rule: Rule;
  readonly type?: ColumnType;
  readonly sourceType?: string;
}

const formed: readonly Case[] = [
  { name: 'fpe', rule: fpe },
  { name: 'fpe of an integer', rule: fpe, type: INT },
  { name: 'pan', rule: pan },
  { name: 'phone', rule: { method: 'phone', country: 'US' } },
  { name: 'email', rule: { method: 'email', host: 'keep' } },
  { name: 'iban', rule: { method: 'iban' } },
  { name: 'us_ssn', rule: { method: 'us_ssn' } },
  { name: 'uuid', rule: { method: 'uuid' } },
  { name: 'ip', rule: { method: 'ip' } },
  { name: 'date_shift', rule: shift, type: { kind: 'date' } },
  { name: 'bucket', rule: { method: 'bucket', bounds: ['5'], labels: null }, type: INT },
  { name: 'generalize', rule: { method: 'generalize', to: { kind: 'size', size: '10' } }, type: DECIMAL },
  {
    name: 'generalize a date',
    rule: { method: 'generalize', to: { kind: 'date', unit: 'month', oldestYear: null } },
    type: { kind: 'timestamp', withZone: true },
  },
  { name: 'zip3', rule: { method: 'generalize', to: { kind: 'zip3' } } },
  { name: 'round', rule: { method: 'round', to: '10' }, type: DECIMAL },
  {
    name: 'json',
    rule: { method: 'json', paths: [{ path: '$.a', rule: keep }], otherwise: 'redact' },
    type: { kind: 'json' },
  },
  {
    name: 'array',
    rule: { method: 'token', normalize: [], prefix: '' },
    type: { kind: 'array', element: TEXT },
  },
];
const anything: readonly Case[] = [
  { name: 'token', rule: { method: 'token', normalize: [], prefix: '' } },
  {
    name: 'token of letters',
    rule: { method: 'token', normalize: ['casefold', 'accents', 'trim'], prefix: '', alphabet: 'base32' },
  },
  { name: 'reversible', rule: { method: 'reversible' } },
  { name: 'redact', rule: { method: 'redact', with: 'shape' } },
  { name: 'partial', rule: { method: 'partial', keepFirst: 1, keepLast: 1, fill: '*' } },
  {
    name: 'scan',
    rule: { method: 'scan', classes: null, patterns: [{ name: 'x', pattern: 'x+' }], replace: 'label' },
  },
];
const columnOf = ({ rule, type, sourceType }: Case): ColumnUnderTest =>
  maskedColumn(method(rule), type ?? TEXT, sourceType === undefined ? {} : { sourceType });

const junk: Readonly<Record<string, string>> = {
  'out of the alphabet': 'ÄÖÜ canary ß',
  'a wrong length': '12',
  'one character': 'x',
  nothing: '',
  spaces: '   ',
  'a lone high surrogate': 'a\ud800b',
  'a lone low surrogate': '\udc00',
  'what the decoder makes of invalid UTF-8': 'caf\ufffd canary',
  NUL: 'a\0b',
  NaN: 'NaN',
  infinity: 'infinity',
  '-infinity': '-infinity',
  Infinity: 'Infinity',
  'digits of another script': '１２３４５６７８９０１２３４５６',
  'deep brackets': '['.repeat(10_000),
  'deep braces': '{'.repeat(10_000),
  'a number out of every range': '1e400',
  'a longer one': '9'.repeat(5_000),
  'a price in a text': '12.50 EUR',
  'an impossible date': '2023-02-30',
  'zero date of MySQL': '0000-00-00',
  'something like a prototype': '__proto__',
};

describe('a method with a form, and what has another', () => {
  for (const one of formed) {
    const column = columnOf(one);
    it.each(Object.entries(junk))(`${one.name}: %s is null and counted, or masked`, (_what, value) => {
      const masked = column(value);
      const unfit = column.unfit();
      if (masked === null) expect(unfit).toHaveLength(1);
      else {
        expect(unfit.every(({ count }) => count === 1)).toBe(true);
        expect(String(masked)).not.toContain('canary');
      }
    });
    it(`${one.name}: never throws and never lets a value pass that it does not know`, () => {
      fc.assert(
        fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' })), (value) => {
          const masked = column(`canary-${value}`);
          expect(masked === null || !String(masked).includes('canary')).toBe(true);
          column.unfit();
        }),
      );
    });
  }
  it('halts where the rule says so, and the error does not show the value', () => {
    for (const one of formed) {
      const column = maskedColumn(method({ ...one.rule, onError: 'halt' } as Rule), one.type ?? TEXT);
      let thrown: unknown = null;
      try {
        column('canary \ud800');
      } catch (error) {
        thrown = error;
      }
      expect({ name: one.name, code: (thrown as { code?: string } | null)?.code }).toEqual({
        name: one.name,
        code: 'RS-MASK-010',
      });
      expect(String(thrown) + JSON.stringify(thrown) + (thrown as Error).stack).not.toContain('canary');
    }
  });
});

describe('a method for any text', () => {
  for (const one of anything) {
    const column = columnOf(one);
    it.each(Object.entries(junk))(`${one.name}: %s`, (_what, value) => {
      const masked = column(value);
      expect(masked === null || typeof masked === 'string').toBe(true);
      if (one.name !== 'scan') expect(String(masked)).not.toContain('canary');
    });
  }
  it('a name of one character is not shown by partial', () => {
    const column = columnOf(anything[4]!);
    expect(['李', 'x', 'xy', '😀', ''].map((value) => column(value))).toEqual(['*', '*', '**', '*', '']);
  });
});

describe('twenty megabytes', () => {
  const long = 'word 12, '.repeat(2_300_000);
  it.each([...formed, ...anything].map((one) => [one.name, one] as const))(
    '%s takes or refuses them',
    (_name, one) => {
      const started = process.cpuUsage();
      const masked = columnOf(one)(long);
      expect(masked === null || typeof masked === 'string').toBe(true);
      const { user, system } = process.cpuUsage(started);
      expect((user + system) / 1e6).toBeLessThan(30);
    },
    240_000,
  );
  it('a document, an array, and a function that answers as much', () => {
    const document = `{"a": "${'x'.repeat(20_000_000)}"}`;
    expect(String(columnOf(formed.find(({ name }) => name === 'json')!)(document))).toHaveLength(
      document.length - 1,
    );
    const array = `{${'abcdefg,'.repeat(2_500)}x}`;
    expect(String(columnOf(formed.find(({ name }) => name === 'array')!)(array)).split(',')).toHaveLength(
      2_501,
    );
    // As long as it takes on a busy machine: time is not what is tested.
    const upper = custom('export const mask = (v) => v.toUpperCase()', { timeoutMs: 30_000 });
    const column = maskedColumn(method(upper), TEXT, { host: customWorkers });
    expect(String(column('x'.repeat(20_000_000)))).toBe('X'.repeat(20_000_000));
  }, 180_000);
});

describe('what is special', () => {
  it('numerics in a text column are text; text in a numeric column is foreign', () => {
    expect(maskedColumn(token)('12.50')).toHaveLength(26);
    const column = columnOf({ name: '', rule: { method: 'round', to: '10' }, type: DECIMAL });
    expect(column('12,50')).toBeNull();
    expect(column.unfit()).toEqual([{ column: 'value', reason: 'foreign', count: 1 }]);
  });
  it('NaN and infinity have a reason of their own', () => {
    for (const [rule, type, value] of [
      [{ method: 'round', to: '1' }, { kind: 'float', bits: 64 }, 'NaN'],
      [{ method: 'bucket', bounds: ['1'], labels: null }, { kind: 'float', bits: 64 }, '-Infinity'],
      [
        { method: 'generalize', to: { kind: 'date', unit: 'year', oldestYear: null } },
        { kind: 'date' },
        'infinity',
      ],
      [shift, { kind: 'timestamp', withZone: false }, '-infinity'],
    ] as const) {
      const column = maskedColumn(method(rule as Rule), type as ColumnType);
      expect(column(value)).toBeNull();
      expect(column.unfit()[0]?.reason).toBe('infinite');
    }
  });
  it('numbers of JSON with exponents do not grow, and stay as written where they are kept', () => {
    const column = maskedColumn(
      method({
        method: 'json',
        otherwise: 'redact',
        paths: [
          { path: '$.kept', rule: keep },
          { path: '$.n', rule: method({ method: 'round', to: '1' }) },
        ],
      }),
      { kind: 'json' },
    );
    expect(column('{"kept": 1e400, "n": 1e9999}')).toBe('{"kept":1e400,"n":null}');
    expect(column.unfit()[0]?.reason).toBe('foreign');
    expect(column('{"kept": -0.0, "n": 2e2}')).toBe('{"kept":-0.0,"n":200}');
  });
  it('a document with the same name twice is refused whole, however the name is spelled', () => {
    const column = columnOf(formed.find(({ name }) => name === 'json')!);
    for (const value of ['{"a":1,"a":"canary"}', '{"a":1,"\\u0061":"canary"}', '{"b":{"x":1,"x":2},"a":1}']) {
      expect(column(value)).toBeNull();
      expect(column.unfit()[0]?.reason).toBe('malformed');
    }
  });
  it('arrays are read by their grammar: no element run into another, none missing', () => {
    const column = columnOf(formed.find(({ name }) => name === 'array')!);
    for (const value of [
      '{"a""b"}',
      '{a"b"}',
      '{{a}{b}}',
      '{,}',
      '{a,}',
      '{,a}',
      '{{{{{{{a}}}}}}}',
      '{a}{b}',
      '[1:1]{a}',
      '{a',
      '{}}',
    ])
      expect([value, column(value)]).toEqual([value, null]);
    expect(column('{}')).toBe('{}');
    expect(String(column('{{a,b},{c,NULL}}')).replace(/[\w-]{22}/g, 't')).toBe('{{t,t},{t,NULL}}');
  });
  it.each([
    ['throws', 'export function mask() { throw 1; }', 'function'],
    ['returns a number', 'export const mask = () => 5', 'function'],
    ['returns what is no value of the column', 'export const mask = () => "99999999999"', 'function'],
    ['hangs', 'export function mask() { for (;;); }', 'timeout'],
  ])('a function that %s', (_what, source, reason) => {
    const column = maskedColumn(method(custom(source)), INT, { host: customWorkers });
    expect(column('123456')).toBeNull();
    expect(column.unfit()).toEqual([{ column: 'value', reason, count: 1 }]);
  });
});

describe('a key column', () => {
  const keyed = (rule: Rule, sourceType = 'text') => {
    const base = schema({ id: TEXT });
    const table = { ...base, columns: base.columns.map((column) => ({ ...column, sourceType })) };
    const masker = policy({ id: method(rule) }, {}, undefined, customWorkers).compileMasker(table, 'start');
    return (value: string) =>
      masker.mask({
        table,
        count: 1,
        ops: Uint8Array.of(Op.create),
        images: Uint8Array.of(Image.after),
        cells: [value],
        firstOrdinal: 0,
        bytes: 0,
      }).cells[0];
  };
  const halts = expect.objectContaining({ code: 'RS-MASK-010' });

  it.each([
    ['email', { method: 'email', host: 'keep' }, 'ann@example.com', ['Ann@example.com', ' ann@example.com']],
    [
      'uuid',
      { method: 'uuid' },
      '2f1e4d3c-0000-4000-8000-000000000001',
      ['2F1E4D3C-0000-4000-8000-000000000001', '2f1e4d3c000040008000000000000001'],
    ],
    ['iban', { method: 'iban' }, 'DE89370400440532013000', ['de89370400440532013000']],
    ['ip', { method: 'ip' }, '2001:db8::1', ['2001:DB8::1', '2001:db8:0::1', ' 2001:db8::1']],
  ] as const)(
    '%s: one spelling makes a token, the others stop rather than make two rows one',
    (_name, rule, one, others) => {
      const column = keyed(rule as Rule);
      expect(typeof column(one)).toBe('string');
      for (const other of others) expect(() => column(other)).toThrow(halts);
      const hashing = keyed({ ...rule, foreign: 'hash' } as Rule);
      expect(new Set([one, ...others].map((value) => hashing(value))).size).toBe(1 + others.length);
    },
  );
  it('where the source itself takes the spellings for one, so does the mask', () => {
    const column = keyed({ method: 'email', host: 'keep' }, 'citext');
    expect(column('Ann@example.com')).toBe(column('ann@example.com'));
  });
  it('is not null when a function answers null', () => {
    const column = keyed({
      ...custom('export const mask = (v) => v === "x" ? null : v + "!"'),
      injective: true,
    } as Rule);
    expect(column('a')).toBe('a!');
    expect(() => column('x')).toThrow(halts);
  });
  it('lone surrogates do not meet in the token that stands for them', () => {
    const column = keyed({ method: 'us_ssn', foreign: 'hash' });
    const values = ['\ud800', '\ud801', '"\\ud800"', '\\ud800', '\ufffd'];
    expect(new Set(values.map((value) => column(value))).size).toBe(values.length);
  });
});

describe('a raw value in what is kept', () => {
  it('an e-mail host that is none does not pass', () => {
    const column = maskedColumn(method({ method: 'email', host: 'keep' }));
    for (const value of [
      'x@219-09-9998',
      'x@4111111111111111',
      'x@john.smith/dublin',
      'x@a@b',
      'x@host',
      'x@{canary.com}',
      'x@1.2.3.4',
    ])
      expect([value, column(value)]).toEqual([value, null]);
    for (const host of [
      'example.com',
      'mail.example.co.uk',
      'przykład.pl',
      'xn--przykad-rjb.pl',
      'a-b.xn--p1ai',
    ])
      expect(column(`x@${host}`)).toMatch(new RegExp(`^[0-9a-f]{24}@${host}$`));
  });
  it('handling is a rule of its own in each case', () => {
    const rules: readonly [ColumnRule, string, unknown][] = [
      [method({ ...fpe, short: 'hash', foreign: 'redact' }), '12', expect.stringMatching(/^tok_/)],
      [method({ ...fpe, short: 'hash', foreign: 'redact' }), 'x', null],
      [method({ ...fpe, short: 'redact', foreign: 'hash' }), 'x', expect.stringMatching(/^tok_/)],
      [method({ ...fpe, short: 'redact', foreign: 'hash' }), '12', null],
      [method({ ...fpe, onError: 'redact' }), '12', null],
    ];
    for (const [rule, value, expected] of rules) expect(maskedColumn(rule)(value)).toEqual(expected);
  });
  it('a token that stands in for a short value does not have to fit a narrow column', () => {
    const narrow: ColumnType = { kind: 'text', maxLength: 12, padded: false };
    expect(maskedColumn(method({ ...fpe, short: 'hash' }), narrow).type).toEqual(TEXT);
    expect(maskedColumn(method(fpe), narrow).type).toEqual(narrow);
  });
});
