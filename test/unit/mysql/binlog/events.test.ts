import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { deflateSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { BinlogDecoder } from '../../../../connectors/sources/mysql/binlog/binlog-decoder.ts';
import type {
  BinlogEvent,
  DecoderOptions,
  RowsEvent,
} from '../../../../connectors/sources/mysql/binlog/binlog-event.ts';
import { EventType } from '../../../../connectors/sources/mysql/binlog/event-type.ts';
import { RowsealError } from '../../../../src/error/rowseal-error.ts';
import { UNCHANGED } from '../../../../src/model/cell.ts';
import {
  type BuiltTable,
  buildEvent,
  formatDescription,
  lengthEncoded,
  rowsBody,
  tableId,
  tableMapBody,
} from '../../../support/binlog-builder.ts';
import { type Bind, bindAll, readBinlog, rowsOf, tableRows } from '../../../support/read-binlog.ts';

const folder = fileURLToPath(new URL('../../../golden/mysql/', import.meta.url));

function golden(
  release: string,
  scene: string,
  options: Partial<DecoderOptions> = {},
): readonly BinlogEvent[] {
  const flavor = release.startsWith('mariadb') ? 'mariadb' : 'mysql';
  return readBinlog(readFileSync(`${folder}${release}/${scene}.binlog`), { flavor, ...options });
}

const MAGIC = Buffer.from('\xfebin', 'latin1');
const table: BuiltTable = {
  id: 5,
  schema: 'shop',
  name: 'orders',
  columns: [
    { name: 'id', code: 3, unsigned: false },
    { name: 'note', code: 15, metadata: [20, 0], collation: 255 },
  ],
};
const id = (n: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(n);
  return bytes;
};
const note = (text: string): Buffer => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)]);
const map = buildEvent(EventType.tableMap, tableMapBody(table));
const inserts = (...numbers: readonly number[]): Buffer =>
  buildEvent(
    EventType.writeRows,
    rowsBody(
      table,
      numbers.map((n) => [id(n), note(`n${n}`)]),
    ),
  );
const xid = buildEvent(EventType.xid, Buffer.from('0102030405060708', 'hex'));

function read(
  events: readonly Buffer[],
  options: Partial<DecoderOptions> = {},
  bind: Bind = bindAll(),
): readonly BinlogEvent[] {
  return readBinlog(
    Buffer.concat([MAGIC, formatDescription(), ...events]),
    { flavor: 'mysql', ...options },
    bind,
  );
}

function codeOf(run: () => unknown): string | null {
  try {
    run();
    return null;
  } catch (error) {
    if (error instanceof RowsealError) return error.code;
    throw error;
  }
}

describe('the events of MySQL', () => {
  const events = golden('mysql-9', 'events', { statements: true });

  it('come in the order of the file', () => {
    expect(events.map(({ kind }) => kind).slice(0, 16)).toEqual([
      'format-description',
      'previous-gtids',
      'gtid',
      'query',
      'gtid',
      'begin',
      'rows-query',
      'table-map',
      'rows',
      'query',
      'rows-query',
      'rows',
      'rows-query',
      'rows',
      'xid',
      'gtid',
    ]);
  });

  it('name transactions by GTID, with commit times and the size of the transaction', () => {
    const gtid = events.find((event) => event.kind === 'gtid')!;
    const previous = events.find((event) => event.kind === 'previous-gtids')!;
    const last = Number(previous.gtidSet.split('-').at(-1));
    expect(gtid.text).toBe(`${gtid.uuid}:${last + 1}`);
    // Seconds of the header and microseconds of the commit are the same moment.
    expect(
      Math.abs(Number(gtid.immediateCommitUs! / 1_000_000n) - gtid.header.timestampS),
    ).toBeLessThanOrEqual(1);
    expect(gtid).toMatchObject({ tag: '', immediateServerVersion: 90704, originalServerVersion: 90704 });
    expect(gtid.originalCommitUs).toBe(gtid.immediateCommitUs);
    expect(Number(gtid.transactionBytes)).toBeGreaterThan(100);
  });

  it('include tagged GTIDs, which differ in nothing but their form', () => {
    const tagged = events.filter((event) => event.kind === 'gtid').find(({ tag }) => tag !== '')!;
    expect(tagged.header.type).toBe(EventType.gtidTagged);
    expect(tagged.text).toBe(`${tagged.uuid}:tag_one:1`);
    expect(tagged.sequenceNumber).toBe(tagged.lastCommitted + 1n);
    expect(
      Math.abs(Number(tagged.immediateCommitUs! / 1_000_000n) - tagged.header.timestampS),
    ).toBeLessThanOrEqual(1);
    const next = golden('mysql-9', 'events-next').find((event) => event.kind === 'previous-gtids')!;
    expect(next.gtidSet).toMatch(/^[0-9a-f-]{36}:1-\d+:tag_one:1$/);
  });

  it('show XA transactions by one id, before and after their outcome', () => {
    const xa = events.find((event) => event.kind === 'xa-prepare')!;
    expect(xa).toMatchObject({ onePhase: false, xid: "X'7831',X'62',7" });
    const queries = events.flatMap((event) => (event.kind === 'query' ? [event.query.sql] : []));
    expect(queries).toContain(`XA COMMIT ${xa.xid}`);
  });

  it('show DDL and TRUNCATE as queries of their schema', () => {
    const truncate = events.find(
      (event) => event.kind === 'query' && event.query.sql.startsWith('TRUNCATE'),
    )!;
    expect(truncate).toMatchObject({ query: { schema: 'golden', sql: 'TRUNCATE TABLE ev', errorCode: 0 } });
  });

  it('hold no statement unless asked for', () => {
    expect(golden('mysql-9', 'events').some(({ kind }) => kind === 'rows-query')).toBe(false);
  });

  it('unpack a compressed transaction in its order', () => {
    const kinds = golden('mysql-9', 'payload').map(({ kind }) => kind);
    expect(kinds.slice(-8)).toEqual(['gtid', 'begin', 'rows', 'table-map', 'rows', 'rows', 'xid', 'rotate']);
  });

  it('tell of statements that were logged without rows', () => {
    const what = golden('mysql-9', 'statement-format').flatMap((event) =>
      event.kind === 'statement-logged' ? [event.what] : [],
    );
    expect(what).toEqual(['intvar', 'user-var', 'intvar', 'rand']);
  });
});

describe.each(['mariadb-10', 'mariadb-11'])('the events of %s', (release) => {
  const events = golden(release, 'events', { statements: true });

  it('begin transactions with a GTID that says what follows', () => {
    const gtids = events.filter((event) => event.kind === 'mariadb-gtid');
    expect(
      gtids.map(({ standalone, ddl, transactional }) => [standalone, ddl, transactional]).slice(0, 3),
    ).toEqual([
      [true, true, false],
      [false, false, true],
      [true, true, false],
    ]);
    expect(gtids.flatMap(({ xa }) => (xa === null ? [] : [xa]))).toEqual([
      { state: 'prepared', xid: "X'7831',X'62',7" },
      { state: 'completed', xid: "X'7831',X'62',7" },
    ]);
    const list = events.find((event) => event.kind === 'mariadb-gtid-list')!;
    expect(gtids[0]!.gtid.sequence).toBe(list.gtids[0]!.sequence + 1n);
    expect(gtids[0]!.text).toBe(`0-1-${gtids[0]!.gtid.sequence}`);
  });

  it('have rows in compressed and plain events', () => {
    const rows = tableRows(golden(release, 'mariadb-compressed'), 'packed');
    expect(rows.map(({ op }) => op)).toEqual([1, 1, 1, 1, 2, 3]);
    expect(rows[4]!.after![1]).toBe('y'.repeat(450));
  });
});

describe('rows whose images leave columns out', () => {
  it('MINIMAL: what is absent is unchanged, and known from the before image where that has it', () => {
    const events = golden('mysql-9', 'images-minimal');
    const rows = tableRows(events, 'im');
    expect(rows[0]!.after).toEqual(['1', '10', 'x', 'text', UNCHANGED]);
    expect(rows[2]).toEqual({
      op: 2,
      before: ['1', UNCHANGED, UNCHANGED, UNCHANGED, UNCHANGED],
      after: ['1', '11', UNCHANGED, UNCHANGED, UNCHANGED],
    });
    expect(rows[3]!.after).toEqual(['1', UNCHANGED, UNCHANGED, null, UNCHANGED]);
    expect(rows[4]!.after).toEqual(['3', UNCHANGED, 'moved', UNCHANGED, UNCHANGED]);
    expect(rows[5]!.before).toEqual(['1', UNCHANGED, UNCHANGED, UNCHANGED, UNCHANGED]);
    // Without a key the before image has everything, and the after image what changed.
    expect(tableRows(events, 'nk')[1]).toEqual({ op: 2, before: ['1', 'x'], after: ['2', 'x'] });
    const complete = events.flatMap((event) => (event.kind === 'rows' ? [event.complete] : []));
    expect(complete).toEqual([...Array(complete.length - 3).fill(false), true, false, true]);
  });

  it('NOBLOB: only unchanged blobs are absent', () => {
    const rows = tableRows(golden('mariadb-11', 'images-noblob'), 'im');
    expect(rows[2]).toEqual({
      op: 2,
      before: ['1', '10', 'x', UNCHANGED, '9'],
      after: ['1', '11', 'x', UNCHANGED, '9'],
    });
    expect(rows[3]!.after).toEqual(['1', '11', 'x', null, '9']);
  });

  it('partial JSON is put together from the document before', () => {
    const documents = tableRows(golden('mysql-9', 'partial-json'), 'pj')
      .filter(({ after }) => after![0] === '1')
      .map(({ after }) => after![1] as string);
    expect(JSON.parse(documents.at(-2)!)).toEqual({
      x: 2,
      arr: [1, 3, { k: 'w' }, 9],
      new: [1.5, null],
      'o k': { 'q"t': 'é' },
    });
    expect(documents.at(-1)).toBe('{"whole": 1}');
  });
});

describe('the columns of a table map', () => {
  it('have the names, types and flags that FULL metadata sends', () => {
    const hidden = golden('mysql-9', 'mysql-types').find(
      (event) => event.kind === 'table-map' && event.map.table === 'hidden',
    ) as Extract<BinlogEvent, { kind: 'table-map' }>;
    const { columns, primaryKey } = hidden.map;
    // Hidden columns of functional indexes are not in the binlog.
    expect(columns.map(({ name, sourceType, visible }) => [name, sourceType, visible])).toEqual([
      ['pk', 'int', true],
      ['a', 'int', true],
      ['inv', 'int', false],
      ['virt', 'int', true],
      ['stor', 'varchar(20)', true],
      ['j', 'json', true],
    ]);
    expect(primaryKey).toEqual([{ column: 0, prefix: 0 }]);
  });

  it('spell every type as the server does', () => {
    for (const release of ['mysql-9', 'mariadb-10', 'mariadb-11']) {
      const maps = golden(release, 'types').flatMap((event) =>
        event.kind === 'table-map' ? [event.map] : [],
      );
      const spelled = new Map(
        maps.flatMap(({ columns }) => columns.map(({ name, sourceType }) => [name, sourceType])),
      );
      expect(spelled.get('u_bigint')).toBe('bigint unsigned');
      expect(spelled.get('d_65_30')).toBe('decimal(65,30)');
      expect(spelled.get('bit33')).toBe('bit(33)');
      expect(spelled.get('ts6')).toBe('timestamp(6)');
      expect(spelled.get('c255')).toBe('char(255)');
      expect(spelled.get('b255')).toBe('binary(255)');
      expect(spelled.get('v300')).toBe('varbinary(300)');
      expect(spelled.get('u16')).toBe('varchar(200)');
      expect(spelled.get('mb')).toBe('mediumblob');
      expect(spelled.get('lt')).toBe('longtext');
      expect(spelled.get('e')).toBe("enum('a','b,c','d''e','')");
      expect(spelled.get('y')).toBe('year');
      expect(spelled.get('p')).toBe('point');
    }
  });
});

describe('runs of rows', () => {
  it('join the events of one table, and end with any other event', () => {
    const events = read([map, inserts(1, 2), map, inserts(3), xid, map, inserts(4)]);
    expect(events.map(({ kind }) => kind)).toEqual([
      'format-description',
      'table-map',
      'rows',
      'xid',
      'rows',
    ]);
    const [first, second] = events.filter((event) => event.kind === 'rows') as [RowsEvent, RowsEvent];
    expect(first.cells).toEqual(['1', 'n1', '2', 'n2', '3', 'n3']);
    expect(second.cells).toEqual(['4', 'n4']);
  });

  it('are cut where they are full, in the middle of an event too', () => {
    const numbers = Array.from({ length: 25 }, (_, i) => i);
    const runs = read([map, inserts(...numbers), inserts(99)], { maxRunRows: 10 }).filter(
      (event) => event.kind === 'rows',
    );
    expect(runs.map(({ count }) => count)).toEqual([10, 10, 6]);
    expect(runs.flatMap((run) => rowsOf(run).map(({ after }) => Number(after![0])))).toEqual([
      ...numbers,
      99,
    ]);
  });

  it('leave out tables that are not captured, whatever their columns', () => {
    const strange = { ...table, id: 6, name: 'other', columns: [{ name: 'x', code: 200 }] };
    const events = read(
      [
        map,
        inserts(1),
        buildEvent(EventType.tableMap, tableMapBody(strange)),
        buildEvent(EventType.writeRows, rowsBody(strange, [[id(1)]])),
        inserts(2),
      ],
      {},
      (found) => (found.table === 'orders' ? bindAll()(found) : null),
    );
    expect(tableRows(events, 'orders').map(({ after }) => after![0])).toEqual(['1', '2']);
  });

  it('follow a table id that is used for another table', () => {
    const other: BuiltTable = { ...table, name: 'again', columns: [table.columns[0]!] };
    const events = read([
      map,
      inserts(1),
      buildEvent(EventType.tableMap, tableMapBody(other)),
      buildEvent(EventType.writeRows, rowsBody(other, [[id(7)]])),
    ]);
    expect(tableRows(events, 'again')[0]!.after).toEqual(['7']);
  });

  it('need their map, and the map its binding', () => {
    expect(codeOf(() => read([inserts(1)]))).toBe('RS-MY-050');
    const decoder = new BinlogDecoder({ flavor: 'mysql', checksum: 'crc32' });
    decoder.decode(map, 0, map.length);
    expect(decoder.next()!.kind).toBe('table-map');
    const rows = inserts(1);
    decoder.decode(rows, 0, rows.length);
    expect(codeOf(() => decoder.next())).toBe('RS-RUN-000');
  });

  it('are asked for again after the server started', () => {
    const events = read([map, inserts(1), formatDescription(1, 1_700_000_000), map, inserts(2)]);
    expect(events.filter(({ kind }) => kind === 'table-map')).toHaveLength(2);
  });
});

describe('events around', () => {
  it('a heartbeat of both versions says where the server is', () => {
    const v1 = buildEvent(EventType.heartbeat, Buffer.from('binlog.000007'));
    const position = Buffer.concat([Buffer.from([0xfe]), Buffer.from('0000000001000000', 'hex')]);
    const v2 = buildEvent(
      EventType.heartbeatV2,
      Buffer.concat([
        Buffer.from([1, 5]),
        Buffer.from('bin.1'),
        Buffer.from([2, position.length]),
        position,
        Buffer.from([0]),
      ]),
    );
    expect(read([v1, v2]).slice(1)).toMatchObject([
      { kind: 'heartbeat', file: 'binlog.000007', position: 0n },
      { kind: 'heartbeat', file: 'bin.1', position: 4_294_967_296n },
    ]);
  });

  it.each([true, false])('a rotate event before the format description is read, checksum %s', (checksum) => {
    const body = Buffer.concat([Buffer.from('0400000000000000', 'hex'), Buffer.from('binlog.000003')]);
    const rotate = buildEvent(EventType.rotate, body, { checksum, flags: 0x20, timestampS: 0 });
    const decoder = new BinlogDecoder({ flavor: 'mysql' });
    decoder.decode(rotate, 0, rotate.length);
    expect(decoder.next()).toMatchObject({
      kind: 'rotate',
      file: 'binlog.000003',
      position: 4n,
      artificial: true,
    });
  });

  it('an incident is a loss, and names no statement', () => {
    const incident = buildEvent(
      EventType.incident,
      Buffer.concat([Buffer.from([1, 0, 3]), Buffer.from('abc')]),
    );
    expect(codeOf(() => read([incident]))).toBe('RS-MY-055');
  });

  it('an unknown event is passed over only where the server says that it may be', () => {
    expect(read([buildEvent(99, Buffer.alloc(3), { flags: 0x80 })])[1]).toMatchObject({ kind: 'ignored' });
    expect(codeOf(() => read([buildEvent(99, Buffer.alloc(3))]))).toBe('RS-MY-054');
  });

  it('damage is found by the checksum', () => {
    const damaged = Buffer.from(inserts(1));
    damaged[30] = damaged[30]! ^ 1;
    expect(codeOf(() => read([map, damaged]))).toBe('RS-MY-051');
  });

  it('a file without checksums is read', () => {
    const rows = tableRows(golden('mysql-9', 'no-checksum'), 'plain');
    expect(rows.map(({ after }) => after)).toEqual([
      ['1', 'a'],
      ['2', 'b'],
      ['3', null],
    ]);
  });

  it('a row that is cut short is never handed out', () => {
    const body = rowsBody(table, [
      [id(1), note('whole')],
      [id(2), note('cut')],
    ]);
    const cut = buildEvent(EventType.writeRows, body.subarray(0, body.length - 1));
    expect(codeOf(() => read([map, cut]))).toBe('RS-MY-050');
    const none = buildEvent(EventType.writeRows, rowsBody(table, []));
    expect(codeOf(() => read([map, none]))).toBe('RS-MY-050');
  });

  it('rows of no table only end a statement', () => {
    const dummy = buildEvent(
      EventType.writeRows,
      Buffer.concat([tableId(0xff_ffff), Buffer.from([1, 0, 2, 0, 1, 0xff])]),
    );
    expect(read([map, inserts(1), dummy, inserts(2)]).at(-1)).toMatchObject({ kind: 'rows', count: 2 });
  });
});

describe('limits', () => {
  const payload = (inner: Buffer, declared = inner.length): Buffer => {
    const packed = zstdCompressSync(inner);
    const field = (type: number, value: Buffer): Buffer =>
      Buffer.concat([Buffer.from([type, value.length]), value]);
    return buildEvent(
      EventType.transactionPayload,
      Buffer.concat([
        field(1, lengthEncoded(packed.length)),
        field(2, Buffer.from([0])),
        field(3, lengthEncoded(declared)),
        Buffer.from([0]),
        packed,
      ]),
    );
  };
  const innerMap = buildEvent(EventType.tableMap, tableMapBody(table), { checksum: false });
  const innerRows = buildEvent(EventType.writeRows, rowsBody(table, [[id(1), note('a')]]), {
    checksum: false,
  });
  const inner = Buffer.concat([innerMap, innerRows]);

  it('a payload unpacks to its events', () => {
    expect(tableRows(read([payload(inner)]), 'orders')[0]!.after).toEqual(['1', 'a']);
  });

  it('a payload that declares too much, or unpacks to more or less than it declares, is refused', () => {
    expect(codeOf(() => read([payload(inner)], { maxUnpackedBytes: inner.length - 1 }))).toBe('RS-MY-056');
    expect(codeOf(() => read([payload(inner, inner.length - 1)]))).toBe('RS-MY-050');
    expect(codeOf(() => read([payload(inner, inner.length + 1)]))).toBe('RS-MY-050');
    expect(codeOf(() => read([payload(payload(inner))]))).toBe('RS-MY-050');
  });

  it('a compressed event that unpacks to more than it declares is refused', () => {
    const rows = rowsBody(table, [[id(1), note('a')]]);
    const head = rows.subarray(0, 12);
    const packed = deflateSync(rows.subarray(12));
    const build = (length: number): Buffer =>
      buildEvent(EventType.writeRowsCompressed, Buffer.concat([head, Buffer.from([0x81, length]), packed]));
    expect(tableRows(read([map, build(rows.length - 12)]), 'orders')[0]!.after).toEqual(['1', 'a']);
    expect(codeOf(() => read([map, build(rows.length - 13)]))).toBe('RS-MY-050');
    expect(codeOf(() => read([map, build(rows.length - 12)], { maxUnpackedBytes: 3 }))).toBe('RS-MY-056');
  });

  it('a table without names is refused only when it is captured', () => {
    const bare = Buffer.from(tableMapBody(table));
    // The columns' fixed part ends at the null bits: what follows is the optional metadata.
    const minimal = buildEvent(EventType.tableMap, bare.subarray(0, bare.indexOf(Buffer.from([0xff])) + 1));
    expect(codeOf(() => read([minimal]))).toBe('RS-MY-052');
    expect(codeOf(() => read([minimal, inserts(1)], {}, () => null))).toBe(null);
  });
});

describe('rules for values', () => {
  const dated: BuiltTable = { id: 8, schema: 's', name: 't', columns: [{ name: 'd', code: 10 }] };
  const text: BuiltTable = {
    id: 8,
    schema: 's',
    name: 't',
    columns: [{ name: 'v', code: 15, metadata: [9, 0], collation: 255 }],
  };
  const cell = (of: BuiltTable, bytes: Buffer, options: Partial<DecoderOptions>): unknown =>
    tableRows(
      read(
        [
          buildEvent(EventType.tableMap, tableMapBody(of)),
          buildEvent(EventType.writeRows, rowsBody(of, [[bytes]])),
        ],
        options,
      ),
      't',
    )[0]!.after![0];

  it('zero dates are text, null or an error', () => {
    expect(cell(dated, Buffer.alloc(3), {})).toBe('0000-00-00');
    expect(cell(dated, Buffer.alloc(3), { zeroDates: 'null' })).toBe(null);
    expect(codeOf(() => cell(dated, Buffer.alloc(3), { zeroDates: 'error' }))).toBe('RS-MY-057');
  });

  it('bytes that are no text are an error or hexadecimal, never replaced', () => {
    const bad = Buffer.from([2, 0x61, 0xff]);
    expect(codeOf(() => cell(text, bad, {}))).toBe('RS-MY-059');
    expect(cell(text, bad, { invalidText: 'hex' })).toBe('\\x61ff');
    expect(cell(text, Buffer.from([3, 0xef, 0xbf, 0xbd]), {})).toBe('\ufffd');
  });

  it('no error quotes a value', () => {
    try {
      cell(text, Buffer.concat([Buffer.from([8]), Buffer.from('secret'), Buffer.from([0xff, 0xfe])]), {});
    } catch (error) {
      expect(JSON.stringify(error) + String(error)).not.toContain('secret');
    }
    expect.assertions(1);
  });
});
