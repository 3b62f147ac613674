import type { ColumnType } from '../../../src/model/type.ts';

/** What `pg_type` says of one type, domains and arrays unfolded by the caller. */
export interface PgType {
  readonly oid: number;
  /** b base, d domain, e enum, c composite, r range, m multirange, p pseudo. */
  readonly typtype: string;
  readonly category: string;
  readonly elementOid: number;
  readonly baseOid: number;
  readonly baseTypmod: number;
  readonly labels: readonly string[];
}

const OTHER: ColumnType = { kind: 'other' };

/** Built-in types by OID (src/include/catalog/pg_type.dat); OIDs of built-in types never change. */
const builtin: ReadonlyMap<number, (typmod: number) => ColumnType> = new Map([
  [16, () => ({ kind: 'boolean' })],
  [20, () => ({ kind: 'int', bits: 64, unsigned: false })],
  [21, () => ({ kind: 'int', bits: 16, unsigned: false })],
  [23, () => ({ kind: 'int', bits: 32, unsigned: false })],
  [26, () => ({ kind: 'int', bits: 32, unsigned: true })],
  [700, () => ({ kind: 'float', bits: 32 })],
  [701, () => ({ kind: 'float', bits: 64 })],
  [1700, decimal],
  [25, () => text(null, false)],
  [18, () => text(1, false)],
  [19, () => text(null, false)],
  [1043, (typmod) => text(typmod < 4 ? null : typmod - 4, false)],
  [1042, (typmod) => text(typmod < 4 ? null : typmod - 4, true)],
  [17, () => ({ kind: 'bytes' })],
  [1082, () => ({ kind: 'date' })],
  [1083, () => ({ kind: 'time', withZone: false })],
  [1266, () => ({ kind: 'time', withZone: true })],
  [1114, () => ({ kind: 'timestamp', withZone: false })],
  [1184, () => ({ kind: 'timestamp', withZone: true })],
  [1186, () => ({ kind: 'interval' })],
  [2950, () => ({ kind: 'uuid' })],
  [114, () => ({ kind: 'json' })],
  [3802, () => ({ kind: 'json' })],
] as [number, (typmod: number) => ColumnType][]);

export function columnType(oid: number, typmod: number, types: ReadonlyMap<number, PgType>): ColumnType {
  const known = builtin.get(oid);
  if (known !== undefined) return known(typmod);
  const type = types.get(oid);
  if (type === undefined) return OTHER;
  if (type.typtype === 'd') return columnType(type.baseOid, type.baseTypmod, types);
  if (type.typtype === 'e') return { kind: 'enum', labels: type.labels };
  if (type.category === 'A' && type.elementOid !== 0)
    return { kind: 'array', element: columnType(type.elementOid, typmod, types) };
  return OTHER;
}

function text(maxLength: number | null, padded: boolean): ColumnType {
  return { kind: 'text', maxLength, padded };
}

/** numeric's typmod: ((precision << 16) | scale) + 4, scale in eleven bits and signed since 15 (numeric.c). */
function decimal(typmod: number): ColumnType {
  if (typmod < 4) return { kind: 'decimal', precision: null, scale: null };
  const bits = typmod - 4;
  const scale = ((bits & 0x7ff) ^ 1024) - 1024;
  return { kind: 'decimal', precision: (bits >> 16) & 0xffff, scale };
}
