import type { RawCell } from '../model/cell.ts';
import type { RowRun } from '../model/change.ts';
import { KEY_TAG_BYTES } from '../model/masked.ts';
import { displayName, type TableName, type TableSchema } from '../model/table.ts';
import type { HmacSha256 } from './cipher/hmac.ts';
import type { MaskKeys } from './keys.ts';
import { keyImageOffsets } from './row-images.ts';

export interface KeyTags {
  /** KEY_TAG_BYTES a row; empty for a keyless table. */
  readonly tags: Uint8Array;
  readonly oldTags: ReadonlyMap<number, Uint8Array>;
}

const NONE: KeyTags = { tags: new Uint8Array(), oldTags: new Map() };

/**
 * Tags rows by their raw key: the same row has the same tag in every change, and who holds the tag key can find a
 * person's rows without the log naming anybody. The table's name is part of the message, so equal keys of two tables
 * do not show as equal.
 */
export class KeyTagger {
  readonly #hmac: HmacSha256;
  readonly #key: readonly number[];
  readonly #prefix: string;

  constructor(hmac: HmacSha256, table: TableSchema) {
    this.#hmac = hmac;
    this.#key = table.key;
    this.#prefix = prefixOf(table);
  }

  tag(run: RowRun, width: number): KeyTags {
    if (this.#key.length === 0) return NONE;
    const { current, old } = keyImageOffsets(run, width);
    const keys: string[] = [];
    const oldKeys: string[] = [];
    const changed: number[] = [];
    for (let row = 0; row < run.count; row++) {
      const key = this.#message(run.cells, current[row]!);
      keys.push(key);
      if (old[row]! < 0) continue;
      const oldKey = this.#message(run.cells, old[row]!);
      if (oldKey === key) continue;
      oldKeys.push(oldKey);
      changed.push(row);
    }
    const tags = this.#hmac.texts(keys, KEY_TAG_BYTES);
    if (changed.length === 0) return { tags, oldTags: NONE.oldTags };
    const all = this.#hmac.texts(oldKeys, KEY_TAG_BYTES);
    const oldTags = changed.map(
      (row, i) => [row, all.subarray(i * KEY_TAG_BYTES, (i + 1) * KEY_TAG_BYTES)] as const,
    );
    return { tags, oldTags: new Map(oldTags) };
  }

  /** Length-prefixed, so that no two keys share a message. */
  #message(cells: readonly RawCell[], at: number): string {
    let message = this.#prefix;
    for (const column of this.#key) {
      const cell = cells[at + column]!;
      message += typeof cell === 'string' ? part(cell) : cell === null ? 'n' : 'u';
    }
    return message;
  }
}

/**
 * The tag of one row by its raw key, as {@link KeyTagger} makes it: what an erasure looks for.
 *
 * @param key values as the source prints them, in the order of the key's columns
 * @returns KEY_TAG_BYTES in hex
 */
export function rowKeyTag(keys: MaskKeys, table: TableName, key: readonly string[]): string {
  const message = prefixOf(table) + key.map(part).join('');
  return keys
    .tag()
    .text(message, 'hex')
    .slice(0, 2 * KEY_TAG_BYTES);
}

function prefixOf(table: TableName): string {
  return part(displayName(table)) + part(table.namespace);
}

function part(text: string): string {
  return `${text.length}:${text}`;
}
