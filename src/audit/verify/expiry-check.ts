import { MalformedBytes } from '../bytes.ts';
import { parseExpiry } from '../expired.ts';
import type { AuditRecord } from '../record.ts';
import type { Findings } from './report.ts';

interface Place {
  readonly file: string;
  readonly offset: number;
  readonly table: string;
  readonly seq: number;
}

/** Records from the end of the stretch before up to `before`. */
interface Stretch {
  readonly before: number;
  /** First image there that is gone. */
  gone: Place | null;
}

/**
 * docs/audit-format.md §5.2: images of old records may be gone where an expiry record later in the same log says up to
 * which record, and must be gone there. Counted, not kept one by one: they are most of a log.
 */
export class ExpiryCheck {
  readonly #findings: Findings;
  /** Of the records that say so, by `before`; believed only as to what to watch, until they are met in their place. */
  #stretches: readonly Stretch[] = [];
  /** Images of records below this may be gone: announced, and met. */
  #announced = 0;
  #met = 0;
  #keptCount = 0;
  #firstKept: Place | null = null;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /** Read ahead, among the sealed records. */
  announce(befores: readonly number[]): void {
    this.#stretches = [...new Set(befores)].sort((a, b) => a - b).map((before) => ({ before, gone: null }));
    this.#announced = this.#stretches.at(-1)?.before ?? 0;
  }

  covers(seq: number): boolean {
    return seq < this.#announced;
  }

  gone(place: Place): void {
    this.#findings.expired++;
    const stretch = this.#stretches.find(({ before }) => place.seq < before)!;
    stretch.gone ??= place;
  }

  kept(place: Place): void {
    if (!this.covers(place.seq)) return;
    this.#keptCount++;
    this.#firstKept ??= place;
  }

  /** An expiry record that is in its place in the chain. @throws MalformedBytes */
  recorded(record: AuditRecord): void {
    const { before } = parseExpiry(record.payload);
    if (before > record.seq) throw new MalformedBytes('an expiry record names records after it');
    this.#findings.expiries++;
    this.#met = Math.max(this.#met, before);
  }

  /** After the last sealed record. */
  finish(): void {
    for (const { before, gone } of this.#stretches)
      if (before > this.#met && gone !== null)
        this.#findings.add('RS-AUD-020', 'a row image is gone, and no expiry record says so', gone);
    if (this.#firstKept !== null)
      this.#findings.add(
        'RS-AUD-029',
        `${this.#keptCount} row images are still there that an expiry record says are gone`,
        this.#firstKept,
      );
  }
}
