import type { MaskedTable } from '../../model/masked.ts';
import { displayName } from '../../model/table.ts';
import type { Handling } from '../policy-document.ts';
import { type RuleDescription, sealedRule } from '../sealed-rule.ts';
import { type Disclosure, disclosureOf, tellsEqualValues } from './disclosure.ts';
import { compareDisclosures, compareHandling, compareNulls, type HandledMethod } from './visibility.ts';

/**
 * Columns of which rows masked as `now` show more than those that are sealed, or may: as `weakerParts` judges two policies, but
 * told from what the log says of itself, since the earlier policy is nowhere else.
 */
export function weakerColumns(sealed: MaskedTable, now: MaskedTable): readonly string[] {
  const before = descriptionsOf(sealed);
  return [...descriptionsOf(now)].flatMap(([column, after]) => {
    const earlier = before.get(column);
    if (earlier === undefined) return [];
    const own = `column:${displayName(now)}.${column}`;
    return showsMore(after, earlier) || mayJoin(after, earlier, own) ? [column] : [];
  });
}

/** Its tokens are now those of a space that others may be in, a domain or a column that it references. */
function mayJoin(after: RuleDescription, before: RuleDescription, own: string): boolean {
  const { domain: space } = after;
  return space !== before['domain'] && space !== own && tellsEqualValues(disclosureIn(after));
}

function showsMore(after: RuleDescription, before: RuleDescription): boolean {
  const [shown, earlier] = [disclosureIn(after), disclosureIn(before)];
  const [handled, handledEarlier] = [handlingIn(after), handlingIn(before)];
  const orders = [
    compareDisclosures(shown, earlier),
    compareHandling(handled, handledEarlier),
    compareNulls(
      { disclosure: shown, onNull: handled.onNull },
      { disclosure: earlier, onNull: handledEarlier.onNull },
    ),
  ];
  return orders.some((order) => order === 'more' || order === 'incomparable');
}

function descriptionsOf(table: MaskedTable): ReadonlyMap<string, RuleDescription> {
  return new Map(JSON.parse(table.policy) as [string, RuleDescription][]);
}

/** Of what cannot be told from its description (a document, a function) only whether it is the same. */
function disclosureIn(description: RuleDescription): Disclosure {
  const rule = sealedRule(description);
  if (rule !== null) return disclosureOf(rule, new Map());
  // How values are handled that do not fit, and nulls, is compared by itself.
  const { on_error, short, foreign, on_null, ...rest } = description;
  return { kind: 'function', identity: JSON.stringify(rest), injective: false };
}

function handlingIn({ method, on_error, short, foreign, on_null }: RuleDescription): HandledMethod {
  return {
    method: method as HandledMethod['method'],
    onError: on_error as Handling['onError'],
    short: short as Handling['short'],
    foreign: foreign as Handling['foreign'],
    onNull: typeof on_null === 'string' ? { constant: on_null } : undefined,
  };
}
