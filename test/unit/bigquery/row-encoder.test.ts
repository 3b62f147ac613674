import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { RowBytes } from '../../../connectors/sinks/bigquery/row-bytes.ts';
import { PROTO_TYPE, RowEncoder } from '../../../connectors/sinks/bigquery/row-encoder.ts';
import { createTarget } from '../../../connectors/sinks/bigquery/target.ts';
import { decodeResponse, encodeAppend } from '../../../connectors/sinks/bigquery/write-messages.ts';
import type { MaskedCell } from '../../../src/model/cell.ts';
import type { MaskedTable } from '../../../src/model/masked.ts';
import type { ColumnType } from '../../../src/model/type.ts';
import { column, INT, rows, TEXT, table, UNCHANGED } from '../../support/masked.ts';

const PROTO: Readonly<Record<number, string>> = {
  [PROTO_TYPE.double]: 'double',
  [PROTO_TYPE.int64]: 'int64',
  [PROTO_TYPE.int32]: 'int32',
  [PROTO_TYPE.bool]: 'bool',
  [PROTO_TYPE.string]: 'string',
  [PROTO_TYPE.bytes]: 'bytes',
};

function encoderFor(of: MaskedTable, arrays: 'json' | 'repeated' = 'json'): RowEncoder {
  const target = createTarget(of, 0, {
    types: { json: 'json', arrays, unboundedNumeric: 'string' },
    taken: () => false,
    name: 't',
    mode: 'cdc',
    history: false,
  });
  const encoder = new RowEncoder(target.mirror);
  encoder.use(of);
  return encoder;
}

/** What protobufjs' own decoder makes of the bytes. */
function decode(encoder: RowEncoder, bytes: Uint8Array): Record<string, unknown>[] {
  const fields = encoder.fields
    .map(
      ({ name, number, type, repeated }) =>
        `${repeated ? 'repeated' : 'optional'} ${PROTO[type]} ${name} = ${number};`,
    )
    .join(' ');
  const { root } = protobuf.parse(
    `syntax = "proto2"; message Row { ${fields} } message Rows { repeated bytes serialized_rows = 1; }`,
    { keepCase: true },
  );
  const list = root.lookupType('Rows').decode(bytes) as unknown as { serialized_rows: Uint8Array[] };
  const Row = root.lookupType('Row');
  return list.serialized_rows.map((row) => Row.toObject(Row.decode(row), { longs: String, bytes: String }));
}

function encodeAll(encoder: RowEncoder, of: MaskedTable, list: readonly (readonly MaskedCell[])[]): string[] {
  const event = rows(
    of,
    0,
    list.map((after) => ({ op: 'c' as const, after })),
  );
  if (event.kind !== 'rows') throw new Error('rows are rows');
  const misfits: string[] = [];
  list.forEach((_, i) => {
    encoder.begin();
    encoder.cells(event.run, i * of.columns.length, (_column, value) => misfits.push(value));
    encoder.end('UPSERT', { group: 255, commitTimeUs: 1_700_000_000_000_000n }, 4096 + i, 'c', 1);
  });
  return misfits;
}

describe('rows as protobuf', () => {
  it('carry every type, the proof, the change and its place', () => {
    const types: readonly ColumnType[] = [
      INT,
      { kind: 'boolean' },
      { kind: 'decimal', precision: 12, scale: 2 },
      { kind: 'float', bits: 64 },
      { kind: 'bytes' },
      { kind: 'date' },
      { kind: 'time', withZone: false },
      { kind: 'timestamp', withZone: false },
      { kind: 'timestamp', withZone: true },
      { kind: 'json' },
      { kind: 'array', element: INT },
    ];
    const of = table(
      't',
      types.map((type, i) => column(`c${i}`, i + 1, type)),
    );
    const encoder = encoderFor(of, 'repeated');
    const misfits = encodeAll(encoder, of, [
      [
        '-9223372036854775808',
        't',
        '12.50',
        '-0',
        '\\xff00',
        '1969-12-31',
        '01:02:03.5',
        '2026-01-02 03:04:05',
        '9999-12-31 23:59:59.999999+00',
        '{"a":1}',
        '{1,-2}',
      ],
      [
        '1',
        'f',
        '-7',
        'NaN',
        '\\x',
        '1970-01-01',
        '00:00:00',
        '0001-01-01 00:00:00',
        '0001-01-01 00:00:00+00',
        'null',
        '{}',
      ],
      ['2', null, null, null, null, null, null, null, null, null, null],
    ]);
    expect(misfits).toEqual([]);
    const own = {
      _rowseal_group: '255',
      _rowseal_committed_at: '1700000000000000',
      _rowseal_op: 'c',
      _CHANGE_TYPE: 'UPSERT',
    };
    expect(decode(encoder, encoder.bytes.take())).toEqual([
      {
        c0: '-9223372036854775808',
        c1: true,
        c2: '12.50',
        c3: -0,
        c4: '/wA=',
        c5: -1,
        c6: '01:02:03.5',
        c7: '2026-01-02 03:04:05',
        c8: '253402300799999999',
        c9: '{"a":1}',
        c10: ['1', '-2'],
        ...own,
        _rowseal_seq: '4096',
        _CHANGE_SEQUENCE_NUMBER: 'ff/1000/1',
      },
      {
        c0: '1',
        c1: false,
        c2: '-7',
        c3: Number.NaN,
        c4: '',
        c5: 0,
        c6: '00:00:00',
        c7: '0001-01-01 00:00:00',
        c8: '-62135596800000000',
        c9: 'null',
        ...own,
        _rowseal_seq: '4097',
        _CHANGE_SEQUENCE_NUMBER: 'ff/1001/1',
      },
      { c0: '2', ...own, _rowseal_seq: '4098', _CHANGE_SEQUENCE_NUMBER: 'ff/1002/1' },
    ]);
  });

  it('hold any text and any integer as protobufjs reads them', () => {
    const of = table('t', [column('id', 1, INT), column('a', 2, TEXT), column('b', 3, TEXT)]);
    const encoder = encoderFor(of);
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.string({ maxLength: 60 }),
      fc.constantFrom('é'.repeat(63), 'x'.repeat(127), 'x'.repeat(128), '😀'.repeat(31), 'y'.repeat(20_000)),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), text, text), {
          minLength: 1,
          maxLength: 5,
        }),
        (list) => {
          const misfits = encodeAll(
            encoder,
            of,
            list.map(([id, a, b]) => [String(id), a, b]),
          );
          const decoded = decode(encoder, encoder.bytes.take());
          decoded.forEach((row, i) => {
            const [id, a, b] = list[i]!;
            expect(row['id']).toBe(String(id));
            expect(row['a']).toBe(a.isWellFormed() ? a : undefined);
            expect(row['b']).toBe(b.isWellFormed() ? b : undefined);
          });
          expect(misfits).toHaveLength(
            list.flatMap(([, a, b]) => [a, b]).filter((one) => !one.isWellFormed()).length,
          );
        },
      ),
      { numRuns: 300 },
    );
  });

  it('leave a value out that does not fit, and a row that is not whole', () => {
    const of = table('t', [column('id', 1, INT), column('day', 2, { kind: 'date' })]);
    const encoder = encoderFor(of);
    expect(encodeAll(encoder, of, [['1', 'infinity']])).toEqual(['infinity']);
    expect(decode(encoder, encoder.bytes.take())).toMatchObject([{ id: '1' }]);
    const event = rows(of, 0, [{ op: 'u', after: ['1', UNCHANGED] }]);
    if (event.kind !== 'rows') throw new Error('rows are rows');
    encoder.begin();
    expect(encoder.cells(event.run, 0, () => {})).toBe(false);
    encoder.bytes.undoRow();
    expect(encoder.bytes.length).toBe(0);
  });

  it('varints are those of the protocol', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        const bytes = new RowBytes(16);
        bytes.bigint(value);
        const reader = protobuf.Reader.create(bytes.take());
        expect(BigInt(reader.int64().toString())).toBe(value);
      }),
    );
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        const bytes = new RowBytes(16);
        bytes.int(value);
        expect(protobuf.Reader.create(bytes.take()).int64().toString()).toBe(String(value));
      }),
    );
  });
});

describe('messages of the write interface', () => {
  it('are read by field numbers, and unknown fields are passed over', () => {
    const writer = protobuf.Writer.create();
    writer.uint32((3 << 3) | 2).bytes(Buffer.from('updated schema'));
    writer
      .uint32((4 << 3) | 2)
      .fork()
      .uint32(1 << 3)
      .int64(7)
      .uint32(2 << 3)
      .int32(1)
      .uint32((3 << 3) | 2)
      .string('canary')
      .ldelim();
    writer
      .uint32((2 << 3) | 2)
      .fork()
      .uint32(1 << 3)
      .int32(3)
      .uint32((2 << 3) | 2)
      .string('canary')
      .ldelim();
    const response = decodeResponse(writer.finish());
    expect(response).toEqual({ error: { code: 3, storageCode: 0 }, rowErrors: [{ index: 7, code: 1 }] });
    expect(JSON.stringify(response)).not.toContain('canary');
    expect(decodeResponse(new Uint8Array())).toEqual({ error: null, rowErrors: [] });
  });

  it('name the writer schema in the first request only', () => {
    const fields = [{ name: 'id', number: 1, type: PROTO_TYPE.int64, repeated: false }];
    const first = encodeAppend({ stream: 's', fields, rows: Buffer.from([]) });
    const next = encodeAppend({ stream: 's', fields: null, rows: Buffer.from([]) });
    expect(first.length).toBeGreaterThan(next.length);
    expect(first.toString('latin1')).toContain('Row');
  });
});
