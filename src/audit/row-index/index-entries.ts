import { parseErasure } from '../erased.ts';
import { type AuditRecord, RecordKind } from '../record.ts';
import type { RecordScan } from '../record-scan.ts';
import type { RowIndex } from './row-index.ts';

/** Enters a change that a scan has just read. */
export function indexChange(index: RowIndex, scan: RecordScan, bytes: Buffer): void {
  if (scan.keyTagAt >= 0) index.add(bytes, scan.keyTagAt, scan.seq);
  if (scan.oldKeyTagAt >= 0) index.add(bytes, scan.oldKeyTagAt, scan.seq);
}

/**
 * Enters any record: a row's by its tags, an erasure by those it names, what concerns every row under the tag of eight zeros.
 *
 * @throws MalformedBytes
 */
export function indexRecord(index: RowIndex, record: AuditRecord): void {
  switch (record.kind) {
    case RecordKind.truncate:
    case RecordKind.snapshot:
    case RecordKind.expiry:
      index.addWide(record.seq);
      return;
    case RecordKind.erasure:
      for (const tag of parseErasure(record.payload).tags) index.add(Buffer.from(tag, 'hex'), 0, record.seq);
      return;
    default:
      if (record.keyTag !== null) index.add(record.keyTag, 0, record.seq);
      if (record.oldKeyTag !== null) index.add(record.oldKeyTag, 0, record.seq);
  }
}
