import type { Ordering } from './visibility.ts';

/** What a change is to who reads the masked rows. */
export type Effect = 'more_visible' | 'less_visible' | 'equally_visible' | 'not_comparable';

/** Of all that changes together. */
export function effectOf(...orderings: readonly Ordering[]): Effect {
  const changes = new Set(orderings.filter((ordering) => ordering !== 'equal'));
  if (changes.size === 0) return 'equally_visible';
  if (changes.size > 1 || changes.has('incomparable')) return 'not_comparable';
  return changes.has('more') ? 'more_visible' : 'less_visible';
}
