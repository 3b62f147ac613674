import fc from 'fast-check';
import { ValidationErrorsIBAN, validateIBAN } from 'ibantools';
import { isPossiblePhoneNumber } from 'libphonenumber-js';
import { describe, expect, it } from 'vitest';
import type { Rule } from '../../../../src/mask/policy-document.ts';
import type { ColumnType } from '../../../../src/model/type.ts';
import { maskedColumn } from '../../../support/mask-column.ts';
import { fpe as digits, method } from '../../../support/policies.ts';

const fpe = (more: Partial<typeof digits> = {}): Rule => ({ ...digits, ...more });
const pan: Rule = { method: 'pan', keepFirst: 0, keepLast: 4, minDigits: 13, maxDigits: 19 };
const text = (maxLength: number): ColumnType => ({ kind: 'text', maxLength, padded: false });

function luhnValid(digits: string): boolean {
  let sum = 0;
  [...digits].reverse().forEach((digit, i) => {
    const weighed = Number(digit) * (i % 2 === 1 ? 2 : 1);
    sum += weighed > 9 ? weighed - 9 : weighed;
  });
  return sum % 10 === 0;
}

describe('fpe', () => {
  it('keeps length, alphabet, separators and kept parts, and comes back', () => {
    const column = maskedColumn(method(fpe({ keepFirst: 2, keepLast: 3 })));
    fc.assert(
      fc.property(fc.stringMatching(/^\d{4}[ -]?\d{4}[ -]?\d{3,30}$/), (value) => {
        const token = String(column(value));
        expect(token.replace(/\d/g, '#')).toBe(value.replace(/\d/g, '#'));
        const [plain, masked] = [value.replace(/\D/g, ''), token.replace(/\D/g, '')];
        expect(masked.slice(0, 2)).toBe(plain.slice(0, 2));
        expect(masked.slice(-3)).toBe(plain.slice(-3));
        expect(column.reverse(token)).toBe(value);
      }),
    );
  });

  it('gives one number one token, however it is punctuated', () => {
    const column = maskedColumn(method(fpe()));
    const bare = String(column('4929123456'));
    expect(String(column('4929-123-456')).replaceAll('-', '')).toBe(bare);
    expect(String(column('4929 123 456')).replaceAll(' ', '')).toBe(bare);
  });

  it('is a bijection: two thousand neighbours have two thousand tokens', () => {
    const column = maskedColumn(method(fpe()));
    const tokens = new Set(Array.from({ length: 2000 }, (_, i) => column(String(i).padStart(6, '0'))));
    expect(tokens.size).toBe(2000);
  });

  it.each([
    ['digits', '12345', 'short'],
    ['digits', '12345x7', 'foreign'],
    ['upper', 'ABCÄEFG', 'foreign'],
    ['digits', '1'.repeat(600), 'range'],
    ['digits', '\ud8001234567', 'foreign'],
    ['digits', '', 'short'],
  ])('redacts what it cannot take, and counts it: %s %j (%s)', (alphabet, value, reason) => {
    const column = maskedColumn(method(fpe({ alphabet })));
    expect(column(value)).toBeNull();
    expect(column.unfit()).toEqual([{ column: 'value', reason, count: 1 }]);
  });

  it('halts, or makes a token, where the rule says so', () => {
    const halting = maskedColumn(method({ ...fpe(), onError: 'halt' }));
    expect(() => halting('canary')).toThrow(expect.objectContaining({ code: 'RS-MASK-010' }));
    try {
      halting('canary');
    } catch (error) {
      expect(String(error)).not.toContain('canary');
    }
    const hashing = maskedColumn(method({ ...fpe(), short: 'hash', foreign: 'redact' }));
    expect(hashing('123')).toMatch(/^tok_[\w-]{22}$/);
    expect(hashing('abcdefgh')).toBeNull();
  });

  it('takes characters of any plane as an alphabet of its own', () => {
    const column = maskedColumn(method(fpe({ alphabet: 'αβγδεζηθικ😀😁', separators: '.' })));
    const token = String(column('αβγ.δε😀ζηθ'));
    expect([...token]).toHaveLength([...'αβγ.δε😀ζηθ'].length);
    expect([...token][3]).toBe('.');
    expect(column.reverse(token)).toBe('αβγ.δε😀ζηθ');
  });

  it('refuses a domain below a million, with the arithmetic', () => {
    expect(() => maskedColumn(method(fpe({ keepLast: 4 })), text(8))).toThrow(
      /8 characters - 0 kept first - 4 kept last = 4 free; 10\^4 is below 10\^6/,
    );
    expect(() => maskedColumn(method({ ...pan, keepFirst: 6, minDigits: 16, maxDigits: 16 }))).toThrow(
      /16 characters - 6 kept first - 4 kept last - 1 for the check digit = 5 free; 10\^5 is below 10\^6/,
    );
  });

  it('works on integers within a range, the type kept', () => {
    const int: ColumnType = { kind: 'int', bits: 32, unsigned: false };
    const column = maskedColumn(method(fpe()), int);
    expect(column.type).toEqual(int);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), (value) => {
        const token = Number(column(String(value)));
        expect(token).toBeGreaterThanOrEqual(0);
        expect(token).toBeLessThan(2 ** 31);
        expect(column.reverse(String(token))).toBe(String(value));
      }),
    );
    expect(column('-1')).toBeNull();
    expect(() => maskedColumn(method(fpe()), { kind: 'int', bits: 16, unsigned: false })).toThrow(
      /the integers 0 to 32767 are 32768 values; 1000000 are the least/,
    );
  });

  it('works on 64-bit integers without rounding, and shares a range across widths', () => {
    const big = maskedColumn(method(fpe()), { kind: 'int', bits: 64, unsigned: false });
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), (value) => {
        expect(big.reverse(String(big(String(value))))).toBe(String(value));
      }),
    );
    const range = fpe({ min: '0', max: '2000000000' });
    const [wide, narrow] = [64, 32].map((bits) =>
      maskedColumn(method(range), { kind: 'int', bits: bits as 32 | 64, unsigned: false }),
    );
    expect(wide!('123456')).toBe(narrow!('123456'));
  });
});

describe('pan', () => {
  const column = maskedColumn(method(pan));

  it('keeps the last four, the length and the validity by Luhn, and is a bijection', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^\d{13,19}$/), (value) => {
        const token = String(column(value));
        expect(token).toMatch(/^\d+$/);
        expect(token).toHaveLength(value.length);
        expect(token.slice(-4)).toBe(value.slice(-4));
        expect(luhnValid(token)).toBe(luhnValid(value));
        expect(column.reverse(token)).toBe(value);
      }),
      { numRuns: 2000 },
    );
  });

  it.each(['4111111111111111', '5555555555554444', '378282246310005', '6011111111111117'])(
    '%s stays valid and becomes another',
    (value) => {
      const token = String(column(value));
      expect(luhnValid(token)).toBe(true);
      expect(token).not.toBe(value);
    },
  );

  it('keeps validity also where nothing is kept', () => {
    const all = maskedColumn(method({ ...pan, keepLast: 0 }));
    fc.assert(
      fc.property(fc.stringMatching(/^\d{16}$/), (value) => {
        const token = String(all(value));
        expect(luhnValid(token)).toBe(luhnValid(value));
        expect(all.reverse(token)).toBe(value);
      }),
    );
  });
});

describe('us_ssn', () => {
  const column = maskedColumn(method({ method: 'us_ssn' }));
  it('makes numbers that could be issued, and comes back', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 899 }).filter((area) => area !== 666),
        fc.integer({ min: 1, max: 99 }),
        fc.integer({ min: 1, max: 9999 }),
        fc.constantFrom('', '-', ' '),
        (area, group, serial, between) => {
          const value = [
            String(area).padStart(3, '0'),
            String(group).padStart(2, '0'),
            String(serial).padStart(4, '0'),
          ].join(between);
          const token = String(column(value));
          expect(token).toMatch(/^(?!000|666|9)\d{3}([- ]?)(?!00)\d{2}\1(?!0000)\d{4}$/);
          expect(token.replace(/\d/g, '#')).toBe(value.replace(/\d/g, '#'));
          expect(column.reverse(token)).toBe(value);
        },
      ),
    );
  });
  it.each(['000-12-3456', '666-12-3456', '912-12-3456', '123-00-4567', '123-45-0000', '123-45-678', 'x'])(
    'redacts %s, which is none',
    (value) => expect(column(value)).toBeNull(),
  );
});

describe('iban', () => {
  const column = maskedColumn(method({ method: 'iban' }));
  const valid = [
    'DE89370400440532013000',
    'GB82WEST12345698765432',
    'FR1420041010050500013M02606',
    'NL91ABNA0417164300',
    'NO9386011117947',
  ];
  it.each(valid)('%s: country, form and mod 97 stay, the account does not', (value) => {
    const token = String(column(value));
    expect(token.slice(0, 2)).toBe(value.slice(0, 2));
    expect(token).toHaveLength(value.length);
    expect(token.slice(4)).not.toBe(value.slice(4));
    // National check digits inside the account are not kept: mod 97 and the structure are what counts.
    const problems = validateIBAN(token).errorCodes.filter(
      (code) => code !== ValidationErrorsIBAN.WrongAccountBankBranchChecksum,
    );
    expect(problems).toEqual([]);
    expect(column.reverse(token)).toBe(value);
  });
  it('keeps spaces where they were, and knows the number without them', () => {
    const spaced = String(column('DE89 3704 0044 0532 0130 00'));
    expect(spaced).toMatch(/^DE\d\d \d{4} \d{4} \d{4} \d{4} \d\d$/);
    expect(spaced.replaceAll(' ', '')).toBe(column('DE89370400440532013000'));
  });
  it.each(['DE88370400440532013000', 'XX89370400440532013000', 'DE8937040044053201300', 'hello'])(
    'redacts %s',
    (value) => expect(column(value)).toBeNull(),
  );
});

describe('phone', () => {
  const column = maskedColumn(method({ method: 'phone', country: 'US' }));
  it.each([
    '+1 202-555-0143',
    '+442079460958',
    '+49 30 901820',
    '+33 1 99 00 12 34',
    '(202) 555-0143',
    '+39 06 1234 5678',
  ])('%s: punctuation, calling code and length stay; it stays possible and comes back', (value) => {
    const token = String(column(value));
    expect(token.replace(/\d/g, '#')).toBe(value.replace(/\d/g, '#'));
    expect(token).not.toBe(value);
    expect(isPossiblePhoneNumber(token, 'US')).toBe(true);
    expect(column.reverse(token)).toBe(value);
  });
  it('gives one number one token, written nationally or internationally', () => {
    const digits = (value: string): string => String(column(value)).replace(/\D/g, '').slice(-10);
    expect(digits('+1 (202) 555-0143')).toBe(digits('202.555.0143'));
  });
  it.each(['12', 'call me', '+1 555', '+999 123456789', '+1 202 555 0143 ext 5'])('redacts %s', (value) =>
    expect(column(value)).toBeNull(),
  );
});

describe('email', () => {
  it('ignores case and outer spaces, and hides or keeps the host', () => {
    const hidden = maskedColumn(method({ method: 'email', host: 'token' }));
    expect(hidden('Ann@Example.com ')).toBe(hidden('ann@example.com'));
    expect(hidden('ann@example.com')).toMatch(/^[0-9a-f]{24}@[0-9a-f]{12}\.example$/);
    const kept = maskedColumn(method({ method: 'email', host: 'keep' }));
    expect(kept('ann@example.com')).toMatch(/^[0-9a-f]{24}@example\.com$/);
    expect(kept('ann@example.com')).not.toBe(kept('ann@example.org'));
    const replaced = maskedColumn(method({ method: 'email', host: { replace: 'mail.invalid' } }));
    expect(replaced('ann@example.com')).toMatch(/@mail\.invalid$/);
  });
  it.each(['ann', '@example.com', 'ann@', 'a b@example.com', `${'a'.repeat(65)}@example.com`])(
    'redacts %j',
    (value) => expect(maskedColumn(method({ method: 'email', host: 'keep' }))(value)).toBeNull(),
  );
});

describe('uuid', () => {
  const column = maskedColumn(method({ method: 'uuid' }), { kind: 'uuid' });
  it('makes a version 8 UUID, the type kept', () => {
    const token = column('2f1e4d3c-0000-4000-8000-000000000001');
    expect(token).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(column('2F1E4D3C-0000-4000-8000-000000000001')).toBe(token);
    expect(column.type).toEqual({ kind: 'uuid' });
    expect(column('nonsense')).toBeNull();
  });
});

describe('ip', () => {
  const column = maskedColumn(method({ method: 'ip' }), { kind: 'other' }, { sourceType: 'inet' });
  const bits = (address: string): string =>
    address
      .split('.')
      .map((part) => Number(part).toString(2).padStart(8, '0'))
      .join('');
  const shared = (a: string, b: string): number => [...a].findIndex((bit, i) => bit !== b[i]);

  it('keeps exactly the shared prefix of any two addresses, and comes back', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.ipV4(), (a, b) => {
        const [x, y] = [String(column(a)), String(column(b))];
        expect(shared(bits(x), bits(y))).toBe(shared(bits(a), bits(b)));
        expect(column.reverse(x)).toBe(a);
      }),
    );
  });
  it('does the same for IPv6, in the form of RFC 5952', () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        const token = String(column(address));
        expect(token).toMatch(/^[0-9a-f:]+$/);
        expect(column(String(column.reverse(token)))).toBe(token);
      }),
    );
    expect(column('2001:db8::1')).toBe(column('2001:0db8:0:0::0001'));
  });
  it('leaves the length of a network, and zeros behind it in a cidr', () => {
    const network = maskedColumn(method({ method: 'ip' }), { kind: 'other' }, { sourceType: 'cidr' });
    expect(network('192.0.2.0/24')).toMatch(/^\d+\.\d+\.\d+\.0\/24$/);
    expect(column('192.0.2.7/24')).toMatch(/\/24$/);
  });
  it.each(['1.2.3', '1.2.3.4.5', '256.1.1.1', 'fe80::1%eth0', '::1::2', '1.2.3.4/33', ''])(
    'redacts %j',
    (value) => expect(column(value)).toBeNull(),
  );
});

describe('reversible', () => {
  const column = maskedColumn(method({ method: 'reversible' }));
  it('carries the epoch, is deterministic, comes back, and refuses what was changed', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (value) => {
        const token = String(column(value));
        expect(token).toMatch(/^t1\.1\.[\w-]{22,}$/);
        expect(column(value)).toBe(token);
        expect(column.reverse(token)).toBe(value);
        const changed = `${token.slice(0, 8)}${token[8] === 'A' ? 'B' : 'A'}${token.slice(9)}`;
        expect(column.reverse(changed)).toBeNull();
      }),
    );
    expect(column.reverse('t1.2.AAAAAAAAAAAAAAAAAAAAAAAA')).toBeNull();
    expect(column('\ud800')).toBeNull();
  });
});
