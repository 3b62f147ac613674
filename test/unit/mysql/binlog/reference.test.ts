import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventType } from '../../../../connectors/sources/mysql/binlog/event-type.ts';
import { RowsealError } from '../../../../src/error/rowseal-error.ts';
import {
  type BuiltColumn,
  type BuiltTable,
  buildEvent,
  formatDescription,
  rowImage,
  rowsBody,
  tableMapBody,
} from '../../../support/binlog-builder.ts';
import { readBinlog, tableRows } from '../../../support/read-binlog.ts';
import { referenceRow } from '../../../support/reference-row.ts';

/**
 * The fast decoder and the plain one (test/support/reference-row.ts) on rows that no server needs to have written.
 */

interface Kind {
  readonly column: Omit<BuiltColumn, 'name'>;
  readonly cell: fc.Arbitrary<Buffer>;
}

const bytes = (length: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((value) => Buffer.from(value));

/** Bytes where zeros and ones are common, as in real numbers. */
const lumpy = (length: number): fc.Arbitrary<Buffer> =>
  fc
    .array(fc.oneof(fc.constantFrom(0, 0xff, 0x80, 0x7f, 1), fc.nat(255)), {
      minLength: length,
      maxLength: length,
    })
    .map((value) => Buffer.from(value));

const integers: Kind[] = (
  [
    [1, 1],
    [2, 2],
    [9, 3],
    [3, 4],
    [8, 8],
  ] as const
).flatMap(([code, size]) =>
  [false, true].map((unsigned) => ({ column: { code, unsigned }, cell: lumpy(size) })),
);

function withLength(lengthBytes: number, content: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  return content.map((value) => {
    const head = Buffer.alloc(lengthBytes);
    head.writeUIntLE(value.length, 0, lengthBytes);
    return Buffer.concat([head, value]);
  });
}

const content = fc.oneof(
  fc.string({ maxLength: 120 }).map((value) => Buffer.from(value, 'utf8')),
  fc.string({ unit: 'binary', maxLength: 60 }).map((value) => Buffer.from(value, 'utf8')),
  fc.uint8Array({ maxLength: 40 }).map((value) => Buffer.from(value)),
);
const short = content.map((value) => value.subarray(0, 250));

const BYTES_OF_DIGITS = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];
function decimalCell(precision: number, scale: number): fc.Arbitrary<Buffer> {
  const sizes = (digits: number): number[] =>
    Array.from({ length: Math.ceil(digits / 9) }, (_, i) => Math.min(9, digits - 9 * i));
  const groups = [...sizes(precision - scale).reverse(), ...sizes(scale)];
  return fc
    .tuple(
      fc.boolean(),
      ...groups.map((digits) => fc.oneof(fc.constantFrom(0, 10 ** digits - 1), fc.nat(10 ** digits - 1))),
    )
    .map(([negative, ...values]) => {
      const all = Buffer.concat(
        (values as number[]).map((value, i) => {
          const part = Buffer.alloc(BYTES_OF_DIGITS[groups[i]!]!);
          part.writeUIntBE(value, 0, part.length);
          return part;
        }),
      );
      all[0] = all[0]! ^ 0x80;
      return negative ? Buffer.from(all.map((byte) => byte ^ 0xff)) : all;
    });
}

/** Big-endian parts of a moment, most of them in range. */
function momentCell(fsp: number, whole: fc.Arbitrary<number>, size: number): fc.Arbitrary<Buffer> {
  const fractionBytes = (fsp + 1) >> 1;
  return fc.tuple(whole, fc.nat(100 ** fractionBytes - (fractionBytes > 0 ? 1 : 0))).map(([value, part]) => {
    const out = Buffer.alloc(size + fractionBytes);
    out.writeUIntBE(value, 0, size);
    if (fractionBytes > 0) out.writeUIntBE(part, size, fractionBytes);
    return out;
  });
}

const clock = fc.tuple(fc.nat(23), fc.nat(59), fc.nat(59)).map(([h, m, s]) => (h << 12) | (m << 6) | s);
const day = fc.tuple(fc.nat(9999), fc.nat(12), fc.nat(31)).map(([y, m, d]) => ((y * 13 + m) << 5) | d);
const datetime = fc.tuple(day, clock).map(([d, c]) => 0x80_0000_0000 + d * 131_072 + c);
const duration = fc
  .tuple(fc.boolean(), fc.nat(838), fc.nat(59), fc.nat(59))
  .map(([negative, h, m, s]) => 0x80_0000 + ((h << 12) | (m << 6) | s) * (negative ? -1 : 1));

const kinds: readonly Kind[] = [
  ...integers,
  { column: { code: 13, unsigned: true }, cell: bytes(1) },
  ...[1, 7, 8, 9, 33, 64].map((bits) => ({
    column: { code: 16, metadata: [bits % 8, bits >> 3] },
    cell: bytes((bits + 7) >> 3),
  })),
  ...(
    [
      [1, 0],
      [1, 1],
      [5, 2],
      [9, 9],
      [18, 9],
      [30, 10],
      [65, 30],
      [65, 0],
      [14, 4],
    ] as const
  ).map(([p, s]) => ({
    column: { code: 246, metadata: [p, s], unsigned: false },
    cell: fc.oneof({ weight: 9, arbitrary: decimalCell(p, s) }, { weight: 1, arbitrary: decimalCell(p, s) }),
  })),
  {
    column: { code: 10 },
    cell: fc.tuple(fc.nat(9999), fc.nat(12), fc.nat(31)).map(([y, m, d]) => {
      const out = Buffer.alloc(3);
      out.writeUIntLE((y << 9) | (m << 5) | d, 0, 3);
      return out;
    }),
  },
  ...[0, 1, 2, 3, 4, 5, 6].flatMap((fsp) => [
    { column: { code: 18, metadata: [fsp] }, cell: momentCell(fsp, datetime, 5) },
    { column: { code: 17, metadata: [fsp] }, cell: momentCell(fsp, fc.nat(0xffff_ffff), 4) },
    { column: { code: 19, metadata: [fsp] }, cell: momentCell(fsp, duration, 3) },
  ]),
  ...[63, 8, 255].flatMap((collation) => [
    { column: { code: 15, metadata: [255, 0], collation }, cell: withLength(1, short) },
    { column: { code: 15, metadata: [0, 4], collation }, cell: withLength(2, content) },
    { column: { code: 252, metadata: [2], collation }, cell: withLength(2, content) },
    { column: { code: 252, metadata: [4], collation }, cell: withLength(4, content) },
    {
      column: { code: 254, metadata: [254, 20], collation },
      cell: withLength(
        1,
        short.map((v) => v.subarray(0, 21)),
      ),
    },
  ]),
  {
    column: { code: 254, metadata: [247, 1], labels: ['a', 'é', 'c,d'], collation: 255 },
    cell: fc.nat(4).map((n) => Buffer.from([n])),
  },
  {
    column: {
      code: 254,
      metadata: [248, 8],
      labels: Array.from({ length: 60 }, (_, i) => `m${i}`),
      collation: 255,
    },
    cell: lumpy(8),
  },
];

const rowCase = fc.array(fc.nat(kinds.length - 1), { minLength: 1, maxLength: 20 }).chain((picked) =>
  fc.record({
    picked: fc.constant(picked),
    rows: fc.array(fc.tuple(...picked.map((kind) => fc.option(kinds[kind]!.cell, { freq: 6 }))), {
      minLength: 1,
      maxLength: 5,
    }),
  }),
);

function tableOf(picked: readonly number[]): BuiltTable {
  const columns = picked.map((kind, i) => ({ name: `c${i}`, ...kinds[kind]!.column }));
  return { id: 9, schema: 's', name: 't', columns };
}

function decodeFast(table: BuiltTable, rows: readonly (readonly (Buffer | null)[])[]): unknown {
  const file = Buffer.concat([
    Buffer.from('\xfebin', 'latin1'),
    formatDescription(),
    buildEvent(EventType.tableMap, tableMapBody(table)),
    buildEvent(EventType.writeRows, rowsBody(table, rows)),
  ]);
  try {
    return tableRows(readBinlog(file, { flavor: 'mysql' }), 't').map(({ after }) => after);
  } catch (error) {
    if (error instanceof RowsealError) return error.kind;
    throw error;
  }
}

function decodeSlowly(table: BuiltTable, rows: readonly (readonly (Buffer | null)[])[]): unknown {
  try {
    return rows.map((row) => referenceRow(table.columns, rowImage(row)));
  } catch {
    return 'data';
  }
}

describe('the row reader', () => {
  it('reads what the plain decoder reads, and refuses what it refuses', () => {
    fc.assert(
      fc.property(rowCase, ({ picked, rows }) => {
        const table = tableOf(picked);
        expect(decodeFast(table, rows)).toEqual(decodeSlowly(table, rows));
      }),
      { numRuns: 1500 },
    );
  });

  it('reads every kind of column alone', () => {
    for (const [kind, { cell }] of kinds.entries()) {
      fc.assert(
        fc.property(cell, (value) => {
          const table = tableOf([kind]);
          expect(decodeFast(table, [[value]])).toEqual(decodeSlowly(table, [[value]]));
        }),
        { numRuns: 60 },
      );
    }
  });
});
