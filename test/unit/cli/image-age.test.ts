import { describe, expect, it } from 'vitest';
import { tableDirectory } from '../../../src/audit/table-directory.ts';
import { imageAgeOf } from '../../../src/cli/open-log.ts';
import type { RowsealConfig } from '../../../src/config/load.ts';

const DAY_US = 86_400_000_000n;
const named = (name: string) => ({ namespace: 'public', name });

function ageOf(rowImagesDays: number | null, tables: Record<string, number | null> = {}) {
  const retention = { rowImagesDays, tables: new Map(Object.entries(tables)) };
  const source = { tables: ['a', 'b', 'c'].map(named) };
  return imageAgeOf({ audit: { retention }, source } as unknown as RowsealConfig);
}

describe('how long row images are kept', () => {
  it('for good, where nothing else is said', () => {
    expect(ageOf(null)).toBeNull();
    expect(ageOf(30, { 'public.a': null, 'public.b': null, 'public.c': null })).toBeNull();
  });

  it('as the table says, else as all do', () => {
    const age = ageOf(30, { 'public.a': 7, 'public.b': null })!;
    expect(['a', 'b', 'c'].map((name) => age.of(tableDirectory(named(name))))).toEqual([
      7n * DAY_US,
      null,
      30n * DAY_US,
    ]);
    expect(age.shortestUs).toBe(7n * DAY_US);
    expect(age.of(tableDirectory(named('stranger')))).toBeNull();
  });

  it('for one table only', () => {
    const age = ageOf(null, { 'public.c': 1 })!;
    expect(['a', 'b', 'c'].map((name) => age.of(tableDirectory(named(name))))).toEqual([null, null, DAY_US]);
  });
});
