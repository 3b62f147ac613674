import type { ColumnType } from '../../src/model/type.ts';

const MAX_DECIMAL_PRECISION = 38;

/** The DuckDB type that holds every value of a column, or VARCHAR where none does (docs/duckdb.md has the table). */
export function duckdbType(type: ColumnType): string {
  switch (type.kind) {
    case 'boolean':
      return 'BOOLEAN';
    case 'int': {
      const signed = { 8: 'TINYINT', 16: 'SMALLINT', 24: 'INTEGER', 32: 'INTEGER', 64: 'BIGINT' }[type.bits];
      return type.unsigned ? `U${signed}` : signed;
    }
    case 'decimal': {
      const { precision, scale } = type;
      const fits =
        precision !== null &&
        scale !== null &&
        precision <= MAX_DECIMAL_PRECISION &&
        scale >= 0 &&
        scale <= precision;
      return fits ? `DECIMAL(${precision},${scale})` : 'VARCHAR';
    }
    case 'float':
      return type.bits === 32 ? 'FLOAT' : 'DOUBLE';
    case 'bytes':
      return 'BLOB';
    case 'date':
      return 'DATE';
    case 'time':
      return type.withZone ? 'VARCHAR' : 'TIME';
    case 'timestamp':
      return type.withZone ? 'TIMESTAMPTZ' : 'TIMESTAMP';
    case 'uuid':
      return 'UUID';
    case 'json':
      return 'JSON';
    case 'text':
    case 'interval':
    case 'enum':
    case 'array':
    case 'other':
      return 'VARCHAR';
  }
}

/**
 * SQL that turns canonical text into the column's type.
 *
 * @param careful null for a text that is not exactly a value of the type, where the plain cast fails, rounds or reads on
 *   past what it understands; the era of dates is turned into DuckDB's notation
 */
export function castExpression(text: string, type: string, careful: boolean): string {
  if (type === 'VARCHAR') return text;
  const plain = type === 'BLOB' ? `from_hex(substr(${text}, 3))` : `CAST(${text} AS ${type})`;
  if (!careful) return plain;
  const pattern = exactPattern(type);
  if (type === 'BLOB') return `(CASE WHEN regexp_full_match(${text}, '${pattern}') THEN ${plain} END)`;
  const tried = `TRY_CAST(${hasEra(type) ? eraMoved(text) : text} AS ${type})`;
  return pattern === null ? tried : `(CASE WHEN regexp_full_match(${text}, '${pattern}') THEN ${tried} END)`;
}

/**
 * Whether the plain cast takes this text as exactly what it is, or fails. One look per cell: most are plain, and
 * then nothing else is to be done.
 *
 * @returns null: the cast itself is exact
 */
export function plainTest(type: string): ((text: string) => boolean) | null {
  if (/^U?(TINYINT|SMALLINT|INTEGER|BIGINT)$/.test(type)) return isInteger;
  const digits = /^DECIMAL\(\d+,(\d+)\)$/.exec(type)?.[1];
  if (digits !== undefined) {
    const scale = Number(digits);
    return (text) => isDecimal(text, scale);
  }
  switch (type) {
    case 'BLOB':
      return (text) => text.startsWith('\\x');
    case 'BOOLEAN':
      return (text) => text === 't' || text === 'f';
    case 'DATE':
      return (text) => text.length === 10 && text.charCodeAt(4) === DASH && text.charCodeAt(7) === DASH;
    case 'TIMESTAMP':
    case 'TIMESTAMPTZ':
      return (text) => text.charCodeAt(4) === DASH && text.charCodeAt(10) === SPACE && !text.endsWith('BC');
    default:
      return null;
  }
}

const DASH = 45;
const SPACE = 32;

function isInteger(text: string): boolean {
  return isDigits(text, text.charCodeAt(0) === DASH ? 1 : 0, text.length);
}

function isDecimal(text: string, scale: number): boolean {
  const first = text.charCodeAt(0) === DASH ? 1 : 0;
  const dot = text.indexOf('.');
  if (dot < 0) return isDigits(text, first, text.length);
  if (dot > first && !isDigits(text, first, dot)) return false;
  return text.length - dot - 1 <= scale && isDigits(text, dot + 1, text.length);
}

/** At least one digit, and nothing else. */
function isDigits(text: string, from: number, to: number): boolean {
  if (from >= to) return false;
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at);
    if (code < 48 || code > 57) return false;
  }
  return true;
}

/** Texts that may be values of the type; the cast decides the rest (ranges, days of a month). */
function exactPattern(type: string): string | null {
  if (/^U?(TINYINT|SMALLINT|INTEGER|BIGINT)$/.test(type)) return '-?\\d+(\\.0+)?';
  const scale = /^DECIMAL\(\d+,(\d+)\)$/.exec(type)?.[1];
  if (scale !== undefined) return scale === '0' ? '-?\\d+(\\.0*)?' : `-?\\d+(\\.\\d{0,${scale}}0*)?`;
  switch (type) {
    case 'BLOB':
      return '\\\\x([0-9a-f]{2})*';
    case 'BOOLEAN':
      return 't|f';
    case 'DATE':
      return '\\d{4,}-\\d\\d-\\d\\d( BC)?|-?infinity';
    case 'TIMESTAMP':
      return '\\d{4,}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d(\\.\\d{1,6})?( BC)?|-?infinity';
    case 'TIMESTAMPTZ':
      return '\\d{4,}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d(\\.\\d{1,6})?\\+00( BC)?|-?infinity';
    default:
      return null;
  }
}

function hasEra(type: string): boolean {
  return type === 'DATE' || type === 'TIMESTAMP' || type === 'TIMESTAMPTZ';
}

/** Postgres writes ` BC` at the end, DuckDB ` (BC)` behind the date. */
function eraMoved(text: string): string {
  return `regexp_replace(${text}, '^(\\d+-\\d\\d-\\d\\d)(.*) BC$', '\\1 (BC)\\2')`;
}
