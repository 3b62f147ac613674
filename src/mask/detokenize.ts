import { RowsealError } from '../error/rowseal-error.ts';
import { type Column, displayName, type TableName } from '../model/table.ts';
import { TEXT } from './method.ts';
import type { CompiledPolicy } from './policy.ts';
import type { ColumnRule, PolicyDocument } from './policy-document.ts';

/** Where tokens come from: a domain, a column, or a place in the JSON of a column. */
export type TokenOrigin =
  | { readonly kind: 'domain'; readonly domain: string }
  | {
      readonly kind: 'column';
      readonly table: TableName;
      readonly column: Column;
      /** As the policy names it; null: the column itself. */
      readonly path: string | null;
    };

/** What made tokens, and its way back. */
export interface TokenMaker {
  readonly space: string;
  readonly method: string;
  /** null: the method has no way back. */
  readonly reverse: ((token: string) => string | null) | null;
}

/** @throws RowsealError RS-MASK-002, -003, -005 when the policy has no such origin */
export function tokenMaker(
  document: PolicyDocument,
  policy: CompiledPolicy,
  origin: TokenOrigin,
): TokenMaker {
  const { rule, column, where } = placeOf(document, origin);
  const { method } = policy.compileColumn(rule, column, where);
  const { description } = method;
  return {
    space: String(description['domain'] ?? `column:${where}`),
    method: String(description['method']),
    reverse: method.reversible ? (method.reverse ?? null) : null,
  };
}

function placeOf(
  document: PolicyDocument,
  origin: TokenOrigin,
): { readonly rule: ColumnRule; readonly column: Column; readonly where: string } {
  if (origin.kind === 'domain') {
    const column: Column = { name: origin.domain, type: TEXT, sourceType: 'text', id: null };
    return { rule: origin, column, where: `domain:${origin.domain}` };
  }
  const { table, column, path } = origin;
  const where = `${displayName(table)}.${column.name}`;
  const rule = document.tables.get(displayName(table))?.get(column.name);
  if (rule === undefined) {
    throw new RowsealError('RS-MASK-002', {
      detail: `the policy has no rule of its own for ${where}`,
      fix: 'name the domain, or the column that it references',
    });
  }
  if (path === null) return { rule, column, where };
  const method = rule.kind === 'domain' ? document.domains.get(rule.domain) : rule.method;
  const inner =
    method?.method === 'json' ? method.paths.find((candidate) => candidate.path === path) : undefined;
  if (inner === undefined)
    throw new RowsealError('RS-MASK-002', { detail: `the policy of ${where} has no path \`${path}\`` });
  return { rule: inner.rule, column: { ...column, type: TEXT }, where: `${where}${path.slice(1)}` };
}
