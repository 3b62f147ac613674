import type { DateUnit, Handling, Rule } from '../policy-document.ts';
import type { Content, DerivedDisclosure, Disclosure } from './disclosure.ts';
import { placesOf } from './disclosure-document.ts';
import { compareNumbers, tellsAllOf } from './ranges.ts';

/**
 * How much one rule shows, compared with another: a partial order. `incomparable`: each shows something that the other
 * hides, or nobody can tell.
 *
 *     value (keep)
 *       above: made from the value · documents · functions
 *         above: presence (constants)  >  column (null)  >  nothing (drop)
 *
 * Values made from the raw one are compared facet by facet (what stays readable, how well equal values are recognised,
 * what else shows), documents place by place, functions only with themselves: `less` needs every facet to be less or
 * equal. So clear characters and a token do not weigh up against each other: a token of an age hides the digits and shows
 * how often each age occurs.
 */
export type Ordering = 'less' | 'equal' | 'more' | 'incomparable';

/** What `a` shows, compared with `b`. */
export function compareDisclosures(a: Disclosure, b: Disclosure): Ordering {
  const [floorA, floorB] = [floor(a), floor(b)];
  if (floorA !== floorB) return ordered(floorA - floorB);
  if (a.kind === 'derived' && b.kind === 'derived') return compareDerived(a, b);
  if (a.kind === 'document' && b.kind === 'document') {
    const places = placesOf(a.root, b.root).map((place) => compareDisclosures(place.old, place.new));
    return product([...places, ordered(Number(a.countsElements) - Number(b.countsElements))]);
  }
  if (a.kind === 'function' && b.kind === 'function')
    return a.identity === b.identity ? 'equal' : 'incomparable';
  return a.kind === b.kind ? 'equal' : 'incomparable';
}

function floor({ kind }: Disclosure): number {
  switch (kind) {
    case 'nothing':
      return 0;
    case 'column':
      return 1;
    case 'presence':
      return 2;
    case 'derived':
    case 'document':
    case 'function':
      return 3;
    case 'value':
      return 4;
  }
}

function compareDerived(a: DerivedDisclosure, b: DerivedDisclosure): Ordering {
  const tokens = a.equalityBits > 0 && b.equalityBits > 0;
  return product([
    compareContents(a.content, b.content),
    ordered(sign(a.equalityBits, b.equalityBits)),
    // The more spellings are made one, the less is told apart. Without tokens nothing is.
    tokens ? compareSets(b.merged, a.merged) : 'equal',
    compareSets(a.traces, b.traces),
  ]);
}

const UNITS: readonly DateUnit[] = ['decade', 'year', 'quarter', 'month', 'week', 'day', 'hour'];

function compareContents(a: Content, b: Content): Ordering {
  if (a.family === 'none' || b.family === 'none')
    return ordered(Number(a.family !== 'none') - Number(b.family !== 'none'));
  switch (a.family) {
    case 'characters':
      if (b.family !== a.family) return 'incomparable';
      return product([ordered(a.first - b.first), ordered(a.last - b.last)]);
    case 'width':
      if (b.family !== a.family) return 'incomparable';
      return ordered(compareNumbers(b.width, a.width));
    case 'ranges':
      if (b.family !== a.family) return 'incomparable';
      return within(tellsAllOf(b.ranges, a.ranges), tellsAllOf(a.ranges, b.ranges));
    case 'date':
      if (b.family !== a.family) return 'incomparable';
      return product([
        ordered(UNITS.indexOf(a.unit) - UNITS.indexOf(b.unit)),
        // Earlier years than this one are not told apart.
        ordered(sign(b.oldestYear ?? Number.NEGATIVE_INFINITY, a.oldestYear ?? Number.NEGATIVE_INFINITY)),
      ]);
    case 'moved':
      if (b.family !== a.family || a.by !== b.by || a.entity !== b.entity) return 'incomparable';
      return ordered(b.days - a.days);
    case 'text':
      if (b.family !== a.family) return 'incomparable';
      return product([
        compareSets(new Set(b.classes), new Set(a.classes)),
        compareSets(new Set(b.patterns), new Set(a.patterns)),
      ]);
    case 'zip3':
    case 'host':
      return a.family === b.family ? 'equal' : 'incomparable';
  }
}

/** What becomes of values that the method cannot take: a stop, null, or a token, from tight to loose. */
const ACTIONS = ['halt', 'redact', 'hash'] as const;

/** What decides how values are handled that a method cannot take. */
export type HandledMethod = Handling & Pick<Rule, 'method'>;

/** Of the handling alone; `redact` is the default, and on a key column, where that would be `halt`, no policy may say it. */
export function compareHandling(a: HandledMethod, b: HandledMethod): Ordering {
  if (ignoresHandling(a) && ignoresHandling(b)) return 'equal';
  const actions = (rule: HandledMethod): readonly number[] => {
    const other = rule.onError ?? 'redact';
    return [other, rule.short ?? other, rule.foreign ?? other].map((action) => ACTIONS.indexOf(action));
  };
  const [left, right] = [actions(a), actions(b)];
  return product(left.map((level, i) => ordered(level - right[i]!)));
}

/** What of a column decides whether somebody sees which rows have no value. */
export interface NullsShown {
  readonly disclosure: Disclosure;
  readonly onNull: Handling['onNull'];
}

/**
 * Of nulls alone. A constant hides them as far as values may be masked to it, which only who knows the values can say:
 * so none of two constants hides more, and each hides more than a null.
 */
export function compareNulls(a: NullsShown, b: NullsShown): Ordering {
  const [left, right] = [nullLevel(a), nullLevel(b)];
  if (left !== right) return ordered(left - right);
  return left !== AS_CONSTANT || a.onNull?.constant === b.onNull?.constant ? 'equal' : 'incomparable';
}

const [ALIKE, AS_CONSTANT, TOLD] = [0, 1, 2] as const;

function nullLevel({ disclosure, onNull }: NullsShown): typeof ALIKE | typeof AS_CONSTANT | typeof TOLD {
  switch (disclosure.kind) {
    case 'nothing':
    case 'column':
      return ALIKE;
    // A constant for every value, and another for nulls.
    case 'presence':
      return TOLD;
    case 'derived':
    case 'document':
    case 'function':
    case 'value':
      return onNull === undefined ? TOLD : AS_CONSTANT;
  }
}

/** Every value fits. */
function ignoresHandling({ method }: Pick<Rule, 'method'>): boolean {
  return method === 'keep' || method === 'drop' || method === 'redact';
}

export function product(parts: readonly Ordering[]): Ordering {
  let result: Ordering = 'equal';
  for (const part of parts) {
    if (part === 'equal' || part === result) continue;
    if (result !== 'equal' || part === 'incomparable') return 'incomparable';
    result = part;
  }
  return result;
}

export function ordered(difference: number): Ordering {
  return difference < 0 ? 'less' : difference > 0 ? 'more' : 'equal';
}

/** Infinity minus itself is no number. */
function sign(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A subset is less. */
function compareSets<T>(a: ReadonlySet<T>, b: ReadonlySet<T>): Ordering {
  return within(a.isSubsetOf(b), a.isSupersetOf(b));
}

/** @param inside the second has all of the first @param around the first has all of the second */
function within(inside: boolean, around: boolean): Ordering {
  return inside ? (around ? 'equal' : 'less') : around ? 'more' : 'incomparable';
}
