import { ENTRY_BYTES } from './index-root.ts';

const WORDS = ENTRY_BYTES / 4;
/** Digits of the first word that a pass sorts by: three passes do 32 bits. */
const DIGIT_BITS = 11;
const DIGITS = 1 << DIGIT_BITS;

/** Room to sort in, kept: large arrays that come and go make the collector work. */
let sortOrder = new Uint32Array(1 << 12);
let sortSpare = new Uint32Array(1 << 12);
const digitCounts = [new Uint32Array(DIGITS), new Uint32Array(DIGITS), new Uint32Array(DIGITS)] as const;

/**
 * Index entries in the order of the log: three 32-bit words each (tag, tag, record number less `first`). Grows only at its
 * end, so that a mark into it stays true.
 */
export class EntryList {
  #words: Uint32Array;
  #count = 0;

  /** @param capacity entries that there is room for at first */
  constructor(capacity = 256) {
    this.#words = new Uint32Array(capacity * WORDS);
  }

  get count(): number {
    return this.#count;
  }

  add(high: number, low: number, distance: number): void {
    let at = this.#count * WORDS;
    if (at === this.#words.length) {
      const larger = new Uint32Array(at * 2);
      larger.set(this.#words);
      this.#words = larger;
    }
    this.#words[at++] = high;
    this.#words[at++] = low;
    this.#words[at] = distance;
    this.#count++;
  }

  truncate(count: number): void {
    this.#count = count;
  }

  /** Entries from `from` on, ascending by tag and record, as the bytes that are hashed. @param base taken off each distance */
  sorted(from: number, base: number): Buffer {
    const order = this.#order(from);
    const bytes = Buffer.allocUnsafe(order.length * ENTRY_BYTES);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const words = this.#words;
    for (let i = 0, to = 0; i < order.length; i++, to += ENTRY_BYTES) {
      const at = order[i]! * WORDS;
      view.setUint32(to, words[at]!);
      view.setUint32(to + 4, words[at + 1]!);
      view.setUint32(to + 8, words[at + 2]! - base);
    }
    return bytes;
  }

  /** A radix sort by the first word, which keeps the order of equal ones; the few that agree in it are put right afterwards. */
  #order(from: number): Uint32Array {
    const count = this.#count - from;
    if (count > sortOrder.length) {
      sortOrder = new Uint32Array(2 * count);
      sortSpare = new Uint32Array(2 * count);
    }
    const words = this.#words;
    for (const counts of digitCounts) counts.fill(0);
    const [lowest, middle, highest] = digitCounts;
    for (let i = 0; i < count; i++) {
      const word = words[(from + i) * WORDS]!;
      lowest[word & (DIGITS - 1)]!++;
      middle[(word >>> DIGIT_BITS) & (DIGITS - 1)]!++;
      highest[word >>> (2 * DIGIT_BITS)]!++;
      sortOrder[i] = from + i;
    }
    let order = sortOrder;
    let target = sortSpare;
    digitCounts.forEach((counts, digit) => {
      let start = 0;
      for (let i = 0; i < DIGITS; i++) {
        const entries = counts[i]!;
        counts[i] = start;
        start += entries;
      }
      for (let i = 0; i < count; i++) {
        const entry = order[i]!;
        const value = (words[entry * WORDS]! >>> (digit * DIGIT_BITS)) & (DIGITS - 1);
        target[counts[value]!++] = entry;
      }
      [order, target] = [target, order];
    });
    order = order.subarray(0, count);
    for (let start = 0; start < count; ) {
      const high = words[order[start]! * WORDS]!;
      let end = start + 1;
      while (end < count && words[order[end]! * WORDS]! === high) end++;
      // Versions of one row agree and are in order already.
      if (!this.#ascends(order, start, end)) order.subarray(start, end).sort((a, b) => this.#compare(a, b));
      start = end;
    }
    return order;
  }

  #ascends(order: Uint32Array, start: number, end: number): boolean {
    for (let i = start + 1; i < end; i++) if (this.#compare(order[i - 1]!, order[i]!) > 0) return false;
    return true;
  }

  #compare(a: number, b: number): number {
    const words = this.#words;
    for (let i = 0; i < WORDS; i++) {
      const difference = words[a * WORDS + i]! - words[b * WORDS + i]!;
      if (difference !== 0) return difference;
    }
    return a - b;
  }
}
