/** Deeper documents are refused, not walked: recursion is bounded. */
export const DEPTH_MAX = 200;

/** What is wrong with a JSON text; never carries any of it. */
export class JsonDefect extends Error {
  readonly reason: 'malformed' | 'deep';

  constructor(reason: 'malformed' | 'deep') {
    super(reason);
    this.reason = reason;
  }
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/**
 * A cursor over JSON text (RFC 8259) that leaves numbers and kept parts as they are written: JSON.parse would round
 * numbers and lose duplicate names.
 */
export class JsonCursor {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#space();
  }

  get at(): number {
    return this.#at;
  }

  slice(from: number): string {
    return this.#text.slice(from, this.#at);
  }

  /** What comes next, by its first character. @throws JsonDefect */
  next(): 'object' | 'array' | 'string' | 'number' | 'word' {
    switch (this.#text[this.#at]) {
      case '{':
        return 'object';
      case '[':
        return 'array';
      case '"':
        return 'string';
      case 't':
      case 'f':
      case 'n':
        return 'word';
      default:
        return 'number';
    }
  }

  /** Calls for each member, the cursor at its value; the visitor must pass over it. @throws JsonDefect also for a name that repeats */
  members(depth: number, visit: (name: string, rawName: string) => void): void {
    this.#open('{', depth);
    if (this.#closed('}')) return;
    const names = new Set<string>();
    do {
      const from = this.#at;
      const name = this.string();
      const rawName = this.#text.slice(from, this.#text.lastIndexOf('"', this.#at - 1) + 1);
      if (names.has(name)) throw new JsonDefect('malformed');
      names.add(name);
      this.#expect(':');
      visit(name, rawName);
    } while (this.#more('}'));
  }

  /** Calls for each element, the cursor at it; the visitor must pass over it. */
  elements(depth: number, visit: () => void): void {
    this.#open('[', depth);
    if (this.#closed(']')) return;
    do visit();
    while (this.#more(']'));
  }

  string(): string {
    const from = this.#at;
    const text = this.#text;
    if (text[from] !== '"') throw new JsonDefect('malformed');
    let end = from + 1;
    let escaped = false;
    for (; ; end++) {
      const code = text.charCodeAt(end);
      if (code === 0x22) break;
      // NaN at the end of the text; control characters must be escaped.
      if (!(code >= 0x20)) throw new JsonDefect('malformed');
      if (code === 0x5c) {
        escaped = true;
        end++;
      }
    }
    this.#at = end + 1;
    this.#space();
    if (!escaped) return text.slice(from + 1, end);
    try {
      return JSON.parse(text.slice(from, end + 1)) as string;
    } catch {
      throw new JsonDefect('malformed');
    }
  }

  /** A number, true, false or null, as written. */
  scalar(): string {
    const word = /true|false|null/y;
    for (const form of [word, NUMBER]) {
      form.lastIndex = this.#at;
      const match = form.exec(this.#text);
      if (match === null) continue;
      this.#at += match[0].length;
      this.#space();
      return match[0];
    }
    throw new JsonDefect('malformed');
  }

  /** Passes over a whole value, checking it. @returns its text, without spaces around */
  skip(depth: number): string {
    const from = this.#at;
    const kind = this.next();
    if (kind === 'object') this.members(depth, () => void this.skip(depth + 1));
    else if (kind === 'array') this.elements(depth, () => void this.skip(depth + 1));
    else if (kind === 'string') this.string();
    else this.scalar();
    return this.#text.slice(from, this.#at).trimEnd();
  }

  end(): void {
    if (this.#at !== this.#text.length) throw new JsonDefect('malformed');
  }

  #open(bracket: string, depth: number): void {
    if (depth >= DEPTH_MAX) throw new JsonDefect('deep');
    this.#expect(bracket);
  }

  #closed(bracket: string): boolean {
    if (this.#text[this.#at] !== bracket) return false;
    this.#expect(bracket);
    return true;
  }

  #more(bracket: string): boolean {
    if (this.#closed(bracket)) return false;
    this.#expect(',');
    return true;
  }

  #expect(character: string): void {
    if (this.#text[this.#at] !== character) throw new JsonDefect('malformed');
    this.#at++;
    this.#space();
  }

  #space(): void {
    for (; ; this.#at++) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
    }
  }
}
