import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ColumnRule, PolicyDocument, Rule } from '../../../../src/mask/policy-document.ts';
import { joinsOf } from '../../../../src/mask/review/joins.ts';
import { diffPolicies, type PolicyDiff, weakerParts } from '../../../../src/mask/review/policy-diff.ts';
import type { PolicySide } from '../../../../src/mask/review/policy-side.ts';
import { domain, drop, keep, method, redact, token } from '../../../support/policies.ts';
import { rules } from '../../../support/rule-arbitrary.ts';

const side = (
  columns: Readonly<Record<string, ColumnRule>>,
  more: Partial<PolicyDocument> = {},
  captured: readonly string[] = ['public.people'],
): PolicySide => ({
  policy: {
    undecided: 'halt',
    keyEpoch: 1,
    leakGuard: { oneIn: 100, action: 'alert', except: new Set() },
    domains: new Map(),
    tables: new Map([['public.people', new Map(Object.entries(columns))]]),
    ...more,
  },
  captured: new Set(captured),
  sinks: new Map(),
});

const effects = (diff: PolicyDiff): Readonly<Record<string, string>> =>
  Object.fromEntries(
    diff.columns.map(({ column, effect }) => [column.replace('public.people.', ''), effect]),
  );

const sides = fc
  .tuple(
    fc.dictionary(fc.constantFrom('a', 'b', 'c', '__proto__'), rules, { maxKeys: 3 }),
    fc.dictionary(fc.constantFrom('d', 'e'), rules, { minKeys: 2, maxKeys: 2 }),
    fc.dictionary(fc.constantFrom('f', 'g'), fc.constantFrom('d', 'e')),
  )
  .map(([own, domains, shared]) =>
    side(
      {
        ...Object.fromEntries(Object.entries(own).map(([name, rule]) => [name, method(rule)])),
        ...Object.fromEntries(Object.entries(shared).map(([name, target]) => [name, domain(target)])),
      },
      { domains: new Map(Object.entries(domains)) },
    ),
  );

describe('a difference of policies', () => {
  it('is nothing between a policy and itself', () => {
    fc.assert(
      fc.property(sides, (policy) => {
        expect(diffPolicies(policy, policy)).toEqual({ columns: [], joins: [], settings: [], sinks: [] });
      }),
    );
  });

  it('looks the other way round from the other side', () => {
    const opposite: Readonly<Record<string, string>> = {
      more_visible: 'less_visible',
      less_visible: 'more_visible',
      equally_visible: 'equally_visible',
      not_comparable: 'not_comparable',
    };
    fc.assert(
      fc.property(sides, sides, (a, b) => {
        const [there, back] = [diffPolicies(a, b), diffPolicies(b, a)];
        for (const change of there.columns) {
          // Taking a rule away is not comparable; giving one is.
          if (change.old === null || change.new === null) continue;
          const other = back.columns.find(({ column }) => column === change.column);
          expect(other?.effect).toBe(opposite[change.effect]);
          expect([other?.shows, other?.hides]).toEqual([change.hides, change.shows]);
        }
        expect(there.joins.filter(({ kind }) => kind === 'gained').length).toBe(
          back.joins.filter(({ kind }) => kind === 'lost').length,
        );
      }),
      { numRuns: 500 },
    );
  });

  it('of a column that shows more names what it shows', () => {
    fc.assert(
      fc.property(rules, rules, (a, b) => {
        const [change] = diffPolicies(side({ a: method(a) }), side({ a: method(b) })).columns;
        if (change === undefined || change.effect === 'equally_visible') return;
        const said = change.shows.length + change.hides.length + change.paths.length + change.notes.length;
        expect(said, JSON.stringify([a, b])).toBeGreaterThan(0);
      }),
      { numRuns: 4000 },
    );
  });

  it('tells columns by what becomes of them', () => {
    const before = side({
      up: redact,
      down: keep,
      same: method({ method: 'redact', with: 'null' }),
      both: method({ method: 'partial', keepFirst: 0, keepLast: 4, fill: '*' }),
      gone: token,
      goneKept: keep,
      prefix: token,
    });
    const after = side({
      up: token,
      down: drop,
      same: redact,
      both: token,
      fresh: keep,
      freshRedacted: redact,
      prefix: method({ method: 'token', normalize: [], prefix: 'p_' }),
    });
    const diff = diffPolicies(before, after);
    expect(effects(diff)).toEqual({
      up: 'more_visible',
      down: 'less_visible',
      both: 'not_comparable',
      gone: 'not_comparable',
      goneKept: 'less_visible',
      prefix: 'equally_visible',
      fresh: 'more_visible',
      freshRedacted: 'equally_visible',
    });
    const of = (name: string) => diff.columns.find(({ column }) => column === `public.people.${name}`);
    expect(of('both')).toMatchObject({
      old: 'partial, last 4 kept',
      new: 'token',
      shows: ['which values are equal, and how often they occur'],
      hides: ['the last 4 characters', 'how long it is'],
    });
    expect(of('prefix')?.notes).toEqual(['every masked value changes']);
    expect(of('fresh')?.notes).toEqual(['newly decided']);
    expect(
      weakerParts(diff)
        .columns.map(({ column }) => column.slice('public.people.'.length))
        .sort(),
    ).toEqual(['both', 'fresh', 'gone', 'up']);
  });

  it('tells when nulls are no longer hidden among values', () => {
    const none = { onNull: { constant: '' } };
    const partial: Rule = { method: 'partial', keepFirst: 1, keepLast: 0, fill: '*' };
    const month: Rule = { method: 'generalize', to: { kind: 'date', unit: 'month', oldestYear: null } };
    const diff = diffPolicies(
      side({
        kept: method({ method: 'keep', ...none }),
        cut: method({ ...month, onNull: { constant: '1970-01-01' } }),
        hidden: method(partial),
        other: method({ ...partial, ...none }),
        both: method({ method: 'keep', ...none }),
        gone: method({ method: 'keep', ...none }),
        constant: method({ method: 'redact', with: { constant: 'x' }, onNull: { constant: 'x' } }),
        away: method({ ...partial, ...none }),
      }),
      side({
        kept: keep,
        cut: method(month),
        hidden: method({ ...partial, ...none }),
        other: method({ ...partial, onNull: { constant: 'none' } }),
        both: method(partial),
        constant: method({ method: 'redact', with: { constant: 'x' } }),
        away: redact,
      }),
    );
    expect(effects(diff)).toEqual({
      kept: 'more_visible',
      cut: 'more_visible',
      hidden: 'less_visible',
      other: 'not_comparable',
      both: 'not_comparable',
      gone: 'not_comparable',
      constant: 'more_visible',
      away: 'less_visible',
    });
    const of = (name: string) => diff.columns.find(({ column }) => column === `public.people.${name}`);
    expect(of('cut')).toMatchObject({
      shows: ['whether there is a value'],
      hides: [],
      notes: ['what a null becomes changes'],
    });
    expect(of('hidden')?.hides).toEqual(['whether there is a value']);
    expect(of('away')?.hides).not.toContain('whether there is a value');
  });

  it('tells ranges that had one label', () => {
    const bucket = (...labels: readonly string[]): PolicySide =>
      side({ pulse: method({ method: 'bucket', bounds: ['50', '100'], labels }) });
    const unusual = bucket('unusual', 'normal', 'unusual');
    expect(diffPolicies(unusual, bucket('low', 'normal', 'high')).columns).toMatchObject([
      {
        effect: 'more_visible',
        old: 'bucket of 3 ranges, 2 labels',
        new: 'bucket of 3 ranges',
        shows: ['which of 3 ranges it is in', 'ranges that had one label'],
        hides: ['which of 2 labels 3 ranges have'],
      },
    ]);
    expect(diffPolicies(unusual, bucket('a', 'b', 'a')).columns).toMatchObject([
      { effect: 'equally_visible', notes: ['options that change nothing in what is shown'] },
    ]);
  });

  it('of a table that is no longer captured shows nothing', () => {
    const diff = diffPolicies(side({ a: token, b: keep }), side({}, { tables: new Map() }, []));
    expect(effects(diff)).toEqual({ a: 'less_visible', b: 'less_visible' });
    expect(weakerParts(diff).columns).toEqual([]);
  });

  it('follows domains: their rule, and who joins whom', () => {
    const withDomain = (rule: Rule, columns: Readonly<Record<string, ColumnRule>>): PolicySide =>
      side(columns, { domains: new Map([['d', rule]]) });
    const email: Rule = { method: 'email', host: 'token' };
    const old = withDomain(email, { a: domain('d'), b: domain('d'), c: method(email) });
    const gained = diffPolicies(old, withDomain(email, { a: domain('d'), b: domain('d'), c: domain('d') }));
    expect(gained.joins).toEqual([
      { kind: 'gained', domain: 'd', columns: ['public.people.a', 'public.people.c'] },
      { kind: 'gained', domain: 'd', columns: ['public.people.b', 'public.people.c'] },
    ]);
    expect(effects(gained)).toEqual({ c: 'equally_visible' });
    expect(gained.columns[0]?.notes).toEqual(['its own tokens → domain d: every masked value changes']);
    expect(weakerParts(gained).joins).toHaveLength(2);
    const looser = diffPolicies(
      old,
      withDomain({ method: 'email', host: 'keep' }, { a: domain('d'), b: domain('d'), c: method(email) }),
    );
    expect(effects(looser)).toEqual({ a: 'more_visible', b: 'more_visible' });
    const lost = diffPolicies(old, withDomain(email, { a: domain('d'), b: redact, c: method(email) }));
    expect(lost.joins).toEqual([
      { kind: 'lost', domain: 'd', columns: ['public.people.a', 'public.people.b'] },
    ]);
  });

  it('knows places in documents as joins, and that constants join nothing', () => {
    const json: Rule = {
      method: 'json',
      paths: [{ path: '$.mail', rule: domain('d') }],
      otherwise: 'redact',
    };
    const of = (rule: Rule) =>
      joinsOf(side({ a: domain('d'), j: method(json) }, { domains: new Map([['d', rule]]) }).policy);
    expect(of({ method: 'token', normalize: [], prefix: '' })).toEqual([
      { domain: 'd', columns: ['public.people.a', 'public.people.j$.mail'] },
    ]);
    expect(of({ method: 'redact', with: 'null' })).toEqual([]);
    expect(of({ method: 'round', to: '10' })).toEqual([]);
    expect(of(json)).toEqual([]);
  });

  it('knows what documents of one domain let join: tokens at the same path, and nothing else', () => {
    const profile: Rule = {
      method: 'json',
      paths: [
        { path: '$.ssn', rule: token },
        { path: '$.mail', rule: domain('mail') },
        { path: '$.plan', rule: keep },
        { path: '$.age', rule: method({ method: 'round', to: '10' }) },
      ],
      otherwise: 'redact',
    };
    const of = (customers: ColumnRule, leads: ColumnRule): PolicySide =>
      side(
        { customers, leads },
        {
          domains: new Map<string, Rule>([
            ['docs', profile],
            ['mail', { method: 'token', normalize: [], prefix: '' }],
          ]),
        },
      );
    const diff = diffPolicies(of(domain('docs'), method(profile)), of(domain('docs'), domain('docs')));
    expect(diff.joins).toEqual([
      {
        kind: 'gained',
        domain: 'docs',
        columns: ['public.people.customers$.ssn', 'public.people.leads$.ssn'],
      },
    ]);
    expect(weakerParts(diff).joins).toHaveLength(1);
    expect(joinsOf(of(domain('docs'), domain('docs')).policy).map((join) => join.domain)).toEqual([
      'docs',
      'mail',
    ]);
  });

  it('knows finds in texts, and tokens for what does not fit, as joins', () => {
    const of = (rule: Rule) =>
      joinsOf(side({ a: domain('d'), b: domain('d') }, { domains: new Map([['d', rule]]) }).policy);
    const scan = (replace: 'label' | 'token'): Rule => ({
      method: 'scan',
      classes: null,
      patterns: [],
      replace,
    });
    expect(of(scan('token'))).toHaveLength(1);
    expect(of(scan('label'))).toEqual([]);
    const partial: Rule = { method: 'partial', keepFirst: 1, keepLast: 0, fill: '*' };
    expect(of({ ...partial, short: 'hash' })).toHaveLength(1);
    expect(of({ ...partial, short: 'redact' })).toEqual([]);
    expect(of({ method: 'keep', foreign: 'hash' })).toEqual([]);
  });

  it('tells places in documents one by one', () => {
    const json = (paths: Readonly<Record<string, ColumnRule>>): ColumnRule =>
      method({
        method: 'json',
        paths: Object.entries(paths).map(([path, rule]) => ({ path, rule })),
        otherwise: 'redact',
      });
    const diff = diffPolicies(
      side({ j: json({ '$.a': token, "$['b c'].d": keep, '$.same': keep }) }),
      side({ j: json({ '$.a': keep, "$['b c'].d": redact, '$.same': keep, '$.fresh': token }) }),
    );
    expect(diff.columns[0]).toMatchObject({ effect: 'not_comparable', shows: [], hides: [] });
    expect(diff.columns[0]?.paths.map(({ path, effect }) => [path, effect])).toEqual([
      ['$.a', 'more_visible'],
      ["$['b c'].d", 'less_visible'],
      ['$.fresh', 'more_visible'],
    ]);
  });

  it('tells that tokens inside a document change with their domain', () => {
    const json = method({ method: 'json', paths: [{ path: '$.a', rule: domain('d') }], otherwise: 'redact' });
    const of = (prefix: string): PolicySide =>
      side({ j: json }, { domains: new Map([['d', { method: 'token', normalize: [], prefix }]]) });
    expect(diffPolicies(of('a_'), of('a_')).columns).toEqual([]);
    expect(diffPolicies(of('a_'), of('b_')).columns).toMatchObject([
      { effect: 'equally_visible', notes: ['masked values in the document change'] },
    ]);
  });

  it('tells settings', () => {
    const diff = diffPolicies(
      side({}, { leakGuard: { oneIn: 1, action: 'halt', except: new Set(['a.b.c']) } }),
      side(
        {},
        {
          undecided: 'redact',
          keyEpoch: 2,
          leakGuard: { oneIn: null, action: 'redact', except: new Set(['a.b.c', 'd.e.f']) },
        },
      ),
    );
    expect(diff.settings).toEqual([
      { setting: 'undecided', effect: 'more_visible', old: 'halt', new: 'redact' },
      { setting: 'leak_guard.rows', effect: 'more_visible', old: 'every row', new: 'off' },
      { setting: 'leak_guard.action', effect: 'more_visible', old: 'halt', new: 'redact' },
      { setting: 'leak_guard.except', effect: 'more_visible', old: 'a.b.c', new: 'a.b.c, d.e.f' },
      { setting: 'key.epoch', effect: 'equally_visible', old: '1', new: '2' },
    ]);
    expect(weakerParts(diff).settings).toHaveLength(4);
  });

  it('reads an unknown domain as showing everything', () => {
    expect(effects(diffPolicies(side({ a: token }), side({ a: domain('none') })))).toEqual({
      a: 'more_visible',
    });
  });
});
