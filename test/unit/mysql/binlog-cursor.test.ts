import { describe, expect, it } from 'vitest';
import type { BinlogEvent, EventHeader } from '../../../connectors/sources/mysql/binlog/binlog-event.ts';
import { EventType } from '../../../connectors/sources/mysql/binlog/event-type.ts';
import { Executed, PlaceTracker } from '../../../connectors/sources/mysql/binlog-cursor.ts';

const header: EventHeader = { type: 0, timestampS: 7, serverId: 1, endPosition: 0, flags: 0 };

/** A packet of an event with this length and end position. */
function packet(
  type: number,
  length: number,
  end: number,
  flags = 0,
): { buffer: Buffer; start: number; end: number } {
  const buffer = Buffer.alloc(20);
  buffer[5] = type;
  buffer.writeUInt32LE(length, 10);
  buffer.writeUInt32LE(end, 14);
  buffer.writeUInt16LE(flags, 18);
  return { buffer, start: 0, end: 20 };
}
const rotate = (file: string, position: bigint, artificial = false): BinlogEvent => ({
  kind: 'rotate',
  header,
  file,
  position,
  artificial,
});

describe('PlaceTracker', () => {
  it('follows events by their ends, or by their lengths where there is none', () => {
    const tracker = new PlaceTracker({ file: 'b.000001', offset: 4 }, null, false);
    tracker.packet(packet(EventType.gtid, 77, 235));
    expect(tracker.begin).toEqual({ file: 'b.000001', offset: 158 });
    expect(tracker.place).toEqual({ file: 'b.000001', offset: 235 });
    tracker.packet(packet(EventType.query, 100, 0));
    expect(tracker.place.offset).toBe(335);
    tracker.packet(packet(EventType.heartbeat, 40, 335));
    tracker.packet(packet(EventType.rotate, 40, 500, 0x20));
    expect(tracker.place.offset).toBe(335);
    tracker.event({ kind: 'heartbeat', header, file: 'b.000001', position: 900n });
    expect(tracker.place.offset).toBe(900);
    tracker.event({ kind: 'heartbeat', header, file: 'b.000001', position: 100n });
    expect(tracker.place.offset).toBe(900);
    tracker.event(rotate('b.000002', 4n));
    expect(tracker.place).toEqual({ file: 'b.000002', offset: 4 });
  });

  it('goes on beyond the 32 bits of a header', () => {
    const tracker = new PlaceTracker({ file: 'b.000001', offset: 4_294_967_000 }, null, false);
    tracker.packet(packet(EventType.gtid, 400, 104));
    expect(tracker.place.offset).toBe(4_294_967_400);
    expect(tracker.begin.offset).toBe(4_294_967_000);
    tracker.packet(packet(EventType.query, 100, 204));
    expect(tracker.place.offset).toBe(4_294_967_500);
    // Sent from the head of the file when a stream begins further on.
    tracker.packet(packet(EventType.formatDescription, 123, 127));
    expect(tracker.place.offset).toBe(4_294_967_500);
  });

  it('never is before what was sealed, and knows when its file began', () => {
    const tracker = new PlaceTracker({ file: 'b.000003', offset: 500 }, 5, true);
    tracker.event(rotate('b.000002', 4n, true));
    tracker.event({ kind: 'format-description', header, serverVersion: '', createdS: 0, checksum: 'crc32' });
    expect(tracker.place).toEqual({ file: 'b.000003', offset: 500 });
    expect(tracker.fileBegan).toBe(5);
    tracker.event(rotate('b.000003', 4n));
    tracker.packet(packet(EventType.gtid, 77, 577));
    expect(tracker.place.offset).toBe(577);
    expect(tracker.begin.offset).toBe(500);
    expect(tracker.fileBegan).toBeNull();
    tracker.event({ kind: 'format-description', header, serverVersion: '', createdS: 0, checksum: 'crc32' });
    expect(tracker.fileBegan).toBe(7);
  });
});

it('Executed prints what it holds, and nothing without GTIDs', () => {
  const mariadb = new Executed('mariadb', '0-1-5');
  mariadb.add({
    kind: 'mariadb-gtid',
    header,
    gtid: { domain: 1, serverId: 2, sequence: 9n },
    text: '1-2-9',
    standalone: true,
    transactional: true,
    ddl: false,
    commitId: null,
    xa: null,
  });
  expect(mariadb.text).toBe('0-1-5,1-2-9');
  const off = new Executed('mysql', null);
  off.add({ kind: 'xid', header, xid: 1n });
  expect(off.text).toBeNull();
  expect(() => new Executed('mysql', '0-1-5')).toThrow(RangeError);
});
