import { RowsealError } from '../../error/rowseal-error.ts';
import type { Column } from '../../model/table.ts';
import type { ColumnType } from '../../model/type.ts';
import { type CompiledMethod, type MaskResult, TEXT, UNFIT } from '../method.ts';
import type { DateUnit, MethodDocument } from '../policy-document.ts';
import { type CanonicalDate, daysOf, fitsType, formatDate, isInfinite, parseDate } from './calendar.ts';
import { align, compareDecimal, type Decimal, floorDivide, formatDecimal, parseDecimal } from './decimal.ts';

/** Methods that make values coarser: no key, no noise that repeated reads would average away. */

/** Rounds numbers to a multiple, half away from zero; the type stays. A result outside the type is unfit. */
export function compileRound(to: string, column: Column, where: string): CompiledMethod {
  requireNumber('round', column.type, where);
  const step = positive(to, where);
  const { type } = column;
  return {
    transform: {
      kind: 'map',
      map: (value) => {
        const number = parseDecimal(value);
        if (number === null) return isInfinite(value) ? UNFIT.infinite : UNFIT.foreign;
        const [units, stepUnits, scale] = align(number, step);
        const size = units < 0n ? -units : units;
        const rounded = ((size * 2n + stepUnits) / (stepUnits * 2n)) * stepUnits;
        return fitted({ units: units < 0n ? -rounded : rounded, scale }, number.scale, type);
      },
    },
    type,
    injective: false,
    reversible: false,
    description: { method: 'round', to },
  };
}

/** In the scale of the input where that loses nothing, and only if the type holds it. */
function fitted(value: Decimal, inputScale: number, type: ColumnType): MaskResult {
  let { units, scale } = value;
  while (scale > inputScale && units % 10n === 0n) {
    units /= 10n;
    scale--;
  }
  if (type.kind === 'int') {
    if (scale > 0) return UNFIT.range;
    const bits = BigInt(type.bits);
    const least = type.unsigned ? 0n : -(1n << (bits - 1n));
    const most = type.unsigned ? (1n << bits) - 1n : (1n << (bits - 1n)) - 1n;
    if (units < least || units > most) return UNFIT.range;
  }
  if (type.kind === 'decimal' && type.precision !== null && type.scale !== null) {
    // A negative scale (Postgres 15) rounds left of the point, and shows no digits right of it.
    if (scale > Math.max(0, type.scale)) return UNFIT.range;
    const digits = String(units < 0n ? -units : units).length - scale;
    if (digits > type.precision - type.scale) return UNFIT.range;
  }
  return formatDecimal({ units, scale });
}

/** Puts numbers into ranges given by their bounds; the answer is the range's label. */
export function compileBucket(
  bounds: readonly string[],
  labels: readonly string[] | null,
  column: Column,
  where: string,
): CompiledMethod {
  requireNumber('bucket', column.type, where);
  const limits = bounds.map((bound) => number(bound, where));
  for (let i = 1; i < limits.length; i++) {
    if (compareDecimal(limits[i - 1]!, limits[i]!) >= 0)
      throw new RowsealError('RS-MASK-005', { detail: `${where}: the bounds do not ascend` });
  }
  if (labels !== null && labels.length !== bounds.length + 1) {
    throw new RowsealError('RS-MASK-005', {
      detail: `${where}: ${bounds.length} bounds make ${bounds.length + 1} ranges, there are ${labels.length} labels`,
    });
  }
  const names = labels ?? [
    `<${bounds[0]}`,
    ...bounds.slice(1).map((bound, i) => `[${bounds[i]},${bound})`),
    `>=${bounds.at(-1)}`,
  ];
  return {
    transform: {
      kind: 'map',
      map: (value) => {
        const parsed = parseDecimal(value);
        if (parsed === null) return isInfinite(value) ? UNFIT.infinite : UNFIT.foreign;
        let range = 0;
        while (range < limits.length && compareDecimal(parsed, limits[range]!) >= 0) range++;
        return names[range]!;
      },
    },
    type: TEXT,
    injective: false,
    reversible: false,
    description: { method: 'bucket', bounds, labels },
  };
}

export function compileGeneralize(
  to: Extract<MethodDocument, { method: 'generalize' }>['to'],
  column: Column,
  where: string,
): CompiledMethod {
  const base = { injective: false, reversible: false } as const;
  switch (to.kind) {
    case 'size': {
      requireNumber('generalize by size', column.type, where);
      const size = positive(to.size, where);
      return {
        ...base,
        transform: { kind: 'map', map: (value) => rangeOf(value, size) },
        type: TEXT,
        description: { method: 'generalize', size: to.size },
      };
    }
    case 'date': {
      const { kind } = column.type;
      if (kind !== 'date' && kind !== 'timestamp')
        throw new RowsealError('RS-MASK-005', {
          detail: `${where}: generalize to ${to.unit} needs a date or timestamp, the column is ${kind}`,
        });
      if (kind === 'date' && to.unit === 'hour')
        throw new RowsealError('RS-MASK-005', { detail: `${where}: a date has no hours` });
      const { unit, oldestYear } = to;
      return {
        ...base,
        transform: { kind: 'map', map: (value) => startOf(value, kind, unit, oldestYear) },
        type: column.type,
        description: {
          method: 'generalize',
          to: unit,
          ...(oldestYear === null ? {} : { oldest_year: oldestYear }),
        },
      };
    }
    case 'zip3':
      if (column.type.kind !== 'text')
        throw new RowsealError('RS-MASK-005', {
          detail: `${where}: zip3 needs text, the column is ${column.type.kind}`,
        });
      return {
        ...base,
        transform: { kind: 'map', map: zip3 },
        type: TEXT,
        description: { method: 'generalize', to: 'zip3' },
      };
  }
}

function rangeOf(value: string, size: Decimal): MaskResult {
  const parsed = parseDecimal(value);
  if (parsed === null) return isInfinite(value) ? UNFIT.infinite : UNFIT.foreign;
  const [units, step, scale] = align(parsed, size);
  const start = floorDivide(units, step) * step;
  const show = (at: bigint): string => {
    let shown: Decimal = { units: at, scale };
    while (shown.scale > size.scale) shown = { units: shown.units / 10n, scale: shown.scale - 1 };
    return formatDecimal(shown);
  };
  return `[${show(start)},${show(start + step)})`;
}

function startOf(
  value: string,
  kind: 'date' | 'timestamp',
  unit: DateUnit,
  oldestYear: number | null,
): MaskResult {
  const date = parseDate(value);
  if (date === null) return isInfinite(value) ? UNFIT.infinite : UNFIT.malformed;
  const zone = /[+-]\d\d(?::\d\d){0,2}$/.exec(date.time)?.[0] ?? '';
  const tooOld = oldestYear !== null && date.year < oldestYear;
  const days = tooOld ? daysOf(oldestYear, 1, 1) : firstDay(date, unit);
  if (!fitsType(days, kind)) return UNFIT.range;
  if (date.time === '') return formatDate(days, '');
  const hour = unit === 'hour' && !tooOld ? date.time.slice(0, 3) : ' 00';
  return formatDate(days, `${hour}:00:00${zone}`);
}

function firstDay(date: CanonicalDate, unit: DateUnit): number {
  switch (unit) {
    case 'hour':
    case 'day':
      return date.days;
    case 'week':
      // 1970-01-01 was a Thursday; ISO weeks begin on Monday.
      return date.days - ((((date.days + 3) % 7) + 7) % 7);
    case 'month':
      return daysOf(date.year, date.month, 1);
    case 'quarter':
      return daysOf(date.year, date.month - ((date.month - 1) % 3), 1);
    case 'year':
      return daysOf(date.year, 1, 1);
    case 'decade':
      return daysOf(Math.floor(date.year / 10) * 10, 1, 1);
  }
}

/**
 * Three-digit ZIP areas of at most 20,000 people by the 2000 census, which HIPAA's Safe Harbor wants as 000 (HHS,
 * Guidance Regarding Methods for De-identification of PHI, 2012).
 */
const SMALL_ZIP3 = new Set('036 059 063 102 203 556 692 790 821 823 830 831 878 879 884 890 893'.split(' '));

function zip3(value: string): MaskResult {
  const match = /^\s*(\d{3})\d{2}(?:-?\d{4})?\s*$/.exec(value);
  if (match === null) return UNFIT.foreign;
  return SMALL_ZIP3.has(match[1]!) ? '000' : match[1]!;
}

function requireNumber(method: string, type: ColumnType, where: string): void {
  if (type.kind !== 'int' && type.kind !== 'decimal' && type.kind !== 'float')
    throw new RowsealError('RS-MASK-005', {
      detail: `${where}: ${method} needs a number, the column is ${type.kind}`,
    });
}

function number(text: string, where: string): Decimal {
  const parsed = parseDecimal(text);
  if (parsed === null)
    throw new RowsealError('RS-MASK-005', { detail: `${where}: \`${text}\` is not a number` });
  return parsed;
}

function positive(text: string, where: string): Decimal {
  const parsed = number(text, where);
  if (parsed.units <= 0n)
    throw new RowsealError('RS-MASK-005', { detail: `${where}: \`${text}\` is not above zero` });
  return parsed;
}
