import { RowsealError } from '../../../../src/error/rowseal-error.ts';
import { ByteReader } from './byte-reader.ts';
import { malformed } from './defect.ts';
import { type JsonNode, jsonNodeText, jsonTree } from './json-binary.ts';

/** Operations of a partial update (mysql: sql/json_diff.h). */
const OPERATION = { replace: 0, insert: 1, remove: 2 } as const;

type Leg =
  | { readonly kind: 'member'; readonly name: string }
  /** `fromEnd`: `last` and `last-2`, places counted from the last one. */
  | { readonly kind: 'cell'; readonly index: number; readonly fromEnd: boolean };

/**
 * The document after a partial update: the diffs in `source[start, end)` applied one after the other to `before`.
 * Each is an operation, a path (length, text) and, unless it removes, a binary value (length, bytes).
 *
 * @throws RowsealError RS-MY-050; RS-MY-060 when the document before is not there or has no such path
 */
export function applyJsonDiffs(before: JsonNode, source: Buffer, start: number, end: number): string {
  const reader = new ByteReader(source, start, end);
  let root = before;
  while (reader.left > 0) {
    const operation = reader.u8();
    if (operation > OPERATION.remove) throw malformed('a JSON diff of an unknown operation');
    const legs = parsePath(reader.utf8(reader.length()));
    let value: JsonNode | null = null;
    if (operation !== OPERATION.remove) {
      const length = reader.length();
      const from = reader.skip(length);
      value = jsonTree(source, from, from + length);
    }
    root = applyOne(root, operation, legs, value);
  }
  return jsonNodeText(root);
}

function applyOne(root: JsonNode, operation: number, legs: readonly Leg[], value: JsonNode | null): JsonNode {
  const last = legs.at(-1);
  if (last === undefined) {
    if (operation !== OPERATION.replace || value === null)
      throw malformed('a JSON diff of the whole document');
    return value;
  }
  const parent = legs.slice(0, -1).reduce(step, root);
  if (typeof parent === 'string') throw noSuchPath();
  if (parent.kind === 'object') {
    // The path of an autowrapped scalar, $.a[0], cannot end at an object: diffs name the parent that is.
    if (last.kind !== 'member') throw noSuchPath();
    const exists = parent.members.has(last.name);
    if (operation === OPERATION.insert ? exists : !exists) throw noSuchPath();
    if (operation === OPERATION.remove) parent.members.delete(last.name);
    else parent.members.set(last.name, required(value));
    return root;
  }
  if (last.kind !== 'cell') throw noSuchPath();
  const { elements } = parent;
  const place = placeOf(last, elements.length);
  if (operation === OPERATION.insert) {
    // Outside is at the nearer end (mysql: Json_array_index).
    elements.splice(place ?? (last.fromEnd ? 0 : elements.length), 0, required(value));
    return root;
  }
  if (place === null) throw noSuchPath();
  if (operation === OPERATION.remove) elements.splice(place, 1);
  else elements[place] = required(value);
  return root;
}

function step(node: JsonNode, leg: Leg): JsonNode {
  const child =
    typeof node === 'string'
      ? undefined
      : node.kind === 'object'
        ? leg.kind === 'member'
          ? node.members.get(leg.name)
          : undefined
        : leg.kind === 'cell'
          ? node.elements[placeOf(leg, node.elements.length) ?? -1]
          : undefined;
  if (child === undefined) throw noSuchPath();
  return child;
}

const LEG =
  /\.([\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*)|\.("(?:[^"\\]|\\.)*")|\[(last(?:-\d{1,9})?|\d{1,9})\]/uy;

/** `$.a[1]."b c"`: MySQL's path syntax without wildcards. */
function parsePath(path: string): readonly Leg[] {
  if (path[0] !== '$') throw malformed('a JSON path of an unknown form');
  const legs: Leg[] = [];
  LEG.lastIndex = 1;
  while (LEG.lastIndex < path.length) {
    const match = LEG.exec(path);
    if (match === null) throw malformed('a JSON path of an unknown form');
    if (match[3] !== undefined) legs.push(cellLeg(match[3]));
    else legs.push({ kind: 'member', name: match[1] ?? unquote(match[2]!) });
  }
  return legs;
}

function cellLeg(text: string): Leg {
  const fromEnd = text.startsWith('last');
  return { kind: 'cell', index: Number(fromEnd ? text.slice(5) : text), fromEnd };
}

/** The place in an array of so many elements; null: outside of it. */
function placeOf(leg: Leg & { readonly kind: 'cell' }, length: number): number | null {
  if (leg.index >= length) return null;
  return leg.fromEnd ? length - 1 - leg.index : leg.index;
}

function unquote(quoted: string): string {
  try {
    return JSON.parse(quoted) as string;
  } catch {
    throw malformed('a JSON path of an unknown form');
  }
}

function required(value: JsonNode | null): JsonNode {
  if (value === null) throw malformed('a JSON diff without a value');
  return value;
}

function noSuchPath(): RowsealError {
  return new RowsealError('RS-MY-060', {
    detail: 'the document before the update does not have the path of the update',
  });
}
