import { RowsealError } from '../error/rowseal-error.ts';
import type { MaskedTable } from '../model/masked.ts';
import { type Column, displayName, type TableName } from '../model/table.ts';
import { type CompiledMethod, TEXT } from './method.ts';
import type { CompiledPolicy } from './policy.ts';
import type { ColumnRule, PolicyDocument } from './policy-document.ts';
import { descriptionsOf, placesIn, type RuleDescription, withoutHandling } from './sealed-rule.ts';

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
  readonly wayBack: WayBack;
}

export type WayBack =
  | {
      readonly kind: 'open';
      /** null: no token of this rule, space and key, as far as that can be told. */
      readonly reverse: (token: string) => string | null;
    }
  | { readonly kind: 'closed'; readonly why: string };

/**
 * Methods whose values look like any other of their form, so that nothing but the log tells what made one: under another
 * rule or in another space each turns back into a value that looks as good, and is wrong.
 */
const UNMARKED: ReadonlySet<unknown> = new Set(['fpe', 'pan', 'phone', 'iban', 'us_ssn', 'ip']);

/**
 * The way back of the policy's rule, in the space that the log names for it: a foreign key has that of the column it leads
 * to, a place of a document that of its domain, and neither can be told from the policy alone. It is closed where the log
 * has nothing that the rule made, or what another unmarked one made too.
 *
 * @param sealed versions of the origin's table (of a domain: of all tables) under the key that is asked for, oldest first
 * @throws RowsealError RS-MASK-002, -003, -005 when the policy has no such origin
 */
export function tokenMaker(
  document: PolicyDocument,
  policy: CompiledPolicy,
  origin: TokenOrigin,
  sealed: readonly MaskedTable[],
): TokenMaker {
  const { rule, column, where } = placeOf(document, origin);
  const compiled = (space?: string): CompiledMethod =>
    policy.compileColumn(rule, column, where, false, space).method;
  const maker = ({ description }: CompiledMethod, wayBack: WayBack): TokenMaker => ({
    space: String(description['domain'] ?? `column:${where}`),
    method: String(description['method']),
    wayBack,
  });
  const configured = compiled();
  if (configured.reverse === undefined)
    return maker(configured, {
      kind: 'closed',
      why: `\`${String(configured.description['method'])}\` has no way back`,
    });
  const made =
    origin.kind === 'domain'
      ? madeInSpace(configured, sealed)
      : madeAt(origin.column.name, origin.path, sealed);
  // A sink may have tokens of a domain that the log has none of.
  const method = origin.kind === 'domain' ? configured : inSealedSpace(compiled, made);
  if (method === null)
    return maker(configured, {
      kind: 'closed',
      why: 'the log has nothing there that this rule made under this key: the policy is another now, or did not run yet',
    });
  const { reverse } = method;
  const isDoubtful = UNMARKED.has(method.description['method']) && made.some((one) => isRival(one, method));
  if (reverse === undefined || isDoubtful)
    return maker(method, {
      kind: 'closed',
      why: `the log has values that another rule made under this key, and nothing tells them apart${origin.kind === 'domain' ? '; a column may be asked for instead' : ''}`,
    });
  return maker(method, { kind: 'open', reverse });
}

/** The policy's rule in the newest space in which the log says that it was used; null: in none. */
function inSealedSpace(
  compiled: (space: string) => CompiledMethod,
  made: readonly RuleDescription[],
): CompiledMethod | null {
  for (const description of made.toReversed()) {
    if (typeof description['domain'] !== 'string') continue;
    const method = compiled(description['domain']);
    if (values(method.description) === values(description)) return method;
  }
  return null;
}

function isRival(description: RuleDescription, method: CompiledMethod): boolean {
  return UNMARKED.has(description['method']) && values(description) !== values(method.description);
}

/** What decides one value: of an array each element is one. */
function values(description: RuleDescription): string {
  const { each, ...rest } = withoutHandling(description);
  return JSON.stringify(rest);
}

function madeAt(
  column: string,
  path: string | null,
  sealed: readonly MaskedTable[],
): readonly RuleDescription[] {
  return sealed.flatMap((version) => {
    const whole = descriptionsOf(version).get(column);
    const description = path === null || whole === undefined ? whole : placesIn(whole).get(path);
    return description === undefined ? [] : [description];
  });
}

function madeInSpace(
  { description }: CompiledMethod,
  sealed: readonly MaskedTable[],
): readonly RuleDescription[] {
  return sealed
    .flatMap((version) => {
      const descriptions = descriptionsOf(version);
      return version.columns.flatMap(({ name, sourceType }) => {
        const whole = descriptions.get(name) ?? {};
        // Of a network only the prefix is masked; its description does not say so.
        const own = sourceType.startsWith('cidr') ? { ...whole, network: true } : whole;
        return [own, ...placesIn(whole).values()];
      });
    })
    .filter((one) => one['domain'] === description['domain']);
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
  // As the values of a document are masked, whatever the column is.
  const inside: Column = { name: column.name, type: TEXT, sourceType: TEXT.kind, id: null };
  return { rule: inner.rule, column: inside, where: `${where}${path.slice(1)}` };
}
