import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { civilOf, daysOf, formatDate, parseDate } from '../../../../src/mask/method/calendar.ts';
import { customWorkers } from '../../../../src/mask/method/custom-worker.ts';
import type { ColumnRule, Rule } from '../../../../src/mask/policy-document.ts';
import { UNCHANGED } from '../../../../src/model/cell.ts';
import { Image, Op } from '../../../../src/model/change.ts';
import type { ColumnType } from '../../../../src/model/type.ts';
import { maskedColumn } from '../../../support/mask-column.ts';
import {
  custom,
  domain,
  fpe,
  keep,
  method,
  policy,
  redact,
  schema,
  token,
} from '../../../support/policies.ts';

const int = (bits: 16 | 32 | 64 = 32): ColumnType => ({ kind: 'int', bits, unsigned: false });
const DATE: ColumnType = { kind: 'date' };
const STAMP: ColumnType = { kind: 'timestamp', withZone: true };
const DECIMAL: ColumnType = { kind: 'decimal', precision: 10, scale: 2 };
const JSONB: ColumnType = { kind: 'json' };
const TEXT: ColumnType = { kind: 'text', maxLength: null, padded: false };

describe('token', () => {
  it.each([
    ['base64url', 30, /^x_[\w-]{30}$/],
    ['hex', 32, /^x_[0-9a-f]{32}$/],
    ['base32', 26, /^x_[a-z2-7]{26}$/],
    ['alphanumeric', 22, /^x_[0-9A-Za-z]{22}$/],
    ['digits', 20, /^x_\d{20}$/],
  ] as const)('in %s of %i characters', (alphabet, length, form) => {
    const column = maskedColumn(method({ method: 'token', normalize: [], prefix: 'x_', alphabet, length }));
    expect(column('a')).toMatch(form);
    expect(column('a')).not.toBe(column('b'));
  });

  it('refuses too few bits, and fewer than 64 for a key', () => {
    const short = (length: number): Rule => ({
      method: 'token',
      normalize: [],
      prefix: '',
      alphabet: 'hex',
      length,
    });
    expect(() => maskedColumn(method(short(7)))).toThrow(/carry 28 bits; 32 is the least/);
    expect(() => policy({ id: method(short(10)) }).check([schema({ id: null })])).toThrow(
      /a key column needs 64/,
    );
  });

  it.each([
    ['casefold', 'Straße', 'STRASSE'],
    ['accents', 'José', 'Jose'],
    ['unpad', 'ab  ', 'ab'],
    ['nfc', 'e\u0301', '\u00e9'],
    ['digits', '+1 (202)', '1202'],
    ['trim', ' a ', 'a'],
  ] as const)('%s makes one of %j and %j', (normalizer, a, b) => {
    const column = maskedColumn(method({ method: 'token', normalize: [normalizer], prefix: '' }));
    expect(column(a)).toBe(column(b));
    const plain = maskedColumn(token);
    expect(plain(a)).not.toBe(plain(b));
  });

  it('takes CHAR(n) and VARCHAR alike', () => {
    const column = (type: ColumnType) =>
      maskedColumn(domain('d'), type, {
        document: { domains: new Map([['d', { method: 'token', normalize: [], prefix: '' }]]) },
      });
    expect(column({ kind: 'text', maxLength: 5, padded: true })('ab   ')).toBe(column(TEXT)('ab'));
  });

  it('does not merge lone surrogates', () => {
    const column = maskedColumn(token);
    expect(column('\ud800')).toBeNull();
    expect(column.unfit()).toEqual([{ column: 'value', reason: 'malformed', count: 1 }]);
  });
});

describe('calendar', () => {
  it('agrees with Date for every day it knows', () => {
    fc.assert(
      fc.property(fc.integer({ min: -2_000_000, max: 2_900_000 }), (days) => {
        const date = new Date(days * 86_400_000);
        expect(civilOf(days)).toEqual({
          year: date.getUTCFullYear(),
          month: date.getUTCMonth() + 1,
          day: date.getUTCDate(),
        });
        expect(daysOf(date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate())).toBe(days);
        expect(parseDate(formatDate(days, ''))?.days).toBe(days);
      }),
    );
  });
  it('knows years BC and leap days', () => {
    expect(parseDate('0001-12-31 BC')?.days).toBe(daysOf(0, 12, 31));
    expect(formatDate(daysOf(0, 12, 31) + 1, '')).toBe('0001-01-01');
    expect(parseDate('2023-02-29')).toBeNull();
    expect(parseDate('2024-02-29')).not.toBeNull();
  });
});

describe('date_shift', () => {
  const rule = (more: object = {}): ColumnRule =>
    method({ method: 'date_shift', maxDays: 30, by: 'owner', entity: null, ...more });
  const table = schema({ id: int(64), owner: int(64), born: DATE, seen: STAMP, name: null });
  const masker = (rules: Record<string, ColumnRule>) =>
    policy({ id: keep, owner: keep, name: redact, ...rules }).compileMasker(table, 'start');
  const row = (cells: (string | null | typeof UNCHANGED)[]) => ({
    table,
    count: 1,
    ops: Uint8Array.of(Op.create),
    images: Uint8Array.of(Image.after),
    cells,
    firstOrdinal: 0,
    bytes: 0,
  });

  it('moves all dates of an entity alike, never by nothing, times of day untouched', () => {
    const both = masker({ born: rule(), seen: rule() });
    for (let owner = 0; owner < 50; owner++) {
      const cells = both.mask(
        row(['1', String(owner), '1980-06-15', '2024-03-01 12:34:56.789+00', null]),
      ).cells;
      const shift = parseDate(String(cells[2]))!.days - parseDate('1980-06-15')!.days;
      expect(Math.abs(shift)).toBeGreaterThanOrEqual(1);
      expect(Math.abs(shift)).toBeLessThanOrEqual(30);
      expect(parseDate(String(cells[3]))!.days - parseDate('2024-03-01')!.days).toBe(shift);
      expect(String(cells[3])).toMatch(/ 12:34:56\.789\+00$/);
    }
  });

  it('redacts where the entity is null or was not sent, and infinity', () => {
    const one = masker({ born: rule(), seen: redact });
    expect(one.mask(row(['1', null, '1980-06-15', null, null])).cells[2]).toBeNull();
    expect(one.mask(row(['1', UNCHANGED, '1980-06-15', null, null])).cells[2]).toBeNull();
    expect(one.mask(row(['1', '2', 'infinity', null, null])).cells[2]).toBeNull();
    expect(one.takeUnfit()).toEqual([
      { column: 'born', reason: 'entity', count: 2 },
      { column: 'born', reason: 'infinite', count: 1 },
    ]);
  });

  it('refuses an entity that a source may leave out, and one that is not there', () => {
    expect(() => masker({ born: rule({ by: 'name' }), seen: redact })).toThrow(
      /neither part of the row key nor of a short type/,
    );
    expect(() => masker({ born: rule({ by: 'ownr' }), seen: redact })).toThrow(
      /similar name exists: `owner`/,
    );
  });
});

describe('coarser values', () => {
  it.each([
    ['10', int(), '127', '130'],
    ['10', int(), '-125', '-130'],
    ['0.5', DECIMAL, '12.30', '12.50'],
    ['1000', { kind: 'float', bits: 64 } as ColumnType, '1.2345e+06', '1235000'],
  ] as const)('round to %s', (to, type, value, expected) => {
    expect(maskedColumn(method({ method: 'round', to }), type)(value)).toBe(expected);
  });
  it('redacts a rounded value that the type does not hold, NaN and infinity', () => {
    const column = maskedColumn(method({ method: 'round', to: '1000' }), int(16));
    expect(column('32767')).toBeNull();
    expect(column.unfit()[0]?.reason).toBe('range');
    const float = maskedColumn(method({ method: 'round', to: '1' }), { kind: 'float', bits: 64 });
    expect([float('NaN'), float('Infinity')]).toEqual([null, null]);
  });
  it('buckets', () => {
    const column = maskedColumn(method({ method: 'bucket', bounds: ['18', '65'], labels: null }), int());
    expect(['17', '18', '64', '65'].map((age) => column(age))).toEqual(['<18', '[18,65)', '[18,65)', '>=65']);
    const named = maskedColumn(
      method({ method: 'bucket', bounds: ['18'], labels: ['minor', 'adult'] }),
      int(),
    );
    expect(named('3')).toBe('minor');
    expect(() => maskedColumn(method({ method: 'bucket', bounds: ['5', '5'], labels: null }), int())).toThrow(
      /do not ascend/,
    );
  });
  it.each([
    [{ kind: 'size', size: '10' }, int(), '27', '[20,30)'],
    [{ kind: 'size', size: '10' }, int(), '-1', '[-10,0)'],
    [{ kind: 'size', size: '0.5' }, DECIMAL, '1.74', '[1.5,2.0)'],
    [{ kind: 'date', unit: 'month', oldestYear: null }, DATE, '1980-06-15', '1980-06-01'],
    [{ kind: 'date', unit: 'week', oldestYear: null }, DATE, '2024-03-03', '2024-02-26'],
    [{ kind: 'date', unit: 'quarter', oldestYear: null }, DATE, '2024-12-31', '2024-10-01'],
    [{ kind: 'date', unit: 'decade', oldestYear: null }, DATE, '1987-01-02', '1980-01-01'],
    [
      { kind: 'date', unit: 'hour', oldestYear: null },
      STAMP,
      '2024-03-01 12:34:56.7+00',
      '2024-03-01 12:00:00+00',
    ],
    [{ kind: 'date', unit: 'year', oldestYear: 1935 }, DATE, '1901-06-15', '1935-01-01'],
    [{ kind: 'zip3' }, TEXT, '94107-1234', '941'],
    [{ kind: 'zip3' }, TEXT, '03601', '000'],
  ] as const)('generalize %j: %s', (to, type, value, expected) => {
    expect(maskedColumn(method({ method: 'generalize', to }), type as ColumnType)(value)).toBe(expected);
  });
});

describe('arrays', () => {
  const list: ColumnType = { kind: 'array', element: TEXT };
  const column = maskedColumn(token, list);
  it('are masked element by element, nulls and shape kept, equal to the column of single values', () => {
    const one = maskedColumn(token);
    const single = (value: string): string => String(one(value));
    expect(column.type).toEqual(list);
    expect(column('{a,NULL,"b \\"c\\"",{"NULL",""}}')).toBe(
      `{${single('a')},NULL,${single('b "c"')},{${single('NULL')},${single('')}}}`,
    );
    expect(column('[0:1]={a,b}')).toBe(`[0:1]={${single('a')},${single('b')}}`);
    expect(column('{}')).toBe('{}');
  });
  it.each(['{a', 'a}', '{a}}', '{"a}', '', '{a}x', '{a"b"}'])('redacts the malformed %j', (value) => {
    expect(column(value)).toBeNull();
  });
  it('never throws and never lets an element through', () => {
    fc.assert(fc.property(fc.string(), (value) => void column(value)));
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^canary[{}",\\ a]*$/), { minLength: 1 }), (values) => {
        const array = `{${values.map((value) => `"${value.replace(/["\\]/g, '\\$&')}"`).join(',')}}`;
        expect(String(column(array))).not.toContain('canary');
      }),
    );
  });
});

describe('json', () => {
  const json = (paths: Record<string, ColumnRule>, otherwise: 'redact' | 'drop' = 'redact'): Rule => ({
    method: 'json',
    paths: Object.entries(paths).map(([path, rule]) => ({ path, rule })),
    otherwise,
  });
  const column = maskedColumn(
    method(
      json({
        '$.id': keep,
        '$.email': token,
        '$.tags[*]': keep,
        '$.deep.x': keep,
        '$.contacts[*].email': token,
        '$.n': method({ method: 'round', to: '10' }),
        '$.any.*': keep,
      }),
    ),
    JSONB,
  );

  it('denies what no path names, names included', () => {
    expect(
      column(
        '{"id": 1.50, "ssn": "canary", "deep": {"x": 1, "y": "canary"}, "canary@example.com": {"a": 1}}',
      ),
    ).toBe('{"id":1.50,"deep":{"x":1}}');
    expect(column('"canary"')).toBe('null');
    expect(column('[1,2]')).toBe('null');
  });
  it('masks scalars by method, keeps numbers as written, and reaches into arrays and wildcards', () => {
    const masked = JSON.parse(
      String(
        column(
          '{"email":"a@example.com","contacts":[{"email":"a@example.com","x":1},{}],"n":12345678901234567,"any":{"p":[1],"q":null}}',
        ),
      ),
    );
    expect(masked.email).toMatch(/^tok_/);
    expect(masked.contacts[0].email).toMatch(/^tok_/);
    expect(masked.contacts[1]).toEqual({});
    expect(String(column('{"n":12345678901234567}'))).toBe('{"n":12345678901234570}');
    expect(masked.any).toEqual({ p: [1], q: null });
  });
  it('elements without a rule become null, or are left out', () => {
    const inner = { '$.list[*].keep': keep };
    expect(maskedColumn(method(json(inner)), JSONB)('{"list":[1,{"keep":2}]}')).toBe(
      '{"list":[null,{"keep":2}]}',
    );
    expect(maskedColumn(method(json(inner, 'drop')), JSONB)('{"list":[1,{"keep":2}]}')).toBe(
      '{"list":[{"keep":2}]}',
    );
  });
  it.each([
    ['{"a":1,"a":2}', 'malformed'],
    ['{"a":1,"\\u0061":2}', 'malformed'],
    ['{"id":1', 'malformed'],
    ['{"id":01}', 'malformed'],
    ['{"id":1}x', 'malformed'],
    ['', 'malformed'],
    ['{"id":"a\u0001"}', 'malformed'],
    [`${'['.repeat(5000)}${']'.repeat(5000)}`, 'deep'],
    [`{"id":${'[{"a":'.repeat(300)}1${'}]'.repeat(300)}}`, 'deep'],
  ])('redacts %j (%s)', (value, reason) => {
    expect(column(value)).toBeNull();
    expect(column.unfit()).toEqual([{ column: 'value', reason, count: 1 }]);
  });
  it('redacts the place that a method cannot take, and counts it', () => {
    expect(column('{"id":1,"email":{"a":"canary"}}')).toBe('{"id":1,"email":null}');
    expect(column.unfit()).toEqual([{ column: 'value', reason: 'foreign', count: 1 }]);
  });
  describe('options of a rule at a place', () => {
    const ssn = (more: object): ColumnRule => method({ method: 'us_ssn', ...more });
    const at = (rule: ColumnRule, more: object = {}) =>
      maskedColumn(method({ ...json({ '$.ssn': rule, '$.keep': keep }), ...more } as Rule), JSONB);
    const halts = (detail: string) => expect.objectContaining({ code: 'RS-MASK-010', detail });

    it('halt for what the method cannot take there, whatever the document says', () => {
      expect(() => at(ssn({ onError: 'halt' }))('{"ssn":"canary","keep":1}')).toThrow(
        halts('public.people.value.ssn: foreign'),
      );
      expect(() => at(ssn({ foreign: 'halt' }), { onError: 'redact' })('{"ssn":{"a":1}}')).toThrow(
        halts('public.people.value.ssn: foreign'),
      );
      // The member is not there, or null: nothing that could not be taken.
      expect(at(ssn({ onError: 'halt' }))('{"keep":1}')).toBe('{"keep":1}');
      expect(at(ssn({ onError: 'halt' }))('{"ssn":null}')).toBe('{"ssn":null}');
    });
    it('redact or hash it though the document would stop, and count it', () => {
      const redacting = at(ssn({ onError: 'redact' }), { onError: 'halt' });
      expect(redacting('{"ssn":"canary","keep":1}')).toBe('{"ssn":null,"keep":1}');
      expect(redacting.unfit()).toEqual([{ column: 'value', reason: 'foreign', count: 1 }]);
      const hashing = at(ssn({ foreign: 'hash' }), { onError: 'halt' });
      expect(hashing('{"ssn":"canary"}')).toMatch(/^\{"ssn":"tok_[\w-]{22}"\}$/);
      expect(hashing('{"ssn":"canary"}')).toBe(hashing('{"ssn":"canary"}'));
      expect(hashing.unfit()).toEqual([{ column: 'value', reason: 'foreign', count: 3 }]);
    });
    it('leave what they do not say to the document', () => {
      expect(() => at(ssn({ short: 'redact' }), { onError: 'halt' })('{"ssn":"canary"}')).toThrow(
        halts('public.people.value: foreign'),
      );
      // One place asks for a stop, another took care of itself.
      const two = json({ '$.a': ssn({ onError: 'halt' }), '$.b': ssn({ onError: 'redact' }) });
      for (const text of ['{"a":"x","b":"y"}', '{"b":"y","a":"x"}'])
        expect(() => maskedColumn(method(two), JSONB)(text)).toThrow(halts('public.people.value.a: foreign'));
    });
    it('does not hide what the document stops for behind what it redacts', () => {
      const document = {
        ...json({ '$.a': method({ ...fpe }), '$.b': ssn({}) }),
        short: 'halt',
        foreign: 'redact',
      } as Rule;
      const column = maskedColumn(method(document), JSONB);
      expect(() => column('{"a":"12","b":"x"}')).toThrow(halts('public.people.value: short'));
      expect(column('{"b":"x"}')).toBe('{"b":null}');
    });
    it('hide nulls', () => {
      const hidden = at(ssn({ onNull: { constant: 'none' } }));
      expect(hidden('{"ssn":null,"keep":null}')).toBe('{"ssn":"none","keep":null}');
      expect(hidden('{"ssn":[null]}')).toBe('{"ssn":["none"]}');
      expect(hidden('{}')).toBe('{}');
      expect(at(method({ method: 'keep', onNull: { constant: 'none' } }))('{"ssn":null}')).toBe(
        '{"ssn":"none"}',
      );
      const number = (constant: string): ColumnRule =>
        method({ method: 'round', to: '10', onNull: { constant } });
      expect(at(number('0'))('{"ssn":null}')).toBe('{"ssn":0}');
      expect(() => at(number('none'))).toThrow(expect.objectContaining({ code: 'RS-MASK-005' }));
    });
    it('hold for a method of numbers that meets a text', () => {
      const halting = at(method({ method: 'round', to: '10', onError: 'halt' }));
      expect(halting('{"ssn":17}')).toBe('{"ssn":20}');
      expect(() => halting('{"ssn":"canary"}')).toThrow(halts('public.people.value.ssn: foreign'));
      const plain = at(method({ method: 'round', to: '10' }));
      expect(plain('{"ssn":"canary"}')).toBe('{"ssn":null}');
    });
    it('stand in the policy record', () => {
      const table = schema({ id: null, value: JSONB });
      const rules = { id: keep, value: method(json({ '$.ssn': ssn({ onError: 'halt' }) })) };
      expect(policy(rules).compileMasker(table, 'start').table.policy).toContain(
        '{"$.ssn":{"method":"us_ssn","domain":"column:public.people.value.ssn","on_error":"halt"}}',
      );
    });
  });
  it('agrees with JSON.parse on what is JSON, and keeps what it keeps', () => {
    const all = maskedColumn(method(json({ $: keep })), JSONB);
    fc.assert(
      fc.property(fc.json(), (value) => {
        expect(JSON.parse(String(all(value)))).toEqual(JSON.parse(value));
      }),
    );
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'{}[]",:\\ 0123456789.eE+-truefalsn\n\u0000') }),
        (value) => {
          const valid = (() => {
            try {
              JSON.parse(value);
              return true;
            } catch {
              return false;
            }
          })();
          const masked = all(value);
          // Duplicate names are JSON for JSON.parse, and refused here.
          if (!valid) expect(masked).toBeNull();
        },
      ),
      { numRuns: 2000 },
    );
  });
  it('refuses paths that are none', () => {
    expect(() => maskedColumn(method(json({ 'a.b': keep })), JSONB)).toThrow(
      expect.objectContaining({ code: 'RS-MASK-009' }),
    );
    expect(() => maskedColumn(method(json({ '$.a': keep, "$['a']": keep })), JSONB)).toThrow(/named twice/);
  });
});

describe('scan', () => {
  const scan = (more: object = {}): ColumnRule =>
    method({ method: 'scan', classes: null, patterns: [], replace: 'label', ...more } as Rule);
  it('replaces what it finds, by label, fill or token', () => {
    const note =
      'Mail ann@example.com or call +1 202-555-0143, card 4111 1111 1111 1111, IBAN DE89 3704 0044 0532 0130 00.';
    expect(maskedColumn(scan())(note)).toBe('Mail [email] or call [phone], card [pan], IBAN [iban].');
    expect(maskedColumn(scan({ replace: 'fill', classes: ['email'] }))('x ann@example.com y')).toBe(
      `x ${'*'.repeat(15)} y`,
    );
    const tokens = String(maskedColumn(scan({ replace: 'token' }))('ann@example.com ann@example.com'));
    expect(tokens).toMatch(/^(\[email:[0-9a-f]{16}\]) \1$/);
  });
  it('runs user patterns in linear time', () => {
    const column = maskedColumn(
      scan({
        patterns: [
          { name: 'evil', pattern: '^(a+)+$' },
          { name: 'order', pattern: 'ORD-\\d+' },
        ],
      }),
    );
    const started = performance.now();
    expect(column(`${'a'.repeat(5000)}!`)).toBe(`${'a'.repeat(5000)}!`);
    // Backtracking would take longer than the universe has; this is no timing.
    expect(performance.now() - started).toBeLessThan(60_000);
    expect(column('see ORD-123 now')).toBe('see [order] now');
    expect(() => maskedColumn(scan({ patterns: [{ name: 'x', pattern: '(a)\\1' }] }))).toThrow(
      expect.objectContaining({ code: 'RS-MASK-009' }),
    );
  });
  it('bounds the searches for a pattern that reads ahead again and again, and redacts what is beyond', () => {
    const column = maskedColumn(scan({ patterns: [{ name: 'x', pattern: 'x.*y|x' }] }));
    expect(column('x'.repeat(1_000))).toBe('[x]'.repeat(1_000));
    expect(column('x'.repeat(20_000))).toBeNull();
    expect(column.unfit()).toEqual([{ column: 'value', reason: 'range', count: 1 }]);
    // Few places in a long text are no trouble.
    expect(String(column(`${'word '.repeat(100_000)}x`)).endsWith('[x]')).toBe(true);
  });
  it('refuses a pattern that matches where nothing is', () => {
    expect(() => maskedColumn(scan({ patterns: [{ name: 'x', pattern: 'a*' }] }))).toThrow(
      expect.objectContaining({ code: 'RS-MASK-009' }),
    );
  });
  it('takes twenty megabytes', () => {
    const long = `${'word '.repeat(4_000_000)}ann@example.com`;
    expect(String(maskedColumn(scan())(long)).endsWith('[email]')).toBe(true);
  }, 180_000);
});

describe('custom', () => {
  const column = (source: string, type: ColumnType = TEXT, more: object = {}) =>
    maskedColumn(method(custom(source, more)), type, { host: customWorkers });

  it('maps values', () => {
    expect(column('export const mask = (v) => v.toUpperCase()')('abc')).toBe('ABC');
    expect(column('export const mask = (v) => null')('abc')).toBeNull();
  });
  it.each([
    ['throws', 'export function mask(v) { throw new Error(v) }', 'function'],
    ['returns a number', 'export const mask = (v) => 7', 'function'],
    ['returns a promise', 'export const mask = async (v) => v', 'function'],
    ['is not pure', 'let n = 0; export const mask = (v) => v + n++', 'function'],
    ['wants a clock', 'export const mask = (v) => String(Date.now())', 'function'],
    ['wants chance', 'export const mask = (v) => String(Math.random())', 'function'],
    ['wants the process', 'export const mask = (v) => process.env.HOME', 'function'],
    [
      'wants code from text',
      'export const mask = (v) => [].constructor.constructor("return 1")()',
      'function',
    ],
    ['hangs', 'export function mask(v) { for (;;); }', 'timeout'],
    ['eats memory', 'export function mask(v) { const a = []; for (;;) a.push(v + a.length); }', 'timeout'],
  ])(
    'a function that %s redacts',
    (_what, source, reason) => {
      const one = column(source);
      expect(one('canary')).toBeNull();
      expect(one.unfit()).toEqual([{ column: 'value', reason, count: 1 }]);
    },
    180_000,
  );
  it('answers for the others of a run when it hangs on one, and is replaced', () => {
    const rules = policy(
      {
        id: keep,
        value: method(custom('export function mask(v) { if (v === "bad") for (;;); return v + "!" }')),
      },
      {},
      undefined,
      customWorkers,
    );
    const table = schema({ id: null, value: null });
    const cells = ['1', 'a', '2', 'bad', '3', 'c'];
    const masked = rules.compileMasker(table, 'start').mask({
      table,
      count: 3,
      ops: new Uint8Array(3).fill(Op.read),
      images: new Uint8Array(3).fill(Image.after),
      cells,
      firstOrdinal: 0,
      bytes: 0,
    });
    expect(masked.cells).toEqual(['1', 'a!', '2', null, '3', 'c!']);
  }, 180_000);
  it('must answer in the type of the column', () => {
    const number = column('export const mask = (v) => v === "1" ? "2" : "x"', int());
    expect([number('1'), number('5')]).toEqual(['2', null]);
    expect(column('export const mask = (v) => "x"', int(), { returns: 'text' })('5')).toBe('x');
  });
  it.each([
    ['export const other = 1', /exports no such function/],
    ['export const mask = 1', /exports no such function/],
    ['import fs from "node:fs"; export const mask = (v) => v', /imports another module/],
    ['export const mask = (', /syntax error/],
    ['throw new Error("canary")', /fails while it is loaded/],
  ])('refuses the module %j', (source, message) => {
    expect(() => column(source)).toThrow(message);
  });
});

describe('nulls, handling and key columns', () => {
  it('a null stays null, or becomes a constant of the type', () => {
    expect(maskedColumn(token)(null)).toBeNull();
    expect(
      maskedColumn(method({ method: 'token', normalize: [], prefix: '', onNull: { constant: 'none' } }))(
        null,
      ),
    ).toBe('none');
    expect(
      maskedColumn(method({ method: 'token', normalize: [], prefix: '', onNull: { constant: 'none' } }))(
        UNCHANGED,
      ),
    ).toBe(UNCHANGED);
    expect(() => maskedColumn(method({ method: 'keep', onNull: { constant: 'x' } }), int())).toThrow(
      expect.objectContaining({ code: 'RS-MASK-005' }),
    );
  });
  it('a key column halts on what its method cannot take, or makes a token; never null', () => {
    const table = schema({ id: TEXT, name: null });
    const run = (rule: Rule) =>
      policy({ id: method(rule), name: redact })
        .compileMasker(table, 'start')
        .mask({
          table,
          count: 1,
          ops: Uint8Array.of(Op.create),
          images: Uint8Array.of(Image.after),
          cells: ['12', null],
          firstOrdinal: 0,
          bytes: 0,
        }).cells[0];
    expect(() => run({ method: 'us_ssn' })).toThrow(expect.objectContaining({ code: 'RS-MASK-010' }));
    expect(run({ method: 'us_ssn', foreign: 'hash' })).toMatch(/^tok_/);
    expect(() => run({ method: 'us_ssn', onError: 'redact' })).toThrow(
      expect.objectContaining({ code: 'RS-MASK-004' }),
    );
    expect(() => run({ method: 'keep', onNull: { constant: 'x' } })).toThrow(
      expect.objectContaining({ code: 'RS-MASK-004' }),
    );
  });
});

describe('foreign keys', () => {
  const customers = schema({ id: null, name: null }, [0], 'customers');
  const orders = (() => {
    const base = schema({ id: null, customer_id: null }, [0], 'orders');
    const references = { namespace: 'public', name: 'customers', column: 'id' };
    return {
      ...base,
      columns: base.columns.map((column) =>
        column.name === 'customer_id' ? { ...column, references } : column,
      ),
    };
  })();
  const rules = (customer: ColumnRule | null, id: ColumnRule = token) =>
    policy(
      {},
      {
        domains: new Map([['d', { method: 'token', normalize: [], prefix: 'tok_' }]]),
        tables: new Map([
          [
            'public.customers',
            new Map([
              ['id', id],
              ['name', redact],
            ]),
          ],
          [
            'public.orders',
            new Map([['id', keep], ...(customer === null ? [] : [['customer_id', customer] as const])]),
          ],
        ]),
      },
    );
  const mask = (compiled: ReturnType<typeof rules>, table: typeof customers, cells: string[]) =>
    compiled.compileMasker(table, 'start').mask({
      table,
      count: 1,
      ops: Uint8Array.of(Op.create),
      images: Uint8Array.of(Image.after),
      cells,
      firstOrdinal: 0,
      bytes: 0,
    }).cells;

  it('take the rule and the token space of the column they reference', () => {
    for (const rule of [null, token]) {
      const compiled = rules(rule);
      compiled.check([customers, orders]);
      expect(mask(compiled, orders, ['1', '42'])[1]).toBe(mask(compiled, customers, ['42', 'x'])[0]);
      expect(compiled.brokenJoins([customers, orders])).toEqual([]);
      expect(compiled.coverage([customers, orders]).undecided).toEqual([]);
    }
  });
  it('that are masked differently are found', () => {
    const compiled = rules(domain('d'));
    compiled.check([customers, orders]);
    expect(compiled.brokenJoins([customers, orders]).map(({ code, detail }) => [code, detail])).toEqual([
      [
        'RS-MASK-013',
        'public.orders.customer_id references public.customers.id, and they are masked differently',
      ],
    ]);
  });
});
