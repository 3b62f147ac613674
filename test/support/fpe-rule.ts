import type { Rule } from '../../src/mask/policy-document.ts';

/** Format-preserving encryption of digits, with options. */
export function fpe(options: Partial<Extract<Rule, { method: 'fpe' }>> = {}): Rule {
  return {
    method: 'fpe',
    alphabet: 'digits',
    keepFirst: 0,
    keepLast: 0,
    separators: null,
    checkDigit: 'none',
    normalize: [],
    min: null,
    max: null,
    ...options,
  };
}
