import { ENTRY_BYTES } from './index-root.ts';

const WORDS = ENTRY_BYTES / 4;
/** Entries of one list: their places take 20 bits of a sort key. */
const MAX_SORTED = 1 << 20;

/** Room to sort in, kept: large arrays that come and go make the collector work. */
let sortKeys = new Float64Array(1 << 12);
let sortOrder = new Uint32Array(1 << 12);

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

  /** Sorts on the first word and the place in one number, natively; the few that agree in it are put right afterwards. */
  #order(from: number): Uint32Array {
    const count = this.#count - from;
    const words = this.#words;
    if (count > sortOrder.length) {
      sortOrder = new Uint32Array(2 * count);
      sortKeys = new Float64Array(2 * count);
    }
    const order = sortOrder.subarray(0, count);
    if (count > MAX_SORTED) {
      for (let i = 0; i < count; i++) order[i] = from + i;
      return order.sort((a, b) => this.#compare(a, b));
    }
    const keys = sortKeys.subarray(0, count);
    for (let i = 0; i < count; i++) keys[i] = words[(from + i) * WORDS]! * MAX_SORTED + i;
    keys.sort();
    for (let i = 0; i < count; i++) order[i] = from + (keys[i]! % MAX_SORTED);
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
