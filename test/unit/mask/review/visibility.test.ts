import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Rule } from '../../../../src/mask/policy-document.ts';
import { disclosureOf } from '../../../../src/mask/review/disclosure.ts';
import {
  compareDisclosures,
  compareHandling,
  type Ordering,
  product,
} from '../../../../src/mask/review/visibility.ts';
import { fpe } from '../../../support/fpe-rule.ts';
import { maskedColumn } from '../../../support/mask-column.ts';
import { method } from '../../../support/policies.ts';
import { jsonRules, plainRules, rules } from '../../../support/rule-arbitrary.ts';

const compare = (a: Rule, b: Rule): Ordering =>
  compareDisclosures(disclosureOf(a, new Map()), disclosureOf(b, new Map()));
const converse: Readonly<Record<Ordering, Ordering>> = {
  less: 'more',
  more: 'less',
  equal: 'equal',
  incomparable: 'incomparable',
};
const within = (ordering: Ordering): boolean => ordering === 'less' || ordering === 'equal';

const keep: Rule = { method: 'keep' };
const drop: Rule = { method: 'drop' };
const none: Rule = { method: 'redact', with: 'null' };
const shape: Rule = { method: 'redact', with: 'shape' };
const token: Rule = { method: 'token', normalize: [], prefix: 'tok_' };
const reversible: Rule = { method: 'reversible' };
const partial = (keepFirst: number, keepLast: number): Rule => ({
  method: 'partial',
  keepFirst,
  keepLast,
  fill: '*',
});
const month = (unit: 'day' | 'month' | 'year', oldestYear: number | null = null): Rule => ({
  method: 'generalize',
  to: { kind: 'date', unit, oldestYear },
});
const scan = (classes: readonly string[] | null, replace: 'label' | 'token' | 'fill' = 'label'): Rule => ({
  method: 'scan',
  classes,
  patterns: [],
  replace,
});
const json = (paths: Readonly<Record<string, Rule>>, otherwise: 'redact' | 'drop' = 'redact'): Rule => ({
  method: 'json',
  paths: Object.entries(paths).map(([path, rule]) => ({ path, rule: method(rule) })),
  otherwise,
});

const bucket = (...labels: readonly [string, string, string]): Rule => ({
  method: 'bucket',
  bounds: ['35', '38'],
  labels,
});

describe('the order of visibility', () => {
  it('is reflexive, and looks the same from both sides', () => {
    fc.assert(
      fc.property(rules, rules, (a, b) => {
        expect(compare(a, a)).toBe('equal');
        expect(compare(a, b)).toBe(converse[compare(b, a)]);
        expect(compareHandling(a, b)).toBe(converse[compareHandling(b, a)]);
      }),
      { numRuns: 2000 },
    );
  });

  it('is transitive', () => {
    // Few rules, so that chains of three come up often.
    const pool = fc.sample(plainRules, { numRuns: 220, seed: 7 });
    const orders = pool.map((a) => pool.map((b) => compare(a, b)));
    let chains = 0;
    for (let a = 0; a < pool.length; a++) {
      for (let b = 0; b < pool.length; b++) {
        if (!within(orders[a]![b]!)) continue;
        for (let c = 0; c < pool.length; c++) {
          if (!within(orders[b]![c]!)) continue;
          chains++;
          const strict = orders[a]![b] === 'less' || orders[b]![c] === 'less';
          if (orders[a]![c] !== (strict ? 'less' : 'equal'))
            expect.fail(JSON.stringify([pool[a], pool[b], pool[c], orders[a]![c]]));
        }
      }
    }
    expect(chains).toBeGreaterThan(50_000);
  });

  it('is transitive for documents', () => {
    const inner = fc.constantFrom<Rule>(keep, none, token, drop);
    const pool = fc.sample(jsonRules(inner), { numRuns: 150, seed: 11 });
    const orders = pool.map((a) => pool.map((b) => compare(a, b)));
    const broken: unknown[] = [];
    for (let a = 0; a < pool.length; a++) {
      for (let b = 0; b < pool.length; b++) {
        if (!within(orders[a]![b]!)) continue;
        for (let c = 0; c < pool.length; c++)
          if (within(orders[b]![c]!) && !within(orders[a]![c]!)) broken.push([pool[a], pool[b], pool[c]]);
      }
    }
    expect(broken).toEqual([]);
  });

  it('has keep above and drop below everything', () => {
    fc.assert(
      fc.property(rules, (rule) => {
        expect(within(compare(rule, keep))).toBe(true);
        expect(within(compare(drop, rule))).toBe(true);
      }),
    );
  });

  it.each([
    ['the ladder of reversible and irreversible tokens', [keep, fpe(), reversible, token, shape, none, drop]],
    ['kept characters', [keep, partial(3, 4), partial(0, 4), partial(0, 2), partial(0, 0), shape]],
    ['kept characters of a cipher', [fpe({ keepFirst: 2, keepLast: 4 }), fpe({ keepLast: 4 }), fpe()]],
    ['a cipher shows what a partial of the same characters shows', [fpe({ keepLast: 4 }), partial(0, 4)]],
    ['separators that stay', [fpe({ separators: '-/ ' }), fpe({ separators: '-' }), fpe({ separators: '' })]],
    ['check digits', [fpe({ checkDigit: 'luhn' }), fpe()]],
    ['longer tokens', [{ ...token, length: 30 }, token, { ...token, length: 10 }]],
    [
      'normalised tokens',
      [token, { ...token, normalize: ['trim'] }, { ...token, normalize: ['trim', 'casefold'] }],
    ],
    [
      'widths',
      [
        { method: 'round', to: '1' },
        { method: 'round', to: '10' },
        { method: 'generalize', to: { kind: 'size', size: '100' } },
      ],
    ],
    [
      'ranges',
      [
        { method: 'bucket', bounds: ['1', '2', '3'], labels: null },
        { method: 'bucket', bounds: ['1.0', '3'], labels: null },
      ],
    ],
    [
      'ranges of one label',
      [
        bucket('low', 'usual', 'high'),
        bucket('unusual', 'usual', 'unusual'),
        bucket('any', 'any', 'any'),
        shape,
      ],
    ],
    [
      'calendar units',
      [month('day'), month('month'), month('year'), month('year', 1930), month('year', 1950)],
    ],
    [
      'shifts',
      [
        { method: 'date_shift', maxDays: 10, by: 'id', entity: null },
        { method: 'date_shift', maxDays: 30, by: 'id', entity: null },
      ],
    ],
    [
      'hosts',
      [
        { method: 'email', host: 'keep' },
        { method: 'email', host: 'token' },
        { method: 'email', host: { replace: 'x.example' } },
      ],
    ],
    ['classes that a scan hides', [scan(['email']), scan(['email', 'phone']), scan(null)]],
    [
      'documents',
      [
        keep,
        json({ '$.a': keep, '$.b': token }),
        json({ '$.a': token, '$.b': token }),
        json({ '$.a': token }),
        json({}),
        shape,
      ],
    ],
    [
      'what a document keeps covers what is below',
      [json({ '$.a': keep }), json({ '$.a.b': keep }), json({ '$.a.b': token })],
    ],
    ['elements that are denied', [json({ '$[*].a': token }, 'redact'), json({ '$[*].a': token }, 'drop')]],
  ] as readonly [string, readonly Rule[]][])('%s', (_, ladder) => {
    ladder.forEach((upper, i) => {
      for (const lower of ladder.slice(i + 1))
        expect([upper, lower, compare(lower, upper)]).toEqual([upper, lower, 'less']);
    });
  });

  it.each([
    ['clear characters and a token', partial(0, 4), token],
    ['a range and a token', { method: 'bucket', bounds: ['18'], labels: null }, token],
    [
      'a width and own ranges',
      { method: 'round', to: '10' },
      { method: 'bucket', bounds: ['18'], labels: null },
    ],
    [
      'shifts by different entities',
      { method: 'date_shift', maxDays: 9, by: 'id', entity: null },
      { method: 'date_shift', maxDays: 30, by: 'owner', entity: null },
    ],
    ['other ranges of one label', bucket('a', 'b', 'a'), bucket('a', 'a', 'b')],
    ['different classes', scan(['email']), scan(['phone'])],
    ['scan and partial', scan(null), partial(1, 1)],
    ['different places', json({ '$.a': token }), json({ '$.b': token })],
    [
      'a wildcard does not reach a member with rules of its own',
      json({ '$.*.x': keep }),
      json({ '$.*.x': keep, '$.a.y': token }),
    ],
    [
      'another function',
      {
        method: 'custom',
        module: 'm',
        source: '1',
        export: 'mask',
        returns: 'same',
        timeoutMs: 1,
        injective: true,
      },
      {
        method: 'custom',
        module: 'm',
        source: '2',
        export: 'mask',
        returns: 'same',
        timeoutMs: 1,
        injective: true,
      },
    ],
  ] as readonly [string, Rule, Rule][])('cannot compare %s', (_, a, b) => {
    expect(compare(a, b)).toBe('incomparable');
  });

  it('takes a constant for nulls and values alike for no more than a null', () => {
    const hidden: Rule = { method: 'redact', with: { constant: 'x' }, onNull: { constant: 'x' } };
    expect(compare(hidden, none)).toBe('equal');
    expect(compare({ method: 'redact', with: { constant: 'x' } }, none)).toBe('more');
  });

  it('takes other names for the same ranges, and a bound within a label, for nothing', () => {
    expect(compare(bucket('a', 'b', 'a'), bucket('x', 'y', 'x'))).toBe('equal');
    const one: Rule = { method: 'bucket', bounds: ['38'], labels: null };
    expect(compare(bucket('a', 'a', 'b'), one)).toBe('equal');
  });

  it('survives a document that names itself', () => {
    const domains = new Map<string, Rule>([
      [
        'd',
        {
          method: 'json',
          paths: [{ path: '$.a', rule: { kind: 'domain', domain: 'd' } }],
          otherwise: 'redact',
        },
      ],
    ]);
    expect(disclosureOf(domains.get('d')!, domains).kind).toBe('document');
  });
});

describe('the order of documents and the masker agree', () => {
  /** Every leaf has a value of its own, so that what is readable can be counted. */
  const leaves = ['v-one', 'v-two', 'v-three', 'v-four', 'v-five', 'v-six', 'v-seven'];
  const documents = [
    { a: leaves[0], b: leaves[1], list: [leaves[2], { b: leaves[3], c: leaves[4] }] },
    { a: { b: leaves[0], c: { b: leaves[1] } }, c: { b: leaves[2], d: [leaves[3]] }, list: { b: leaves[4] } },
    [leaves[0], { b: leaves[1] }],
    leaves[0],
    {
      list: [[leaves[0]], { a: leaves[1], b: { c: leaves[2] } }],
      a: [{ b: leaves[3] }],
      z: { b: leaves[5], y: leaves[6] },
    },
  ].map((document) => JSON.stringify(document));

  it('what shows less or the same reveals no leaf that the other hides', () => {
    const inner = fc.constantFrom<Rule>(keep, none, drop, { method: 'redact', with: { constant: 'x' } });
    let compared = 0;
    fc.assert(
      fc.property(jsonRules(inner), jsonRules(inner), (a, b) => {
        if (!within(compare(a, b))) return;
        compared++;
        const [left, right] = [
          maskedColumn(method(a), { kind: 'json' }),
          maskedColumn(method(b), { kind: 'json' }),
        ];
        for (const document of documents) {
          const readable = (text: unknown): string[] => leaves.filter((leaf) => String(text).includes(leaf));
          expect(readable(right(document))).toEqual(expect.arrayContaining(readable(left(document))));
        }
      }),
      { numRuns: 600 },
    );
    expect(compared).toBeGreaterThan(50);
  });
});

describe('values that do not fit', () => {
  it('are looser as a token than as null, and tightest as a halt', () => {
    const pan = (more: object): Rule => ({
      method: 'pan',
      keepFirst: 0,
      keepLast: 4,
      minDigits: 13,
      maxDigits: 19,
      ...more,
    });
    expect(compareHandling(pan({ short: 'hash' }), pan({}))).toBe('more');
    expect(compareHandling(pan({ onError: 'halt' }), pan({}))).toBe('less');
    expect(compareHandling(pan({ short: 'hash', foreign: 'halt' }), pan({}))).toBe('incomparable');
    expect(compareHandling(keep, { ...keep, onError: 'halt' })).toBe('equal');
    expect(product(['less', 'more'])).toBe('incomparable');
  });
});
