import fc from 'fast-check';
import type { ColumnRule, Handling, Rule } from '../../src/mask/policy-document.ts';

const small = fc.integer({ min: 0, max: 3 });
const normalize = fc.uniqueArray(fc.constantFrom('trim', 'lower', 'casefold', 'digits'), { maxLength: 2 });

const handling: fc.Arbitrary<Handling> = fc.record(
  {
    onError: fc.constantFrom('redact', 'halt'),
    short: fc.constantFrom('redact', 'halt', 'hash'),
    foreign: fc.constantFrom('redact', 'halt', 'hash'),
    onNull: fc.constantFrom({ constant: '1' }, { constant: '2' }),
  },
  { requiredKeys: [] },
);

/** Every method but json, with options that matter for what is shown. */
export const plainRules: fc.Arbitrary<Rule> = fc
  .tuple(
    fc.oneof(
      fc.constantFrom<Rule>(
        { method: 'keep' },
        { method: 'drop' },
        { method: 'redact', with: 'null' },
        { method: 'redact', with: 'shape' },
        { method: 'redact', with: { constant: 'x' } },
        { method: 'redact', with: { constant: 'x' }, onNull: { constant: 'x' } },
        { method: 'reversible' },
        { method: 'iban' },
        { method: 'us_ssn' },
        { method: 'uuid' },
        { method: 'ip' },
        { method: 'phone', country: null },
        { method: 'email', host: 'token' },
        { method: 'email', host: 'keep' },
        { method: 'email', host: { replace: 'example.com' } },
        { method: 'generalize', to: { kind: 'zip3' } },
      ),
      fc.record({
        method: fc.constant('partial' as const),
        keepFirst: small,
        keepLast: small,
        fill: fc.constant('*'),
      }),
      fc.record(
        {
          method: fc.constant('token' as const),
          normalize,
          prefix: fc.constant('t_'),
          length: fc.integer({ min: 8, max: 30 }),
        },
        { requiredKeys: ['method', 'normalize', 'prefix'] },
      ),
      fc.record({
        method: fc.constant('fpe' as const),
        alphabet: fc.constantFrom('digits', 'hex'),
        keepFirst: small,
        keepLast: small,
        separators: fc.constantFrom(null, '', '-', '- '),
        checkDigit: fc.constantFrom('none' as const, 'luhn' as const),
        normalize,
        min: fc.constant(null),
        max: fc.constant(null),
      }),
      fc.record({
        method: fc.constant('pan' as const),
        keepFirst: small,
        keepLast: small,
        minDigits: fc.constant(13),
        maxDigits: fc.constant(19),
      }),
      fc.record({
        method: fc.constant('date_shift' as const),
        maxDays: fc.integer({ min: 1, max: 3 }),
        by: fc.constantFrom('id', 'owner'),
        entity: fc.constant(null),
      }),
      fc.subarray(['1', '2', '3.0'], { minLength: 1 }).chain((bounds) =>
        fc.record({
          method: fc.constant('bucket' as const),
          bounds: fc.constant(bounds),
          labels: fc.option(
            fc.array(fc.constantFrom('low', 'usual', 'high'), {
              minLength: bounds.length + 1,
              maxLength: bounds.length + 1,
            }),
            { nil: null },
          ),
        }),
      ),
      fc.record({ method: fc.constant('round' as const), to: fc.constantFrom('1', '10', '0.5') }),
      fc.record({
        method: fc.constant('generalize' as const),
        to: fc.oneof(
          fc.record({ kind: fc.constant('size' as const), size: fc.constantFrom('1', '10.0', '5') }),
          fc.record({
            kind: fc.constant('date' as const),
            unit: fc.constantFrom('day', 'month', 'year'),
            oldestYear: fc.constantFrom(null, 1930, 1950),
          }),
        ),
      }),
      fc.record({
        method: fc.constant('scan' as const),
        classes: fc.oneof(fc.constant(null), fc.subarray(['email', 'phone', 'iban'], { minLength: 1 })),
        patterns: fc.subarray([{ name: 'a', pattern: 'A+' }]),
        replace: fc.constantFrom('label', 'token', 'fill'),
      }),
      fc.record({
        method: fc.constant('custom' as const),
        module: fc.constant('m.mjs'),
        source: fc.constantFrom('one', 'two'),
        export: fc.constant('mask'),
        returns: fc.constant('same' as const),
        timeoutMs: fc.constant(1000),
        injective: fc.boolean(),
      }),
    ),
    handling,
  )
  .map(([rule, misfits]) => ({ ...rule, ...misfits }) as Rule);

const paths = ['$', '$.a', '$.a.b', '$.a.*', '$.*', '$.*.b', '$.list[*]', '$.list[*].b'];

export function jsonRules(inner: fc.Arbitrary<Rule>): fc.Arbitrary<Rule> {
  return fc.record({
    method: fc.constant('json' as const),
    paths: fc
      .subarray(paths, { minLength: 0, maxLength: 4 })
      .chain((chosen) =>
        fc
          .array(inner, { minLength: chosen.length, maxLength: chosen.length })
          .map((rules) =>
            chosen.map((path, i) => ({ path, rule: { kind: 'method', method: rules[i]! } as ColumnRule })),
          ),
      ),
    otherwise: fc.constantFrom('redact', 'drop'),
  }) as fc.Arbitrary<Rule>;
}

export const rules: fc.Arbitrary<Rule> = fc.oneof(
  { arbitrary: plainRules, weight: 4 },
  { arbitrary: jsonRules(plainRules), weight: 1 },
);
