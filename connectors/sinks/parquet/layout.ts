import { createHash } from 'node:crypto';
import type { TableName } from '../../../src/model/table.ts';

/** A file name may have 255 bytes; the rest is for `schema=` and for a hash. */
const MAX_NAME = 200;

/** `schema=public/table=orders`: Hive's notation, percent signs for what is not a letter, digit or underscore. */
export function tableDirectory(table: TableName): string {
  return `schema=${partition(table.namespace)}/table=${partition(table.name)}`;
}

/** `tables/schema=public/table=orders/date=2026-01-31/0000000000000007-0000000000000012.parquet` */
export function changeFile(table: TableName, date: string, from: number, to: number): string {
  return `tables/${tableDirectory(table)}/date=${date}/${padded(from)}-${padded(to)}.parquet`;
}

export function padded(group: number): string {
  return String(group).padStart(16, '0');
}

/** Never `..`, never a separator: names come from the source. Too long: cut, and told apart by a hash. */
function partition(name: string): string {
  const safe = [...Buffer.from(name, 'utf8')]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return /[A-Za-z0-9_]/.test(character)
        ? character
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
  if (safe.length <= MAX_NAME) return safe;
  return `${safe.slice(0, MAX_NAME).replace(/%.?$/, '')}_${createHash('sha256').update(name).digest('hex').slice(0, 16)}`;
}
