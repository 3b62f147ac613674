import { isRepeated } from './check-digit.ts';
import { Hint, patternFinder, whole } from './text-finder.ts';

const WEIGHTS = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
/** Values of A to Z; I, O and Q do not occur. */
const VALUES = [1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2, 3, 4, 5, 0, 7, 0, 9, 2, 3, 4, 5, 6, 7, 8, 9];

/** A vehicle identification number (ISO 3779) whose check digit holds (49 CFR 565.15); European ones need not have one. */
export function isVin(value: string): boolean {
  if (!/^[A-HJ-NPR-Z\d]{17}$/.test(value) || !/[A-Z]/.test(value) || isRepeated(value)) return false;
  let sum = 0;
  for (let i = 0; i < 17; i++) {
    const code = value.charCodeAt(i);
    sum += WEIGHTS[i]! * (code < 58 ? code - 48 : VALUES[code - 65]!);
  }
  return value[8] === (sum % 11 === 10 ? 'X' : String(sum % 11));
}

export const vinFinder = patternFinder(
  'vehicle',
  Hint.mixedWord | Hint.capital,
  /(?<![\w-])[A-HJ-NPR-Z\d]{17}(?![\w-])/g,
  // Four figures at the end (49 CFR 565.15 requires them) keep words and codes out.
  whole((match) => /\d{4}$/.test(match) && isVin(match)),
);
