import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { hintsOf } from '../../../src/mask/detect/text-finder.ts';
import { HiddenValues, unescaped } from '../../../src/mask/hidden-values.ts';
import type { CompiledMethod } from '../../../src/mask/method.ts';
import type { ColumnRule, LeakGuardDocument } from '../../../src/mask/policy-document.ts';
import type { RawCell } from '../../../src/model/cell.ts';
import { Image, Op } from '../../../src/model/change.ts';
import type { ColumnType } from '../../../src/model/type.ts';
import { keep, method, policy, redact, schema, token } from '../../support/policies.ts';

const TEXT: ColumnType = { kind: 'text', maxLength: null, padded: false };
const JSONB: ColumnType = { kind: 'json' };
const INT: ColumnType = { kind: 'int', bits: 64, unsigned: false };
const every: LeakGuardDocument = { oneIn: 1, action: 'alert', except: new Set() };

function guarded(
  columns: Readonly<Record<string, readonly [ColumnType, ColumnRule]>>,
  leakGuard: Partial<LeakGuardDocument> = {},
  key: readonly number[] = [0],
) {
  const entries = Object.entries(columns);
  const table = schema(Object.fromEntries(entries.map(([name, [type]]) => [name, type])), key);
  const rules = Object.fromEntries(entries.map(([name, [, rule]]) => [name, rule]));
  const masker = policy(rules, { leakGuard: { ...every, ...leakGuard } }).compileMasker(table, 'start');
  const mask = (...rows: readonly (readonly RawCell[])[]) =>
    masker.mask({
      table,
      count: rows.length,
      ops: new Uint8Array(rows.length).fill(Op.create),
      images: new Uint8Array(rows.length).fill(Image.after),
      cells: rows.flat(),
      firstOrdinal: 0,
      bytes: 0,
    }).cells;
  return { table, masker, mask, leaks: () => masker.takeLeaks() };
}

const id = [INT, keep] as const;
const two = (hidden: ColumnType, kept: ColumnType, rule: ColumnRule = token) =>
  guarded({ id, hidden: [hidden, rule], kept: [kept, keep] });

describe('a hidden value of the row in a kept column', () => {
  it.each([
    ['itself', TEXT, 'Quincy Xyl', TEXT, 'Quincy Xyl'],
    ['inside a sentence', TEXT, 'Quincy Xyl', TEXT, 'please greet Quincy Xyl for me'],
    ['in capitals', TEXT, 'Quincy Xyl', TEXT, 'QUINCY XYL called'],
    ['in small letters', TEXT, 'QUINCY XYL', TEXT, 'quincy xyl called'],
    ['in a JSON text', TEXT, 'Quincy Xyl', JSONB, '{"note": "Quincy Xyl"}'],
    ['in JSON, quotes escaped', TEXT, 'Quincy "Q" Xyl', JSONB, '{"note": "Quincy \\"Q\\" Xyl"}'],
    ['in JSON, a line end escaped', TEXT, 'Quincy\nXyl', JSONB, '{"note": "Quincy\\nXyl"}'],
    ['in JSON, letters escaped', TEXT, 'Łucja Xyl', JSONB, '{"note": "\\u0141ucja \\u0058yl"}'],
    [
      'in an array',
      TEXT,
      'Quincy "Q" Xyl',
      { kind: 'array', element: TEXT } as ColumnType,
      '{a,"Quincy \\"Q\\" Xyl"}',
    ],
    ['a number', INT, '8412345', TEXT, 'account 8412345.'],
    ['a date', { kind: 'date' } as ColumnType, '1980-06-15', TEXT, 'born 1980-06-15'],
    [
      'an amount',
      { kind: 'decimal', precision: 10, scale: 2 } as ColumnType,
      '85123.50',
      TEXT,
      'earns 85123.50 a year',
    ],
    [
      'a UUID',
      { kind: 'uuid' } as ColumnType,
      '2f1e4d3c-0000-4000-8000-000000000001',
      TEXT,
      '/u/2f1e4d3c-0000-4000-8000-000000000001',
    ],
    ['an address of the network', { kind: 'other' } as ColumnType, '2001:db8::7', TEXT, 'from 2001:db8::7'],
    [
      'an element of a hidden array',
      { kind: 'array', element: TEXT } as ColumnType,
      '{"Quincy Xyl",b}',
      TEXT,
      'greet Quincy Xyl',
    ],
  ] as const)('%s', (_what, hidden, raw, kept, text) => {
    const guard = two(hidden, kept);
    guard.mask(['1', raw, text]);
    expect(guard.leaks()).toEqual([{ column: 'kept', kind: 'masked_value', count: 1 }]);
    expect(guard.leaks()).toEqual([]);
  });

  it.each([
    ['another value', TEXT, 'Quincy Xyl', 'Quincy Xyz'],
    ['a short value', TEXT, 'Quinn', 'Quinn called'],
    ['a number within a longer one', INT, '8412345', 'account 18412345'],
    ['a state', { kind: 'enum', labels: ['divorced'] } as ColumnType, 'divorced', 'divorced'],
  ] as const)('but not %s', (_what, hidden, raw, text) => {
    const guard = two(hidden, TEXT);
    guard.mask(['1', raw, text]);
    expect(guard.leaks()).toEqual([]);
  });

  it('whatever hides it: dropped, redacted, shifted, generalised', () => {
    for (const rule of [
      redact,
      method({ method: 'drop' }),
      method({ method: 'partial', keepFirst: 0, keepLast: 2, fill: '*' }),
      method({ method: 'reversible' }),
    ]) {
      const guard = two(TEXT, TEXT, rule);
      guard.mask(['1', 'Quincy Xyl', 'greet Quincy Xyl']);
      expect(guard.leaks()).toHaveLength(1);
    }
  });

  it('at a hidden place of a document, in another column or at a kept place of the same', () => {
    const rule = method({
      method: 'json',
      otherwise: 'redact',
      paths: [
        { path: '$.note', rule: keep },
        { path: '$.email', rule: token },
      ],
    });
    const guard = guarded({ id, doc: [JSONB, rule], kept: [TEXT, keep] });
    guard.mask(['1', '{"ssn": "219-09-9998", "note": "fine"}', 'her number: 219-09-9998']);
    expect(guard.leaks()[0]?.column).toBe('kept');
    guard.mask(['1', '{"email": "q@example.com", "note": "write to Q@example.com"}', 'fine']);
    expect(guard.leaks()).toEqual([{ column: 'doc', kind: 'masked_value', count: 1 }]);
    // What a kept place shows is shown by the policy, and a word is no find.
    guard.mask(['1', '{"status": "accepted", "note": "Quincy 12345"}', 'accepted: Quincy 12345']);
    expect(guard.leaks()).toEqual([]);
  });
});

describe('a hidden value of the row where only parts are hidden', () => {
  const scan = method({ method: 'scan', classes: ['email'], patterns: [], replace: 'label' });
  it('in a text that was scanned, and in an array of them', () => {
    for (const [type, text] of [
      [TEXT, 'Quincy Xyl, q@example.com'],
      [{ kind: 'array', element: TEXT } as ColumnType, '{"Quincy Xyl",b}'],
    ] as const) {
      const guard = guarded({ id, hidden: [TEXT, token], note: [type, scan] });
      guard.mask(['1', 'Quincy Xyl', text]);
      expect(guard.leaks()).toEqual([{ column: 'note', kind: 'masked_value', count: 1 }]);
      guard.mask(['1', 'Quincy Xyl', type === TEXT ? 'nothing' : '{nothing}']);
      expect(guard.leaks()).toEqual([]);
    }
  });
  it('in a document that stands in a text column', () => {
    const rule = method({ method: 'json', otherwise: 'redact', paths: [{ path: '$.note', rule: keep }] });
    const guard = guarded({ id, hidden: [TEXT, token], doc: [TEXT, rule] });
    guard.mask(['1', 'Quincy "Q" Xyl', '{"note": "Quincy \\"Q\\" Xyl"}']);
    expect(guard.leaks()).toEqual([{ column: 'doc', kind: 'masked_value', count: 1 }]);
  });
});

describe('personal data in a kept column', () => {
  it.each([
    ['email', 'write to ann@example.com'],
    ['email', 'ANN@EXAMPLE.COM'],
    ['iban', 'IBAN DE89 3704 0044 0532 0130 00'],
    ['pan', 'card 4111 1111 1111 1111'],
    ['us_ssn', 'SSN 219-09-9998'],
    ['phone', 'call +1 202-555-0143'],
    ['secret', 'key AKIAIOSFODNN7EXAMPLE'],
    ['national_id', 'id 756.9217.0769.85'],
  ])('%s: %s', (kind, text) => {
    const guard = guarded({ id, kept: [TEXT, keep] });
    guard.mask(['1', text]);
    expect(guard.leaks()).toEqual([{ column: 'kept', kind, count: 1 }]);
  });
  it('also where JSON escapes hide it', () => {
    const guard = guarded({ id, kept: [JSONB, keep] });
    guard.mask(['1', '{"a": "ann\\u0040example.com"}']);
    expect(guard.leaks()).toEqual([{ column: 'kept', kind: 'email', count: 1 }]);
  });
  it('but not in a column that may have it', () => {
    const guard = guarded({ id, kept: [TEXT, keep] }, { except: new Set(['public.people.kept']) });
    guard.mask(['1', 'ann@example.com']);
    expect(guard.leaks()).toEqual([]);
  });
});

describe('what is done', () => {
  const leak = ['1', 'Quincy Xyl', 'greet Quincy Xyl'];
  const columns = { id, hidden: [TEXT, token], kept: [TEXT, keep] } as const;
  it('alert: counted, the cell stays', () => {
    const guard = guarded(columns);
    expect(guard.mask(leak, leak, ['1', 'a', 'b'])[2]).toBe('greet Quincy Xyl');
    expect(guard.leaks()).toEqual([{ column: 'kept', kind: 'masked_value', count: 2 }]);
  });
  it('redact: the cell is null, the rest of the row as it was', () => {
    const guard = guarded(columns, { action: 'redact' });
    const cells = guard.mask(leak);
    expect([cells[0], cells[2]]).toEqual(['1', null]);
    expect(guard.leaks()).toHaveLength(1);
  });
  it('halt: an error without the value, counted', () => {
    const guard = guarded(columns, { action: 'halt' });
    let thrown: unknown;
    try {
      guard.mask(leak);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(RowsealError);
    expect(thrown).toMatchObject({ code: 'RS-MASK-012' });
    expect(JSON.stringify(thrown) + String(thrown) + (thrown as Error).stack).not.toMatch(/quincy/i);
    expect(guard.leaks()).toHaveLength(1);
  });
  it('redact on a key column halts: a row without a key cannot be delivered', () => {
    const guard = guarded({ id: [TEXT, keep], kept: [TEXT, keep] }, { action: 'redact' });
    expect(() => guard.mask(['ann@example.com', 'x'])).toThrow(
      expect.objectContaining({ code: 'RS-MASK-012' }),
    );
  });
});

describe('sampling', () => {
  it('takes one row in n, whole, first and last images and all places of a rhythm alike', () => {
    const table = schema({ id: INT, kept: TEXT });
    const rules = policy({ id: keep, kept: keep }, { leakGuard: { ...every, oneIn: 10 } });
    const masker = rules.compileMasker(table, 'start');
    const met = { before: 0, after: 0 };
    const byPlace = new Array<number>(10).fill(0);
    const rows = 50_000;
    for (let row = 0; row < rows; row++) {
      const run = (before: string, after: string) => ({
        table,
        count: 1,
        ops: Uint8Array.of(Op.update),
        images: Uint8Array.of(Image.before | Image.after),
        cells: ['1', before, '1', after],
        firstOrdinal: 0,
        bytes: 0,
      });
      masker.mask(
        run(
          row % 2 === 0 ? 'ann@example.com' : 'clean text',
          row % 2 === 0 ? 'clean text' : 'ann@example.com',
        ),
      );
      const found = masker.takeLeaks().length;
      if (row % 2 === 0) met.before += found;
      else met.after += found;
      byPlace[row % 10]! += found;
    }
    for (const count of [met.before, met.after]) expect(Math.abs(count / (rows / 20) - 1)).toBeLessThan(0.1);
    for (const count of byPlace) expect(Math.abs(count / (rows / 100) - 1)).toBeLessThan(0.25);
  });
});

describe('the search for hidden values', () => {
  const column = (index: number) => ({ index, kind: 'text' as const, method: {} as CompiledMethod });
  const piece = fc.oneof(
    fc.string({ unit: fc.constantFrom(...'aB1@ -.+/ł'), maxLength: 12 }),
    fc.constantFrom('Quincy Xyl', '12345678', '+1 202-555-0143', 'a@b.example', '4111 1111'),
  );
  it('agrees with looking for each of them, hints or not', () => {
    fc.assert(
      fc.property(
        fc.array(piece, { minLength: 1, maxLength: 4 }),
        fc.array(piece, { maxLength: 6 }),
        (raws, parts) => {
          const hidden = new HiddenValues(raws.map((_, i) => column(i)));
          hidden.read(raws, 0);
          const text = parts.join('');
          const slow = raws.some((raw) => raw.length >= 6 && text.toLowerCase().includes(raw.toLowerCase()));
          expect(hidden.areIn(text, hintsOf(text), 99)).toBe(slow);
          expect(hidden.areIn(text, -1, 99)).toBe(slow);
        },
      ),
      { numRuns: 5000 },
    );
  });
  it('reads escapes as JSON does, and leaves alone what is none', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (value) => {
        expect(unescaped(JSON.stringify(value))).toBe(`"${value}"`);
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'\\u0041n"x') }), (value) => void unescaped(value)),
    );
  });
});
