import fc from 'fast-check';
import { countrySpecs, ValidationErrorsIBAN, validateIBAN } from 'ibantools';
import { isPossiblePhoneNumber } from 'libphonenumber-js';
import { describe, expect, it } from 'vitest';
import { RankCipher } from '../../../src/mask/cipher/rank-cipher.ts';
import { daysOf, formatDate, parseDate } from '../../../src/mask/method/calendar.ts';
import { customWorkers } from '../../../src/mask/method/custom-worker.ts';
import { compareDecimal, parseDecimal } from '../../../src/mask/method/decimal.ts';
import { fitsType, shapeOf } from '../../../src/mask/method/redact.ts';
import { ibanCheckDigits } from '../../../src/mask/method/shapes.ts';
import type { ColumnRule, DateUnit, Rule } from '../../../src/mask/policy-document.ts';
import { type RawCell, UNCHANGED } from '../../../src/model/cell.ts';
import { Image, Op } from '../../../src/model/change.ts';
import type { ColumnType } from '../../../src/model/type.ts';
import { maskedColumn } from '../../support/mask-column.ts';
import { custom, domain, fpe, keep, method, policy, schema, TEST_KEYS } from '../../support/policies.ts';

/** What holds for every method and every value, as the documentation promises it. */

const TEXT: ColumnType = { kind: 'text', maxLength: null, padded: false };
const INT: ColumnType = { kind: 'int', bits: 32, unsigned: false };

interface Subject {
  readonly rule: Rule;
  readonly type: ColumnType;
  readonly sourceType?: string;
  readonly values: fc.Arbitrary<string>;
}

const pad = (number: number, width: number): string => String(number).padStart(width, '0');
const ssns = fc
  .tuple(
    fc.integer({ min: 1, max: 899 }),
    fc.integer({ min: 1, max: 99 }),
    fc.integer({ min: 1, max: 9999 }),
    fc.constantFrom('', '-', ' '),
  )
  .map(([a, g, s, between]) => [pad(a === 666 ? 665 : a, 3), pad(g, 2), pad(s, 4)].join(between));
const ibans = fc
  .constantFrom(
    ...Object.entries(countrySpecs).filter(
      ([, spec]) => spec.bban_regexp !== undefined && spec.bban_regexp !== null,
    ),
  )
  .chain(([country, spec]) =>
    fc
      .stringMatching(new RegExp(`^${spec.bban_regexp!.replace(/[$^]/g, '')}$`))
      .map((bban) => country + ibanCheckDigits(country, bban) + bban),
  );
const dates = fc
  .integer({ min: daysOf(-4000, 1, 1), max: daysOf(9999, 12, 31) })
  .map((days) => formatDate(days, ''));
const decimals = fc
  .tuple(fc.integer({ min: -99_999_999, max: 99_999_999 }), fc.nat(2))
  .map(([units, scale]) => {
    const digits = String(Math.abs(units)).padStart(scale + 1, '0');
    return `${units < 0 ? '-' : ''}${digits.slice(0, digits.length - scale)}${scale === 0 ? '' : `.${digits.slice(-scale)}`}`;
  });
const words = fc.string({ unit: 'grapheme', maxLength: 40 });
const emails = fc.emailAddress().map((address) => address.toLowerCase());

const subjects: Readonly<Record<string, Subject>> = {
  keep: { rule: { method: 'keep' }, type: TEXT, values: words },
  redact: { rule: { method: 'redact', with: 'shape' }, type: INT, values: fc.nat().map(String) },
  partial: { rule: { method: 'partial', keepFirst: 1, keepLast: 1, fill: '*' }, type: TEXT, values: words },
  token: { rule: { method: 'token', normalize: [], prefix: 'tok_' }, type: TEXT, values: words },
  'token of digits': {
    rule: { method: 'token', normalize: ['trim', 'lower'], prefix: '', alphabet: 'digits', length: 24 },
    type: TEXT,
    values: words,
  },
  reversible: { rule: { method: 'reversible' }, type: TEXT, values: words },
  fpe: { rule: fpe, type: TEXT, values: fc.stringMatching(/^\d{3}[ -]?\d{3,20}$/) },
  'fpe, Luhn kept': {
    rule: { ...fpe, checkDigit: 'luhn', keepFirst: 2, keepLast: 1 },
    type: TEXT,
    values: fc.stringMatching(/^\d{4}-?\d{6,12}$/),
  },
  'fpe of letters': {
    rule: { ...fpe, alphabet: 'alphanumeric' },
    type: TEXT,
    values: fc.stringMatching(/^[A-Za-z0-9]{4,30}$/),
  },
  'fpe of integers': {
    rule: { ...fpe, min: '-500000', max: '1499999' },
    type: INT,
    values: fc.integer({ min: -500_000, max: 1_499_999 }).map(String),
  },
  pan: {
    rule: { method: 'pan', keepFirst: 0, keepLast: 4, minDigits: 13, maxDigits: 19 },
    type: TEXT,
    values: fc.stringMatching(/^\d{13,19}$/),
  },
  'phone, with a plus': {
    rule: { method: 'phone', country: null },
    type: TEXT,
    values: fc.stringMatching(/^\+(?:1[2-9]\d{9}|49[1-9]\d{8,9}|393\d{8}|4420\d{8}|33[1-9]\d{8}|3706\d{7})$/),
  },
  'phone of the US': {
    rule: { method: 'phone', country: 'US' },
    type: TEXT,
    values: fc.stringMatching(/^(?:1 )?(?:\([2-9]\d\d\) ?|[2-9]\d\d[-.])[2-9]\d\d[-.]\d{4}$/),
  },
  'phone of Germany': {
    rule: { method: 'phone', country: 'DE' },
    type: TEXT,
    values: fc.stringMatching(/^0[2-9]\d{1,3}[ /]\d{6,7}$/),
  },
  'phone of Belarus': {
    rule: { method: 'phone', country: 'BY' },
    type: TEXT,
    values: fc.stringMatching(/^(?:8 ?)?0?(?:29|33|44|25)\d{7}$/),
  },
  'phone of Italy': {
    rule: { method: 'phone', country: 'IT' },
    type: TEXT,
    values: fc.stringMatching(/^(?:06 ?\d{6,8}|3\d\d ?\d{6,7})$/),
  },
  email: { rule: { method: 'email', host: 'token' }, type: TEXT, values: emails },
  iban: { rule: { method: 'iban' }, type: TEXT, values: ibans },
  us_ssn: { rule: { method: 'us_ssn' }, type: TEXT, values: ssns },
  uuid: { rule: { method: 'uuid' }, type: { kind: 'uuid' }, values: fc.uuid() },
  ip: {
    rule: { method: 'ip' },
    type: { kind: 'other' },
    sourceType: 'inet',
    values: fc.oneof(
      fc.ipV4(),
      fc.nat(0xffff).map((n) => `2001:db8::${(1 + (n % 65_535)).toString(16)}`),
    ),
  },
  date_shift: {
    rule: { method: 'date_shift', maxDays: 400, by: 'owner', entity: 'person' },
    type: { kind: 'date' },
    values: dates,
  },
  bucket: {
    rule: { method: 'bucket', bounds: ['-10.5', '0', '100'], labels: null },
    type: { kind: 'decimal', precision: 12, scale: 2 },
    values: decimals,
  },
  'generalize, size': {
    rule: { method: 'generalize', to: { kind: 'size', size: '2.5' } },
    type: { kind: 'decimal', precision: 12, scale: 2 },
    values: decimals,
  },
  'generalize, decade': {
    rule: { method: 'generalize', to: { kind: 'date', unit: 'decade', oldestYear: null } },
    type: { kind: 'date' },
    values: dates,
  },
  round: {
    rule: { method: 'round', to: '0.5' },
    type: { kind: 'decimal', precision: 12, scale: 2 },
    values: decimals,
  },
  json: {
    rule: {
      method: 'json',
      otherwise: 'drop',
      paths: [{ path: '$.*', rule: method({ method: 'token', normalize: [], prefix: '' }) }],
    },
    type: { kind: 'json' },
    values: fc.dictionary(words, words).map((value) => JSON.stringify(value)),
  },
  scan: {
    rule: { method: 'scan', classes: null, patterns: [], replace: 'token' },
    type: TEXT,
    values: emails.map((address) => `write to ${address}`),
  },
  array: {
    rule: { method: 'token', normalize: [], prefix: '' },
    type: { kind: 'array', element: TEXT },
    values: fc.array(fc.stringMatching(/^[a-z0-9]{1,9}$/)).map((list) => `{${list.join(',')}}`),
  },
  custom: {
    rule: custom('export const mask = (v) => v.length + "!"', { returns: 'text', timeoutMs: 5000 }),
    type: TEXT,
    values: words,
  },
};

const tableOf = (subject: Subject, name = 'people') => {
  const base = schema(
    {
      id: { kind: 'int', bits: 64, unsigned: false },
      owner: { kind: 'int', bits: 64, unsigned: false },
      value: subject.type,
    },
    [0],
    name,
  );
  return {
    ...base,
    columns: base.columns.map((column) =>
      column.name === 'value' ? { ...column, sourceType: subject.sourceType ?? 'text' } : column,
    ),
  };
};

describe.each(Object.entries(subjects))('%s', (_name, subject) => {
  const table = tableOf(subject);
  const other = tableOf(subject, 'others');
  const rules = (rule: ColumnRule) =>
    new Map([
      ['id', keep],
      ['owner', keep],
      ['value', rule],
    ]);
  const compiled = (keys = TEST_KEYS) =>
    policy(
      {},
      {
        domains: new Map([['shared', subject.rule]]),
        tables: new Map([
          ['public.people', rules(domain('shared'))],
          ['public.others', rules(domain('shared'))],
        ]),
      },
      keys,
      customWorkers,
    );
  const one = compiled();
  const masker = one.compileMasker(table, 'start');
  const again = compiled().compileMasker(table, 'running');
  const elsewhere = one.compileMasker(other, 'start');
  const mask = (by: typeof masker, of: typeof table, op: number, images: number, cells: readonly RawCell[]) =>
    by.mask({
      table: of,
      count: 1,
      ops: Uint8Array.of(op),
      images: Uint8Array.of(images),
      cells,
      firstOrdinal: 0,
      bytes: 0,
    }).cells;

  it('is the same in every image, in snapshot and stream, at every start, and in every table of the domain', () => {
    fc.assert(
      fc.property(subject.values, (value) => {
        const row = ['1', '7', value];
        const [, , created] = mask(masker, table, Op.create, Image.after, row);
        const updated = mask(masker, table, Op.update, Image.before | Image.after, [...row, ...row]);
        expect([updated[2], updated[5]]).toEqual([created, created]);
        expect(mask(masker, table, Op.delete, Image.before, row)[2]).toBe(created);
        expect(mask(again, table, Op.read, Image.after, row)[2]).toBe(created);
        expect(mask(elsewhere, other, Op.create, Image.after, row)[2]).toBe(created);
        expect(masker.takeUnfit()).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('leaves null and unchanged as they are', () => {
    expect(mask(masker, table, Op.update, Image.after, ['1', '7', UNCHANGED])[2]).toBe(UNCHANGED);
    expect(mask(masker, table, Op.update, Image.after, ['1', '7', null])[2]).toBeNull();
  });

  it('comes back where it is reversible, and keeps values apart where it says so', () => {
    const { method: compiledMethod } = masker.columns[2]!;
    const seen = new Map<string, string>();
    fc.assert(
      fc.property(subject.values, (value) => {
        const masked = mask(masker, table, Op.create, Image.after, ['1', '7', value])[2];
        if (compiledMethod.reverse !== undefined) expect(compiledMethod.reverse(String(masked))).toBe(value);
        if (!compiledMethod.injective || typeof masked !== 'string') return;
        // Normalisers of a token are there to bring values together.
        const known = subject.rule.method === 'token' ? value.trim().toLowerCase() : value;
        expect(seen.get(masked) ?? known).toBe(known);
        seen.set(masked, known);
      }),
      { numRuns: 400 },
    );
  });

  it('is a value of the type that it declares', () => {
    const { method: compiledMethod } = masker.columns[2]!;
    fc.assert(
      fc.property(subject.values, (value) => {
        const masked = mask(masker, table, Op.create, Image.after, ['1', '7', value])[2];
        if (typeof masked === 'string' && compiledMethod.type.kind !== 'array')
          expect([masked, fitsType(masked, compiledMethod.type)]).toEqual([masked, true]);
      }),
      { numRuns: 60 },
    );
  });
});

describe('forms', () => {
  const column = (rule: Rule, type: ColumnType = TEXT, sourceType = 'text') =>
    maskedColumn(method(rule), type, { sourceType });

  it.each([
    ['US', 'phone of the US'],
    ['DE', 'phone of Germany'],
    ['IT', 'phone of Italy'],
  ] as const)('phones of %s stay possible and keep their punctuation', (country, name) => {
    const subject = subjects[name]!;
    const phone = column(subject.rule);
    fc.assert(
      fc.property(subject.values, (value) => {
        const token = String(phone(value));
        expect(token.replace(/\d/g, '#')).toBe(value.replace(/\d/g, '#'));
        expect([token, isPossiblePhoneNumber(token, country)]).toEqual([token, true]);
      }),
      { numRuns: 300 },
    );
  });

  it('IBANs of every country stay right by mod 97 and by the form of their country', () => {
    const iban = column({ method: 'iban' });
    fc.assert(
      fc.property(ibans, (value) => {
        const token = String(iban(value));
        const problems = validateIBAN(token).errorCodes.filter(
          (code) => code !== ValidationErrorsIBAN.WrongAccountBankBranchChecksum,
        );
        expect([token, problems]).toEqual([token, []]);
        expect(token.slice(0, 2)).toBe(value.slice(0, 2));
      }),
      { numRuns: 500 },
    );
  });

  it('UUIDs have the version and variant bits of RFC 9562', () => {
    const uuid = column({ method: 'uuid' }, { kind: 'uuid' });
    fc.assert(
      fc.property(fc.uuid(), (value) => {
        expect(uuid(value)).toMatch(/^[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
      }),
    );
  });

  it('networks of addresses nest as before', () => {
    const cidr = column({ method: 'ip' }, { kind: 'other' }, 'cidr');
    const inet = column({ method: 'ip' }, { kind: 'other' }, 'inet');
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const [a, b, c] = address.split('.');
        const inside = String(inet(address)).split('.').slice(0, 3).join('.');
        expect(String(inet(`${a}.${b}.${c}.0/24`))).toMatch(/\/24$/);
        expect(String(cidr(`${a}.${b}.${c}.0/24`))).toMatch(/\.0\/24$/);
        expect(
          String(inet(`${a}.${b}.${c}.9`))
            .split('.')
            .slice(0, 3)
            .join('.'),
        ).toBe(inside);
      }),
    );
  });

  it('CHAR(n) and VARCHAR have one token in every method that has a form', () => {
    const padded: ColumnType = { kind: 'text', maxLength: 40, padded: true };
    for (const [rule, value] of [
      [fpe, '12345678'],
      [subjects['pan']!.rule, '4111111111111111'],
      [subjects['phone, with a plus']!.rule, '+12025550143'],
      [{ method: 'email', host: 'token' }, 'ann@example.com'],
      [{ method: 'iban' }, 'DE89370400440532013000'],
      [{ method: 'us_ssn' }, '219-09-9998'],
    ] as const) {
      const shared = { document: { domains: new Map([['d', rule as Rule]]) } };
      expect(maskedColumn(domain('d'), padded, shared)(value.padEnd(40))).toBe(
        maskedColumn(domain('d'), TEXT, shared)(value),
      );
    }
  });
});

describe('the permutation of ranks', () => {
  it.each([100n, 101n, 1000n, 4099n])('is one of exactly %i', (size) => {
    const cipher = new RankCipher(new Uint8Array(32).fill(3), size, new Uint8Array(2));
    const seen = new Set<bigint>();
    for (let rank = 0n; rank < size; rank++) {
      const masked = cipher.encrypt(rank)!;
      expect(masked >= 0n && masked < size).toBe(true);
      expect(cipher.decrypt(masked)).toBe(rank);
      seen.add(masked);
    }
    expect(seen.size).toBe(Number(size));
  });
});

describe('coarser values', () => {
  const number: ColumnType = { kind: 'decimal', precision: 12, scale: 2 };
  const limits = (range: string): [string, string] =>
    /^\[(.+),(.+)\)$/.exec(range)!.slice(1) as [string, string];
  const at = (text: string) => parseDecimal(text)!;

  it('generalize: the range holds the value, its lower end included, its upper not', () => {
    for (const size of ['10', '0.25', '7', '1000000']) {
      const column = maskedColumn(method({ method: 'generalize', to: { kind: 'size', size } }), number);
      fc.assert(
        fc.property(decimals, (value) => {
          const [from, to] = limits(String(column(value)));
          expect(compareDecimal(at(from), at(value))).toBeLessThanOrEqual(0);
          expect(compareDecimal(at(value), at(to))).toBeLessThan(0);
          expect(column(from)).toBe(column(value));
        }),
      );
    }
  });

  it('bucket: a bound begins its range', () => {
    const column = maskedColumn(
      method({ method: 'bucket', bounds: ['-10', '0', '10.5'], labels: ['a', 'b', 'c', 'd'] }),
      number,
    );
    expect(
      ['-10.01', '-10', '-0.01', '-0', '0', '10.49', '10.5', '99'].map((value) => column(value)),
    ).toEqual([...'abbcccdd']);
  });

  it('round: the nearest multiple, half away from zero, never out of the type', () => {
    for (const to of ['5', '0.5', '0.05']) {
      const column = maskedColumn(method({ method: 'round', to }), number);
      fc.assert(
        fc.property(decimals, (value) => {
          const rounded = Number(column(value));
          expect(Math.abs(rounded - Number(value))).toBeLessThanOrEqual(Number(to) / 2 + 1e-6);
        }),
      );
    }
    for (const [bits, unsigned, value] of [
      [8, false, '-128'],
      [16, true, '65535'],
      [64, false, '9223372036854775807'],
      [64, true, '18446744073709551615'],
    ] as const) {
      const column = maskedColumn(method({ method: 'round', to: '1000' }), { kind: 'int', bits, unsigned });
      const rounded = column(value);
      expect(rounded === null || fitsType(String(rounded), { kind: 'int', bits, unsigned })).toBe(true);
    }
  });

  it('numbers whose type rounds left of the point can be rounded', () => {
    const column = maskedColumn(method({ method: 'round', to: '10000' }), {
      kind: 'decimal',
      precision: 4,
      scale: -3,
    });
    expect(column('1234000')).toBe('1230000');
  });

  it('dates begin their unit, are never later, and stay within what Postgres holds', () => {
    for (const unit of ['day', 'week', 'month', 'quarter', 'year', 'decade'] as DateUnit[]) {
      const column = maskedColumn(
        method({ method: 'generalize', to: { kind: 'date', unit, oldestYear: null } }),
        { kind: 'date' },
      );
      fc.assert(
        fc.property(dates, (value) => {
          const masked = String(column(value));
          expect(parseDate(masked)!.days).toBeLessThanOrEqual(parseDate(value)!.days);
          expect(column(masked)).toBe(masked);
        }),
        { numRuns: 100 },
      );
    }
    const decade = maskedColumn(
      method({ method: 'generalize', to: { kind: 'date', unit: 'decade', oldestYear: null } }),
      { kind: 'date' },
    );
    expect(decade('4713-06-01 BC')).toBeNull();
    expect(decade.unfit()[0]?.reason).toBe('range');
    expect(decade('5874897-12-31')).toBe('5874890-01-01');
  });

  it('shifted dates cross the year 1 and 9999, not the ends of the type', () => {
    const shift = (type: ColumnType) =>
      maskedColumn(method({ method: 'date_shift', maxDays: 1000, by: 'owner', entity: null }), type);
    const date = shift({ kind: 'date' });
    for (const value of ['0001-01-01', '0001-12-31 BC', '9999-12-31', '10000-01-01', '2024-02-29'])
      expect(Math.abs(parseDate(String(date(value)))!.days - parseDate(value)!.days)).toBeLessThanOrEqual(
        1000,
      );
    const stamp = shift({ kind: 'timestamp', withZone: true });
    const [first, last] = [stamp('4713-01-01 00:00:00+00 BC'), stamp('294276-12-31 23:59:59.999999+00')];
    // One of the two goes over its end, whichever way the owner's dates move.
    expect([first, last].filter((value) => value === null)).toHaveLength(1);
    // Across a change of the clocks: UTC has none, and the time of day stays.
    expect(stamp('2024-03-31 01:30:00+00')).toMatch(/ 01:30:00\+00$/);
  });

  it('the dates of one entity move alike in all spellings that its own rule takes for one', () => {
    const base = schema({ id: null, owner: null, value: { kind: 'date' } });
    for (const [rule, spellings] of [
      [{ method: 'token', normalize: ['trim', 'casefold'], prefix: '' }, ['ann', ' ANN ', 'Ann']],
      [{ method: 'email', host: 'token' }, ['ann@example.com', 'Ann@Example.com']],
    ] as const) {
      const table = { ...base, key: [0, 1] };
      const masker = policy({
        id: keep,
        owner: method(rule as unknown as Rule),
        value: method({ method: 'date_shift', maxDays: 10_000, by: 'owner', entity: null }),
      });
      const compiled = masker.compileMasker({ ...table, key: [1] }, 'start').columns[2]!.method.transform;
      const shifted = spellings.map((spelling) =>
        compiled.kind === 'map-by' ? compiled.map('2000-01-01', spelling) : null,
      );
      expect(new Set(shifted).size).toBe(1);
    }
  });
});

describe('what fits a type', () => {
  it.each([
    [
      { kind: 'int', bits: 16, unsigned: false },
      ['-32768', '32767', '0'],
      ['-32769', '32768', '007', '1.0', '1e3', '', '+1', '١'],
    ],
    [{ kind: 'int', bits: 64, unsigned: true }, ['18446744073709551615'], ['18446744073709551616', '-1']],
    [
      { kind: 'decimal', precision: 5, scale: 2 },
      ['999.99', '-0.5', '0'],
      ['1000', '1.234', '007', '.5', '5.', 'NaN', '1e2'],
    ],
    [
      { kind: 'decimal', precision: null, scale: null },
      ['12345678901234567890.123456789'],
      ['1e400', 'Infinity', ''],
    ],
    [{ kind: 'float', bits: 32 }, ['1e+20', '-0', '3.5'], ['1e39', 'NaN', '1e999', '0x1']],
    [{ kind: 'float', bits: 64 }, ['1e+308', '1.7976931348623157e+308'], ['1e309']],
    [{ kind: 'boolean' }, ['t', 'f'], ['true', '1', '']],
    [
      { kind: 'date' },
      ['2024-02-29', '0001-12-31 BC'],
      ['2023-02-29', '2024-1-1', 'infinity', '2024-01-01 00:00:00', '5874898-01-01'],
    ],
    [
      { kind: 'timestamp', withZone: true },
      ['2024-01-01 23:59:59.5+00'],
      ['2024-01-01 23:59:59.5', '2024-01-01 25:00:00+00', '2024-01-01', '294277-01-01 00:00:00+00'],
    ],
    [
      { kind: 'timestamp', withZone: false },
      ['2024-01-01 00:00:00', '0044-03-15 12:00:00 BC'],
      ['2024-01-01 00:00:00+00', '2024-01-01 00:61:00'],
    ],
    [
      { kind: 'time', withZone: false },
      ['00:00:00', '23:59:59.123456'],
      ['24:01:00', '1:00:00', '00:00:00+00', ''],
    ],
    [{ kind: 'time', withZone: true }, ['12:00:00+05:30'], ['12:00:00']],
    [
      { kind: 'interval' },
      ['1 year 2 mons -3 days 04:05:06', '00:00:00', '1 day'],
      ['', '1 fortnight', '1 year ', 'P1Y'],
    ],
    [
      { kind: 'uuid' },
      ['2f1e4d3c-0000-4000-8000-000000000001'],
      ['2F1E4D3C-0000-4000-8000-000000000001', 'x'],
    ],
    [{ kind: 'bytes' }, ['\\x', '\\x00ff'], ['\\xf', '00', '\\xFF']],
    [{ kind: 'json' }, ['{"a":1}', 'null'], ['', '{', '{"a":1,"a":2}', 'NaN']],
    [{ kind: 'enum', labels: ['a'] }, ['a'], ['b', '', '__proto__']],
    [{ kind: 'text', maxLength: 2, padded: false }, ['ab', '😀😀', ''], ['abc', '😀😀😀']],
  ] as readonly (readonly [ColumnType, readonly string[], readonly string[]])[])(
    '%j',
    (type, fitting, others) => {
      for (const value of fitting) expect([value, fitsType(value, type)]).toEqual([value, true]);
      for (const value of others) expect([value, fitsType(value, type)]).toEqual([value, false]);
      const shape = shapeOf(type);
      if (shape !== null) expect([shape, fitsType(shape, type)]).toEqual([shape, true]);
    },
  );
});

describe('tokens', () => {
  it.each([
    ['base64url', 43],
    ['hex', 64],
    ['base32', 38],
    ['alphanumeric', 32],
    ['digits', 57],
  ] as const)('in %s of %i characters are the longest, and one more is refused', (alphabet, length) => {
    const of = (characters: number) =>
      method({ method: 'token', normalize: [], prefix: '', alphabet, length: characters });
    expect(String(maskedColumn(of(length))('a'))).toHaveLength(length);
    expect(() => maskedColumn(of(length + 1))).toThrow(/a digest fills/);
  });
  it('of a long text keep no buffer of it, and are those of the plain way', async () => {
    const { createHmac } = await import('node:crypto');
    const { HmacSha256 } = await import('../../../src/mask/cipher/hmac.ts');
    const key = Buffer.alloc(32, 9);
    const hmac = new HmacSha256(key);
    for (const length of [0, 1, 21_000, 21_824, 21_825, 65_471, 65_472, 65_473, 2_000_000]) {
      const text = 'ź'.repeat(length);
      const bytes = Buffer.from(text);
      const plain = createHmac('sha256', key).update(bytes).digest('hex');
      expect([length, hmac.text(text, 'hex'), hmac.digest(bytes, 'hex')]).toEqual([length, plain, plain]);
    }
  });
  it('reversible: of the spellings of one token only the right one opens', () => {
    const column = maskedColumn(method({ method: 'reversible' }));
    const token = String(column('ab'));
    const last = token.at(-1)!;
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const opened = [...alphabet].filter(
      (character) => column.reverse(token.slice(0, -1) + character) !== null,
    );
    expect(opened).toEqual([last]);
  });
});
