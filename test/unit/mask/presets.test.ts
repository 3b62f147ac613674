import { describe, expect, it } from 'vitest';
import { fits } from '../../../src/mask/detect/column-name.ts';
import type { ClassFinding, ColumnScan } from '../../../src/mask/detect/column-scan.ts';
import { type DataClass, dataClasses } from '../../../src/mask/detect/data-class.ts';
import { noCustomFunctions } from '../../../src/mask/method/custom.ts';
import { CompiledPolicy } from '../../../src/mask/policy.ts';
import type { ColumnRule } from '../../../src/mask/policy-document.ts';
import { PRESET_NAMES, presetOf } from '../../../src/mask/preset/presets.ts';
import { proposePolicy } from '../../../src/mask/propose/policy-proposal.ts';
import type { Column, TableSchema } from '../../../src/model/table.ts';
import type { ColumnType } from '../../../src/model/type.ts';
import { maskedColumn } from '../../support/mask-column.ts';
import { TEST_KEYS } from '../../support/policies.ts';

const classes = Object.keys(dataClasses) as DataClass[];
const TEXT: ColumnType = { kind: 'text', maxLength: null, padded: false };

const types: readonly (readonly [sourceType: string, type: ColumnType])[] = [
  ['text', TEXT],
  ['character varying(5)', { kind: 'text', maxLength: 5, padded: false }],
  ['character(9)', { kind: 'text', maxLength: 9, padded: true }],
  ['smallint', { kind: 'int', bits: 16, unsigned: false }],
  ['bigint', { kind: 'int', bits: 64, unsigned: false }],
  ['numeric', { kind: 'decimal', precision: null, scale: null }],
  ['numeric(4,1)', { kind: 'decimal', precision: 4, scale: 1 }],
  ['double precision', { kind: 'float', bits: 64 }],
  ['boolean', { kind: 'boolean' }],
  ['date', { kind: 'date' }],
  ['timestamp', { kind: 'timestamp', withZone: false }],
  ['timestamptz', { kind: 'timestamp', withZone: true }],
  ['time', { kind: 'time', withZone: false }],
  ['interval', { kind: 'interval' }],
  ['uuid', { kind: 'uuid' }],
  ['jsonb', { kind: 'json' }],
  ['bytea', { kind: 'bytes' }],
  ['mood', { kind: 'enum', labels: ['a', 'b'] }],
  ['inet', { kind: 'other' }],
  ['point', { kind: 'other' }],
  ['text[]', { kind: 'array', element: TEXT }],
  ['integer[]', { kind: 'array', element: { kind: 'int', bits: 32, unsigned: false } }],
  ['date[]', { kind: 'array', element: { kind: 'date' } }],
  ['jsonb[]', { kind: 'array', element: { kind: 'json' } }],
];

function scanned(column: Column, findings: readonly ClassFinding[]): ColumnScan {
  const { type } = column;
  return {
    column,
    path: null,
    mixed: false,
    rows: 100,
    documents: type.kind === 'json' ? 0 : null,
    places: [],
    shape: { type, filled: 100, distinct: 100, longest: 10, wordy: 0, named: 0, dated: 0 },
    findings,
  };
}

/** The rule that a preset gives a column of a class, after it compiled against the table. */
function ruleFor(
  preset: (typeof PRESET_NAMES)[number],
  found: DataClass,
  sourceType: string,
  type: ColumnType,
  isKey = false,
): ColumnRule {
  const id: Column = {
    name: 'id',
    type: { kind: 'int', bits: 64, unsigned: false },
    sourceType: 'bigint',
    id: '1',
  };
  const value: Column = { name: 'value', type, sourceType, id: '2' };
  const table: TableSchema = {
    namespace: 'public',
    name: 'people',
    columns: [id, value],
    key: isKey ? [0, 1] : [0],
  };
  const finding: ClassFinding = {
    class: found,
    confidence: 0.9,
    evidence: ['the name says so'],
    contains: [],
  };
  const proposal = proposePolicy(
    [{ table, estimatedRows: 100, rows: 100, columns: [scanned(id, []), scanned(value, [finding])] }],
    presetOf(preset, 2026),
  );
  const rules = proposal.tables[0]!.columns.map(({ rule }) => rule);
  new CompiledPolicy(
    {
      undecided: 'halt',
      keyEpoch: 1,
      leakGuard: { oneIn: null, action: 'alert', except: new Set() },
      domains: proposal.domains,
      tables: new Map([
        [
          'public.people',
          new Map([
            ['id', rules[0]!],
            ['value', rules[1]!],
          ]),
        ],
      ]),
    },
    TEST_KEYS,
    noCustomFunctions,
  ).check([table]);
  return rules[1]!;
}

const methodOf = (rule: ColumnRule): string => (rule.kind === 'domain' ? 'domain' : rule.method.method);

describe.each(PRESET_NAMES)('preset %s', (preset) => {
  it('has a rule that compiles for every class and every type, as a value and as a key', () => {
    for (const found of classes) {
      for (const [sourceType, type] of types) {
        const rule = ruleFor(preset, found, sourceType, type);
        const holds = fits(found, type);
        // What cannot be a column of the class is treated with as much care.
        if (!holds) expect(methodOf(rule), `${found} ${sourceType}`).not.toBe('scan');
        ruleFor(preset, found, sourceType, type, true);
      }
    }
  });

  it('lets no secret through, in any type', () => {
    for (const found of ['password', 'secret', 'card_security_code'] as const)
      for (const [sourceType, type] of types)
        expect(methodOf(ruleFor(preset, found, sourceType, type))).toBe('drop');
  });

  it('names the law for each class', () => {
    for (const { reference, choices } of Object.values(presetOf(preset, 2026).classes)) {
      expect(reference.length).toBeGreaterThan(5);
      expect(choices.length).toBeGreaterThan(0);
    }
  });
});

describe('gdpr', () => {
  it('redacts every special category of Article 9', () => {
    for (const found of classes.filter((name) => dataClasses[name].gdpr === 'special'))
      for (const [sourceType, type] of types)
        expect(methodOf(ruleFor('gdpr', found, sourceType, type)), found).toBe('redact');
  });

  it('keeps nothing that is personal', () => {
    for (const found of classes)
      for (const [sourceType, type] of types)
        expect(methodOf(ruleFor('gdpr', found, sourceType, type)), found).not.toBe('keep');
  });
});

describe('hipaa', () => {
  const listed = classes.filter((name) => dataClasses[name].hipaa !== null);

  it('removes all eighteen identifiers; only years, ages and three digits of a ZIP code stay', () => {
    const covered = new Set(listed.map((name) => dataClasses[name].hipaa));
    // A fax number (E) is a phone number here.
    expect([...covered].sort((a, b) => a! - b!)).toEqual([
      1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18,
    ]);
    const left = new Map<string, Set<string>>();
    for (const found of listed)
      for (const [sourceType, type] of types) {
        const method = methodOf(ruleFor('hipaa', found, sourceType, type));
        if (method === 'redact' || method === 'drop') continue;
        left.set(found, (left.get(found) ?? new Set()).add(method));
      }
    expect(Object.fromEntries([...left].map(([found, methods]) => [found, [...methods]]))).toEqual({
      postcode: ['generalize'],
      date_of_birth: ['generalize'],
      event_date: ['generalize'],
      age: ['bucket'],
    });
  });

  it('moves dates of people over 89 to one year, until the grace is over', () => {
    const mask = maskedColumn(ruleFor('hipaa', 'date_of_birth', 'date', { kind: 'date' }), { kind: 'date' });
    expect(mask('1980-06-15')).toBe('1980-01-01');
    expect(mask('1942-06-15')).toBe('1942-01-01');
    expect(mask('1941-12-31')).toBe('1942-01-01');
    expect(mask('1920-01-01')).toBe('1942-01-01');
    // At the end of the last year of grace nobody born in the oldest year is over 89.
    expect(2031 - 1942).toBe(89);
  });

  it('makes one category of 90 and more', () => {
    const type: ColumnType = { kind: 'int', bits: 32, unsigned: false };
    const mask = maskedColumn(ruleFor('hipaa', 'age', 'integer', type), type);
    expect(['0', '4', '5', '89', '90', '104'].map((age) => mask(age))).toEqual([
      '0-4',
      '0-4',
      '5-9',
      '85-89',
      '90+',
      '90+',
    ]);
  });

  it('keeps three digits of a ZIP code, and none of a small area', () => {
    const mask = maskedColumn(ruleFor('hipaa', 'postcode', 'text', TEXT));
    expect(['94110', '94110-1234', '03601', '89312', 'W1A 1AA'].map((zip) => mask(zip))).toEqual([
      '941',
      '941',
      '000',
      '000',
      null,
    ]);
  });
});

describe('pci', () => {
  it('makes of a card number a keyed hash of all its digits, however it is written', () => {
    const rule = ruleFor('pci', 'pan', 'text', TEXT);
    expect(rule).toEqual({ kind: 'domain', domain: 'pan' });
    const domains = new Map(
      Object.entries({ pan: { method: 'token', normalize: ['digits'], prefix: 'tok_' } as const }),
    );
    const mask = maskedColumn(rule, TEXT, { document: { domains } });
    const masked = mask('4111 1111 1111 1111');
    expect(masked).toBe(mask('4111111111111111'));
    expect(masked).toMatch(/^tok_[\w-]{22}$/);
    expect(String(masked)).not.toContain('1111');
  });

  it('drops authentication data', () => {
    for (const found of classes.filter((name) => dataClasses[name].pci === 'authentication'))
      expect(methodOf(ruleFor('pci', found, 'text', TEXT))).toBe('drop');
  });
});
