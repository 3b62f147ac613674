import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Rule } from '../../../../src/mask/policy-document.ts';
import { disclosureOf } from '../../../../src/mask/review/disclosure.ts';
import { judgeStricter } from '../../../../src/mask/review/stricter.ts';
import { compareDisclosures } from '../../../../src/mask/review/visibility.ts';
import { type RuleDescription, sealedRule } from '../../../../src/mask/sealed-rule.ts';
import type { ColumnType } from '../../../../src/model/type.ts';
import { custom, fpe, method, policy, schema } from '../../../support/policies.ts';
import { plainRules } from '../../../support/rule-arbitrary.ts';

const INT: ColumnType = { kind: 'int', bits: 64, unsigned: false };
const DATE: ColumnType = { kind: 'date' };
const TEXT: ColumnType = { kind: 'text', maxLength: null, padded: false };
const INET: ColumnType = { kind: 'other' };

/** What the log says of a rule, on the first type that it takes; null: none. */
function described(rule: Rule): RuleDescription | null {
  for (const type of [TEXT, INT, DATE, INET]) {
    const table = schema({ id: INT, owner: INT, value: type });
    const compiled = policy({
      id: method({ method: 'keep' }),
      owner: method({ method: 'keep' }),
      value: method(rule),
    });
    try {
      const { policy: text } = compiled.compileMasker(table, 'start').table;
      return new Map(JSON.parse(text) as [string, RuleDescription][]).get('value')!;
    } catch {
      // Another type, then.
    }
  }
  return null;
}

const judge = (sealed: Rule, wished: Rule): string =>
  judgeStricter(described(sealed)!, wished, new Map()).kind;

const keep: Rule = { method: 'keep' };
const redact: Rule = { method: 'redact', with: 'null' };
const token = (more: Partial<Extract<Rule, { method: 'token' }>> = {}): Rule => ({
  method: 'token',
  normalize: [],
  prefix: 'tok_',
  ...more,
});
const partial = (keepFirst: number, keepLast: number): Rule => ({
  method: 'partial',
  keepFirst,
  keepLast,
  fill: '*',
});
const cut = (unit: 'day' | 'week' | 'month' | 'year', oldestYear: number | null = null): Rule => ({
  method: 'generalize',
  to: { kind: 'date', unit, oldestYear },
});
const round = (to: string): Rule => ({ method: 'round', to });

describe('what the log says of a rule', () => {
  it('is enough to know what its values show', () => {
    fc.assert(
      fc.property(plainRules, (rule) => {
        const description = described(rule);
        if (description === null) return;
        const read = sealedRule(description);
        if (read === null) {
          expect(['custom', 'json']).toContain(rule.method);
          return;
        }
        // Of integers it means something else than the rule says by itself.
        if (rule.method === 'fpe' && 'min' in description) return;
        const [a, b] = [disclosureOf(read, new Map()), disclosureOf(rule, new Map())];
        if (rule.method === 'date_shift') {
          expect(a).toMatchObject({ content: { days: rule.maxDays } });
          return;
        }
        expect(['equal', 'less'], JSON.stringify(description)).toContain(compareDisclosures(a, b));
      }),
      { numRuns: 400 },
    );
  });
});

describe('a rule of a sink', () => {
  it('may hide more, and never show more', () => {
    expect(judge(keep, token())).toBe('fits');
    expect(judge(keep, fpe)).toBe('fits');
    expect(judge(partial(1, 4), partial(0, 4))).toBe('fits');
    expect(judge(token(), redact)).toBe('fits');
    expect(judge(token(), { method: 'drop' })).toBe('fits');
    expect(judge(token(), keep)).toBe('more');
    expect(judge({ method: 'redact', with: 'shape' }, token())).toBe('more');
    expect(judge(partial(0, 2), partial(0, 4))).toBe('more');
    expect(judge(token(), partial(0, 4))).toBe('incomparable');
    expect(judge(partial(0, 4), token())).toBe('incomparable');
    expect(judge(cut('month'), token())).toBe('incomparable');
    expect(judge({ method: 'email', host: 'keep' }, { method: 'email', host: 'token' })).toBe(
      'not-computable',
    );
  });

  it('may be any of a column of nulls, which it leaves as it is', () => {
    for (const rule of [keep, token(), partial(0, 4), cut('month'), round('10'), fpe])
      expect(judge(redact, rule)).toBe('fits');
    expect(judge(redact, custom('export const mask = (v) => v'))).toBe('not-computable');
    // There nulls are told from values.
    expect(judge({ ...redact, onNull: { constant: 'none' } }, token())).toBe('more');
    expect(judge({ method: 'redact', with: { constant: 'x' } }, partial(0, 4))).toBe('more');
  });

  it('may be a token of a token: what the first did not tell apart, the second does not', () => {
    expect(judge(token({ normalize: ['trim', 'lower'] }), token())).toBe('fits');
    expect(judge(token({ length: 8 }), token())).toBe('fits');
    expect(judge(fpe, token())).toBe('fits');
    expect(judge({ method: 'reversible' }, token())).toBe('fits');
    expect(judge(token(), { method: 'reversible' })).toBe('more');
  });

  it('may cut what was cut where the larger holds the smaller whole', () => {
    expect(judge(cut('day'), cut('week'))).toBe('fits');
    expect(judge(cut('month'), cut('year', 1930))).toBe('fits');
    expect(judge(cut('year', 1930), cut('year'))).toBe('more');
    expect(judge(cut('month'), cut('day'))).toBe('more');
    expect(judge(cut('week'), cut('month'))).toBe('not-computable');
    expect(judge(round('10'), round('100'))).toBe('fits');
    expect(judge(round('0.5'), round('10'))).toBe('fits');
    expect(judge(round('4'), round('10'))).toBe('not-computable');
    expect(judge(round('100'), round('10'))).toBe('more');
  });

  it('may cut a date that was moved', () => {
    const moved: Rule = { method: 'date_shift', maxDays: 30, by: 'id', entity: null };
    expect(judge(moved, cut('month'))).toBe('fits');
    expect(judge(moved, cut('year', 1930))).toBe('fits');
    expect(judge(moved, redact)).toBe('fits');
    expect(judge(moved, keep)).toBe('more');
    expect(judge(moved, token())).toBe('incomparable');
    expect(judge(cut('month'), moved)).not.toBe('fits');
  });

  it('may take places of a document away, and passes the others on as they are sealed', () => {
    const document = (
      paths: Readonly<Record<string, Rule>>,
      otherwise: 'redact' | 'drop' = 'redact',
    ): Rule => ({
      method: 'json',
      paths: Object.entries(paths).map(([path, inner]) => ({ path, rule: method(inner) })),
      otherwise,
    });
    const sealed = document({ '$.ssn': token(), '$.city': keep, '$.plan.*': keep });
    expect(judge(sealed, document({ '$.city': keep, '$.plan.*': keep }))).toBe('fits');
    expect(judge(sealed, document({ '$.ssn': keep, '$.city': redact }, 'drop'))).toBe('fits');
    expect(judge(sealed, document({ '$.ssn': partial(0, 4) }))).not.toBe('fits');
    expect(judge(sealed, document({ '$.city': token() }))).not.toBe('fits');
    expect(judge(sealed, keep)).toBe('more');
    expect(judge(keep, sealed)).toBe('fits');
    // The text of a token is no document.
    expect(judge(token(), document({ '$.city': keep }))).not.toBe('fits');
    const own: RuleDescription = { method: 'custom' };
    expect(judgeStricter(own, document({ '$.city': keep }), new Map()).kind).not.toBe('fits');
  });

  it('may look for more in text that was scanned', () => {
    const scan = (classes: readonly string[], replace: 'label' | 'fill' = 'label'): Rule => ({
      method: 'scan',
      classes,
      patterns: [],
      replace,
    });
    expect(judge(scan(['email']), scan(['email', 'phone']))).toBe('fits');
    expect(judge(scan(['email', 'phone']), scan(['email']))).toBe('more');
    expect(judge(scan(['email']), scan(['phone']))).toBe('incomparable');
    expect(judge(scan(['email']), scan(['email', 'phone'], 'fill'))).toBe('incomparable');
    expect(judge(scan(['email']), partial(1, 0))).toBe('incomparable');
  });

  it('may be nothing that answers otherwise at a replay', () => {
    expect(judge(keep, custom('export const mask = (v) => v'))).toBe('not-computable');
    expect(judge(keep, { method: 'date_shift', maxDays: 3, by: 'id', entity: null })).toBe('not-computable');
  });

  it('never shows more, whatever the two are', () => {
    fc.assert(
      fc.property(plainRules, plainRules, (sealed, wished) => {
        const description = described(sealed);
        if (description === null) return;
        const verdict = judgeStricter(description, wished, new Map());
        if (verdict.kind === 'more' || verdict.kind === 'incomparable') return;
        if (sealed.method === 'keep' || wished.method === 'drop' || wished.method === 'redact') return;
        if (sealed.method === 'redact' && sealed.with === 'null' && sealed.onNull === undefined) return;
        // What fits of masked values is made of them: a token, or the same method and coarser.
        if (verdict.kind !== 'fits') return;
        expect(['token', 'partial', 'round', 'generalize', 'scan', 'json']).toContain(wished.method);
        if (wished.method === 'scan' || wished.method === 'json') expect(sealed.method).toBe(wished.method);
      }),
      { numRuns: 400 },
    );
  });
});
