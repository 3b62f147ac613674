import { describe, expect, it } from 'vitest';
import type { ColumnRule, Rule } from '../../../../src/mask/policy-document.ts';
import { diffPolicies, weakerParts } from '../../../../src/mask/review/policy-diff.ts';
import type { PolicySide, SinkSelections } from '../../../../src/mask/review/policy-side.ts';
import type { SinkColumns, SinkTables } from '../../../../src/mask/sink-mask.ts';
import { domain, drop, keep, method, redact, token } from '../../../support/policies.ts';

const partial = (keepLast: number, more: Partial<Rule> = {}): ColumnRule =>
  method({ method: 'partial', keepFirst: 0, keepLast, fill: '*', ...more } as Rule);
const month: Rule = { method: 'generalize', to: { kind: 'date', unit: 'month', oldestYear: null } };

const RULES = {
  id: keep,
  city: keep,
  mail: domain('mail'),
  born: method({ method: 'date_shift', maxDays: 30, by: 'id', entity: null }),
  gone: drop,
};

const side = (sinks: SinkSelections, city: ColumnRule = keep): PolicySide => ({
  policy: {
    undecided: 'halt',
    keyEpoch: 1,
    leakGuard: { oneIn: 100, action: 'alert', except: new Set() },
    domains: new Map([['mail', { method: 'token', normalize: [], prefix: '' }]]),
    tables: new Map([
      ['public.people', new Map(Object.entries({ ...RULES, city }))],
      ['public.orders', new Map(Object.entries({ id: keep, mail: domain('mail') }))],
    ]),
  },
  captured: new Set(['public.people', 'public.orders']),
  sinks,
});

const people = (columns: Partial<SinkColumns>, others = true): SinkTables => ({
  tables: new Map([
    ['public.people', { leaveOut: null, only: null, rules: new Map<string, ColumnRule>(), ...columns }],
  ]),
  others,
});
const ruled = (rules: Readonly<Record<string, ColumnRule>>): SinkTables =>
  people({ rules: new Map(Object.entries(rules)) });
const lake = (tables: SinkTables | null): PolicySide => side(new Map([['lake', tables]]));

const told = (before: SinkTables | null, after: SinkTables | null): readonly string[] =>
  diffPolicies(lake(before), lake(after)).sinks.map(
    ({ places, effect }) =>
      `${places.map((place) => place.replace('public.', '')).join(' = ')} ${effect.replace('_visible', '')}`,
  );

describe('what sinks get', () => {
  it('is told when it is more than before, and by what', () => {
    const diff = diffPolicies(lake(ruled({ city: redact })), lake(null));
    expect(diff.sinks).toEqual([
      {
        sink: 'lake',
        places: ['public.people.city'],
        effect: 'more_visible',
        old: 'redact',
        new: 'as the policy has it',
      },
    ]);
    expect(weakerParts(diff)).toMatchObject({ columns: [], sinks: diff.sinks });
    expect(told(null, ruled({ city: redact }))).toEqual(['people.city less']);
  });

  it('is compared rule by rule, over what is sealed', () => {
    expect(told(ruled({ city: partial(2) }), ruled({ city: partial(4) }))).toEqual(['people.city more']);
    expect(told(ruled({ city: partial(4) }), ruled({ city: token }))).toEqual(['people.city not_comparable']);
    expect(told(ruled({ city: partial(2) }), ruled({ city: partial(2, { short: 'hash' }) }))).toEqual([
      'people.city more',
    ]);
    const hidden = method({ method: 'keep', onNull: { constant: '' } });
    expect(told(ruled({ city: hidden }), null)).toEqual(['people.city more']);
    // By themselves a moved date and its month cannot be compared.
    expect(told(ruled({ born: method(month) }), null)).toEqual(['people.born more']);
    expect(told(null, ruled({ born: method(month) }))).toEqual(['people.born less']);
    // What the policy drops no sink gets.
    expect(told(people({ leaveOut: new Set(['gone']) }), null)).toEqual(['people.gone equally']);
  });

  it('is columns and tables, also those that nothing names', () => {
    expect(told(people({ leaveOut: new Set(['city']) }), null)).toEqual(['people.city more']);
    expect(told(people({ only: new Set(['id', 'city', 'mail', 'born', 'gone']) }), null)).toEqual([
      'people.* more',
    ]);
    expect(told(null, people({ only: new Set(['id']) }))).toEqual([
      'people.city less',
      'people.mail less',
      'people.born less',
      'people.gone equally',
      'people.* less',
    ]);
    expect(told(people({}, false), people({}))).toEqual(['orders more']);
    expect(told(null, people({}, false))).toEqual(['orders less']);
    // A column of which the policy does not speak may inherit a rule that shows it.
    expect(told(ruled({ person: token }), null)).toEqual(['people.person more']);
  });

  it('may join by a domain that a rule of the sink names, and no longer by tokens of its own', () => {
    const diff = diffPolicies(lake(ruled({ city: token })), lake(ruled({ city: domain('mail') })));
    expect(weakerParts(diff).sinks).toEqual([
      ...['public.orders.mail = public.people.city', 'public.people.city = public.people.mail'].map(
        (pair) => ({
          sink: 'lake',
          places: pair.split(' = '),
          effect: 'more_visible',
          old: 'apart',
          new: 'joinable, domain mail',
        }),
      ),
    ]);
    expect(told(null, ruled({ mail: token }))).toEqual([
      'people.mail equally',
      'orders.mail = people.mail less',
    ]);
  });

  it('is nothing new when only the policy changes, or the words for the same', () => {
    const sinks = new Map([['lake', ruled({ city: partial(2) })]]);
    expect(diffPolicies(side(sinks, partial(4)), side(sinks, keep)).sinks).toEqual([]);
    expect(told(null, people({}))).toEqual([]);
  });

  it('is everything of a sink that is new', () => {
    const [none, one] = [side(new Map()), lake(people({ only: new Set(['id']) }))];
    expect(weakerParts(diffPolicies(none, one)).sinks).toEqual([
      { sink: 'lake', places: [], effect: 'more_visible', old: 'no sink', new: 'a sink' },
    ]);
    expect(diffPolicies(one, none).sinks).toMatchObject([{ effect: 'less_visible' }]);
  });
});
