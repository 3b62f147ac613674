import type { ByteReader } from './byte-reader.ts';
import { malformed } from './defect.ts';

/** Fields of HEARTBEAT_LOG_EVENT_V2 (mysql: libs/mysql/binlog/event/codecs/binary.cpp). */
const FIELD = { end: 0, file: 1, position: 2 } as const;

export interface Heartbeat {
  readonly file: string;
  readonly position: bigint;
}

/** Type, length and value; the position is a length-encoded integer. @throws RowsealError RS-MY-050 */
export function decodeHeartbeatV2(reader: ByteReader): Heartbeat {
  let file: string | null = null;
  let position = 0n;
  while (reader.left > 0) {
    const field = reader.length();
    if (field === FIELD.end) break;
    const value = reader.part(reader.length());
    if (field === FIELD.file) file = value.utf8(value.left);
    else if (field === FIELD.position) position = BigInt(value.length());
  }
  if (file === null) throw malformed('a heartbeat without a file');
  return { file, position };
}
