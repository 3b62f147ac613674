import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonNodeText, jsonText, jsonTree } from '../../../../connectors/sources/mysql/binlog/json-binary.ts';
import { applyJsonDiffs } from '../../../../connectors/sources/mysql/binlog/json-diff.ts';
import { jsonDouble } from '../../../../connectors/sources/mysql/binlog/json-scalar.ts';
import { RowsealError } from '../../../../src/error/rowseal-error.ts';
import { lengthEncoded, lengthText } from '../../../support/binlog-builder.ts';
import { type BuiltJson, buildJson } from '../../../support/json-binary-builder.ts';

const text = fc.string({ unit: 'binary', maxLength: 300 });
const scalar: fc.Arbitrary<BuiltJson> = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.bigInt({ min: -(1n << 63n), max: (1n << 64n) - 1n }),
  fc.bigInt({ min: -70_000n, max: 70_000n }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  text,
);
const { document } = fc.letrec<{ document: BuiltJson }>((tie) => ({
  document: fc.oneof(
    { maxDepth: 6, withCrossShrink: true },
    scalar,
    fc.array(tie('document'), { maxLength: 8 }),
    fc.array(fc.tuple(text, tie('document')), { maxLength: 8 }).map((members) => new Map(members)),
  ),
}));

/** The text of a value, without the reader. */
function expected(value: BuiltJson): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return jsonDouble(value);
  if (typeof value === 'string') return JSON.stringify(value);
  if (value instanceof Map)
    return `{${[...value].map(([name, member]) => `${JSON.stringify(name)}: ${expected(member)}`).join(', ')}}`;
  return `[${(value as readonly BuiltJson[]).map(expected).join(', ')}]`;
}

describe('binary JSON', () => {
  it.each([false, true])('gives back any document exactly, large %s', (large) => {
    fc.assert(
      fc.property(document, (value) => {
        const bytes = buildJson(value, large);
        if (!large && bytes.length > 60_000) return;
        const padded = Buffer.concat([Buffer.alloc(3, 0xaa), bytes, Buffer.alloc(3, 0xaa)]);
        expect(jsonText(padded, 3, 3 + bytes.length)).toBe(expected(value));
      }),
      { numRuns: 500 },
    );
  });

  it('prints doubles so that they read back, always as numbers with a point or an exponent', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const shown = jsonDouble(value);
        expect(Object.is(Number(shown), value)).toBe(true);
        expect(shown).toMatch(/^-?\d+(\.\d+)?(e-?\d+)?$/);
        expect(shown).toMatch(/[.e]/);
      }),
    );
  });

  it('never answers damaged bytes with anything but an error of its own', () => {
    fc.assert(
      fc.property(
        document,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (value, edits) => {
          const bytes = buildJson(value);
          for (const [at, byte] of edits) bytes[at % bytes.length] = byte;
          try {
            jsonText(bytes, 0, bytes.length);
          } catch (error) {
            expect(error).toBeInstanceOf(RowsealError);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('refuses values that share their bytes, which would make a small document an endless one', () => {
    // An array of arrays that all begin at its own start.
    const depth = Buffer.from([2, 3, 0, 13, 0, 2, 0, 0, 2, 0, 0, 2, 0, 0]);
    expect(() => jsonText(depth, 0, depth.length)).toThrow(RowsealError);
    // Four elements that are all the first one's text.
    const shared = buildJson(['a'.repeat(60), 'b', 'c', 'd']);
    for (const entry of [9, 12, 15]) shared.copy(shared, entry, 6, 8);
    expect(() => jsonText(shared, 0, shared.length)).toThrow(RowsealError);
  });
});

const REPLACE = 0;
const INSERT = 1;
const REMOVE = 2;

function diff(operation: number, path: string, value?: BuiltJson): Buffer {
  const body = value === undefined ? [] : [lengthEncoded(buildJson(value).length), buildJson(value)];
  return Buffer.concat([Buffer.from([operation]), lengthText(path), ...body]);
}

function apply(before: BuiltJson, ...diffs: readonly Buffer[]): string {
  const bytes = buildJson(before);
  const all = Buffer.concat(diffs);
  return applyJsonDiffs(jsonTree(bytes, 0, bytes.length), all, 0, all.length);
}

describe('partial JSON', () => {
  const before: BuiltJson = new Map<string, BuiltJson>([
    ['a', 1n],
    ['b', [1n, 2n, 3n]],
    ['c d', new Map([['e"f', 'x']])],
  ]);

  it('replaces, inserts and removes, one after the other', () => {
    expect(apply(before, diff(REPLACE, '$.a', 18446744073709551615n))).toContain('"a": 18446744073709551615');
    expect(apply(before, diff(REMOVE, '$.b[0]'), diff(INSERT, '$.b[9]', null))).toContain(
      '"b": [2, 3, null]',
    );
    expect(apply(before, diff(INSERT, '$.b[1]', 'é'))).toContain('"b": [1, "é", 2, 3]');
    expect(apply(before, diff(REPLACE, '$."c d"."e\\"f"', 1.5))).toContain('"c d": {"e\\"f": 1.5}');
    expect(apply(before, diff(REPLACE, '$', []))).toBe('[]');
    expect(apply(before, diff(REPLACE, '$.b[last]', 0n), diff(REMOVE, '$.b[last-2]'))).toContain(
      '"b": [2, 0]',
    );
    expect(apply(before, diff(INSERT, '$.b[last-9]', 0n))).toContain('"b": [0, 1, 2, 3]');
  });

  it('keeps the order of the server: names by length, then by bytes', () => {
    expect(apply(before, diff(INSERT, '$.zz', 1n), diff(INSERT, '$.aa', 2n), diff(REMOVE, '$.b'))).toBe(
      '{"a": 1, "aa": 2, "zz": 1, "c d": {"e\\"f": "x"}}',
    );
  });

  it.each([
    ['a path that is not there', diff(REPLACE, '$.nope', 1n)],
    ['a member that is already there', diff(INSERT, '$.a', 1n)],
    ['a cell of an object', diff(REPLACE, '$[0]', 1n)],
    ['a place behind the array', diff(REPLACE, '$.b[3]', 1n)],
    ['a path of a wildcard', diff(REPLACE, '$.*', 1n)],
    ['an unknown operation', diff(7, '$.a', 1n)],
    ['a removal of everything', diff(REMOVE, '$')],
  ])('refuses %s', (_, edit) => {
    expect(() => apply(before, edit)).toThrow(RowsealError);
  });

  it('a tree has the text of its document', () => {
    fc.assert(
      fc.property(document, (value) => {
        const bytes = buildJson(value);
        if (bytes.length > 60_000) return;
        const sorted = jsonNodeText(jsonTree(bytes, 0, bytes.length));
        expect(JSON.parse(sorted)).toEqual(JSON.parse(jsonText(bytes, 0, bytes.length)));
      }),
      { numRuns: 300 },
    );
  });
});
