import { describe, expect, it } from 'vitest';
import { scanColumn } from '../../../../src/mask/detect/column-scan.ts';
import type { ColumnRule } from '../../../../src/mask/policy-document.ts';
import type { PresetName } from '../../../../src/mask/preset/preset.ts';
import { presetOf } from '../../../../src/mask/preset/presets.ts';
import {
  type PolicyProposal,
  type ProposedRule,
  proposePolicy,
  type ScannedTable,
} from '../../../../src/mask/propose/policy-proposal.ts';
import type { Column, ColumnReference, TableSchema } from '../../../../src/model/table.ts';
import type { ColumnType } from '../../../../src/model/type.ts';

const TEXT: ColumnType = { kind: 'text', maxLength: null, padded: false };
const INT: ColumnType = { kind: 'int', bits: 64, unsigned: false };
const UUID: ColumnType = { kind: 'uuid' };
const JSON_TYPE: ColumnType = { kind: 'json' };

interface Sketch {
  readonly type?: ColumnType;
  readonly values?: readonly (string | null)[];
  readonly references?: ColumnReference;
}

function table(
  name: string,
  key: readonly string[],
  columns: Readonly<Record<string, Sketch>>,
): ScannedTable {
  const list = Object.entries(columns).map(
    ([column, { type = TEXT, references }], index): Column => ({
      name: column,
      type,
      sourceType: type.kind,
      id: String(index + 1),
      ...(references === undefined ? {} : { references }),
    }),
  );
  const schema: TableSchema = {
    namespace: 'public',
    name,
    columns: list,
    key: key.map((column) => list.findIndex((one) => one.name === column)),
  };
  return {
    table: schema,
    estimatedRows: 1000,
    rows: 50,
    columns: list.map((column) =>
      scanColumn({ table: `public.${name}`, column, values: columns[column.name]!.values ?? [] }),
    ),
  };
}

const repeat = (count: number, make: (row: number) => string): string[] =>
  Array.from({ length: count }, (_, row) => make(row));

function propose(tables: readonly ScannedTable[], preset: PresetName = 'gdpr'): PolicyProposal {
  return proposePolicy(tables, presetOf(preset, 2026));
}

function decided(proposal: PolicyProposal, name: string, column: string): ProposedRule {
  const found = proposal.tables.find(({ scanned }) => scanned.table.name === name)!;
  return found.columns[found.scanned.table.columns.findIndex((one) => one.name === column)]!;
}

const word = (rule: ColumnRule): string => (rule.kind === 'domain' ? `@${rule.domain}` : rule.method.method);

const customers = table('customers', ['id'], {
  id: { type: INT, values: repeat(50, String) },
  email: { values: repeat(50, (row) => `p${row}@example.org`) },
});

describe('keys', () => {
  const orders = table('orders', ['id'], {
    id: { type: UUID },
    customer_id: { type: INT, references: { namespace: 'public', name: 'customers', column: 'id' } },
    buyer: { type: INT, references: { namespace: 'public', name: 'elsewhere', column: 'id' } },
  });
  const notes = table('notes', ['id'], { id: { type: INT }, customer_id: { type: INT } });

  it('that number rows are kept, and what leads to them is treated alike', () => {
    const proposal = propose([orders, customers, notes]);
    expect(word(decided(proposal, 'customers', 'id').rule)).toBe('keep');
    expect(word(decided(proposal, 'orders', 'id').rule)).toBe('keep');
    expect(decided(proposal, 'orders', 'customer_id')).toMatchObject({
      group: 'key',
      why: 'references public.customers.id; masked alike',
    });
    expect(decided(proposal, 'notes', 'customer_id').why).toBe(
      'seems to reference public.customers.id; masked alike',
    );
  });

  it('are tokens of one domain a table under hipaa, in references too', () => {
    const proposal = propose([orders, customers, notes], 'hipaa');
    for (const [name, column] of [
      ['customers', 'id'],
      ['orders', 'customer_id'],
      ['notes', 'customer_id'],
    ] as const)
      expect(word(decided(proposal, name, column).rule)).toBe('@key_of_public_customers');
    expect([...proposal.domains.keys()]).toEqual(
      expect.arrayContaining(['key_of_public_customers', 'key_of_public_orders']),
    );
  });

  it('that are personal become tokens without normalisation, with a warning under hipaa', () => {
    const people = table('people', ['email'], {
      email: { values: repeat(50, (row) => `p${row}@example.org`) },
    });
    const visits = table('visits', ['id'], {
      id: { type: INT },
      person: { references: { namespace: 'public', name: 'people', column: 'email' } },
    });
    const proposal = propose([people, visits]);
    expect(decided(proposal, 'people', 'email').rule).toEqual(decided(proposal, 'visits', 'person').rule);
    expect(decided(proposal, 'people', 'email').rule).toMatchObject({
      method: { method: 'token', normalize: [] },
    });
    expect(proposal.warnings).toEqual([]);
    expect(propose([people, visits], 'hipaa').warnings).toEqual([
      expect.stringContaining('Safe Harbor does not allow'),
    ]);
  });

  it('may reference each other in a circle', () => {
    const a = table('a', ['id'], {
      id: { type: INT, references: { namespace: 'public', name: 'b', column: 'id' } },
    });
    const b = table('b', ['id'], {
      id: { type: INT, references: { namespace: 'public', name: 'a', column: 'id' } },
    });
    expect(word(decided(propose([a, b]), 'a', 'id').rule)).toBe('keep');
  });

  it('are missed', () => {
    expect(propose([table('logs', [], { line: {} })]).warnings).toEqual([
      expect.stringContaining('public.logs has no row key'),
    ]);
  });
});

describe('columns nothing was found in', () => {
  const status = repeat(60, (row) => ['open', 'paid'][row % 2]!);
  const codes = repeat(60, (row) => `K${row}-${row * 7}`);
  const things = table('products', ['id'], {
    id: { type: INT },
    name: { values: repeat(60, (row) => `Lamp ${row}`) },
    description: {
      values: repeat(60, () => 'A lamp made of oak that is quick to put together and easy to clean.'),
    },
    status: { values: status },
    unseen: {},
    stamp: { type: { kind: 'timestamp', withZone: true } },
    blob: { type: { kind: 'bytes' } },
    invoice_no: { type: INT, values: repeat(60, (row) => String(9000 + row)) },
    order_number: { values: repeat(60, (row) => `ORD-${9000 + row}`) },
    price: { type: INT, values: repeat(60, String) },
    sold_at_ms: { type: INT, values: repeat(60, (row) => String(1_700_000_000_000 + row)) },
    sold_on_text: { values: repeat(60, (row) => `2025-03-0${1 + (row % 3)}`) },
  });
  const people = table('customers', ['id'], {
    id: { type: INT },
    tier: { values: status },
    advisor: { values: repeat(60, (row) => ['A. Weber', 'Rossi', 'C. Garcia'][row % 3]!) },
    closed_by: { values: repeat(60, (row) => ['kx1', 'kx2'][row % 2]!) },
    code: { values: codes },
    legacy_no: { type: INT, values: repeat(60, (row) => String(4_000_000 + row * 31)) },
    visits: { type: INT, values: repeat(60, (row) => String(row % 9)) },
    handle_ref: { type: UUID },
  });

  it('are kept where they are about things or categories, masked where they may be anything', () => {
    const proposal = propose([things, people]);
    const rules = (name: string): Record<string, string> => {
      const { scanned, columns } = proposal.tables.find((one) => one.scanned.table.name === name)!;
      return Object.fromEntries(
        scanned.table.columns.map((column, i) => [column.name, word(columns[i]!.rule)]),
      );
    };
    expect(rules('products')).toEqual({
      id: 'keep',
      name: 'keep',
      description: 'scan',
      status: 'keep',
      unseen: 'redact',
      stamp: 'keep',
      blob: 'redact',
      invoice_no: 'keep',
      order_number: 'keep',
      price: 'keep',
      sold_at_ms: 'keep',
      sold_on_text: 'keep',
    });
    expect(rules('customers')).toEqual({
      id: 'keep',
      tier: 'keep',
      advisor: 'token',
      closed_by: 'token',
      code: 'token',
      legacy_no: 'token',
      visits: 'keep',
      handle_ref: 'uuid',
    });
  });

  it('are redacted under hipaa, and all dates become years', () => {
    const proposal = propose([things, people], 'hipaa');
    expect(word(decided(proposal, 'customers', 'code').rule)).toBe('redact');
    expect(word(decided(proposal, 'customers', 'legacy_no').rule)).toBe('redact');
    // Any unique identifying number counts, 164.514(b)(2)(i)(R).
    expect(word(decided(proposal, 'products', 'invoice_no').rule)).toBe('redact');
    expect(word(decided(proposal, 'products', 'order_number').rule)).toBe('redact');
    expect(word(decided(proposal, 'products', 'price').rule)).toBe('keep');
    for (const column of ['sold_at_ms', 'sold_on_text'])
      expect(word(decided(proposal, 'products', column).rule)).toBe('redact');
    expect(decided(proposal, 'products', 'stamp').rule).toMatchObject({ method: { to: { unit: 'year' } } });
  });
});

describe('documents', () => {
  const payload = repeat(40, (row) =>
    JSON.stringify({
      kind: ['a', 'b'][row % 2],
      ms: row,
      user: { email: `p${row}@example.org`, ssn: `123-45-${1000 + row}`, about: `something free ${row}` },
      by: { [`x${row}y`]: 1 },
      ok: true,
      mixed: row % 2 === 0 ? 'text' : { a: 1 },
    }),
  );

  it('keep what is harmless, mask what is known, deny the rest with a reason', () => {
    const proposal = propose([
      table('events', ['id'], { id: { type: INT }, payload: { type: JSON_TYPE, values: payload } }),
    ]);
    const { rule, denied } = decided(proposal, 'events', 'payload');
    expect(
      rule.kind === 'method' && rule.method.method === 'json'
        ? Object.fromEntries(rule.method.paths.map((path) => [path.path, word(path.rule)]))
        : null,
    ).toEqual({
      '$.kind': 'keep',
      '$.ms': 'keep',
      '$.ok': 'keep',
      '$.user.email': '@email',
      '$.user.ssn': '@us_ssn',
      '$.mixed.a': 'keep',
    });
    expect(denied?.map(({ path }) => path).sort()).toEqual(['$.by.*', '$.mixed', '$.user.about']);
  });

  it('are redacted where too few were seen', () => {
    const few = table('events', ['id'], {
      id: { type: INT },
      payload: { type: JSON_TYPE, values: payload.slice(0, 3) },
    });
    expect(decided(propose([few]), 'events', 'payload')).toMatchObject({
      rule: { method: { method: 'redact' } },
    });
  });
});

describe('what a preset keeps on purpose', () => {
  it('is said', () => {
    const patients = table('patients', ['id'], {
      id: { type: INT },
      blood_type: { values: repeat(40, () => 'A+') },
    });
    const proposal = propose([patients], 'hipaa');
    expect(word(decided(proposal, 'patients', 'blood_type').rule)).toBe('keep');
    expect(proposal.warnings).toEqual([
      expect.stringContaining('kept, as HIPAA Safe Harbor allows: public.patients.blood_type'),
    ]);
  });
});

describe('mixed columns', () => {
  it('are not left with a part of their values', () => {
    const mixed = table('t', ['id'], {
      id: { type: INT },
      zip: { values: [...repeat(20, () => '94110'), ...repeat(20, (row) => `p${row}@example.org`)] },
    });
    expect(word(decided(propose([mixed]), 't', 'zip').rule)).not.toBe('partial');
  });
});
