import type { Dialect } from '../../src/deliver/warehouse/target.ts';
import { duckdbType } from './types.ts';

/** DuckDB compares identifiers without case, and has no limit to their length. */
export const dialect: Dialect = {
  typeOf: ({ type }) => duckdbType(type),
  textType: 'VARCHAR',
  fold: (name) => name.toLowerCase(),
  fit: (name, suffix) => name + suffix,
};
