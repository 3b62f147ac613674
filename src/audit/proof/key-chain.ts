import { leafHash } from '../hashing.ts';
import { verifyInclusion } from '../inclusion-proof.ts';
import { decodeLeaf } from '../journal-leaf.ts';
import type { KeyChange } from '../key-change.ts';
import {
  formatVerifierKey,
  type NoteSignature,
  parseSignedHead,
  parseVerifierKey,
  type SignedHead,
  type VerifierKey,
} from '../note.ts';
import type { ProvenKeyLeaf } from './proof-file.ts';

/** What a head may be signed by; see `HeadVerifier`. */
export interface TrustedSigner {
  /** The log's origin. */
  readonly name: string;
  readonly key: VerifierKey;
  signedByKey(signed: SignedHead): boolean;
  /** The line claims to be by the key. */
  isOurs(signature: NoteSignature): boolean;
  /** The same for another key. */
  withKey(key: VerifierKey): TrustedSigner;
}

/** A change of keys that contradicts what is signed. */
export class BrokenChain extends Error {
  readonly code: 'RS-AUD-020' | 'RS-AUD-021' | 'RS-AUD-024';

  constructor(code: BrokenChain['code'], what: string) {
    super(what);
    this.code = code;
  }
}

interface Trusted {
  readonly signer: TrustedSigner;
  /** It may sign before this leaf. */
  until: number;
  /** What it signed from this leaf on proves nothing. */
  revokedFrom: number;
}

/**
 * From the pinned keys forward, by the changes of keys that a proof shows (docs/audit-format.md §13.4). Never backwards: a key
 * that was there before the pinned one may be one that was stolen since.
 */
export class KeyChain {
  readonly notes: string[] = [];
  readonly #origin: string;
  readonly #keys = new Map<string, Trusted>();

  constructor(pinned: readonly TrustedSigner[]) {
    this.#origin = pinned[0]?.name ?? '';
    for (const signer of pinned) this.#trust(signer);
  }

  /**
   * Follows the leaves that change keys, each of which must be in the tree of the head.
   *
   * @throws BrokenChain, MalformedBytes
   */
  follow(leaves: readonly ProvenKeyLeaf[], { head }: SignedHead): void {
    let previous = -1;
    for (const { bytes, path, note, own } of leaves) {
      const { group, keys } = decodeLeaf(bytes);
      if (group <= previous || keys.length === 0)
        throw new BrokenChain('RS-AUD-021', 'the changes of keys are out of order');
      previous = group;
      const hash = leafHash(bytes);
      const signed = parseSignedHead(note);
      if (!verifyInclusion(hash, group, head.size, path, head.root))
        throw new BrokenChain('RS-AUD-020', 'a change of keys is not in the journal that the head signs');
      if (
        signed?.head.origin !== this.#origin ||
        signed.head.size !== group + 1 ||
        !verifyInclusion(hash, group, group + 1, own, signed.head.root)
      )
        throw new BrokenChain('RS-AUD-020', 'the head of a change of keys does not fit it');
      for (const change of keys) this.#apply(change, keys, signed, group);
    }
  }

  /** Whether a trusted key signed the head that might. */
  signs(head: SignedHead): boolean {
    return this.#signersOf(head, head.head.size - 1).some(
      ([, { revokedFrom }]) => head.head.size - 1 < revokedFrom,
    );
  }

  #apply(change: KeyChange, all: readonly KeyChange[], note: SignedHead, group: number): void {
    const key = parseVerifierKey(change.key);
    if (key?.name !== this.#origin) throw new BrokenChain('RS-AUD-021', 'a key is not one of this log');
    const id = idOf(change.key);
    if (change.action === 'add') {
      // Of keys before the pinned ones nothing is known, so nothing is believed.
      if (!this.#keys.has(change.by)) return;
      const by = this.#signersOf(note, group).some(([text]) => text === change.by);
      const signer = this.#keys.values().next().value!.signer.withKey(key);
      if (!by || !signer.signedByKey(note))
        throw new BrokenChain('RS-AUD-024', `key ${id} is added without the signatures of both`);
      const again = this.#keys.get(change.key);
      if (again === undefined) this.#trust(signer);
      else if (again.revokedFrom === Number.POSITIVE_INFINITY) again.until = Number.POSITIVE_INFINITY;
      this.notes.push(`key ${id} signs from group ${group} on: added by ${idOf(change.by)}`);
      return;
    }
    const leaving = new Set(all.filter(({ action }) => action !== 'add').map((one) => one.key));
    if (!this.#signersOf(note, group).some(([text]) => !leaving.has(text))) return;
    const known = this.#keys.get(change.key);
    if (change.action === 'revoke') {
      if (!(Number.isSafeInteger(change.from) && change.from >= 0 && change.from <= group))
        throw new BrokenChain('RS-AUD-021', 'a key is revoked from no leaf, or from one yet to come');
      this.notes.push(
        `key ${id} was revoked from group ${change.from} on: what it alone signed up to group ${group} rests on nobody`,
      );
      if (known !== undefined) known.revokedFrom = Math.min(known.revokedFrom, change.from);
    }
    if (known !== undefined) known.until = Math.min(known.until, group);
  }

  #trust(signer: TrustedSigner): void {
    const { name, publicKey } = signer.key;
    this.#keys.set(formatVerifierKey(name, publicKey), {
      signer,
      until: Number.POSITIVE_INFINITY,
      revokedFrom: Number.POSITIVE_INFINITY,
    });
  }

  /** Trusted keys that might sign in a leaf, and did. A line that claims to be by one of them and is not spoils the note. */
  #signersOf(note: SignedHead, leaf: number): readonly [string, Trusted][] {
    const claimed = [...this.#keys].filter(([, { signer }]) =>
      note.signatures.some((line) => signer.isOurs(line)),
    );
    if (!claimed.every(([, { signer }]) => signer.signedByKey(note))) return [];
    return claimed.filter(([, { until }]) => leaf < until);
  }
}

/** The id in a vkey: eight hex digits that tell keys of one name apart. */
function idOf(vkey: string): string {
  return vkey.split('+')[1] ?? '';
}
