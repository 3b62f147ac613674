import { parseVerifierKey } from './note.ts';

/**
 * A change of the keys that sign a log; part of a journal leaf, so chained and signed like everything (docs/audit-format.md
 * §14). Keys are C2SP vkeys under the log's origin.
 */
export type KeyChange =
  /** `key` signs from this leaf on. The leaf's head is signed by both. */
  | { readonly action: 'add'; readonly key: string; readonly by: string }
  /** `key` signs no more from this leaf on. What it signed stands. */
  | { readonly action: 'retire'; readonly key: string }
  /** As retire; and what only `key` signed from leaf `from` on proves nothing. */
  | { readonly action: 'revoke'; readonly key: string; readonly from: number };

/** Members in a fixed order, whoever made the literal. */
export function canonicalKeyChange(change: KeyChange): KeyChange {
  switch (change.action) {
    case 'add':
      return { action: 'add', key: change.key, by: change.by };
    case 'retire':
      return { action: 'retire', key: change.key };
    case 'revoke':
      return { action: 'revoke', key: change.key, from: change.from };
  }
}

/** Keys that may sign, oldest first; null: nothing was ever changed, so the first key signs, which the journal does not name. */
export type ActiveKeys = readonly string[] | null;

/**
 * The keys after the changes of a leaf; a text when a change makes no sense where it stands.
 *
 * @param leaf index of the leaf
 */
export function applyKeyChanges(
  active: ActiveKeys,
  changes: readonly KeyChange[],
  origin: string,
  leaf: number,
): ActiveKeys | { readonly wrong: string } {
  let keys = active;
  for (const change of changes) {
    if (parseVerifierKey(change.key)?.name !== origin) return { wrong: 'a key is not one of this log' };
    switch (change.action) {
      case 'add': {
        if (parseVerifierKey(change.by)?.name !== origin) return { wrong: 'a key is not one of this log' };
        const before: readonly string[] = keys ?? [change.by];
        if (!before.includes(change.by)) return { wrong: 'a key is added by one that does not sign' };
        if (before.includes(change.key)) return { wrong: 'a key is added twice' };
        keys = [...before, change.key];
        break;
      }
      case 'retire':
      case 'revoke': {
        if (change.action === 'revoke' && !(Number.isSafeInteger(change.from) && change.from >= 0))
          return { wrong: 'a key is revoked from no leaf' };
        if (change.action === 'revoke' && change.from > leaf)
          return { wrong: 'a key is revoked from a leaf that is yet to come' };
        const rest: readonly string[] = (keys ?? []).filter((key) => key !== change.key);
        const known = change.action === 'revoke' || (keys ?? []).includes(change.key);
        if (!known) return { wrong: 'a key is retired that does not sign' };
        if (rest.length === 0) return { wrong: 'no key would be left' };
        keys = rest;
        break;
      }
      default:
        return { wrong: 'a change of keys is of an unknown kind' };
    }
  }
  return keys;
}
