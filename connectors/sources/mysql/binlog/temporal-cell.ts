import type { CellReader } from './cell-writer.ts';
import { malformed } from './defect.ts';
import { writeFraction, writePadded, writeTwo, writeUnsigned } from './digits.ts';
import { int32 } from './integer-cell.ts';
import { endZeroDate, inCalendar, type ZeroDates } from './zero-date.ts';

const DASH = 0x2d;
const COLON = 0x3a;
const SPACE = 0x20;

/** Longest: `9999-12-31 23:59:59.999999+00`. */
export const TEMPORAL_CHARACTERS = 32;

/** What a column adds to its reader: the rule for zero dates, and its name for the error of that rule. */
export interface TemporalColumn {
  readonly zeroDates: ZeroDates;
  readonly column: string;
}

/** DATE: three bytes little-endian, day 5 bits, month 4, year 15. */
export function dateReader({ zeroDates, column }: TemporalColumn): CellReader {
  return (source, at, writer) => {
    const packed = source[at]! | (source[at + 1]! << 8) | (source[at + 2]! << 16);
    const year = packed >> 9;
    const month = (packed >> 5) & 15;
    const day = packed & 31;
    const p = writeDate(writer.out, writer.at, year, month, day);
    if (inCalendar(year, month, day)) writer.written(p);
    else endZeroDate(writer, p, zeroDates, column);
    return at + 3;
  };
}

/**
 * DATETIME2: five bytes big-endian (sign 1 bit, year × 13 + month 17, day 5, hour 5, minute 6, second 6), then the
 * fraction.
 */
export function datetime2Reader(fsp: number, { zeroDates, column }: TemporalColumn): CellReader {
  const fractionBytes = (fsp + 1) >> 1;
  return (source, at, writer) => {
    const { out } = writer;
    // 40 bits: the upper 22 are the sign and the day's, the lower 18 the time's and one of the day's.
    const upper = (source[at]! << 16) | (source[at + 1]! << 8) | source[at + 2]!;
    const lower = (source[at + 3]! << 8) | source[at + 4]!;
    if (upper < 0x800000) throw malformed('a datetime before the year 0');
    const months = (upper - 0x800000) >> 6;
    const year = Math.floor(months / 13);
    const month = months - year * 13;
    const day = (upper >> 1) & 31;
    const hour = ((upper & 1) << 4) | (lower >> 12);
    const fraction = readFraction(source, at + 5, fractionBytes);
    let p = writeDate(out, writer.at, year, month, day);
    out[p] = SPACE;
    p = writeClock(out, p + 1, hour, (lower >> 6) & 63, lower & 63);
    p = writeFraction(out, p, fraction, fractionBytes * 2);
    if (inCalendar(year, month, day)) writer.written(p);
    else endZeroDate(writer, p, zeroDates, column);
    return at + 5 + fractionBytes;
  };
}

/** TIMESTAMP2: four bytes big-endian, seconds since 1970 in UTC, then the fraction. All zero is the zero date. */
export function timestamp2Reader(fsp: number, { zeroDates, column }: TemporalColumn): CellReader {
  const fractionBytes = (fsp + 1) >> 1;
  const clock = utcClock();
  return (source, at, writer) => {
    const seconds =
      ((source[at]! << 24) | (source[at + 1]! << 16) | (source[at + 2]! << 8) | source[at + 3]!) >>> 0;
    const fraction = readFraction(source, at + 4, fractionBytes);
    const { out } = writer;
    if (seconds === 0) {
      // MySQL has no moment within the first second of 1970.
      const p = writeFraction(out, writeZeroTimestamp(out, writer.at), fraction, fractionBytes * 2);
      endZeroDate(writer, p, zeroDates, column);
    } else {
      let p = clock(out, writer.at, seconds);
      p = writeFraction(out, p, fraction, fractionBytes * 2);
      writer.written(writeUtc(out, p));
    }
    return at + 4 + fractionBytes;
  };
}

/** TIMESTAMP of servers before 5.6: four bytes little-endian. */
export function oldTimestampReader({ zeroDates, column }: TemporalColumn): CellReader {
  const clock = utcClock();
  return (source, at, writer) => {
    const seconds = int32(source, at) >>> 0;
    const { out } = writer;
    if (seconds === 0) endZeroDate(writer, writeZeroTimestamp(out, writer.at), zeroDates, column);
    else writer.written(writeUtc(out, clock(out, writer.at, seconds)));
    return at + 4;
  };
}

/** DATETIME of servers before 5.6: the decimal number YYYYMMDDhhmmss in eight bytes little-endian. */
export function oldDatetimeReader({ zeroDates, column }: TemporalColumn): CellReader {
  return (source, at, writer) => {
    const { out } = writer;
    const number = (int32(source, at) >>> 0) + (int32(source, at + 4) >>> 0) * 4_294_967_296;
    const date = Math.floor(number / 1e6);
    const time = number - date * 1e6;
    const year = Math.floor(date / 10_000);
    const month = Math.floor(date / 100) % 100;
    const day = date % 100;
    let p = writeDate(out, writer.at, year, month, day);
    out[p] = SPACE;
    p = writeClock(out, p + 1, Math.floor(time / 10_000), Math.floor(time / 100) % 100, time % 100);
    if (inCalendar(year, month, day)) writer.written(p);
    else endZeroDate(writer, p, zeroDates, column);
    return at + 8;
  };
}

/**
 * TIME2: sign 1 bit (set: not negative), unused 1, hour 10, minute 6, second 6, then the fraction; the whole number,
 * fraction included, is negated for a negative time. An interval, as Postgres prints one of hours: `-838:59:59.5`.
 */
export function time2Reader(fsp: number): CellReader {
  const fractionBytes = (fsp + 1) >> 1;
  const scale = 256 ** fractionBytes;
  return (source, at, writer) => {
    const { out } = writer;
    let p = writer.at;
    let packed = ((source[at]! << 16) | (source[at + 1]! << 8) | source[at + 2]!) - 0x800000;
    let fraction = readRawFraction(source, at + 3, fractionBytes);
    if (packed < 0) {
      out[p++] = DASH;
      const whole = -(packed * scale + fraction);
      packed = Math.floor(whole / scale);
      fraction = whole - packed * scale;
    }
    checkFraction(fraction, fractionBytes);
    p = writeHours(out, p, packed >> 12, (packed >> 6) & 63, packed & 63);
    writer.written(writeFraction(out, p, fraction, fractionBytes * 2));
    return at + 3 + fractionBytes;
  };
}

/** TIME of servers before 5.6: the decimal number hhmmss in three bytes little-endian, signed. */
export const readOldTime: CellReader = (source, at, writer) => {
  const { out } = writer;
  let p = writer.at;
  let number = ((source[at]! | (source[at + 1]! << 8) | (source[at + 2]! << 16)) << 8) >> 8;
  if (number < 0) {
    out[p++] = DASH;
    number = -number;
  }
  const hours = Math.floor(number / 10_000);
  writer.written(writeHours(out, p, hours, Math.floor(number / 100) % 100, number % 100));
  return at + 3;
};

/** Two digits of fraction a byte, big-endian: in units of 10^-2, 10^-4 or 10^-6 second. */
function readFraction(source: Uint8Array, at: number, bytes: number): number {
  const fraction = readRawFraction(source, at, bytes);
  checkFraction(fraction, bytes);
  return fraction;
}

function readRawFraction(source: Uint8Array, at: number, bytes: number): number {
  let fraction = 0;
  for (let i = 0; i < bytes; i++) fraction = (fraction << 8) | source[at + i]!;
  return fraction;
}

function checkFraction(fraction: number, bytes: number): void {
  if (fraction >= 100 ** bytes) throw malformed('a fraction of a second that is too large');
}

function writeDate(out: Uint8Array, at: number, year: number, month: number, day: number): number {
  if (year > 9999 || month > 12 || day > 31) throw malformed('a date out of range');
  let p = writePadded(out, at, year, 4);
  out[p] = DASH;
  p = writeTwo(out, p + 1, month);
  out[p] = DASH;
  return writeTwo(out, p + 1, day);
}

function writeClock(out: Uint8Array, at: number, hour: number, minute: number, second: number): number {
  if (hour > 23) throw malformed('a time of day out of range');
  return writeHours(out, at, hour, minute, second);
}

function writeHours(out: Uint8Array, at: number, hours: number, minute: number, second: number): number {
  if (hours > 838 || minute > 59 || second > 59) throw malformed('a time out of range');
  let p = hours < 100 ? writeTwo(out, at, hours) : writeUnsigned(out, at, hours);
  out[p] = COLON;
  p = writeTwo(out, p + 1, minute);
  out[p] = COLON;
  return writeTwo(out, p + 1, second);
}

function writeZeroTimestamp(out: Uint8Array, at: number): number {
  const p = writeDate(out, at, 0, 0, 0);
  out[p] = SPACE;
  return writeClock(out, p + 1, 0, 0, 0);
}

function writeUtc(out: Uint8Array, at: number): number {
  out[at] = 0x2b;
  out[at + 1] = 0x30;
  out[at + 2] = 0x30;
  return at + 3;
}

/** Writes seconds since 1970 as date and time; remembers the last day, as rows of one transaction share it. */
function utcClock(): (out: Uint8Array, at: number, seconds: number) => number {
  let known = -1;
  let year = 0;
  let month = 0;
  let day = 0;
  return (out, at, seconds) => {
    const days = Math.floor(seconds / 86_400);
    if (days !== known) {
      const date = new Date(days * 86_400_000);
      year = date.getUTCFullYear();
      month = date.getUTCMonth() + 1;
      day = date.getUTCDate();
      known = days;
    }
    const ofDay = seconds - days * 86_400;
    const hour = Math.floor(ofDay / 3600);
    const ofHour = ofDay - hour * 3600;
    const minute = Math.floor(ofHour / 60);
    const p = writeDate(out, at, year, month, day);
    out[p] = SPACE;
    return writeClock(out, p + 1, hour, minute, ofHour - minute * 60);
  };
}
