import type { GtidSet } from '../../../src/model/gtid-set.ts';

/** Set in the first and the last byte of the count when the sources carry tags (MySQL 8.3 and later). */
const TAGGED_FORMAT = 1n;

/**
 * A GTID set as COM_BINLOG_DUMP_GTID takes it (MySQL, sql/rpl_gtid_set.cc, Gtid_set::encode): Int64 number of sources;
 * of each 16 bytes uuid, Int64 number of intervals, of each Int64 first and Int64 behind the last. All little-endian.
 * With tags the number lies in the middle six bytes of its eight, and behind each uuid stands the tag with its length.
 */
export function encodeGtidSet(set: GtidSet): Buffer {
  const sources = [...set.ranges()];
  const { tagged } = set;
  const count = BigInt(sources.length);
  const parts = [int64(tagged ? (TAGGED_FORMAT << 56n) | (count << 8n) | TAGGED_FORMAT : count)];
  for (const { uuid, tag, intervals } of sources) {
    parts.push(Buffer.from(uuid.replaceAll('-', ''), 'hex'));
    // Lengths below 128 take one byte, shifted by the bit that says so.
    if (tagged) parts.push(Buffer.from([tag.length << 1]), Buffer.from(tag, 'latin1'));
    parts.push(int64(BigInt(intervals.length)));
    for (const { first, last } of intervals) parts.push(int64(first), int64(last + 1n));
  }
  return Buffer.concat(parts);
}

function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}
