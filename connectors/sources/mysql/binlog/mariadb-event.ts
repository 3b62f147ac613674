import type { MariadbGtid } from './binlog-event.ts';
import type { ByteReader } from './byte-reader.ts';
import { malformed } from './defect.ts';
import { xidText } from './xid-text.ts';

/** Flags of MARIADB_GTID (MariaDB: sql/log_event.h, Gtid_log_event). */
const FLAG = {
  standalone: 0x01,
  groupCommitId: 0x02,
  transactional: 0x04,
  ddl: 0x20,
  preparedXa: 0x40,
  completedXa: 0x80,
} as const;

export interface DecodedMariadbGtid {
  readonly gtid: MariadbGtid;
  readonly text: string;
  readonly standalone: boolean;
  readonly transactional: boolean;
  readonly ddl: boolean;
  readonly commitId: bigint | null;
  readonly xa: { readonly state: 'prepared' | 'completed'; readonly xid: string } | null;
}

/**
 * Sequence 8, domain 4, flags 1; then what the flags promise: commit id 8, XA id. What newer servers add behind it
 * (engines, two-phase ALTER, thread id) does not concern a reader of rows.
 *
 * @throws RowsealError RS-MY-050
 */
export function decodeMariadbGtid(reader: ByteReader, serverId: number): DecodedMariadbGtid {
  const sequence = reader.u64();
  const domain = reader.u32();
  const flags = reader.u8();
  const has = (flag: number): boolean => (flags & flag) !== 0;
  const commitId = has(FLAG.groupCommitId) ? reader.u64() : null;
  let xa: DecodedMariadbGtid['xa'] = null;
  if (has(FLAG.preparedXa) || has(FLAG.completedXa)) {
    const format = reader.u32();
    const gtrid = reader.u8();
    const bqual = reader.u8();
    const xid = xidText(format, reader.bytes(gtrid), reader.bytes(bqual));
    xa = { state: has(FLAG.preparedXa) ? 'prepared' : 'completed', xid };
  }
  return {
    gtid: { domain, serverId, sequence },
    text: `${domain}-${serverId}-${sequence}`,
    standalone: has(FLAG.standalone),
    transactional: has(FLAG.transactional),
    ddl: has(FLAG.ddl),
    commitId,
    xa,
  };
}

/** How many in 28 bits (the upper four are flags), then for each: domain 4, server id 4, sequence 8. */
export function decodeGtidList(reader: ByteReader): readonly MariadbGtid[] {
  const count = reader.u32() & 0x0fff_ffff;
  if (count * 16 > reader.left) throw malformed('a list of GTIDs that is cut short');
  return Array.from({ length: count }, () => ({
    domain: reader.u32(),
    serverId: reader.u32(),
    sequence: reader.u64(),
  }));
}
