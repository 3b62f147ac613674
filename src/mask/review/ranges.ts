import { compareDecimal, formatDecimal, parseDecimal } from '../method/decimal.ts';

/** Ranges of numbers, and what they are called: those of one name are not told apart. */
export interface Ranges {
  /** Ascending, each where a name ends; decimal text, one for equal numbers. */
  readonly bounds: readonly string[];
  /** One more than bounds; neighbours differ. */
  readonly names: readonly string[];
}

/** @param labels one more than bounds; null: each range has a name of its own */
export function rangesOf(bounds: readonly string[], labels: readonly string[] | null): Ranges {
  const nameAt = (i: number): string => labels?.[i] ?? `range ${i}`;
  const ends: string[] = [];
  const names = [nameAt(0)];
  bounds.forEach((bound, i) => {
    const name = nameAt(i + 1);
    if (name === names.at(-1)) return;
    ends.push(canonical(bound));
    names.push(name);
  });
  return { bounds: ends, names };
}

/** Whether who is told the names of `a` knows those of `b`. */
export function tellsAllOf(a: Ranges, b: Ranges): boolean {
  const known = new Map<string, string>();
  return bothNames(a, b).every(([mine, other]) => {
    const before = known.get(mine) ?? other;
    known.set(mine, other);
    return before === other;
  });
}

/** Whether two ranges that lie apart have one name in `a`, and two in `b`. */
export function tellsSharedNames(a: Ranges, b: Ranges): boolean {
  const shared = a.names.filter((name, i) => a.names.indexOf(name) !== i);
  return shared.some(
    (name) => new Set(bothNames(a, b).flatMap(([mine, other]) => (mine === name ? [other] : []))).size > 1,
  );
}

/** The names of every stretch in which neither has a bound. */
function bothNames(a: Ranges, b: Ranges): readonly (readonly [string, string])[] {
  const cuts = [...new Set([...a.bounds, ...b.bounds])].sort(compareNumbers);
  let [i, j] = [0, 0];
  return [
    [a.names[0]!, b.names[0]!],
    ...cuts.map((cut): readonly [string, string] => {
      if (a.bounds[i] === cut) i++;
      if (b.bounds[j] === cut) j++;
      return [a.names[i]!, b.names[j]!];
    }),
  ];
}

/** Decimal texts, by what they are worth. */
export function compareNumbers(a: string, b: string): number {
  const [x, y] = [parseDecimal(a), parseDecimal(b)];
  return x === null || y === null ? Number(a) - Number(b) : compareDecimal(x, y);
}

function canonical(text: string): string {
  const number = parseDecimal(text);
  if (number === null) return text;
  let { units, scale } = number;
  for (; scale > 0 && units % 10n === 0n; scale--) units /= 10n;
  return formatDecimal({ units, scale });
}
