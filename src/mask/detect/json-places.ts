import { JsonCursor, JsonDefect } from '../method/json-text.ts';
import { isFamilyName, isGivenName } from './names.ts';

/** Characters of one document that are looked at; a longer one is passed over. */
const DOCUMENT_CHARACTERS_MAX = 1_000_000;
const VALUE_CHARACTERS_MAX = 10_000;
const NODES_MAX = 5_000;
/** An object with more different member names than this, over all documents, is a map: its names are data. */
const NAMES_MAX = 60;

/** A place of scalars in documents of one column. */
export interface JsonPlace {
  /** `$.contact.email`, `$.tags[*]`, `$.by_user.*`. */
  readonly path: string;
  /** The member names on the way, for what they say; without those that may be data. */
  readonly names: readonly string[];
  readonly texts: readonly string[];
  readonly numbers: readonly string[];
  readonly words: number;
  /** Objects or arrays stand here too, in some documents. */
  readonly mixed: boolean;
}

export interface JsonPlaces {
  /** Documents that could be read. */
  readonly documents: number;
  readonly places: readonly JsonPlace[];
}

interface Node {
  readonly members: Map<string, Node>;
  any: Node | null;
  element: Node | null;
  /** Times that something stood here. */
  visits: number;
  objects: number;
  readonly texts: string[];
  readonly numbers: string[];
  words: number;
}

/**
 * Where the scalars of sampled documents stand. A member's name may be a value too (`{"ann@example.com": 1}`): only
 * names that look like names of fields and recur are said, all others become one place `.*`.
 */
export function jsonPlaces(documents: readonly string[]): JsonPlaces {
  const root = emptyNode();
  const budget = { nodes: NODES_MAX };
  let read = 0;
  for (const document of documents) {
    if (document.length > DOCUMENT_CHARACTERS_MAX) continue;
    // Checked first, so that half of a broken document does not count.
    if (!isReadable(document)) continue;
    visit(new JsonCursor(document), root, 0, budget);
    read++;
  }
  const places: JsonPlace[] = [];
  collect(root, '$', [], places);
  return { documents: read, places };
}

function isReadable(text: string): boolean {
  try {
    const cursor = new JsonCursor(text);
    cursor.skip(0);
    cursor.end();
    return true;
  } catch (defect) {
    if (defect instanceof JsonDefect) return false;
    throw defect;
  }
}

function emptyNode(): Node {
  return {
    members: new Map(),
    any: null,
    element: null,
    visits: 0,
    objects: 0,
    texts: [],
    numbers: [],
    words: 0,
  };
}

function visit(cursor: JsonCursor, node: Node, depth: number, budget: { nodes: number }): void {
  node.visits++;
  switch (cursor.next()) {
    case 'object':
      node.objects++;
      cursor.members(depth, (name) => visit(cursor, memberOf(node, name, budget), depth + 1, budget));
      return;
    case 'array':
      node.element ??= emptyNode();
      cursor.elements(depth, () => visit(cursor, node.element!, depth + 1, budget));
      return;
    case 'string':
      node.texts.push(cursor.string().slice(0, VALUE_CHARACTERS_MAX));
      return;
    default: {
      const scalar = cursor.scalar();
      if (scalar === 'null') return;
      if (scalar === 'true' || scalar === 'false') node.words++;
      else node.numbers.push(scalar);
    }
  }
}

/** A member beyond the budget stands for all others: memory stays bounded whatever the documents hold. */
function memberOf(node: Node, name: string, budget: { nodes: number }): Node {
  const known = node.members.get(name);
  if (known !== undefined) return known;
  if (budget.nodes-- <= 0 || name.length > 60) {
    node.any ??= emptyNode();
    return node.any;
  }
  const made = emptyNode();
  node.members.set(name, made);
  return made;
}

function collect(node: Node, path: string, names: readonly string[], places: JsonPlace[]): void {
  if (node.texts.length + node.numbers.length + node.words > 0) {
    const { texts, numbers, words } = node;
    const mixed = node.objects > 0 || node.element !== null;
    places.push({ path, names, texts, numbers, words, mixed });
  }
  if (node.element !== null) collect(node.element, `${path}[*]`, names, places);
  const isMap = node.members.size > NAMES_MAX;
  let others = node.any;
  for (const [name, member] of node.members) {
    if (!isMap && isFieldName(name) && member.visits > 1)
      collect(member, `${path}.${name}`, [...names, name], places);
    else {
      others ??= emptyNode();
      merge(others, member);
    }
  }
  if (others !== null) collect(others, `${path}.*`, names, places);
}

/** `firstName`, `zip-code`; not `ann.smith`, `4111`, `user8842`, `Maria`. */
function isFieldName(name: string): boolean {
  if (!/^[A-Za-z_][A-Za-z0-9_-]{0,39}$/.test(name) || /\d{3}/.test(name)) return false;
  return !isGivenName(name) && !isFamilyName(name);
}

function merge(into: Node, from: Node): void {
  into.visits += from.visits;
  into.objects += from.objects;
  into.words += from.words;
  for (const text of from.texts) into.texts.push(text);
  for (const number of from.numbers) into.numbers.push(number);
  if (from.element !== null) {
    into.element ??= emptyNode();
    merge(into.element, from.element);
  }
  for (const [name, member] of from.members) {
    const known = into.members.get(name);
    if (known === undefined) into.members.set(name, member);
    else merge(known, member);
  }
  if (from.any !== null) {
    into.any ??= emptyNode();
    merge(into.any, from.any);
  }
}
