import type { ColumnRule, Rule } from '../policy-document.ts';
import type { DomainRules } from './disclosure.ts';
import { describeRule } from './disclosure-text.ts';

/** What is decided of a column. */
export interface Decision {
  readonly rule: Rule;
  /** Whose rule it is; null: its own. */
  readonly domain: string | null;
}

export function decisionOf(rule: ColumnRule, domains: DomainRules): Decision {
  if (rule.kind === 'method') return { rule: rule.method, domain: null };
  const method = domains.get(rule.domain);
  // A domain that does not exist stops the start; here it is read as showing everything.
  return { rule: method ?? { method: 'keep' }, domain: rule.domain };
}

/** As `token · domain email`. */
export function describeDecision({ rule, domain }: Decision): string {
  return domain === null ? describeRule(rule) : `${describeRule(rule)} · domain ${domain}`;
}
