import type { TableSchema } from '../../model/table.ts';
import type { UnfitReason } from '../method.ts';

/** Where something stands in a fixture file; counts from 1. */
export interface FixturePlace {
  readonly file: string;
  readonly line: number;
  /** For people: `tables.public.customers.cases[0].input.email`. */
  readonly path: string;
}

export interface FixtureFile {
  /** As people named it. */
  readonly file: string;
  /** Which key its expectations were written for. */
  readonly key: 'configured' | 'test';
  readonly tables: readonly TableFixture[];
}

export interface TableFixture {
  /** `namespace.name`. */
  readonly table: string;
  /** null: the file does not say the types, the source has to. */
  readonly schema: TableSchema | null;
  readonly place: FixturePlace;
  readonly cases: readonly FixtureCase[];
}

export interface FixtureCase {
  /** null: it has none, and is told by its number. */
  readonly name: string | null;
  /** From 1. */
  readonly number: number;
  readonly place: FixturePlace;
  /** Canonical text or null, by column. What is not named is null. */
  readonly input: ReadonlyMap<string, { readonly value: string | null; readonly place: FixturePlace }>;
  /** null: nothing is expected yet; `mask test --update` writes it. */
  readonly expect: ReadonlyMap<string, Expectation> | null;
}

/** What must hold of one masked cell: all of it. */
export interface Expectation {
  readonly place: FixturePlace;
  readonly checks: readonly Check[];
}

export type Check =
  /** `'?'`: not written yet. */
  | { readonly kind: 'open' }
  | { readonly kind: 'value'; readonly value: string | null }
  | { readonly kind: 'json'; readonly json: unknown }
  /** Equal to another masked cell, so that rows join. */
  | { readonly kind: 'same_as'; readonly cell: CellReference; readonly text: string }
  /** RE2 pattern; matches anywhere unless it says otherwise. */
  | { readonly kind: 'matches'; readonly pattern: string }
  | { readonly kind: 'differs' }
  | { readonly kind: 'kept' }
  | { readonly kind: 'not_contains_input' }
  | { readonly kind: 'dropped' }
  | { readonly kind: 'unfit'; readonly reason: UnfitReason }
  | { readonly kind: 'halts'; readonly code: string };

/** `column` of the same case, `case/column` of the same table, or `table/case/column` of the same file. */
export interface CellReference {
  readonly table: string | null;
  /** Name or number; null: the same. */
  readonly case: string | null;
  readonly column: string;
}

export function parseCellReference(text: string): CellReference | null {
  const parts = text.split('/').map((part) => part.trim());
  if (parts.length > 3 || parts.some((part) => part === '')) return null;
  return { table: parts.at(-3) ?? null, case: parts.at(-2) ?? null, column: parts.at(-1)! };
}
