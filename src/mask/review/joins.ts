import type { ColumnRule, PolicyDocument, Rule } from '../policy-document.ts';
import { disclosureOf } from './disclosure.ts';

/** Two columns, or places in JSON columns, with equal tokens for equal values. */
export interface Join {
  readonly domain: string;
  /** In order; a place inside a document as `namespace.table.column$.path`. */
  readonly columns: readonly [string, string];
}

/** Every pair of places that a domain lets join. What only a foreign key says is not in a policy. */
export function joinsOf(policy: PolicyDocument): readonly Join[] {
  const joins: Join[] = [];
  for (const [domain, places] of membersOf(policy)) {
    places.sort();
    places.forEach((left, i) => {
      for (const right of places.slice(i + 1)) joins.push({ domain, columns: [left, right] });
    });
  }
  return joins;
}

/** The places of each domain whose tokens tell equal values. */
export function membersOf(policy: PolicyDocument): ReadonlyMap<string, string[]> {
  const members = new Map<string, string[]>();
  const visit = (rule: ColumnRule, place: string, inside: boolean): void => {
    const method = rule.kind === 'method' ? rule.method : policy.domains.get(rule.domain);
    if (method === undefined) return;
    if (rule.kind === 'domain' && tellsEqualValues(method, policy)) {
      const list = members.get(rule.domain) ?? [];
      list.push(place);
      members.set(rule.domain, list);
    }
    if (method.method === 'json' && !inside)
      for (const { path, rule: inner } of method.paths) visit(inner, `${place}${path}`, true);
  };
  for (const [table, columns] of policy.tables)
    for (const [column, rule] of columns) visit(rule, `${table}.${column}`, false);
  return members;
}

function tellsEqualValues(rule: Rule, policy: PolicyDocument): boolean {
  const shown = disclosureOf(rule, policy.domains);
  return shown.kind === 'derived' && shown.equalityBits > 0;
}
