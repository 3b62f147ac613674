import { zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { BinlogDecoder } from '../../../../connectors/sources/mysql/binlog/binlog-decoder.ts';
import type { BinlogEvent, TableMap } from '../../../../connectors/sources/mysql/binlog/binlog-event.ts';
import { TypeCode } from '../../../../connectors/sources/mysql/binlog/column-type-code.ts';
import { EventType } from '../../../../connectors/sources/mysql/binlog/event-type.ts';
import { jsonTree } from '../../../../connectors/sources/mysql/binlog/json-binary.ts';
import { applyJsonDiffs } from '../../../../connectors/sources/mysql/binlog/json-diff.ts';
import { DecodedTableMap } from '../../../../connectors/sources/mysql/binlog/table-map.ts';
import { TableStore } from '../../../../connectors/sources/mysql/binlog/table-store.ts';
import { checkedPackets } from '../../../../connectors/sources/mysql/binlog-dump.ts';
import { bindTable, type CatalogTable } from '../../../../connectors/sources/mysql/catalog.ts';
import { RowsealError } from '../../../../src/error/rowseal-error.ts';
import type { ColumnType } from '../../../../src/model/type.ts';
import {
  type BuiltTable,
  buildEvent,
  formatDescription,
  lengthEncoded,
  lengthText,
  rowsBody,
  tableMapBody,
} from '../../../support/binlog-builder.ts';
import { type BuiltJson, buildJson } from '../../../support/json-binary-builder.ts';
import { bindAll } from '../../../support/read-binlog.ts';

/** What a server, or somebody in its place, could send to break a reader. */

/** Everything that a decoder hands out of these events. */
function read(events: readonly Buffer[], maxUnpackedBytes = 1 << 20): readonly BinlogEvent[] {
  const decoder = new BinlogDecoder({ flavor: 'mysql', maxUnpackedBytes });
  const seen: BinlogEvent[] = [];
  for (const event of events) {
    decoder.decode(event, 0, event.length);
    for (let next = decoder.next(); next !== null; next = decoder.next()) {
      seen.push(next);
      if (next.kind === 'table-map') decoder.bind(next.map, bindAll()(next.map));
    }
  }
  const rest = decoder.flush();
  return rest === null ? seen : [...seen, rest];
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return error instanceof RowsealError ? error.code : `not one of ours: ${String(error)}`;
  }
  return 'no error';
}

const u64 = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
};
const table: BuiltTable = {
  id: 5,
  schema: 'shop',
  name: 't',
  columns: [{ name: 'doc', code: TypeCode.json, metadata: [4] }],
};

describe('a transaction payload', () => {
  const payload = (inner: Buffer, declared = inner.length): Buffer => {
    const packed = zstdCompressSync(inner);
    const field = (type: number, value: Buffer): Buffer =>
      Buffer.concat([Buffer.from([type]), lengthEncoded(value.length), value]);
    const size = lengthEncoded(declared);
    return buildEvent(
      EventType.transactionPayload,
      Buffer.concat([
        field(2, Buffer.from([0])),
        field(3, size),
        field(1, lengthEncoded(packed.length)),
        Buffer.from([0]),
        packed,
      ]),
    );
  };

  it.each(['rotate', 'gtid', 'formatDescription', 'heartbeat', 'stop', 'transactionPayload'] as const)(
    'with a %s event in it is refused: it would move the place, or begin what is inside another',
    (name) => {
      const inner = buildEvent(EventType[name], Buffer.alloc(80, 1), { checksum: false });
      expect(codeOf(() => read([formatDescription(), payload(inner)]))).toBe('RS-MY-050');
    },
  );

  it('that unpacks to far more than it declares is refused before it is', () => {
    const bomb = Buffer.alloc(64 << 20);
    const before = process.memoryUsage().arrayBuffers;
    expect(codeOf(() => read([formatDescription(), payload(bomb, 1000)]))).toBe('RS-MY-050');
    expect(codeOf(() => read([formatDescription(), payload(bomb, 16_000_000)]))).toBe('RS-MY-056');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 << 20);
  });
});

describe('a GTID', () => {
  const gtid = (number: bigint): Buffer =>
    buildEvent(EventType.gtid, Buffer.concat([Buffer.from([0]), Buffer.alloc(16, 7), u64(number)]));
  /** mysql::serialization: small numbers are doubled; fields are number and value. */
  const tagged = (tag: string, uuidByte: Buffer, number = 2): Buffer =>
    buildEvent(
      EventType.gtidTagged,
      Buffer.concat([
        Buffer.from([2, 80, 0]),
        Buffer.from([1 * 2]),
        uuidByte,
        Buffer.alloc(15, 2),
        Buffer.from([2 * 2, number * 2]),
        Buffer.from([3 * 2, tag.length * 2]),
        Buffer.from(tag),
      ]),
    );
  const one = Buffer.from([2]);

  it('has a number', () => {
    const [, event] = read([formatDescription(), gtid(1n)]);
    expect(event).toMatchObject({ kind: 'gtid', number: 1n });
    expect(codeOf(() => read([formatDescription(), gtid(0n)]))).toBe('RS-MY-050');
    expect(codeOf(() => read([formatDescription(), gtid(1n << 63n)]))).toBe('RS-MY-050');
  });

  it('has a tag and a UUID that keep the text of a set readable', () => {
    const [, event] = read([formatDescription(), tagged('tag_1', one)]);
    expect(event).toMatchObject({ kind: 'gtid', tag: 'tag_1', number: 1n });
    for (const tag of ['a,b', 'a:1', 'Tag', '1tag', 'a b'])
      expect(
        codeOf(() => read([formatDescription(), tagged(tag, one)])),
        tag,
      ).toBe('RS-MY-050');
    // 300 in two bytes: one low bit set, then 14 bits.
    const wide = Buffer.from([((300 << 2) | 1) & 0xff, (300 << 2) >> 8]);
    expect(codeOf(() => read([formatDescription(), tagged('a', wide)]))).toBe('RS-MY-050');
    expect(codeOf(() => read([formatDescription(), tagged('a', one, 0)]))).toBe('RS-MY-050');
  });
});

describe('JSON', () => {
  const nested = (depth: number): BuiltJson => (depth === 0 ? 1n : [nested(depth - 1)]);

  it('that updates make deeper and deeper is refused, not followed until the stack ends', () => {
    const value = buildJson(nested(90));
    const diffs: Buffer[] = [];
    let path = '$';
    for (let i = 0; i < 400; i++) {
      diffs.push(Buffer.concat([Buffer.from([0]), lengthText(path), lengthEncoded(value.length), value]));
      path += '[0]'.repeat(90);
    }
    const start = buildJson(nested(1));
    const all = Buffer.concat(diffs);
    expect(codeOf(() => applyJsonDiffs(jsonTree(start, 0, start.length), all, 0, all.length))).toBe(
      'RS-MY-050',
    );
    const fine = diffs[0]!;
    expect(applyJsonDiffs(jsonTree(start, 0, start.length), fine, 0, fine.length)).toMatch(/^\[{90}1\]{90}$/);
  });

  it('whose text is longer than a string can be is over a limit', { timeout: 180_000 }, () => {
    const bytes = 90 << 20;
    const head = Buffer.from([
      12,
      0x80 | (bytes & 127),
      0x80 | ((bytes >> 7) & 127),
      0x80 | ((bytes >> 14) & 127),
      bytes >> 21,
    ]);
    const document = Buffer.concat([head, Buffer.alloc(bytes, 1)]);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(document.length);
    const rows = buildEvent(EventType.writeRows, rowsBody(table, [[Buffer.concat([length, document])]]));
    const map = buildEvent(EventType.tableMap, tableMapBody(table));
    expect(codeOf(() => read([formatDescription(), map, rows]))).toBe('RS-MY-056');
  });
});

describe('table maps', () => {
  const mapOf = (tableId: number, bytes: number): DecodedTableMap => {
    const body = Buffer.concat([
      tableMapBody({ ...table, id: tableId }),
      Buffer.from([200]),
      Buffer.from([0xfe]),
      u64(BigInt(bytes)),
      Buffer.alloc(bytes),
    ]);
    return new DecodedTableMap(body, tableId, 8, 'mysql', () => undefined);
  };

  it('are forgotten, oldest first, when they take too much memory', () => {
    const store = new TableStore();
    for (let id = 1; id <= 20; id++) store.add(mapOf(id, 8 << 20));
    expect(store.get(1)).toBeUndefined();
    expect(store.get(20)).toBeDefined();
    expect([...Array(21).keys()].filter((id) => store.get(id) !== undefined).length).toBeLessThan(9);
    // The same id again takes its place, and its bytes.
    for (let i = 0; i < 20; i++) store.add(mapOf(99, 4 << 20));
    expect(store.get(20)).toBeDefined();
    store.clear();
    expect(store.get(99)).toBeUndefined();
  });

  it('that say one thing many times, each time about all columns, are refused', () => {
    const body = Buffer.concat([tableMapBody(table), Buffer.from([4, 4]), lengthText('doc')]);
    const map = buildEvent(EventType.tableMap, body);
    expect(codeOf(() => read([formatDescription(), map]))).toBe('RS-MY-050');
  });
});

it('a place beyond what a number can hold is refused', () => {
  const rotate = (position: bigint): Buffer =>
    buildEvent(EventType.rotate, Buffer.concat([u64(position), Buffer.from('binlog.000002')]));
  expect(read([formatDescription(), rotate((1n << 53n) - 1n)])).toHaveLength(2);
  expect(codeOf(() => read([formatDescription(), rotate(1n << 53n)]))).toBe('RS-MY-050');
});

it('before the format description nothing but a rotate event goes without a checksum', () => {
  const rotate = buildEvent(EventType.rotate, Buffer.concat([u64(4n), Buffer.from('binlog.000002')]), {
    checksum: false,
  });
  expect(read([rotate])).toHaveLength(1);
  const gtid = buildEvent(EventType.gtid, Buffer.alloc(60, 1), { checksum: false });
  expect(codeOf(() => read([gtid]))).toBe('RS-MY-051');
});

it('packets of the stream that are no events are refused before anything is read of them', () => {
  const event = Buffer.concat([Buffer.from([0]), buildEvent(EventType.stop, Buffer.alloc(0))]);
  const packet = (buffer: Buffer) => ({ buffer, start: 0, end: buffer.length });
  expect(checkedPackets([packet(event)])).toHaveLength(1);
  expect(codeOf(() => checkedPackets([packet(event.subarray(0, 19))]))).toBe('RS-MY-050');
  expect(codeOf(() => checkedPackets([packet(Buffer.alloc(0))]))).toBe('RS-MY-050');
  // Semi-synchronous replication puts two bytes in front, but only where it was asked for.
  expect(codeOf(() => checkedPackets([packet(Buffer.concat([Buffer.from([0xef, 1]), event]))]))).toBe(
    'RS-MY-050',
  );
  expect(codeOf(() => checkedPackets([packet(Buffer.from([0xfe, 0, 0, 2, 0]))]))).toBe('RS-MY-016');
});

describe('dates and times in the old format of MariaDB', () => {
  const map = (code: number): TableMap =>
    new DecodedTableMap(
      tableMapBody({ id: 1, schema: 'shop', name: 't', columns: [{ name: 'at', code }] }),
      1,
      8,
      'mariadb',
      () => undefined,
    );
  const catalog = (sourceType: string): CatalogTable => ({
    schema: {
      namespace: 'shop',
      name: 't',
      columns: [
        { name: 'at', type: { kind: 'timestamp', withZone: false } as ColumnType, sourceType, id: null },
      ],
      key: [],
    },
    hints: new Map(),
    zerofill: new Set(),
    oldFractions: [],
    engine: 'InnoDB',
    estimatedRows: null,
    cascades: [],
  });

  it('are bound where the catalog knows them without a fraction, and refused otherwise', () => {
    for (const [code, type] of [
      [TypeCode.datetime, 'datetime'],
      [TypeCode.time, 'time'],
      [TypeCode.timestamp, 'timestamp'],
    ] as const) {
      expect(bindTable(map(code), catalog(type), 'mariadb').table.columns).toHaveLength(1);
      expect(codeOf(() => bindTable(map(code), catalog(`${type}(3)`), 'mariadb'))).toBe('RS-MY-061');
      expect(codeOf(() => bindTable(map(code), null, 'mariadb'))).toBe('RS-MY-061');
      // MySQL never had fractions in it.
      expect(bindTable(map(code), null, 'mysql').table.columns).toHaveLength(1);
    }
  });
});
