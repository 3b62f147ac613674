import { createHash } from 'node:crypto';
import type { TableName } from '../../../src/model/table.ts';

/** NAMEDATALEN - 1: longer identifiers would be cut without a word (PostgreSQL manual 4.1.1). */
const MAX_BYTES = 63;

/** `"a""b"` */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** Name and suffix, where that is too long the name cut and told apart by a hash of the whole. */
export function fitName(name: string, suffix: string): string {
  const whole = name + suffix;
  if (Buffer.byteLength(whole) <= MAX_BYTES) return whole;
  const tail = `_${createHash('sha256').update(name).digest('hex').slice(0, 8)}${suffix}`;
  let room = MAX_BYTES - Buffer.byteLength(tail);
  let cut = '';
  for (const character of name) {
    room -= Buffer.byteLength(character);
    if (room < 0) break;
    cut += character;
  }
  return cut + tail;
}

export interface TargetNames {
  readonly schema: string;
  readonly mirror: string;
  readonly history: string;
  /** Of the mirror's primary key, or of the index in its place. */
  readonly key: string;
}

export function targetNames(table: TableName, schemaPrefix: string): TargetNames {
  const schema = fitName(schemaPrefix + table.namespace, '');
  return {
    schema,
    mirror: fitName(table.name, ''),
    history: fitName(table.name, '__history'),
    key: fitName(table.name, '__rowseal_key'),
  };
}

/** `"public"."orders"` */
export function qualified(schema: string, name: string): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
}
