import type { ByteReader } from './byte-reader.ts';
import { malformed } from './defect.ts';
import { unpackZstd } from './unpack.ts';

/** Fields of the header of TRANSACTION_PAYLOAD_EVENT (mysql: libs/mysql/binlog/event/codecs/binary.cpp). */
const FIELD = { end: 0, payloadBytes: 1, compression: 2, unpackedBytes: 3 } as const;
const COMPRESSION = { zstd: 0, none: 255 } as const;

/**
 * The events of a compressed transaction, one after the other, each with its header and without a checksum. Header
 * fields are type, length and value, all length-encoded.
 *
 * @throws RowsealError RS-MY-050, RS-MY-056
 */
export function unpackPayload(reader: ByteReader, maxUnpackedBytes: number): Buffer {
  let payloadBytes: number | null = null;
  let unpackedBytes: number | null = null;
  let compression: number | null = null;
  for (let field = reader.length(); field !== FIELD.end; field = reader.length()) {
    const value = reader.part(reader.length());
    if (field === FIELD.payloadBytes) payloadBytes = value.length();
    else if (field === FIELD.compression) compression = value.length();
    else if (field === FIELD.unpackedBytes) unpackedBytes = value.length();
  }
  if (compression === COMPRESSION.none) return reader.bytes(payloadBytes ?? reader.left);
  if (compression !== COMPRESSION.zstd || unpackedBytes === null)
    throw malformed('a transaction payload of an unknown compression');
  return unpackZstd(reader.bytes(payloadBytes ?? reader.left), unpackedBytes, maxUnpackedBytes);
}
