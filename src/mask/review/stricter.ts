import { align, parseDecimal } from '../method/decimal.ts';
import type { DateUnit, Rule } from '../policy-document.ts';
import { type RuleDescription, sealedRule } from '../sealed-rule.ts';
import { type Disclosure, type DomainRules, disclosureOf } from './disclosure.ts';
import { phrasesOf } from './disclosure-text.ts';
import { compareDisclosures } from './visibility.ts';

/** Whether a sink may mask a column that is sealed masked once more, by a rule of its own. */
export type StricterVerdict =
  | { readonly kind: 'fits' }
  /** `more`: it would show what the policy hides. `incomparable`: that too, though it hides something else. */
  | {
      readonly kind: 'more' | 'incomparable';
      /** In words. */
      readonly wished: readonly string[];
      readonly sealed: readonly string[];
    }
  /** It is stricter, but cannot be made of what is sealed. */
  | { readonly kind: 'not-computable'; readonly why: string };

/**
 * Never looser: what a rule shows by itself must be less than, or as much as, what the sealed value shows. And it must
 * be a function of the sealed value alone, so that the log gives the sink the same rows whenever they are read.
 */
export function judgeStricter(
  description: RuleDescription,
  rule: Rule,
  domains: DomainRules,
): StricterVerdict {
  const sealed = sealedRule(description);
  if (makesLess(description, rule, domains)) return { kind: 'fits' };
  const shown: Disclosure =
    sealed === null
      ? { kind: 'function', identity: JSON.stringify(description), injective: false }
      : disclosureOf(sealed, domains);
  const wished = onTopOf(shown, disclosureOf(rule, domains));
  const order = isEmpty(sealed) ? 'equal' : compareDisclosures(wished, shown);
  if (order === 'more' || order === 'incomparable')
    return { kind: order, wished: phrasesOf(wished), sealed: phrasesOf(shown) };
  const why = obstacle(sealed, rule);
  return why === null ? { kind: 'fits' } : { kind: 'not-computable', why };
}

/**
 * Rules whose facts cannot be compared with those of the sealed value, and need not be: they take away of what is sealed
 * and look at nothing else, so they show no more than it does. Of a document a place may be taken away or passed on as it is
 * sealed (`keep`); a moved date may be cut.
 */
function makesLess({ method }: RuleDescription, rule: Rule, domains: DomainRules): boolean {
  switch (rule.method) {
    case 'json':
      return (
        method === 'json' &&
        rule.paths.every(({ rule: inner }) => {
          const there = inner.kind === 'method' ? inner.method : domains.get(inner.domain);
          return there?.method === 'keep' || there?.method === 'redact' || there?.method === 'drop';
        })
      );
    case 'generalize':
      return method === 'date_shift' && rule.to.kind === 'date';
    default:
      return false;
  }
}

/**
 * Every cell is null, and stays so. A column that came while running is redacted until somebody decides; a sink's rule is meant
 * for what came then, and must not keep the sink from the rows before.
 */
function isEmpty(sealed: Rule | null): boolean {
  return sealed?.method === 'redact' && sealed.with === 'null' && sealed.onNull === undefined;
}

/** What a rule shows of values that are masked: what they do not tell apart, it does not either. */
export function onTopOf(shown: Disclosure, wished: Disclosure): Disclosure {
  if (shown.kind !== 'derived' || wished.kind !== 'derived') return wished;
  // A token of what is no token would tell masked values apart, and look as if it told raw ones.
  if (shown.equalityBits === 0 || wished.equalityBits === 0) return wished;
  return {
    ...wished,
    equalityBits: Math.min(wished.equalityBits, shown.equalityBits),
    merged: wished.merged.union(shown.merged),
  };
}

/** Units by which dates can be made coarser that were cut to another: weeks lie in no other unit. */
const COARSER: Readonly<Record<DateUnit, readonly DateUnit[]>> = {
  hour: ['hour', 'day', 'week', 'month', 'quarter', 'year', 'decade'],
  day: ['day', 'week', 'month', 'quarter', 'year', 'decade'],
  week: ['week'],
  month: ['month', 'quarter', 'year', 'decade'],
  quarter: ['quarter', 'year', 'decade'],
  year: ['year', 'decade'],
  decade: ['decade'],
};

function obstacle(sealed: Rule | null, rule: Rule): string | null {
  if (rule.method === 'drop' || rule.method === 'redact') return null;
  if (rule.method === 'custom')
    return 'a function of your own may answer otherwise when the log is read again; the policy may have it';
  if (rule.method === 'date_shift') return 'a date is moved by the raw value of another column';
  if (sealed?.method === 'keep' || isEmpty(sealed)) return null;
  const raw = `${rule.method} needs the raw value, and the log has what ${sealed?.method ?? 'the policy'} made of it`;
  switch (rule.method) {
    case 'token':
    case 'partial':
      return null;
    case 'scan':
      // What the first look replaced is text to the second, which finds more in it.
      return sealed?.method === 'scan' ? null : raw;
    case 'round':
      return sealed?.method === 'round' && isMultiple(rule.to, sealed.to) ? null : raw;
    case 'generalize': {
      if (rule.to.kind === 'size')
        return sealed?.method === 'round' && isMultiple(rule.to.size, sealed.to) ? null : raw;
      if (rule.to.kind === 'zip3')
        return sealed?.method === 'generalize' && sealed.to.kind === 'zip3' ? 'it is zip3 already' : raw;
      if (sealed?.method !== 'generalize' || sealed.to.kind !== 'date') return raw;
      return COARSER[sealed.to.unit].includes(rule.to.unit)
        ? null
        : `a ${sealed.to.unit} may lie in two of a ${rule.to.unit}`;
    }
    default:
      return raw;
  }
}

/** Whether one decimal is a multiple of another: then what was rounded to the smaller can be rounded to the larger. */
function isMultiple(large: string, small: string): boolean {
  const [a, b] = [parseDecimal(large), parseDecimal(small)];
  if (a === null || b === null) return false;
  const [units, step] = align(a, b);
  return step > 0n && units % step === 0n;
}
