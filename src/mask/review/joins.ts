import type { PolicyDocument, Rule } from '../policy-document.ts';
import { disclosureOf, tellsEqualValues } from './disclosure.ts';

/** Two columns, or places in JSON columns, with equal tokens for equal values. */
export interface Join {
  readonly domain: string;
  /** In order; a place inside a document as `namespace.table.column$.path`. */
  readonly columns: readonly [string, string];
}

/** Places that a domain gives one token space and one rule. */
export interface SharedSpace {
  readonly domain: string;
  /** As those of {@link Join}. */
  readonly places: readonly string[];
}

/** Every pair of places that a domain lets join. What only a foreign key says is not in a policy. */
export function joinsOf(policy: PolicyDocument): readonly Join[] {
  const joins: Join[] = [];
  for (const { domain, places } of sharedSpaces(policy).values()) {
    const sorted = [...places].sort();
    sorted.forEach((left, i) => {
      for (const right of sorted.slice(i + 1)) joins.push({ domain, columns: [left, right] });
    });
  }
  return joins;
}

/** The spaces in which equal values can be told, by the names that the compiled policy gives them. */
export function sharedSpaces(policy: PolicyDocument): ReadonlyMap<string, SharedSpace> {
  const { domains } = policy;
  const spaces = new Map<string, { readonly domain: string; readonly places: string[] }>();
  const add = (space: string, domain: string, place: string): void => {
    const shared = spaces.get(space) ?? { domain, places: [] };
    shared.places.push(place);
    spaces.set(space, shared);
  };
  const tellsEqual = (rule: Rule | undefined): boolean =>
    rule !== undefined && tellsEqualValues(disclosureOf(rule, domains));
  for (const [table, columns] of policy.tables)
    for (const [column, rule] of columns) {
      const place = `${table}.${column}`;
      const domain = rule.kind === 'domain' ? rule.domain : null;
      const method = rule.kind === 'method' ? rule.method : domains.get(rule.domain);
      if (method === undefined) continue;
      if (domain !== null && (tellsEqual(method) || hashesMisfits(method)))
        add(`domain:${domain}`, domain, place);
      if (method.method !== 'json') continue;
      for (const { path, rule: inner } of method.paths) {
        if (inner.kind === 'domain') {
          if (tellsEqual(domains.get(inner.domain)))
            add(`domain:${inner.domain}`, inner.domain, `${place}${path}`);
          // A document of a domain shares its places with every other of that domain.
        } else if (domain !== null && tellsEqual(inner.method))
          add(`place:${domain}:${path}`, domain, `${place}${path}`);
      }
    }
  return spaces;
}

/** Values that it cannot take become tokens of the space, whatever it makes of the others. */
function hashesMisfits({ method, short, foreign }: Rule): boolean {
  // These take every value.
  if (method === 'keep' || method === 'drop' || method === 'redact') return false;
  return short === 'hash' || foreign === 'hash';
}
