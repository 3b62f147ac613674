import type { ColumnType } from '../../../src/model/type.ts';
import type { ColumnHint } from './binlog/binlog-event.ts';

/** What information_schema.COLUMNS says of one column. */
export interface CatalogType {
  /** COLUMN_TYPE, for example `int(10) unsigned zerofill`. */
  readonly columnType: string;
  /** CHARACTER_MAXIMUM_LENGTH; null for what has none. */
  readonly maxLength: number | null;
  /** MariaDB: a CHECK of json_valid, which is how it declares JSON. */
  readonly holdsJson: boolean;
}

export interface MysqlType {
  readonly type: ColumnType;
  /** As the binlog decoder spells it: without display widths, ZEROFILL and COMPRESSED. */
  readonly sourceType: string;
  /** What the binlog does not tell apart from plain bytes. */
  readonly hint: ColumnHint | null;
}

const OTHER: ColumnType = { kind: 'other' };
const BITS: Readonly<Record<string, 8 | 16 | 24 | 32 | 64>> = {
  tinyint: 8,
  smallint: 16,
  mediumint: 24,
  int: 32,
  bigint: 64,
};

/** The type that a column of the catalog has in the stream, spelled alike. */
export function mysqlType({ columnType, maxLength, holdsJson }: CatalogType): MysqlType {
  // What MariaDB adds behind the type; inside the quotes of a label it is no comment.
  const text = columnType.replace(/(\s*\/\*[^']*?\*\/)+\s*$/, '').trim();
  const name = /^[a-z0-9_]+/i.exec(text)?.[0]?.toLowerCase() ?? '';
  const argument = /^[^(]*\((.*)\)/s.exec(text)?.[1] ?? null;
  const unsigned = /\bunsigned\b/i.test(text.slice(text.lastIndexOf(')') + 1));
  const sign = unsigned ? ' unsigned' : '';
  const plain = (type: ColumnType, sourceType: string, hint: ColumnHint | null = null): MysqlType => ({
    type,
    sourceType,
    hint,
  });
  switch (name) {
    case 'tinyint':
    case 'smallint':
    case 'mediumint':
    case 'int':
    case 'bigint':
      return plain({ kind: 'int', bits: BITS[name]!, unsigned }, name + sign);
    case 'year':
      return plain({ kind: 'int', bits: 16, unsigned: true }, 'year');
    case 'float':
      return plain({ kind: 'float', bits: 32 }, name + sign);
    case 'double':
      return plain({ kind: 'float', bits: 64 }, name + sign);
    case 'decimal': {
      const [precision = 10, scale = 0] = (argument ?? '').split(',').map(Number);
      return plain({ kind: 'decimal', precision, scale }, `decimal(${precision},${scale})${sign}`);
    }
    case 'char':
    case 'varchar':
      return plain({ kind: 'text', maxLength, padded: false }, `${name}(${maxLength ?? argument})`);
    case 'tinytext':
    case 'text':
    case 'mediumtext':
    case 'longtext':
      return plain(holdsJson ? { kind: 'json' } : { kind: 'text', maxLength: null, padded: false }, name);
    case 'binary':
    case 'varbinary':
      return plain({ kind: 'bytes' }, `${name}(${argument})`);
    case 'tinyblob':
    case 'blob':
    case 'mediumblob':
    case 'longblob':
      return plain({ kind: 'bytes' }, name);
    case 'date':
      return plain({ kind: 'date' }, name);
    case 'time':
      return plain({ kind: 'interval' }, withFraction(name, argument));
    case 'datetime':
      return plain({ kind: 'timestamp', withZone: false }, withFraction(name, argument));
    case 'timestamp':
      return plain({ kind: 'timestamp', withZone: true }, withFraction(name, argument));
    case 'json':
      return plain({ kind: 'json' }, name);
    case 'enum':
    case 'set': {
      const labels = labelsOf(argument ?? '');
      const spelled = `${name}(${labels.map((label) => `'${label.replaceAll("'", "''")}'`).join(',')})`;
      return plain(name === 'enum' ? { kind: 'enum', labels } : OTHER, spelled);
    }
    case 'geomcollection':
      return plain(OTHER, 'geometrycollection');
    case 'uuid':
      return plain({ kind: 'uuid' }, name, 'uuid');
    case 'inet4':
    case 'inet6':
      return plain(OTHER, name, name);
    case 'vector':
      return plain(OTHER, text.toLowerCase(), 'vector');
    default:
      return plain(OTHER, argument === null ? name : `${name}(${argument})`);
  }
}

/**
 * A date or time with a fraction in the format of MariaDB before 10.0, which COLUMN_TYPE marks. How many bytes it has
 * is not in the binlog.
 */
export function isOldFraction(columnType: string): boolean {
  return /^(time|datetime|timestamp)\([1-6]\).*\/\* mariadb-5\.3 \*\//i.test(columnType);
}

function withFraction(name: string, argument: string | null): string {
  return argument === null || argument === '0' ? name : `${name}(${argument})`;
}

/** Labels out of `'a','it''s'`; the catalog escapes with backslashes too. */
function labelsOf(list: string): readonly string[] {
  const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', '0': '\0', t: '\t' };
  return [...list.matchAll(/'((?:[^'\\]|''|\\.)*)'/gs)].map((match) =>
    match[1]!.replace(/''|\\(.)/gs, (whole, letter: string | undefined) =>
      letter === undefined || whole === "''" ? "'" : (escapes[letter] ?? letter),
    ),
  );
}
