import { describe, expect, it } from 'vitest';
import type {
  BinlogEvent,
  EventHeader,
  RowsEvent,
} from '../../../connectors/sources/mysql/binlog/binlog-event.ts';
import { RolledBack } from '../../../connectors/sources/mysql/rolled-back.ts';
import {
  PIECE_BYTES,
  type TransactionHost,
  Transactions,
} from '../../../connectors/sources/mysql/transactions.ts';
import { UNCHANGED } from '../../../src/model/cell.ts';
import { type ChangeEvent, Image, Op } from '../../../src/model/change.ts';
import type { MysqlPosition } from '../../../src/model/position.ts';
import { schema } from '../../support/policies.ts';

const UUID = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const table = { ...schema({ id: null, v: null }, [0]), namespace: 'shop', name: 't' };
const header: EventHeader = { type: 0, timestampS: 1, serverId: 1, endPosition: 0, flags: 0 };

/** A stream of which only what the assembler asks for is there. */
class Host implements TransactionHost {
  readonly done: string[] = [];
  readonly again: string[] = [];
  unknown = 0;
  offset = 0;
  takenBack = 0;
  readonly transactions: Transactions;
  #number = 0n;

  /** @param rolledBack what an earlier connection left */
  constructor(rolledBack = new RolledBack()) {
    this.transactions = new Transactions(this, new Map(), rolledBack);
  }

  position(): MysqlPosition {
    return {
      kind: 'mysql',
      flavor: 'mysql',
      server: UUID,
      gtidSet: this.done.join(),
      place: this.place(),
      fileBegan: null,
      prepared: this.transactions?.prepared ?? [],
      copied: null,
      phase: 'stream',
    };
  }

  place(): { file: string; offset: number } {
    return { file: 'binlog.000001', offset: this.offset };
  }

  finished(gtid: BinlogEvent | null): void {
    if (gtid?.kind === 'gtid') this.done.push(gtid.text);
  }

  truncated(name: { name: string }): typeof table | null {
    return name.name === 't' ? table : null;
  }

  tablesOf(): readonly { namespace: string; name: string }[] {
    return [table];
  }

  rewritten(name: { name: string }): void {
    this.again.push(name.name);
  }

  unknownOutcome(): void {
    this.unknown++;
  }

  changed(): boolean {
    return true;
  }

  undone(): void {
    this.takenBack++;
  }

  emptied(): void {}

  gtid(): void {
    this.#number++;
    this.offset += 100;
    this.transactions.handle({
      kind: 'gtid',
      header,
      uuid: UUID,
      tag: '',
      number: this.#number,
      text: String(this.#number),
      lastCommitted: 0n,
      sequenceNumber: 0n,
      immediateCommitUs: 5n,
      originalCommitUs: 4n,
      transactionBytes: null,
      immediateServerVersion: null,
      originalServerVersion: null,
    });
  }

  begin(): void {
    this.gtid();
    this.transactions.handle({ kind: 'begin', header, query: query('BEGIN') });
  }

  rows(...values: readonly string[]): void {
    this.transactions.handle(rows(values));
  }

  commit(): void {
    this.transactions.handle({ kind: 'xid', header, xid: 1n });
  }

  sql(sql: string): ReturnType<Transactions['handle']> {
    return this.transactions.handle({ kind: 'query', header, query: query(sql) });
  }

  /** What was handed on, in short. */
  taken(): readonly string[] {
    return this.transactions.take().events.map(brief);
  }
}

function query(sql: string) {
  return { schema: 'shop', sql, threadId: 1, errorCode: 0, sqlMode: null, timeZone: null, ddlXid: null };
}

function rows(values: readonly string[], bytes = 10, complete = true): RowsEvent {
  return {
    kind: 'rows',
    header,
    map: null as never,
    table,
    count: values.length,
    ops: new Uint8Array(values.length).fill(Op.create),
    images: new Uint8Array(values.length).fill(Image.after),
    cells: values.flatMap((value) => [value, complete ? 'x' : UNCHANGED]),
    bytes,
    complete,
  };
}

function brief(event: ChangeEvent): string {
  switch (event.kind) {
    case 'begin':
      return `begin ${event.transaction.id}`;
    case 'rows':
      return `rows ${event.run.firstOrdinal}: ${event.run.cells.filter((cell) => cell !== 'x').join()}`;
    case 'commit':
      return 'commit';
    default:
      return event.kind;
  }
}

describe('Transactions', () => {
  it('begins with the first row of interest, counts rows, ends with the commit', () => {
    const host = new Host();
    host.begin();
    host.commit();
    expect(host.taken()).toEqual([]);
    host.begin();
    host.rows('a', 'b');
    host.rows('c');
    host.commit();
    expect(host.taken()).toEqual(['begin 2', 'rows 0: a,b', 'rows 2: c', 'commit']);
    expect(host.done).toEqual(['1', '2']);
  });

  it('keeps a small transaction until it ends, hands a large one on in pieces', () => {
    const host = new Host();
    host.begin();
    host.rows('a');
    host.commit();
    host.begin();
    host.rows('b');
    expect(host.taken()).toEqual(['begin 1', 'rows 0: a', 'commit']);
    host.transactions.handle(rows(['c'], PIECE_BYTES));
    expect(host.taken()).toEqual(['begin 2', 'rows 0: b', 'rows 1: c']);
    host.rows('d');
    expect(host.taken()).toEqual(['rows 2: d']);
    host.commit();
    expect(host.taken()).toEqual(['commit']);
  });

  it('takes back what is rolled back', () => {
    const host = new Host();
    host.begin();
    host.rows('a');
    host.sql('SAVEPOINT `one`');
    host.rows('b');
    host.sql('SAVEPOINT `two`');
    host.rows('c');
    host.sql('ROLLBACK TO `one`');
    host.rows('d');
    host.commit();
    expect(host.taken()).toEqual(['begin 1', 'rows 0: a', 'rows 1: d', 'commit']);
    host.begin();
    host.rows('e');
    host.transactions.handle({ kind: 'rollback', header, query: query('ROLLBACK') });
    host.begin();
    host.rows('f');
    host.commit();
    expect(host.taken()).toEqual(['begin 3', 'rows 0: f', 'commit']);
    expect(host.transactions.bytes).toBe(0);
    expect(host.takenBack).toBe(2);
  });

  describe('a transaction that takes back rows which were handed on', () => {
    const READ_AGAIN = expect.objectContaining({ code: 'RS-MY-024', kind: 'transient' });
    const rollback = (host: Host): unknown =>
      host.transactions.handle({ kind: 'rollback', header, query: query('ROLLBACK') });
    /** One large piece, handed on at once. */
    const large = (host: Host, value: string): void => {
      host.transactions.handle(rows([value], PIECE_BYTES));
      host.taken();
    };
    /** Two savepoints, of which the second one is gone back to twice. */
    const savepoints = (host: Host): readonly string[] => {
      host.begin();
      host.rows('kept');
      host.sql('SAVEPOINT outer');
      host.rows('undone in memory');
      host.sql('ROLLBACK TO outer');
      large(host, 'kept too');
      const taken = [...host.taken()];
      host.sql('SAVEPOINT `inner`');
      large(host, 'undone');
      host.sql('ROLLBACK TO `inner`');
      host.rows('kept as well');
      host.sql('SAVEPOINT deep');
      large(host, 'undone again');
      host.sql('ROLLBACK TO `inner`');
      host.rows('last');
      host.commit();
      return [...taken, ...host.taken()];
    };

    it('is followed to its end once, then read again without them', () => {
      const memory = new RolledBack();
      expect(() => savepoints(new Host(memory))).toThrow(READ_AGAIN);
      const again = new Host(memory);
      again.begin();
      again.rows('kept');
      again.sql('SAVEPOINT outer');
      again.rows('undone in memory');
      again.sql('ROLLBACK TO outer');
      again.transactions.handle(rows(['kept too'], PIECE_BYTES));
      expect(again.taken()).toEqual(['begin 1', 'rows 0: kept', 'rows 1: kept too']);
      again.sql('SAVEPOINT `inner`');
      again.transactions.handle(rows(['undone'], PIECE_BYTES));
      expect(again.taken()).toEqual([]);
      again.sql('ROLLBACK TO `inner`');
      // Also taken back, later on.
      again.rows('kept as well');
      again.sql('SAVEPOINT deep');
      again.transactions.handle(rows(['undone again'], PIECE_BYTES));
      again.sql('ROLLBACK TO `inner`');
      again.rows('last');
      again.commit();
      expect(again.taken()).toEqual(['rows 2: last', 'commit']);
      // Known no longer: it will not come again.
      expect(memory.of('1')).toBeNull();
      expect(again.done).toEqual(['1']);
    });

    it('is passed over when it takes back all', () => {
      const memory = new RolledBack();
      const host = new Host(memory);
      host.begin();
      large(host, 'undone');
      expect(() => rollback(host)).toThrow(READ_AGAIN);
      const again = new Host(memory);
      again.begin();
      again.transactions.handle(rows(['undone'], PIECE_BYTES));
      expect(again.transactions.bytes).toBe(0);
      rollback(again);
      again.begin();
      again.rows('next');
      again.commit();
      expect(again.taken()).toEqual(['begin 2', 'rows 0: next', 'commit']);
      expect(memory.of('1')).toBeNull();
    });

    it('goes back to the very beginning when the savepoint was set before anything was logged', () => {
      const memory = new RolledBack();
      const host = new Host(memory);
      host.begin();
      large(host, 'undone');
      host.sql('ROLLBACK TO early');
      host.rows('kept');
      expect(() => host.commit()).toThrow(READ_AGAIN);
      const again = new Host(memory);
      again.begin();
      again.rows('undone');
      again.sql('ROLLBACK TO early');
      again.rows('kept');
      again.commit();
      expect(again.taken()).toEqual(['begin 1', 'rows 0: kept', 'commit']);
    });
  });

  it('takes back rows of a prepared transaction that is read again', () => {
    const host = new Host();
    host.gtid();
    host.sql("XA START X'61',X'',1");
    host.rows('held');
    host.transactions.handle({ kind: 'xa-prepare', header, onePhase: false, xid: "X'61',X'',1" });
    host.gtid();
    host.sql("XA COMMIT X'61',X'',1");
    const replay = (event: BinlogEvent): void => host.transactions.replay(event);
    replay(rows(['a']));
    replay({ kind: 'query', header, query: query('SAVEPOINT s') });
    replay(rows(['undone']));
    replay({ kind: 'query', header, query: query('ROLLBACK TO s') });
    replay(rows(['b']));
    host.transactions.replayed();
    expect(host.taken()).toEqual(['begin 2', 'rows 0: a', 'rows 1: b', 'commit']);
  });

  it('reads prepared rows again when their outcome comes, in the transaction of the outcome', () => {
    const host = new Host();
    host.gtid();
    host.sql("XA START X'61',X'',1");
    host.rows('held');
    host.sql("XA END X'61',X'',1");
    const prepare = (xid: string, onePhase: boolean): ReturnType<Transactions['handle']> =>
      host.transactions.handle({ kind: 'xa-prepare', header, onePhase, xid });
    expect(prepare("X'61',X'',1", false)).toBeNull();
    expect(host.transactions.prepared).toEqual([{ file: 'binlog.000001', offset: 100 }]);
    host.begin();
    host.rows('between');
    host.commit();
    host.gtid();
    expect(host.sql("XA COMMIT X'61',X'',1")).toEqual({
      kind: 'replay',
      place: { file: 'binlog.000001', offset: 100 },
    });
    host.transactions.replay(rows(['held']));
    host.transactions.replayed();
    expect(host.taken()).toEqual([
      'begin 2',
      'rows 0: between',
      'commit',
      'begin 3',
      'rows 0: held',
      'commit',
    ]);
    expect(host.transactions.prepared).toEqual([]);
    host.gtid();
    host.sql("XA START X'62',X'',1");
    host.rows('never');
    prepare("X'62',X'',1", false);
    host.gtid();
    expect(host.sql("XA ROLLBACK X'62',X'',1")).toBeNull();
    host.gtid();
    host.sql("XA START X'63',X'',1");
    host.rows('at once');
    expect(prepare("X'63',X'',1", true)).toMatchObject({ kind: 'replay' });
    host.transactions.replay(rows(['at once']));
    host.transactions.replayed();
    expect(host.taken()).toEqual(['begin 6', 'rows 0: at once', 'commit']);
    host.gtid();
    host.sql("XA COMMIT X'99',X'',1");
    expect(host.unknown).toBe(1);
    expect(host.done.length).toBe(7);
  });

  it('knows DDL as transactions of their own', () => {
    const host = new Host();
    host.gtid();
    host.sql('TRUNCATE t');
    host.gtid();
    host.sql('ALTER TABLE t MODIFY v int');
    host.gtid();
    host.sql('CREATE USER x');
    expect(host.taken()).toEqual(['begin 1', 'truncate', 'commit']);
    expect(host.again).toEqual(['t']);
    expect(host.done).toEqual(['1', '2', '3']);
  });

  it('refuses what it cannot follow', () => {
    const host = new Host();
    host.begin();
    expect(() => host.sql('UPDATE t SET v = 1')).toThrow(expect.objectContaining({ code: 'RS-MY-023' }));
    expect(() => host.transactions.handle(rows(['a'], 10, false))).toThrow(
      expect.objectContaining({ code: 'RS-MY-027' }),
    );
    expect(() => host.gtid()).toThrow(expect.objectContaining({ code: 'RS-MY-014' }));
    expect(() =>
      host.transactions.handle({ kind: 'xa-prepare', header, onePhase: false, xid: "X'61',X'',1" }),
    ).toThrow(expect.objectContaining({ code: 'RS-MY-014' }));
  });
});
