import type { ColumnType } from './type.ts';

/** Whole numbers by the names of Postgres, MySQL and standard SQL. */
const INTS: Readonly<Record<string, 8 | 16 | 24 | 32 | 64>> = {
  tinyint: 8,
  smallint: 16,
  int2: 16,
  smallserial: 16,
  mediumint: 24,
  int: 32,
  integer: 32,
  int4: 32,
  serial: 32,
  bigint: 64,
  int8: 64,
  bigserial: 64,
};

const PLAIN: Readonly<Record<string, ColumnType>> = {
  boolean: { kind: 'boolean' },
  bool: { kind: 'boolean' },
  real: { kind: 'float', bits: 32 },
  float4: { kind: 'float', bits: 32 },
  double: { kind: 'float', bits: 64 },
  'double precision': { kind: 'float', bits: 64 },
  float8: { kind: 'float', bits: 64 },
  text: { kind: 'text', maxLength: null, padded: false },
  tinytext: { kind: 'text', maxLength: null, padded: false },
  mediumtext: { kind: 'text', maxLength: null, padded: false },
  longtext: { kind: 'text', maxLength: null, padded: false },
  bytea: { kind: 'bytes' },
  blob: { kind: 'bytes' },
  date: { kind: 'date' },
  interval: { kind: 'interval' },
  uuid: { kind: 'uuid' },
  json: { kind: 'json' },
  jsonb: { kind: 'json' },
};

const OTHER = new Set(
  'inet cidr macaddr macaddr8 citext point box line lseg path polygon circle tsvector tsquery hstore xml money geometry geography int4range int8range numrange tsrange tstzrange daterange'.split(
    ' ',
  ),
);

/** Where precision stands before or after the zone: `timestamp(3) with time zone`. */
const TIME = /^(time|timestamp|timetz|timestamptz|datetime)(?: with(out)? time zone)?$/;

/**
 * A column type by its SQL name, as `\d` prints it: for tables that are described, not read. Postgres and MySQL names;
 * `enum(a, b)` for an enumeration, `[]` for arrays.
 *
 * @returns null: no such name is known
 */
export function columnTypeNamed(name: string): ColumnType | null {
  const text = name.trim().replace(/\s+/g, ' ');
  if (text.endsWith('[]')) {
    const element = columnTypeNamed(text.slice(0, -2).trim());
    return element === null ? null : { kind: 'array', element };
  }
  const labels = /^enum ?\((.+)\)$/i.exec(text)?.[1];
  if (labels !== undefined)
    return { kind: 'enum', labels: labels.split(',').map((label) => label.trim().replace(/^'(.*)'$/, '$1')) };
  const lower = text.toLowerCase();
  const size = /\((\d+)(?: ?, ?(\d+))?\)/.exec(lower);
  const bare = lower.replace(/ ?\([^)]*\)/, '').trim();
  const plain = Object.hasOwn(PLAIN, bare) ? PLAIN[bare] : undefined;
  if (plain !== undefined) return plain;
  const unsigned = bare.endsWith(' unsigned');
  const whole = unsigned ? bare.slice(0, -' unsigned'.length) : bare;
  const bits = Object.hasOwn(INTS, whole) ? INTS[whole] : undefined;
  if (bits !== undefined) return { kind: 'int', bits, unsigned };
  if (whole === 'numeric' || whole === 'decimal') {
    const precision = size === null ? null : Number(size[1]);
    return { kind: 'decimal', precision, scale: precision === null ? null : Number(size?.[2] ?? 0) };
  }
  if (bare === 'varchar' || bare === 'character varying' || bare === 'nvarchar')
    return { kind: 'text', maxLength: size === null ? null : Number(size[1]), padded: false };
  if (bare === 'char' || bare === 'character' || bare === 'bpchar')
    return { kind: 'text', maxLength: Number(size?.[1] ?? 1), padded: true };
  const time = TIME.exec(bare);
  if (time !== null) {
    const withZone = time[1]!.endsWith('tz') || (bare.includes(' with ') && time[2] === undefined);
    return {
      kind: time[1]!.startsWith('timestamp') || time[1] === 'datetime' ? 'timestamp' : 'time',
      withZone,
    };
  }
  return OTHER.has(bare) ? { kind: 'other' } : null;
}
