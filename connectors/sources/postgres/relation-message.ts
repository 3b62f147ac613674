import type { Relation, RelationColumn } from './catalog.ts';
import { malformed, need } from './malformed.ts';

/**
 * Relation (PostgreSQL manual 53.9): Int32 oid, namespace, name, Int8 replica identity, Int16 columns, then per column Int8
 * flags (1: of the key), name, Int32 oid of the type, Int32 typmod.
 *
 * @param at behind the type of the message
 * @throws RowsealError RS-PG-014
 */
export function decodeRelation(buffer: Buffer, at: number, end: number): Relation {
  need(at + 4, end);
  const oid = buffer.readUInt32BE(at);
  at += 4;
  const text = (): string => {
    const stop = buffer.indexOf(0, at);
    if (stop < 0 || stop >= end) throw malformed('a name without an end');
    const value = buffer.utf8Slice(at, stop);
    at = stop + 1;
    return value;
  };
  const namespace = text();
  const name = text();
  need(at + 3, end);
  const identity = String.fromCharCode(buffer[at]!);
  const count = buffer.readUInt16BE(at + 1);
  at += 3;
  const columns: RelationColumn[] = [];
  for (let i = 0; i < count; i++) {
    need(at + 1, end);
    const key = (buffer[at]! & 1) !== 0;
    at++;
    const column = text();
    need(at + 8, end);
    columns.push({ name: column, typeOid: buffer.readUInt32BE(at), typmod: buffer.readInt32BE(at + 4), key });
    at += 8;
  }
  // An empty namespace stands for pg_catalog (protocol manual, Relation).
  return { oid, namespace: namespace === '' ? 'pg_catalog' : namespace, name, identity, columns };
}
