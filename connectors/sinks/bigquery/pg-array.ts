/** An array in Postgres' text form (manual 8.15.6), unfolded: leaves are text or null, inner lists are dimensions. */
export type ArrayItem = string | null | readonly ArrayItem[];

/** Dimensions of Postgres arrays; deeper text is not one. */
const MAX_DEPTH = 6;

/** @returns null when the text is not an array */
export function parsePgArray(text: string): readonly ArrayItem[] | null {
  // `[0:2]={…}`: bounds that are not the usual ones come first.
  const start = text.startsWith('[') ? text.indexOf('={') + 1 : 0;
  const reader = new ArrayReader(text, start);
  const items = reader.list(1);
  return items !== null && reader.atEnd ? items : null;
}

class ArrayReader {
  readonly #text: string;
  #at: number;

  constructor(text: string, at: number) {
    this.#text = text;
    this.#at = at;
  }

  get atEnd(): boolean {
    return this.#at === this.#text.length;
  }

  list(depth: number): ArrayItem[] | null {
    if (depth > MAX_DEPTH || this.#text[this.#at] !== '{') return null;
    this.#at++;
    const items: ArrayItem[] = [];
    if (this.#text[this.#at] === '}') {
      this.#at++;
      return items;
    }
    while (true) {
      const item = this.#item(depth);
      if (item === undefined) return null;
      items.push(item);
      const next = this.#text[this.#at++];
      if (next === '}') return items;
      if (next !== ',') return null;
    }
  }

  #item(depth: number): ArrayItem | undefined {
    const first = this.#text[this.#at];
    if (first === '{') return this.list(depth + 1) ?? undefined;
    return first === '"' ? this.#quoted() : this.#bare();
  }

  #quoted(): string | undefined {
    let value = '';
    for (let at = this.#at + 1; at < this.#text.length; at++) {
      const character = this.#text[at]!;
      if (character === '"') {
        this.#at = at + 1;
        return value;
      }
      value += character === '\\' ? (this.#text[++at] ?? '') : character;
    }
    return undefined;
  }

  #bare(): string | null | undefined {
    let at = this.#at;
    while (at < this.#text.length && this.#text[at] !== ',' && this.#text[at] !== '}') at++;
    const value = this.#text.slice(this.#at, at);
    this.#at = at;
    if (value === '') return undefined;
    return value.toUpperCase() === 'NULL' ? null : value;
  }
}
