import { RowsealError } from '../../error/rowseal-error.ts';
import type { Column } from '../../model/table.ts';
import { HmacSha256 } from '../cipher/hmac.ts';
import type { KeySpace } from '../key-space.ts';
import { type CompiledMethod, UNFIT } from '../method.ts';
import { fitsType, formatDate, isInfinite, parseDate } from './calendar.ts';

/** Whose dates are moved together. */
export interface DateEntity {
  /** Of the column that names it. */
  readonly index: number;
  readonly column: string;
  readonly space: KeySpace;
  /** One text for all spellings that the column's own rule takes for one value. */
  readonly spell: (value: string) => string;
}

/**
 * Moves all dates of one entity by one number of days, 1 to `maxDays` either way, that follows from the entity's value
 * under the key: distances between dates of an entity stay, and so do the times of day. Never by zero days.
 */
export function compileDateShift(
  maxDays: number,
  entity: DateEntity,
  column: Column,
  where: string,
): CompiledMethod {
  const { kind } = column.type;
  if (kind !== 'date' && kind !== 'timestamp')
    throw new RowsealError('RS-MASK-005', {
      detail: `${where}: date_shift needs a date or timestamp, the column is ${kind}`,
    });
  const hmac = new HmacSha256(entity.space.secret('shift', 32));
  return {
    transform: {
      kind: 'map-by',
      by: entity.index,
      map: (value, by) => {
        const date = parseDate(value);
        if (date === null) return isInfinite(value) ? UNFIT.infinite : UNFIT.malformed;
        const days = date.days + shiftOf(hmac, entity.spell(by), maxDays);
        return fitsType(days, kind) ? formatDate(days, date.time) : UNFIT.range;
      },
    },
    type: column.type,
    injective: false,
    reversible: true,
    description: { method: 'date_shift', domain: entity.space.name, by: entity.column, max_days: maxDays },
  };
}

/** 48 bits of the MAC: the bias towards small shifts is below 2^-30 for any shift that makes sense. */
function shiftOf(hmac: HmacSha256, entity: string, maxDays: number): number {
  const drawn = Number.parseInt(hmac.text(entity, 'hex').slice(0, 12), 16) % (2 * maxDays);
  return drawn < maxDays ? drawn - maxDays : drawn - maxDays + 1;
}
