import type { ColumnType } from '../model/type.ts';

/**
 * One spelling for each value, so that what a warehouse prints can be compared with canonical text: trailing zeros of
 * fractions and numbers, exponents and JSON whitespace differ between warehouses and mean nothing.
 */
export function normalText(type: ColumnType, text: string | null): string | null {
  if (text === null) return null;
  switch (type.kind) {
    case 'boolean':
      return /^t/i.test(text) ? 't' : /^f/i.test(text) ? 'f' : text;
    case 'decimal':
    case 'int':
      return plainNumber(text);
    case 'float':
      return plainFloat(text, type.bits);
    case 'time':
    case 'timestamp':
      return text
        .replace('T', ' ')
        .replace(/Z$/, '+00')
        .replace(/(:\d\d)\.(\d*?)0+(?=$|[^\d])/, (_, seconds: string, digits: string) =>
          digits === '' ? seconds : `${seconds}.${digits}`,
        );
    case 'json':
      return sameJson(text);
    default:
      return text;
  }
}

function plainNumber(text: string): string {
  const match = /^([+-]?)0*(\d+)(?:\.(\d*?)0*)?$/.exec(text);
  if (match === null) return text.toLowerCase();
  const [, sign, whole, fraction = ''] = match as unknown as [string, string, string, string | undefined];
  const digits = fraction === '' ? whole : `${whole}.${fraction}`;
  return sign === '-' && digits !== '0' ? `-${digits}` : digits;
}

function plainFloat(text: string, bits: 32 | 64): string {
  const value = Number(text.replace(/^([+-]?)inf(inity)?$/i, '$1Infinity'));
  const rounded = bits === 32 ? Math.fround(value) : value;
  // Zero and minus zero are one value to a warehouse's comparison, and so to its compression.
  return String(rounded === 0 ? 0 : rounded);
}

/** Only whitespace and the order of members are given up: numbers keep their text. */
function sameJson(text: string): string {
  const numbers = text.replace(
    /("(?:[^"\\]|\\.)*")|(-?\d[\d.eE+-]*)/g,
    (_, string?: string, number?: string) => (string === undefined ? JSON.stringify(`#${number}`) : string),
  );
  try {
    return JSON.stringify(sorted(JSON.parse(numbers)));
  } catch {
    return text;
  }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}
