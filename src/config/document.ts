import { closest } from 'fastest-levenshtein';
import type { Document, Pair } from 'yaml';
import { isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import type { ErrorCode } from '../error/codes.ts';
import { type ErrorPlace, RowsealError } from '../error/rowseal-error.ts';

/** Counts from 1; absent where the path leads nowhere. */
interface Position {
  readonly line?: number;
  readonly column?: number;
}

export type PositionOf = (path: readonly (string | number)[]) => Position;

export interface CheckedDocument<T> {
  readonly value: T;
  /** The parsed YAML, with its comments. */
  readonly document: Document.Parsed;
  /** Line and column of a place, or of the nearest one above it. */
  readonly positionOf: PositionOf;
}

export interface DocumentCodes {
  /** The text is not YAML. */
  readonly syntax: ErrorCode;
  /** It has not the shape that it must have. */
  readonly shape: ErrorCode;
}

export const CONFIG_CODES: DocumentCodes = { syntax: 'RS-CFG-002', shape: 'RS-CFG-003' };

/**
 * Parses YAML and checks it against a schema. Mistakes have line and column, and an unknown option the name of the nearest
 * known one.
 *
 * @param file as people named it @param prepare what becomes of the plain values before they are checked
 * @throws RowsealError with the given codes
 */
export function readDocument<T>(
  text: string,
  file: string,
  schema: z.ZodType<T>,
  codes: DocumentCodes,
  prepare: (raw: unknown, document: Document.Parsed) => unknown = (raw) => raw,
): CheckedDocument<T> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const problem = document.errors[0];
  if (problem !== undefined) {
    const at = lines.linePos(problem.pos[0]);
    // The parser's message quotes the line; its code does not.
    throw new RowsealError(codes.syntax, {
      detail: problem.code,
      place: { file, line: at.line, column: at.col },
    });
  }
  const positionOf: PositionOf = (path) => positionIn(document, lines, path);
  const parsed = schema.safeParse(prepare(document.toJS(), document) ?? {});
  if (!parsed.success) throw invalid(codes.shape, parsed.error, schema, file, positionOf);
  return { value: parsed.data, document, positionOf };
}

type Issue = z.core.$ZodIssue;

/** All mistakes in one error: the first with its place, the others by path. */
function invalid(
  code: ErrorCode,
  error: z.ZodError,
  schema: z.ZodType,
  file: string,
  positionOf: PositionOf,
): RowsealError {
  const issues = error.issues.flatMap(unfold);
  const first = issues[0]!;
  const path = first.path.map(String);
  const place: ErrorPlace = { file, ...positionOf(path), path: path.join('.') };
  const others = issues.slice(1).map((issue) => `${issue.path.join('.')}: ${say(issue, schema)}`);
  const detail =
    others.length === 0 ? say(first, schema) : `${say(first, schema)}; also ${others.join('; ')}`;
  return new RowsealError(code, { detail, place });
}

/** One issue per unknown key; of a union, the alternative that came closest. */
function unfold(issue: Issue): Issue[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ ...issue, keys: [key], path: [...issue.path, key] }));
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const best = [...issue.errors].sort((a, b) => depth(b) - depth(a))[0]!;
    if (depth(best) > 0)
      return best.flatMap((inner) => unfold({ ...inner, path: [...issue.path, ...inner.path] }));
  }
  return [issue];
}

function depth(issues: readonly Issue[]): number {
  return Math.max(
    0,
    ...issues.map((issue) => issue.path.length + (issue.code === 'unrecognized_keys' ? 1 : 0)),
  );
}

function say(issue: Issue, schema: z.ZodType): string {
  if (issue.code === 'unrecognized_keys') {
    const key = String(issue.keys[0]);
    const known = knownKeys(schema, issue.path.slice(0, -1).map(String));
    if (known.includes(key)) return `\`${key}\` is no option of this type or method`;
    const near = known.length === 0 ? null : closest(key, known);
    return `unknown option \`${key}\`${near === null ? '' : `; a similar option exists: \`${near}\``}`;
  }
  if (issue.code === 'invalid_type') return `must be ${issue.expected}`;
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.map(String).join(', ')}`;
  if (issue.code === 'invalid_union') {
    return 'options' in issue && Array.isArray(issue.options)
      ? `must be one of ${issue.options.map(String).join(', ')}`
      : 'has none of the allowed forms';
  }
  // Messages of our own schema name rules, never values.
  return issue.message;
}

/** Option names at a path of the schema, for hints. */
function knownKeys(schema: z.ZodType, path: readonly string[]): readonly string[] {
  let node: unknown = schema;
  for (const name of path) node = descend(unwrap(node), name);
  const shape = shapeOf(unwrap(node));
  return shape === null ? [] : Object.keys(shape);
}

function unwrap(node: unknown): unknown {
  let current = node;
  while (typeof current === 'object' && current !== null && '_zod' in current) {
    const { def } = (current as { _zod: { def: { innerType?: unknown } } })._zod;
    if (def.innerType === undefined) return current;
    current = def.innerType;
  }
  return current;
}

function shapeOf(node: unknown): Readonly<Record<string, unknown>> | null {
  if (typeof node !== 'object' || node === null || !('_zod' in node)) return null;
  const { def } = (node as { _zod: { def: { shape?: Record<string, unknown>; options?: unknown[] } } })._zod;
  if (def.shape !== undefined) return def.shape;
  if (def.options === undefined) return null;
  return Object.assign({}, ...def.options.map((option) => shapeOf(unwrap(option)) ?? {}));
}

/** The schema of a member; of a union, of the first alternative that has one. */
function descend(node: unknown, name: string): unknown {
  const shape = shapeOf(node);
  if (shape !== null && Object.hasOwn(shape, name)) return shape[name];
  if (typeof node !== 'object' || node === null || !('_zod' in node)) return undefined;
  const { def } = (
    node as { _zod: { def: { valueType?: unknown; element?: unknown; options?: readonly unknown[] } } }
  )._zod;
  return (
    def.valueType ??
    def.element ??
    def.options?.map((option) => descend(unwrap(option), name)).find((found) => found !== undefined)
  );
}

function positionIn(
  document: Document.Parsed,
  lines: LineCounter,
  path: readonly (string | number)[],
): Position {
  for (let length = path.length; length > 0; length--) {
    const parent = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    const last = path[length - 1]!;
    const node = isMap(parent)
      ? (parent.items as Pair[]).find((item) => isScalar(item.key) && String(item.key.value) === String(last))
          ?.key
      : isSeq(parent)
        ? parent.items[Number(last)]
        : undefined;
    if (isNode(node) && node.range) {
      const at = lines.linePos(node.range[0]);
      return { line: at.line, column: at.col };
    }
  }
  return {};
}
