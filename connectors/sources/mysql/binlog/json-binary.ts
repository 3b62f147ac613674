import { malformed, need } from './defect.ts';
import { jsonDouble, jsonOpaque, jsonString } from './json-scalar.ts';

/** Types of a binary JSON value (mysql: sql-common/json_binary.h). */
const TYPE = {
  smallObject: 0x00,
  largeObject: 0x01,
  smallArray: 0x02,
  largeArray: 0x03,
  literal: 0x04,
  int16: 0x05,
  uint16: 0x06,
  int32: 0x07,
  uint32: 0x08,
  int64: 0x09,
  uint64: 0x0a,
  double: 0x0b,
  string: 0x0c,
  opaque: 0x0f,
} as const;

const LITERALS = ['null', 'true', 'false'] as const;

/** MySQL refuses documents deeper than 100 (JSON_DOCUMENT_MAX_DEPTH). */
const DEPTH_MAX = 100;

/** A document as a tree, for applying partial updates. A scalar is its JSON text. */
export type JsonNode = string | JsonArray | JsonObject;
export interface JsonArray {
  readonly kind: 'array';
  readonly elements: JsonNode[];
}
export interface JsonObject {
  readonly kind: 'object';
  readonly members: Map<string, JsonNode>;
}

/**
 * MySQL's text of the binary document in `source[start, end)`: what `SELECT document` gives. Numbers keep every
 * digit. An empty value stands for the JSON null (mysql: Field_json::val_json).
 *
 * @throws RowsealError RS-MY-050
 */
export function jsonText(source: Buffer, start: number, end: number): string {
  if (start === end) return 'null';
  return new Document(source, start, end).text(source[start]!, start + 1, end, 0);
}

export function jsonTree(source: Buffer, start: number, end: number): JsonNode {
  if (start === end) return 'null';
  return new Document(source, start, end).tree(source[start]!, start + 1, end, 0);
}

/**
 * The same text from a tree; members in the server's order, by length of the name in bytes and then by its bytes.
 *
 * @throws RowsealError RS-MY-050 for one that updates have made deeper than any document
 */
export function jsonNodeText(node: JsonNode, depth = 0): string {
  if (typeof node === 'string') return node;
  if (depth >= DEPTH_MAX) throw malformed('a JSON document that is too deep');
  if (node.kind === 'array')
    return `[${node.elements.map((element) => jsonNodeText(element, depth + 1)).join(', ')}]`;
  const members = [...node.members].map(([name, value]) => ({
    name,
    value,
    bytes: Buffer.from(name, 'utf8'),
  }));
  members.sort((a, b) => a.bytes.length - b.bytes.length || Buffer.compare(a.bytes, b.bytes));
  return `{${members.map(({ name, value }) => `${jsonString(name)}: ${jsonNodeText(value, depth + 1)}`).join(', ')}}`;
}

class Document {
  readonly #source: Buffer;
  readonly #start: number;
  /**
   * The document's bytes as characters: names and texts in ASCII are slices of it, which costs far less than
   * decoding each.
   */
  readonly #characters: string;
  /**
   * Bytes not yet spent on values, names and text. Parts that share bytes would make a small document an endless
   * one.
   */
  #left: number;

  constructor(source: Buffer, start: number, end: number) {
    this.#source = source;
    this.#start = start;
    this.#characters = source.latin1Slice(start, end);
    this.#left = end - start;
  }

  /** Text of the value of `type` at `at`; nothing of it lies at or behind `end`. */
  text(type: number, at: number, end: number, depth: number): string {
    switch (type) {
      case TYPE.smallObject:
      case TYPE.largeObject: {
        let text = '{';
        this.#container(
          type === TYPE.largeObject,
          true,
          at,
          end,
          depth,
          (childType, childAt, childEnd, from, to) => {
            if (text.length > 1) text += ', ';
            text += `${this.#quoted(from, to)}: ${this.text(childType, childAt, childEnd, depth + 1)}`;
          },
        );
        return `${text}}`;
      }
      case TYPE.smallArray:
      case TYPE.largeArray: {
        let text = '[';
        this.#container(type === TYPE.largeArray, false, at, end, depth, (childType, childAt, childEnd) => {
          if (text.length > 1) text += ', ';
          text += this.text(childType, childAt, childEnd, depth + 1);
        });
        return `${text}]`;
      }
      default:
        return this.#scalar(type, at, end);
    }
  }

  tree(type: number, at: number, end: number, depth: number): JsonNode {
    switch (type) {
      case TYPE.smallObject:
      case TYPE.largeObject: {
        const members = new Map<string, JsonNode>();
        this.#container(
          type === TYPE.largeObject,
          true,
          at,
          end,
          depth,
          (childType, childAt, childEnd, from, to) => {
            members.set(this.#source.utf8Slice(from, to), this.tree(childType, childAt, childEnd, depth + 1));
          },
        );
        return { kind: 'object', members };
      }
      case TYPE.smallArray:
      case TYPE.largeArray: {
        const elements: JsonNode[] = [];
        this.#container(type === TYPE.largeArray, false, at, end, depth, (childType, childAt, childEnd) => {
          elements.push(this.tree(childType, childAt, childEnd, depth + 1));
        });
        return { kind: 'array', elements };
      }
      default:
        return this.#scalar(type, at, end);
    }
  }

  /**
   * Count and size; for objects an entry a key (offset, length 2); an entry a value (type, offset or the value
   * itself); then the keys and values. Offsets count from the start of the container; large ones, like count and
   * size, have four bytes instead of two.
   */
  #container(
    large: boolean,
    named: boolean,
    at: number,
    end: number,
    depth: number,
    visit: (type: number, at: number, end: number, nameFrom: number, nameTo: number) => void,
  ): void {
    if (depth >= DEPTH_MAX) throw malformed('a JSON document that is too deep');
    const source = this.#source;
    const width = large ? 4 : 2;
    need(at + 2 * width, end);
    const count = this.#offset(at, large);
    const size = this.#offset(at + width, large);
    const stop = at + size;
    const keyBytes = named ? width + 2 : 0;
    const firstKey = at + 2 * width;
    const firstValue = firstKey + count * keyBytes;
    need(stop, end);
    need(firstValue + count * (1 + width), stop);
    this.#spend(count);
    for (let i = 0; i < count; i++) {
      let from = 0;
      let to = 0;
      if (named) {
        const entry = firstKey + i * keyBytes;
        from = at + this.#offset(entry, large);
        to = from + source.readUInt16LE(entry + width);
        need(to, stop);
        this.#spend(to - from);
      }
      const entry = firstValue + i * (1 + width);
      const type = source[entry]!;
      if (isInlined(type, large)) visit(type, entry + 1, entry + 1 + width, from, to);
      else {
        const value = at + this.#offset(entry + 1, large);
        need(value, stop);
        visit(type, value, stop, from, to);
      }
    }
  }

  /** A name or text as JSON: quotes around it where it is printable ASCII without quotes and backslashes. */
  #quoted(from: number, to: number): string {
    const source = this.#source;
    for (let i = from; i < to; i++) {
      const byte = source[i]!;
      if (byte < 0x20 || byte > 0x7e || byte === 0x22 || byte === 0x5c)
        return jsonString(source.utf8Slice(from, to));
    }
    return `"${this.#characters.substring(from - this.#start, to - this.#start)}"`;
  }

  #spend(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) throw malformed('a JSON document whose parts share their bytes');
  }

  #offset(at: number, large: boolean): number {
    return large ? this.#source.readUInt32LE(at) : this.#source.readUInt16LE(at);
  }

  #scalar(type: number, at: number, end: number): string {
    const source = this.#source;
    switch (type) {
      case TYPE.literal: {
        need(at + 1, end);
        const literal = LITERALS[source[at]!];
        if (literal === undefined) throw malformed('a JSON literal that is not known');
        return literal;
      }
      case TYPE.int16:
        need(at + 2, end);
        return String(source.readInt16LE(at));
      case TYPE.uint16:
        need(at + 2, end);
        return String(source.readUInt16LE(at));
      case TYPE.int32:
        need(at + 4, end);
        return String(source.readInt32LE(at));
      case TYPE.uint32:
        need(at + 4, end);
        return String(source.readUInt32LE(at));
      case TYPE.int64:
        need(at + 8, end);
        return String(source.readBigInt64LE(at));
      case TYPE.uint64:
        need(at + 8, end);
        return String(source.readBigUInt64LE(at));
      case TYPE.double:
        need(at + 8, end);
        return jsonDouble(source.readDoubleLE(at));
      case TYPE.string: {
        const { length, next } = this.#length(at, end);
        return this.#quoted(next, next + length);
      }
      case TYPE.opaque: {
        need(at + 1, end);
        const { length, next } = this.#length(at + 1, end);
        return jsonOpaque(source, next, next + length, source[at]!);
      }
      default:
        throw malformed('a JSON value of an unknown type');
    }
  }

  /** Seven bits a byte, lowest first, the eighth set when more follow; five bytes at most. */
  #length(at: number, end: number): { readonly length: number; readonly next: number } {
    let length = 0;
    for (let i = 0; i < 5; i++) {
      need(at + i + 1, end);
      const byte = this.#source[at + i]!;
      length += (byte & 0x7f) * 128 ** i;
      if (byte > 0x7f) continue;
      const next = at + i + 1;
      need(next + length, end);
      this.#spend(length);
      return { length, next };
    }
    throw malformed('a JSON length of an unknown form');
  }
}

function isInlined(type: number, large: boolean): boolean {
  if (type === TYPE.literal || type === TYPE.int16 || type === TYPE.uint16) return true;
  return large && (type === TYPE.int32 || type === TYPE.uint32);
}
