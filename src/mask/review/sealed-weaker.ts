import type { MaskedTable } from '../../model/masked.ts';
import type { Handling } from '../policy-document.ts';
import { descriptionsOf, type RuleDescription, sealedRule, withoutHandling } from '../sealed-rule.ts';
import { type Disclosure, disclosureOf } from './disclosure.ts';
import { compareDisclosures, compareHandling, type HandledMethod } from './visibility.ts';

/**
 * Columns of which rows masked as `now` show more than those that are sealed, or may: as `weakerParts` judges two policies, but
 * told from what the log says of itself, since the earlier policy is nowhere else.
 */
export function weakerColumns(sealed: MaskedTable, now: MaskedTable): readonly string[] {
  const before = descriptionsOf(sealed);
  return [...descriptionsOf(now)].flatMap(([column, after]) => {
    const earlier = before.get(column);
    return earlier !== undefined && showsMore(after, earlier) ? [column] : [];
  });
}

function showsMore(after: RuleDescription, before: RuleDescription): boolean {
  const orders = [
    compareDisclosures(disclosureIn(after), disclosureIn(before)),
    compareHandling(handlingIn(after), handlingIn(before)),
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

function handlingIn({ method, on_error, short, foreign }: RuleDescription): HandledMethod {
  return {
    method: method as HandledMethod['method'],
    onError: on_error as Handling['onError'],
    short: short as Handling['short'],
    foreign: foreign as Handling['foreign'],
  };
}
