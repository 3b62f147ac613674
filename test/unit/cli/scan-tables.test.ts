import { describe, expect, it } from 'vitest';
import type { Source } from '../../../src/capture/source.ts';
import type { Terminal } from '../../../src/cli/context.ts';
import { scanTables } from '../../../src/cli/scan-tables.ts';
import { chooseTables } from '../../../src/cli/table-patterns.ts';
import type { TableSchema } from '../../../src/model/table.ts';
import { schema } from '../../support/policies.ts';

const quiet: Terminal = {
  json: false,
  interactive: false,
  out: () => {},
  say: () => {},
  result: () => {},
  paint: (_, text) => text,
};

const found = (name: string): { readonly table: TableSchema; readonly estimatedRows: number } => ({
  table: schema({ id: null, email: null }, [0], name),
  estimatedRows: 5,
});

describe('a table that cannot be read', () => {
  it('is judged by its names, and the error keeps what it quotes to itself', async () => {
    const source = {
      sample: async () => {
        throw new Error('Key (email)=(canary@example.org) is odd');
      },
    } as unknown as Source;
    const scanned = await scanTables(source, [found('people')], 10, quiet);
    expect(scanned.tables[0]).toMatchObject({ rows: 0 });
    expect(scanned.tables[0]!.columns[1]!.findings[0]).toMatchObject({ class: 'email' });
    expect(scanned.unread).toMatchObject([{ table: 'public.people', code: 'RS-RUN-000' }]);
    expect(JSON.stringify(scanned)).not.toContain('canary');
  });
});

describe('patterns', () => {
  const tables = ['customers', 'orders', 'order_lines'].map(found);
  const names = (wanted: string[], excluded: string[] = []): string[] =>
    chooseTables(tables, wanted, excluded).map(({ table }) => table.name);

  it('are names with or without a schema, and stars', () => {
    expect(names([])).toEqual(['customers', 'orders', 'order_lines']);
    expect(names(['order*'])).toEqual(['orders', 'order_lines']);
    expect(names(['public.orders', 'customers'])).toEqual(['customers', 'orders']);
    expect(names(['public.*'], ['*_lines'])).toEqual(['customers', 'orders']);
    expect(() => names(['o.ders'])).toThrow('matches no table');
    expect(() => names([], ['missing'])).toThrow('matches no table');
    expect(() => names([], ['*'])).toThrow('3 tables may be read');
  });
});
