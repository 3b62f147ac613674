import { ByteBuilder, MalformedBytes } from '../bytes.ts';
import { type AuditRecord, decodeRecord, encodeRecord } from '../record.ts';

const encoder = new ByteBuilder(4096);

/** @throws MalformedBytes when the bytes are not a record in its one canonical form */
export function canonicalRecord(bytes: Buffer): AuditRecord {
  const record = decodeRecord(bytes);
  encoder.clear();
  encodeRecord(encoder, record);
  if (!encoder.view().equals(bytes)) throw new MalformedBytes('a record is not in canonical form');
  return record;
}
