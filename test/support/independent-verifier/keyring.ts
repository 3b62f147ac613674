/** Which keys may sign (docs/audit-format.md §14): a table of leaves, one row of facts for each. */
import { type Head, linesOf, parseVkey, type Vkey } from './notes.ts';

export type KeyChange =
  | { readonly action: 'add'; readonly key: string; readonly by: string }
  | { readonly action: 'retire'; readonly key: string }
  | { readonly action: 'revoke'; readonly key: string; readonly from: number };

/** Throws unless it is one of the three, with its members in order. */
export function canonicalKeyChange(change: KeyChange): KeyChange {
  if (change.action === 'add') return { action: 'add', key: change.key, by: change.by };
  if (change.action === 'retire') return { action: 'retire', key: change.key };
  if (change.action === 'revoke') return { action: 'revoke', key: change.key, from: change.from };
  throw new Error('no change of keys');
}

/** The keys in force after these changes, as the log itself says; null where it never named any. false: nonsense. */
export function keysAfter(
  before: readonly string[] | null,
  changes: readonly KeyChange[],
  origin: string,
  leaf: number,
): readonly string[] | null | false {
  let keys = before;
  const ofLog = (text: string): boolean => parseVkey(text)?.name === origin;
  for (const change of changes) {
    if (!ofLog(change.key)) return false;
    if (change.action === 'add') {
      keys ??= [change.by];
      if (!ofLog(change.by) || !keys.includes(change.by) || keys.includes(change.key)) return false;
      keys = [...keys, change.key];
      continue;
    }
    if (change.action === 'retire' && !(keys ?? []).includes(change.key)) return false;
    if (
      change.action === 'revoke' &&
      !(Number.isSafeInteger(change.from) && change.from >= 0 && change.from <= leaf)
    )
      return false;
    keys = (keys ?? []).filter((key) => key !== change.key);
    if (keys.length === 0) return false;
  }
  return keys;
}

/** From a pinned key back to the first key of the log, by what its leaves say. */
export function firstKey(
  pinned: readonly Vkey[],
  first: Head | null,
  changes: readonly KeyChange[],
): readonly Vkey[] {
  if (first !== null && pinned.some((key) => linesOf(first, key) === 'good')) return pinned;
  for (const key of pinned) {
    let text = key.text;
    for (const change of [...changes].reverse())
      if (change.action === 'add' && change.key === text) text = change.by;
    const found = text === key.text ? null : parseVkey(text);
    if (found !== null) return [found];
  }
  return pinned;
}

export class Keyring {
  readonly #pinned: readonly Vkey[];
  readonly #known = new Map<string, Vkey>();
  /** For each leaf the keys that may sign in it; the last one is for the next leaf. */
  readonly #may: string[][];
  readonly #revoked = new Map<string, number>();
  /** For each leaf the keys that did, and might; empty where none did. */
  readonly #signed: string[][] = [];

  constructor(pinned: readonly Vkey[], first: readonly Vkey[]) {
    this.#pinned = pinned;
    for (const key of first) this.#known.set(key.text, key);
    this.#may = [first.map(({ text }) => text)];
  }

  /** Leaves come in order. @returns whether the keys that must have signed it have */
  leaf(head: Head | null, changes: readonly KeyChange[]): boolean {
    const may = [...this.#may.at(-1)!];
    const added: string[] = [];
    let sound = head !== null;
    for (const change of changes) {
      if (change.action !== 'add') continue;
      sound &&= may.includes(change.by) && !this.#revoked.has(change.key);
      if (!sound) break;
      if (!this.#known.has(change.key)) added.push(change.key);
      this.#known.set(change.key, parseVkey(change.key)!);
      may.push(change.key);
    }
    const leaving = changes.filter(({ action }) => action !== 'add').map(({ key }) => key);
    const by = sound
      ? this.#signersOf(head!).filter((key) => may.includes(key) && !leaving.includes(key))
      : [];
    sound &&=
      by.length > 0 &&
      changes.every(
        (change) => change.action !== 'add' || [change.by, change.key].every((key) => by.includes(key)),
      );
    if (!sound) {
      for (const key of added) this.#known.delete(key);
      this.#may.push([...this.#may.at(-1)!]);
      this.#signed.push([]);
      return false;
    }
    // In this leaf the added keys sign already, those that go do not any more.
    const now = may.filter((key) => !leaving.includes(key));
    this.#may[this.#may.length - 1] = now;
    this.#may.push([...now]);
    for (const change of changes)
      if (change.action === 'revoke')
        this.#revoked.set(change.key, Math.min(change.from, this.#revoked.get(change.key) ?? Infinity));
    this.#signed.push(by);
    return true;
  }

  /** Whether a head is signed by a key that might, in the leaf of that number; null: not known, then by any not revoked. */
  signs(head: Head, leaf: number | null): boolean {
    return this.#signersOf(head).some((key) =>
      leaf === null
        ? !this.#revoked.has(key)
        : (this.#may[Math.min(leaf, this.#may.length - 1)] ?? []).includes(key) &&
          leaf < (this.#revoked.get(key) ?? Infinity),
    );
  }

  /** What shows when all leaves were read. */
  complaints(): string[] {
    const said: string[] = [];
    for (const [leaf, by] of this.#signed.entries())
      if (by.length > 0 && by.every((key) => (this.#revoked.get(key) ?? Infinity) <= leaf))
        said.push(`group ${leaf} is signed only by a key that was revoked`);
    if (!this.#pinned.some(({ text }) => this.#known.has(text)))
      said.push('the given key is none of the keys of this log');
    return said;
  }

  #signersOf(head: Head): string[] {
    const lines = [...this.#known.values()].map((key) => [key.text, linesOf(head, key)] as const);
    if (lines.some(([, line]) => line === 'spoilt')) return [];
    return lines.filter(([, line]) => line === 'good').map(([text]) => text);
  }
}
