import type { Ed25519 } from '../ed25519/ed25519.ts';
import type { KeyChange } from '../key-change.ts';
import {
  formatVerifierKey,
  type Note,
  parseSignedHead,
  parseVerifierKey,
  type TreeHead,
  type VerifierKey,
} from '../note.ts';
import type { Findings } from './report.ts';
import { fits, type HeadVerdict, HeadVerifier } from './signature.ts';

interface KnownKey {
  readonly verifier: HeadVerifier;
  /** Leaves in which the key may sign, `until` not among them. */
  readonly spans: { readonly from: number; until: number }[];
  /** From this leaf on what only this key signed proves nothing. */
  revokedFrom: number;
}

/** Leaves in a row that the same keys signed. */
interface SignedRun {
  readonly from: number;
  until: number;
  readonly by: readonly string[];
}

/**
 * The keys of a log as a verifier comes to trust them: the pinned ones, and those that they add (docs/audit-format.md §14).
 * Fed with the leaves of the journal in order; what has been fed decides about heads of tables and heads from outside.
 */
export class TrustedKeys {
  /** Of every key: the log's origin. */
  readonly name: string;
  readonly #ed25519: Ed25519;
  readonly #pinned: readonly string[];
  readonly #keys = new Map<string, KnownKey>();
  readonly #runs: SignedRun[] = [];

  /**
   * @param pinned at least one, all of one name
   * @param first the key that the log names as its first, when that is none of the pinned; it is trusted only as far as a
   *   pinned key, added later, signs the tree that names it
   */
  constructor(pinned: readonly VerifierKey[], ed25519: Ed25519, first: VerifierKey | null = null) {
    this.name = pinned[0]!.name;
    this.#ed25519 = ed25519;
    this.#pinned = pinned.map(textOf);
    for (const key of first === null ? pinned : [first]) this.#open(key, 0);
  }

  /** The head of one leaf of the journal, and the changes of keys in it. */
  checkLeaf(note: string, expected: TreeHead, group: number, changes: readonly KeyChange[]): HeadVerdict {
    const signed = parseSignedHead(note);
    if (signed === null) return 'malformed';
    const gone = new Set(changes.filter(({ action }) => action !== 'add').map(({ key }) => key));
    const required: string[] = [];
    for (const change of changes) {
      const key = parseVerifierKey(change.key);
      if (change.action !== 'add' || key === null) continue;
      if (!this.#may(change.by, group)) return 'unsigned';
      this.#open(key, group);
      required.push(change.by, change.key);
    }
    const by = this.#signersOf(signed).filter((key) => this.#may(key, group) && !gone.has(key));
    if (by.length === 0 || !required.every((key) => by.includes(key))) {
      for (const { action, key } of changes) if (action === 'add') this.#keys.get(key)?.spans.pop();
      return 'unsigned';
    }
    for (const change of changes) this.#end(change, group);
    const run = this.#runs.at(-1);
    if (run?.until === group && run.by.join() === by.join()) run.until = group + 1;
    else this.#runs.push({ from: group, until: group + 1, by });
    return fits(signed, expected);
  }

  /** The head of a table or of the access log; @param group in which it was sealed; null: not known */
  check(
    note: string,
    expected: Omit<TreeHead, 'root'> & { readonly root?: string },
    group: number | null = null,
  ): HeadVerdict {
    const signed = parseSignedHead(note);
    if (signed === null) return 'malformed';
    return this.signedByKey(signed, group) ? fits(signed, expected) : 'unsigned';
  }

  /** @param group in which the head was sealed; null: not known, so any key of the log will do that is not revoked */
  signedByKey(signed: Note, group: number | null = null): boolean {
    return this.#signersOf(signed).some((text) => {
      const { revokedFrom } = this.#keys.get(text)!;
      return group === null
        ? revokedFrom === Number.POSITIVE_INFINITY
        : this.#may(text, group) && group < revokedFrom;
    });
  }

  /** What shows only when the whole journal has been read. */
  finish(findings: Findings): void {
    for (const { from, until, by } of this.#runs) {
      const kept = Math.max(...by.map((key) => this.#keys.get(key)!.revokedFrom));
      if (kept >= until) continue;
      const first = Math.max(from, kept);
      findings.add(
        'RS-AUD-024',
        `groups ${first} to ${until - 1} are signed only by a key that was revoked`,
        {
          group: first,
        },
      );
    }
    const reached = this.#pinned.some((key) => (this.#keys.get(key)?.spans.length ?? 0) > 0);
    if (!reached) findings.add('RS-AUD-024', 'the given key is none of the keys of this log');
  }

  #open(key: VerifierKey, from: number): void {
    const text = textOf(key);
    const known = this.#keys.get(text);
    const span = { from, until: Number.POSITIVE_INFINITY };
    if (known !== undefined) {
      if (known.revokedFrom === Number.POSITIVE_INFINITY && known.spans.at(-1)?.until !== span.until)
        known.spans.push(span);
      return;
    }
    this.#keys.set(text, {
      verifier: new HeadVerifier(key, this.#ed25519),
      spans: [span],
      revokedFrom: Number.POSITIVE_INFINITY,
    });
  }

  #end(change: KeyChange, group: number): void {
    const known = this.#keys.get(change.key);
    if (change.action === 'add' || known === undefined) return;
    const span = known.spans.at(-1);
    if (span !== undefined) span.until = Math.min(span.until, group);
    if (change.action === 'revoke') known.revokedFrom = Math.min(known.revokedFrom, change.from);
  }

  #may(text: string, group: number): boolean {
    return this.#keys.get(text)?.spans.some(({ from, until }) => from <= group && group < until) === true;
  }

  /** Known keys with a line of their own each. A line that claims to be by a known key and is not spoils the note. */
  #signersOf(signed: Note): readonly string[] {
    const signers: string[] = [];
    for (const [text, { verifier }] of this.#keys) {
      if (verifier.signedByKey(signed)) signers.push(text);
      else if (signed.signatures.some((signature) => verifier.isOurs(signature))) return [];
    }
    return signers;
  }
}

function textOf({ name, publicKey, type }: VerifierKey): string {
  return formatVerifierKey(name, publicKey, type);
}
