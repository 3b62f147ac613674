import { TypeCode } from '../../connectors/sources/mysql/binlog/column-type-code.ts';
import type { BuiltColumn } from './binlog-builder.ts';

/**
 * A second decoder of row images, plain and slow: one big switch, BigInt for every number, strings put together by
 * hand. It shares nothing with the fast one but the floats, and holds it honest (reference.test.ts).
 *
 * @returns one cell a column; throws a plain Error where the bytes cannot be read
 */
export function referenceRow(columns: readonly BuiltColumn[], image: Buffer): (string | null)[] {
  const nulls = image.subarray(0, (columns.length + 7) >> 3);
  let rest = image.subarray(nulls.length);
  const take = (bytes: number): Buffer => {
    if (bytes > rest.length) throw new Error('short');
    const taken = rest.subarray(0, bytes);
    rest = rest.subarray(bytes);
    return taken;
  };
  const cells = columns.map((column, i) =>
    ((nulls[i >> 3]! >> (i & 7)) & 1) === 1 ? null : referenceCell(column, take),
  );
  if (rest.length > 0) throw new Error('long');
  return cells;
}

function referenceCell(column: BuiltColumn, take: (bytes: number) => Buffer): string {
  const [first = 0, second = 0] = column.metadata ?? [];
  switch (column.code) {
    case TypeCode.tiny:
      return integer(take(1), column);
    case TypeCode.short:
      return integer(take(2), column);
    case TypeCode.int24:
      return integer(take(3), column);
    case TypeCode.long:
      return integer(take(4), column);
    case TypeCode.longlong:
      return integer(take(8), column);
    case TypeCode.year: {
      const [year] = take(1);
      return year === 0 ? '0000' : String(1900 + year!);
    }
    case TypeCode.bit: {
      const bits = second * 8 + first;
      const value = big(take((bits + 7) >> 3));
      return (value & ((1n << BigInt(bits)) - 1n)).toString(2).padStart(bits, '0');
    }
    case TypeCode.newdecimal:
      return decimal(take, first, second);
    case TypeCode.date: {
      const value = little(take(3));
      return date(value >> 9n, (value >> 5n) & 15n, value & 31n);
    }
    case TypeCode.datetime2: {
      const packed = big(take(5)) - 0x80_0000_0000n;
      const text = fraction(take((first + 1) >> 1));
      const clock = packed % 131_072n;
      const day = packed / 131_072n;
      const months = day / 32n;
      return `${date(months / 13n, months % 13n, day % 32n)} ${time(clock)}${text}`;
    }
    case TypeCode.timestamp2: {
      const seconds = big(take(4));
      const text = fraction(take((first + 1) >> 1));
      if (seconds === 0n) return `0000-00-00 00:00:00${text}`;
      return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19).replace('T', ' ')}${text}+00`;
    }
    case TypeCode.time2: {
      const bytes = 3 + ((first + 1) >> 1);
      const all = take(bytes);
      let value = big(all) - (0x80_0000n << BigInt(8 * (bytes - 3)));
      const sign = value < 0n ? '-' : '';
      if (value < 0n) value = -value;
      const whole = value >> BigInt(8 * (bytes - 3));
      const part = Buffer.from(value.toString(16).padStart(bytes * 2, '0'), 'hex').subarray(3);
      return `${sign}${time(whole)}${fraction(part)}`;
    }
    case TypeCode.varchar: {
      const max = first | (second << 8);
      const length = Number(little(take(max > 255 ? 2 : 1)));
      return text(take(length), column);
    }
    case TypeCode.blob:
      return text(take(Number(little(take(first)))), column);
    case TypeCode.string: {
      if (first === TypeCode.enum) return ['', ...column.labels!][Number(little(take(second)))] ?? fail();
      if (first === TypeCode.set) {
        const bits = little(take(second));
        if (bits >> BigInt(column.labels!.length) !== 0n) return fail();
        return column.labels!.filter((_, i) => ((bits >> BigInt(i)) & 1n) === 1n).join(',');
      }
      const max = ((((first ^ 0x30) & 0x30) as number) << 4) | second;
      const length = Number(little(take(max > 255 ? 2 : 1)));
      const value = take(length);
      if (column.collation !== 63) return text(value, column);
      if (length > max) return fail();
      return text(Buffer.concat([value, Buffer.alloc(max - length)]), column);
    }
    default:
      return fail();
  }
}

function fail(): never {
  throw new Error('unreadable');
}

function little(bytes: Buffer): bigint {
  return bytes.reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n);
}

function big(bytes: Buffer): bigint {
  return bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
}

function integer(bytes: Buffer, { unsigned }: BuiltColumn): string {
  const value = little(bytes);
  return String(unsigned === true ? value : BigInt.asIntN(bytes.length * 8, value));
}

function decimal(take: (bytes: number) => Buffer, precision: number, scale: number): string {
  const sizes = (digits: number): number[] =>
    Array.from({ length: Math.ceil(digits / 9) }, (_, i) => Math.min(9, digits - i * 9));
  const whole = sizes(precision - scale).reverse();
  const parts = [...whole, ...sizes(scale)];
  const bytes = parts.map((digits) => Math.ceil((digits === 9 ? 8 : digits) / 2));
  const all = Buffer.from(take(bytes.reduce((a, b) => a + b, 0)));
  const negative = (all[0]! & 0x80) === 0;
  all[0] = all[0]! ^ 0x80;
  if (negative) for (let i = 0; i < all.length; i++) all[i] = all[i]! ^ 0xff;
  let at = 0;
  const digits = parts.map((count, i) => {
    const value = String(big(all.subarray(at, at + bytes[i]!)));
    at += bytes[i]!;
    if (value.length > count) fail();
    return value.padStart(count, '0');
  });
  const integerText = digits.slice(0, whole.length).join('').replace(/^0+/, '') || '0';
  const fractionText = digits.slice(whole.length).join('');
  return `${negative ? '-' : ''}${integerText}${fractionText === '' ? '' : `.${fractionText}`}`;
}

function date(year: bigint, month: bigint, day: bigint): string {
  if (year < 0n || year > 9999n || month > 12n || day > 31n) fail();
  return `${String(year).padStart(4, '0')}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`;
}

/** hour, minute 6 bits, second 6 bits */
function time(packed: bigint): string {
  const hour = packed >> 12n;
  const minute = (packed >> 6n) & 63n;
  const second = packed & 63n;
  if (hour > 838n || minute > 59n || second > 59n) fail();
  return [hour, minute, second].map((part) => String(part).padStart(2, '0')).join(':');
}

function fraction(bytes: Buffer): string {
  const value = big(bytes);
  if (value >= 100n ** BigInt(bytes.length)) fail();
  const digits = String(value)
    .padStart(bytes.length * 2, '0')
    .replace(/0+$/, '');
  return bytes.length === 0 || digits === '' ? '' : `.${digits}`;
}

function text(bytes: Buffer, { collation }: BuiltColumn): string {
  switch (collation) {
    case 63:
      return `\\x${bytes.toString('hex')}`;
    case 8:
      return [...bytes].map((byte) => CP1252[byte] ?? String.fromCharCode(byte)).join('');
    default: {
      const value = bytes.toString('utf8');
      if (!Buffer.from(value, 'utf8').equals(bytes)) fail();
      return value;
    }
  }
}

/** Windows-1252 where it is not ISO 8859-1; what it leaves open is what it is in Unicode. */
const CP1252: Readonly<Record<number, string>> = Object.fromEntries(
  [...'€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ'].map((character, i) => [0x80 + i, character]),
);
