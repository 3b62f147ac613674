import { parseJsonPath } from '../method/json-path.ts';
import type { ColumnRule, JsonPathRule } from '../policy-document.ts';
import type { Disclosure } from './disclosure.ts';

/** What a JSON policy shows, place by place: the tree that {@link file://./json.ts} walks, with disclosures for rules. */
export interface DocumentNode {
  /** Of a place with a rule: it covers everything below. */
  disclosure: Disclosure | null;
  readonly members: Map<string, DocumentNode>;
  anyMember: DocumentNode | null;
  element: DocumentNode | null;
}

/** @throws RowsealError RS-MASK-009 for what is no path */
export function documentOf(
  paths: readonly JsonPathRule[],
  disclosureOf: (rule: ColumnRule) => Disclosure,
): DocumentNode {
  const root = emptyNode();
  for (const { path, rule } of paths) {
    let node = root;
    for (const step of parseJsonPath(path, 'a json rule')) {
      switch (step.kind) {
        case 'member': {
          const next = node.members.get(step.name) ?? emptyNode();
          node.members.set(step.name, next);
          node = next;
          break;
        }
        case 'any-member':
          node.anyMember ??= emptyNode();
          node = node.anyMember;
          break;
        case 'any-element':
          node.element ??= emptyNode();
          node = node.element;
      }
    }
    node.disclosure = disclosureOf(rule);
  }
  return root;
}

function emptyNode(): DocumentNode {
  return { disclosure: null, members: new Map(), anyMember: null, element: null };
}

/** One place of two documents, with what each shows there. */
export interface DocumentPlace {
  readonly path: string;
  readonly old: Disclosure;
  readonly new: Disclosure;
}

const DENIED: Disclosure = { kind: 'nothing' };
/** A member that is there, or has something below it. */
const THERE: Disclosure = { kind: 'presence' };

/**
 * The places that either of two policies names, with what each shows at them; a place that neither names is denied by
 * both. Exact: `$.*` does not reach a member that has rules of its own.
 */
export function placesOf(old: DocumentNode, changed: DocumentNode): readonly DocumentPlace[] {
  const places: DocumentPlace[] = [];
  visit('$', old, changed, places);
  return places;
}

function visit(
  path: string,
  old: DocumentNode | null,
  changed: DocumentNode | null,
  places: DocumentPlace[],
): void {
  if (old === null && changed === null) return;
  places.push({ path, old: shownAt(old), new: shownAt(changed) });
  const names = new Set([...(old?.members.keys() ?? []), ...(changed?.members.keys() ?? [])]);
  for (const name of names)
    visit(`${path}${memberStep(name)}`, memberOf(old, name), memberOf(changed, name), places);
  if ((old?.anyMember ?? null) !== null || (changed?.anyMember ?? null) !== null)
    visit(`${path}.*`, memberOf(old, null), memberOf(changed, null), places);
  if (tellsOfElements(old, changed) || tellsOfElements(changed, old))
    visit(`${path}[*]`, elementOf(old), elementOf(changed), places);
}

/**
 * Rules for elements; or a constant for each of them where the other has rules for members only, and so shows as much of
 * the place itself, but nothing of a list.
 */
function tellsOfElements(node: DocumentNode | null, other: DocumentNode | null): boolean {
  if (node === null) return false;
  if (node.disclosure === null) return node.element !== null;
  return other !== null && other.disclosure === null && shownAt(node).kind === 'presence';
}

function shownAt(node: DocumentNode | null): Disclosure {
  if (node === null) return DENIED;
  const { disclosure } = node;
  // A member that becomes null still shows that it was there.
  return disclosure === null || disclosure.kind === 'column' ? THERE : disclosure;
}

/** @param name null: one that no rule names */
function memberOf(node: DocumentNode | null, name: string | null): DocumentNode | null {
  if (node === null) return null;
  if (node.disclosure !== null) {
    // Kept with all that is in it; of everything else a method can make only null, or a constant.
    return node.disclosure.kind === 'value' ? covered(node.disclosure) : null;
  }
  return (name === null ? undefined : node.members.get(name)) ?? node.anyMember;
}

function elementOf(node: DocumentNode | null): DocumentNode | null {
  if (node === null) return null;
  return node.disclosure === null ? node.element : covered(node.disclosure);
}

function covered(disclosure: Disclosure): DocumentNode {
  return { disclosure, members: new Map(), anyMember: null, element: null };
}

function memberStep(name: string): string {
  return /^[A-Za-z_\u0080-\uffff][\w\u0080-\uffff-]*$/.test(name)
    ? `.${name}`
    : `['${name.replace(/['\\]/g, '\\$&')}']`;
}
