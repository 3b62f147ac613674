import { describe, expect, it } from 'vitest';
import { MessageLogs, messageTables } from '../../../connectors/sources/postgres/messages.ts';
import { PgoutputDecoder } from '../../../connectors/sources/postgres/pgoutput.ts';
import {
  pgoutputOptions,
  refuseUnknownOptions,
} from '../../../connectors/sources/postgres/stream-options.ts';
import type { MessageLog } from '../../../src/model/message-log.ts';
import { streamPosition } from '../../support/postgres-position.ts';

const log = (prefix: string, name: string): MessageLog => ({
  prefix,
  table: { namespace: 'logical_message', name },
});

const LOGS = [log('audit.', 'notes'), log('audit.export', 'exports'), log('billing', 'notes')];

describe('logical messages', () => {
  it('belong to the log of the longest prefix; ours to none', () => {
    const logs = new MessageLogs(LOGS, 'UTF8');
    expect(logs.of('audit.x')?.name).toBe('notes');
    expect(logs.of('audit.export.csv')?.name).toBe('exports');
    expect(logs.of('billing')?.name).toBe('notes');
    expect(logs.of('audit')).toBeNull();
    expect(new MessageLogs([log('r', 'all')], 'UTF8').of('rowseal.copy')).toBeNull();
    expect(messageTables(LOGS).map(({ name }) => name)).toEqual(['notes', 'exports']);
  });

  it('have their content as bytes, and as text where that is sure', () => {
    const cells = (encoding: string, content: Buffer): readonly (string | null)[] =>
      new MessageLogs(LOGS, encoding)
        .cells({ lsn: 0x16b374d848n, prefix: 'audit.x', transactional: true, content })
        .slice(3);
    expect(cells('UTF8', Buffer.from('é'))).toEqual(['\\xc3a9', 'é']);
    expect(cells('UTF8', Buffer.from([0xff]))).toEqual(['\\xff', null]);
    expect(cells('UTF8', Buffer.from('a\0b'))).toEqual(['\\x610062', null]);
    expect(cells('UTF8', Buffer.alloc(0))).toEqual(['\\x', '']);
    expect(cells('LATIN1', Buffer.from('é'))).toEqual(['\\xc3a9', null]);
    expect(cells('LATIN1', Buffer.from('e'))).toEqual(['\\x65', 'e']);
  });

  it('outside of transactions are transactions of their own, and not told again', () => {
    const decoder = new PgoutputDecoder(streamPosition, 100n, new MessageLogs(LOGS, 'UTF8'));
    for (const [lsn, prefix] of [
      [100n, 'audit.sealed'],
      [101n, 'audit.new'],
      [102n, 'other'],
    ] as const) {
      const head = Buffer.alloc(10);
      head.write('M');
      head.writeBigUInt64BE(lsn, 2);
      const message = Buffer.concat([
        head,
        Buffer.from(`${prefix}\0`),
        Buffer.from([0, 0, 0, 2]),
        Buffer.from('hi'),
      ]);
      decoder.decode(message, 0, message.length);
    }
    const events = decoder.take();
    expect(events.map(({ kind }) => kind)).toEqual(['begin', 'rows', 'commit']);
    expect(events.flatMap((event) => (event.kind === 'rows' ? event.run.cells : []))).toEqual([
      '0/65',
      'audit.new',
      'f',
      '\\x6869',
      'hi',
    ]);
    expect(decoder.passed).toBe(101n);
    expect(decoder.inTransaction).toBe(false);
  });
});

describe('what is asked of pgoutput', () => {
  it('names an option only where it is not the default', () => {
    const options = { publication: `p"'`, streaming: false, origin: 'any' } as const;
    expect(pgoutputOptions(options)).toBe(`proto_version '1', messages 'true', publication_names '"p""''"'`);
    expect(pgoutputOptions({ ...options, streaming: true, origin: 'none' })).toBe(
      `proto_version '2', streaming 'on', messages 'true', origin 'none', publication_names '"p""''"'`,
    );
  });

  it('asks no server for an origin filter that has none', () => {
    refuseUnknownOptions({ origin: 'any' }, 140_000);
    refuseUnknownOptions({ origin: 'none' }, 160_000);
    expect(() => refuseUnknownOptions({ origin: 'none' }, 150_013)).toThrow(
      expect.objectContaining({ code: 'RS-PG-051' }),
    );
  });
});
