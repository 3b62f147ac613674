/** Transaction numbers of one source, first and last included. */
interface Interval {
  first: bigint;
  last: bigint;
}

interface Source {
  /** Lower case, with dashes. */
  readonly uuid: string;
  /** Lower case; empty: untagged. */
  readonly tag: string;
  /** Ascending, none touching the next. */
  readonly intervals: Interval[];
  /** Text of all intervals but the last, kept because a stream extends only that one. */
  head: string | null;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** 1 to 32 letters, digits and underscores, not beginning with a digit (MySQL manual, "GTID Format and Storage"). */
const TAG = /^[a-z_][a-z0-9_]{0,31}$/;
/** Numbers are 63 bits (MySQL manual, "GTID Format and Storage"). */
const LARGEST = 0x7fff_ffff_ffff_ffffn;

/**
 * A set of global transaction identifiers of MySQL: `uuid:1-5:7,uuid:tag:1`. It can be extended; everything else makes
 * new sets. Its text is canonical: two sets are equal if their texts are.
 */
export class GtidSet {
  /** By `uuid:tag`, in order of first sight. */
  readonly #sources = new Map<string, Source>();

  /**
   * Reads the text that `@@gtid_executed` has: any order, upper case, spaces and line feeds after commas are taken.
   *
   * @returns null when the text is no GTID set
   */
  static parse(text: string): GtidSet | null {
    const set = new GtidSet();
    const trimmed = text.trim();
    if (trimmed === '') return set;
    for (const part of trimmed.split(',')) {
      const [uuidText, ...rest] = part.trim().toLowerCase().split(':');
      if (uuidText === undefined || !UUID.test(uuidText) || rest.length === 0) return null;
      let tag = '';
      let numbers = 0;
      for (const item of rest.map((piece) => piece.trim())) {
        if (TAG.test(item)) {
          if (tag !== '' && numbers === 0) return null;
          tag = item;
          numbers = 0;
          continue;
        }
        const range = /^(\d{1,19})(?:-(\d{1,19}))?$/.exec(item);
        if (range === null) return null;
        const first = BigInt(range[1]!);
        const last = range[2] === undefined ? first : BigInt(range[2]);
        if (first < 1n || last < first || last > LARGEST) return null;
        set.#insert(uuidText, tag, first, last);
        numbers++;
      }
      if (numbers === 0) return null;
    }
    return set;
  }

  get empty(): boolean {
    return this.#sources.size === 0;
  }

  /** Whether some identifier has a tag: the wire format then is another. */
  get tagged(): boolean {
    return [...this.#sources.values()].some((source) => source.tag !== '');
  }

  has(uuid: string, tag: string, number: bigint): boolean {
    const intervals = this.#sources.get(`${uuid}:${tag}`)?.intervals ?? [];
    return intervals.some((interval) => interval.first <= number && number <= interval.last);
  }

  add(uuid: string, tag: string, number: bigint): void {
    this.#insert(uuid, tag, number, number);
  }

  copy(): GtidSet {
    return this.union(new GtidSet());
  }

  union(other: GtidSet): GtidSet {
    const result = new GtidSet();
    for (const set of [this, other])
      for (const { uuid, tag, intervals } of set.#sources.values())
        for (const { first, last } of intervals) result.#insert(uuid, tag, first, last);
    return result;
  }

  /** What is in this set and not in the other. */
  subtract(other: GtidSet): GtidSet {
    const result = new GtidSet();
    for (const [key, { uuid, tag, intervals }] of this.#sources) {
      const taken = other.#sources.get(key)?.intervals ?? [];
      for (const { first, last } of intervals) {
        let from = first;
        for (const hole of taken) {
          if (hole.last < from || hole.first > last) continue;
          if (hole.first > from) result.#insert(uuid, tag, from, hole.first - 1n);
          from = hole.last + 1n;
        }
        if (from <= last) result.#insert(uuid, tag, from, last);
      }
    }
    return result;
  }

  contains(other: GtidSet): boolean {
    return other.subtract(this).empty;
  }

  /** The uuids that occur, each once. */
  uuids(): readonly string[] {
    return [...new Set([...this.#sources.values()].map((source) => source.uuid))];
  }

  /** Every interval, ascending by uuid and tag. */
  *ranges(): Generator<{
    readonly uuid: string;
    readonly tag: string;
    readonly intervals: readonly { readonly first: bigint; readonly last: bigint }[];
  }> {
    for (const key of [...this.#sources.keys()].sort()) {
      const { uuid, tag, intervals } = this.#sources.get(key)!;
      yield { uuid, tag, intervals };
    }
  }

  /** `uuid:1-5:tag:1,uuid2:7`: uuids and tags ascending, the untagged first, as the server prints it without spaces. */
  toString(): string {
    let text = '';
    let previous = '';
    for (const key of [...this.#sources.keys()].sort()) {
      const source = this.#sources.get(key)!;
      if (source.uuid === previous) text += ':';
      else text += `${previous === '' ? '' : ','}${source.uuid}:`;
      previous = source.uuid;
      source.head ??= source.intervals
        .slice(0, -1)
        .map((interval) => `${intervalText(interval)}:`)
        .join('');
      text += `${source.tag === '' ? '' : `${source.tag}:`}${source.head}${intervalText(source.intervals.at(-1)!)}`;
    }
    return text;
  }

  #insert(uuid: string, tag: string, first: bigint, last: bigint): void {
    const key = `${uuid}:${tag}`;
    const source = this.#sources.get(key);
    if (source === undefined) {
      this.#sources.set(key, { uuid, tag, intervals: [{ first, last }], head: null });
      return;
    }
    const { intervals } = source;
    const end = intervals.at(-1)!;
    if (first >= end.first && first <= end.last + 1n) {
      if (last > end.last) end.last = last;
      return;
    }
    source.head = null;
    // First interval that the new one touches or precedes, and the first behind it that it does not touch.
    let from = 0;
    while (from < intervals.length && intervals[from]!.last + 1n < first) from++;
    let to = from;
    while (to < intervals.length && intervals[to]!.first <= last + 1n) to++;
    const merged = { first, last };
    if (to > from) {
      if (intervals[from]!.first < first) merged.first = intervals[from]!.first;
      if (intervals[to - 1]!.last > last) merged.last = intervals[to - 1]!.last;
    }
    intervals.splice(from, to - from, merged);
  }
}

function intervalText({ first, last }: Interval): string {
  return first === last ? String(first) : `${first}-${last}`;
}
