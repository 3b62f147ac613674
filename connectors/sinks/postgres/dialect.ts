import {
  type Dialect,
  PROOF_COLUMNS,
  type Target,
  type TargetColumn,
  type TargetStep,
  UNCHANGED_COLUMN,
} from '../../../src/deliver/warehouse/target.ts';
import { fitName, qualified, quoteIdentifier, quoteLiteral, type TargetNames } from './identifier.ts';
import { exactPattern, postgresType } from './types.ts';

/** Every table has these columns already (PostgreSQL manual 5.6). */
const SYSTEM_COLUMNS = new Set(['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid']);

export const dialect: Dialect = {
  typeOf: postgresType,
  textType: 'text',
  fold: (name) => name,
  fit: (name, suffix) => fitName(SYSTEM_COLUMNS.has(name) ? `${name}_` : name, suffix),
};

export const PROOF_TYPES = ['text', 'bigint', 'bigint', 'timestamptz'];
const proofDefinitions = PROOF_COLUMNS.map((name, i) => `${name} ${PROOF_TYPES[i]}`);

/** @param fillfactor percent of a page that is filled when rows are inserted: updates find the rest */
export function createMirror({ columns, proof }: Target, names: TargetNames, fillfactor: number): string {
  const definitions = [...columns.map(definition), ...(proof ? proofDefinitions : [])];
  const storage = fillfactor === 100 ? '' : ` WITH (fillfactor = ${fillfactor})`;
  return `CREATE TABLE ${qualified(names.schema, names.mirror)} (${definitions.join(', ')})${storage}`;
}

export function createHistory({ historyColumns }: Target, names: TargetNames): string {
  const definitions = [
    ...proofDefinitions.map((text) => `${text} NOT NULL`),
    `${UNCHANGED_COLUMN} text`,
    ...historyColumns.map(definition),
  ];
  return `CREATE TABLE ${qualified(names.schema, names.history)} (${definitions.join(', ')})`;
}

/** @param table quoted */
export function alterStatements(table: string, step: TargetStep): readonly string[] {
  const alter = `ALTER TABLE ${table}`;
  switch (step.kind) {
    case 'drop':
      return [`${alter} DROP COLUMN ${quoteIdentifier(step.name)}`];
    case 'rename':
      return [`${alter} RENAME COLUMN ${quoteIdentifier(step.from)} TO ${quoteIdentifier(step.to)}`];
    case 'retype': {
      const name = quoteIdentifier(step.name);
      const text = `${name}::text`;
      const value = `CASE WHEN ${holds(text, step.to)} THEN ${text}::${step.to} END`;
      return [`${alter} ALTER COLUMN ${name} TYPE ${step.to} USING ${value}`];
    }
    case 'add':
      return [`${alter} ADD COLUMN ${definition(step.column)}`];
    case 'add-proof':
      return proofDefinitions.map((text) => `${alter} ADD COLUMN ${text}`);
    case 'drop-proof':
      return PROOF_COLUMNS.map((column) => `${alter} DROP COLUMN ${column}`);
  }
}

/** SQL: the text is exactly a value of the type. */
export function holds(text: string, type: string): string {
  const valid = `pg_input_is_valid(${text}, ${quoteLiteral(type)})`;
  // A boolean prints as true and false when it is cast, as t and f otherwise.
  const pattern = type === 'boolean' ? 't(rue)?|f(alse)?' : exactPattern(type);
  return pattern === null ? valid : `(${text} ~ ${quoteLiteral(`^(?:${pattern})$`)} AND ${valid})`;
}

function definition({ name, type }: TargetColumn): string {
  return `${quoteIdentifier(name)} ${type}`;
}
