import { Hint, patternFinder, whole } from './text-finder.ts';

/** Latitude and longitude in degrees, four decimals (11 m) or more in text, three or more as a whole value. */
export function isCoordinates(value: string): boolean {
  const match = /^\(?([-+]?\d{1,3}\.\d{3,15}), ?([-+]?\d{1,3}\.\d{3,15})\)?$/.exec(value);
  return match !== null && Math.abs(Number(match[1])) <= 90 && Math.abs(Number(match[2])) <= 180;
}

export const coordinatesFinder = patternFinder(
  'coordinates',
  Hint.sixDigits,
  /(?<![\w.+-])[-+]?\d{1,2}\.\d{4,15}, ?[-+]?\d{1,3}\.\d{4,15}(?!\w|\.\d)/g,
  whole(isCoordinates),
);
