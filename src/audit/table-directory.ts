import { createHash } from 'node:crypto';
import type { TableName } from '../model/table.ts';

/**
 * The directory of a table: a readable part and a hash of the exact name. Names may hold anything, be 63 bytes each
 * in any alphabet, or differ only in case; a path may not.
 */
export function tableDirectory(table: TableName): string {
  const readable = `${table.namespace}.${table.name}`
    .replace(/[^A-Za-z0-9._-]/g, '_')
    .replace(/^\.+/, '_')
    .slice(0, 80);
  const exact = createHash('sha256');
  for (const part of [table.namespace, table.name]) {
    const bytes = Buffer.from(part, 'utf8');
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    exact.update(length).update(bytes);
  }
  return `${readable}-${exact.digest('hex').slice(0, 16)}`;
}
