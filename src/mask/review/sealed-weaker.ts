import type { MaskedTable } from '../../model/masked.ts';
import { displayName } from '../../model/table.ts';
import type { Handling } from '../policy-document.ts';
import { descriptionsOf, type RuleDescription, sealedRule, withoutHandling } from '../sealed-rule.ts';
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

/** Of what cannot be told from its description (a document, a function) only whether it is the same. */
function disclosureIn(description: RuleDescription): Disclosure {
  const rule = sealedRule(description);
  return rule === null
    ? { kind: 'function', identity: identityOf(description), injective: description['injective'] === true }
    : disclosureOf(rule, new Map());
}

/** A function is its text, whatever its file is called; a log that lacks the text's hash leaves open which it was. */
function identityOf(description: RuleDescription): string {
  const { module, ...rest } = withoutHandling(description);
  return JSON.stringify('source' in rest ? rest : { module, ...rest });
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
