import { RowsealError } from '../../error/rowseal-error.ts';
import type { ColumnType } from '../../model/type.ts';
import type { PlaceHandling } from '../column-mask.ts';
import {
  type CompiledMethod,
  type MaskResult,
  Mended,
  type MendedPart,
  UNFIT,
  Unfit,
  type UnfitReason,
} from '../method.ts';
import { parseJsonPath } from './json-path.ts';
import { JsonCursor, JsonDefect } from './json-text.ts';

/** A rule at a path, compiled for strings and, where the method can, for numbers. */
export interface JsonRule {
  readonly path: string;
  readonly text: CompiledMethod;
  readonly number: CompiledMethod | null;
  readonly handling: PlaceHandling;
}

interface Node {
  rule: JsonRule | null;
  readonly members: Map<string, Node>;
  anyMember: Node | null;
  element: Node | null;
}

/**
 * Masks places of a JSON document. A place that no path names is denied: a member is left out with its name (a name can
 * be a value too: `{"ann@example.com": 1}`), an element becomes null (`drop`: is left out). Numbers are never parsed into
 * doubles.
 *
 * @throws RowsealError RS-MASK-005, -009
 */
export function compileJson(
  rules: readonly JsonRule[],
  otherwise: 'redact' | 'drop',
  type: ColumnType,
  where: string,
): CompiledMethod {
  if (type.kind !== 'json' && type.kind !== 'text')
    throw new RowsealError('RS-MASK-005', {
      detail: `${where}: json needs json or text, the column is ${type.kind}`,
    });
  const root = emptyNode();
  for (const rule of rules) plant(root, rule, where);
  return {
    transform: {
      kind: 'map',
      map: (value) => {
        const walk = new JsonWalk(value, otherwise);
        try {
          return walk.run(root);
        } catch (defect) {
          if (defect instanceof JsonDefect) return UNFIT[defect.reason];
          throw defect;
        }
      },
    },
    hidden: (value) => hiddenIn(value, root),
    showsParts: true,
    type,
    injective: false,
    reversible: false,
    description: {
      method: 'json',
      paths: Object.fromEntries(
        rules.map(({ path, text, handling }) => [path, { ...text.description, ...handling.description }]),
      ),
      otherwise,
    },
  };
}

function emptyNode(): Node {
  return { rule: null, members: new Map(), anyMember: null, element: null };
}

function plant(root: Node, rule: JsonRule, where: string): void {
  let node = root;
  for (const step of parseJsonPath(rule.path, where)) {
    let next: Node | null | undefined =
      step.kind === 'member'
        ? node.members.get(step.name)
        : step.kind === 'any-member'
          ? node.anyMember
          : node.element;
    if (next === null || next === undefined) {
      next = emptyNode();
      if (step.kind === 'member') node.members.set(step.name, next);
      else if (step.kind === 'any-member') node.anyMember = next;
      else node.element = next;
    }
    node = next;
  }
  if (node.rule !== null)
    throw new RowsealError('RS-MASK-009', { detail: `${where}: \`${rule.path}\` is named twice` });
  node.rule = rule;
}

/** One pass over one document. */
class JsonWalk {
  readonly #cursor: JsonCursor;
  readonly #otherwise: 'redact' | 'drop';
  readonly #mended: MendedPart[] = [];

  constructor(text: string, otherwise: 'redact' | 'drop') {
    this.#cursor = new JsonCursor(text);
    this.#otherwise = otherwise;
  }

  run(root: Node): MaskResult {
    const masked = this.#value(root, 0) ?? 'null';
    this.#cursor.end();
    return this.#mended.length === 0 ? masked : new Mended(masked, this.#mended);
  }

  /** The masked text of the value at the cursor; null: leave it out. */
  #value(node: Node, depth: number): string | null {
    if (node.rule !== null) return this.#ruled(node.rule, depth);
    switch (this.#cursor.next()) {
      case 'object':
        return node.members.size === 0 && node.anyMember === null
          ? this.#denied(depth)
          : this.#object(node, depth);
      case 'array':
        return node.element === null ? this.#denied(depth) : this.#array(node.element, depth);
      default:
        return this.#denied(depth);
    }
  }

  #denied(depth: number): null {
    this.#cursor.skip(depth);
    return null;
  }

  #object(node: Node, depth: number): string {
    let masked = '';
    this.#cursor.members(depth, (name, rawName) => {
      const child = node.members.get(name) ?? node.anyMember;
      if (child === null) {
        this.#cursor.skip(depth + 1);
        return;
      }
      const value = this.#value(child, depth + 1);
      if (value !== null) masked += `${masked === '' ? '' : ','}${rawName}:${value}`;
    });
    return `{${masked}}`;
  }

  #array(node: Node, depth: number): string {
    const parts: string[] = [];
    this.#cursor.elements(depth, () => {
      const value = this.#value(node, depth + 1) ?? (this.#otherwise === 'drop' ? null : 'null');
      if (value !== null) parts.push(value);
    });
    return `[${parts.join(',')}]`;
  }

  #ruled(rule: JsonRule, depth: number): string | null {
    const { transform } = rule.text;
    if (transform.kind === 'keep') {
      const kept = this.#cursor.skip(depth);
      return kept === 'null' ? nullAt(rule) : kept;
    }
    if (transform.kind === 'drop') return this.#denied(depth);
    switch (this.#cursor.next()) {
      case 'string':
        return this.#masked(rule, rule.text, this.#cursor.string(), false);
      case 'array': {
        const parts: string[] = [];
        this.#cursor.elements(depth, () => parts.push(this.#ruled(rule, depth + 1) ?? 'null'));
        return `[${parts.join(',')}]`;
      }
      case 'object': {
        const object = this.#cursor.skip(depth);
        // A constant stands for anything; a method for scalars cannot take an object.
        return transform.kind === 'constant'
          ? encoded(transform.value, false)
          : this.#unfit(rule, 'foreign', object);
      }
      default: {
        const scalar = this.#cursor.scalar();
        if (scalar === 'null') return nullAt(rule);
        const isNumber = scalar !== 'true' && scalar !== 'false';
        return isNumber && rule.number !== null
          ? this.#masked(rule, rule.number, scalar, rule.number.type.kind !== 'text')
          : this.#masked(rule, rule.text, scalar, false);
      }
    }
  }

  #masked(rule: JsonRule, method: CompiledMethod, value: string, asNumber: boolean): string {
    const { transform } = method;
    let result: MaskResult;
    if (transform.kind === 'constant') result = transform.value;
    else if (transform.kind === 'map') result = transform.map(value);
    else if (transform.kind === 'batch') result = transform.map([value])[0]!;
    else result = UNFIT.entity;
    if (result instanceof Unfit) return this.#unfit(rule, result.reason, value);
    // Only documents are mended, and none stands in a document.
    return encoded(result instanceof Mended ? result.value : result, asNumber);
  }

  #unfit({ handling }: JsonRule, reason: UnfitReason, value: string): string {
    const { where } = handling;
    const action = handling.actionFor(reason);
    if (!this.#mended.some((part) => part.where === where && part.reason === reason))
      this.#mended.push({ where, reason, action });
    return action === 'hash' ? JSON.stringify(handling.hash(value)) : 'null';
  }
}

function nullAt({ handling: { onNull }, text }: JsonRule): string {
  return encoded(onNull, text.type.kind !== 'text');
}

/** Strings and numbers at places that are denied or masked, in a document; none where it is not well-formed. */
function hiddenIn(text: string, root: Node): readonly string[] {
  const cursor = new JsonCursor(text);
  const found: string[] = [];
  // null: everything below is hidden.
  const walk = (node: Node | null, depth: number): void => {
    if (node?.rule?.text.transform.kind === 'keep') {
      cursor.skip(depth);
      return;
    }
    const open = node?.rule === null ? node : null;
    switch (cursor.next()) {
      case 'object':
        cursor.members(depth, (name) => walk(open?.members.get(name) ?? open?.anyMember ?? null, depth + 1));
        break;
      case 'array':
        cursor.elements(depth, () => walk(open?.element ?? null, depth + 1));
        break;
      case 'string':
        found.push(cursor.string());
        break;
      default:
        found.push(cursor.scalar());
    }
  };
  try {
    walk(root, 0);
    cursor.end();
    return found;
  } catch (defect) {
    if (defect instanceof JsonDefect) return [];
    throw defect;
  }
}

function encoded(value: string | null, asNumber: boolean): string {
  if (value === null) return 'null';
  return asNumber ? value : JSON.stringify(value);
}
