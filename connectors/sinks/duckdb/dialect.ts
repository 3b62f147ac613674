import {
  PROOF_COLUMNS,
  type Target,
  type TargetColumn,
  type TargetStep,
  UNCHANGED_COLUMN,
} from '../../../src/deliver/warehouse/target.ts';
import type { MaskedTable } from '../../../src/model/masked.ts';
import { textOf } from '../../duckdb-engine/canonical-text.ts';
import { quoteIdentifier } from '../../duckdb-engine/identifier.ts';
import { castExpression } from '../../duckdb-engine/types.ts';

/** `"public"."orders"` */
export function mirrorName(table: MaskedTable): string {
  return `${quoteIdentifier(table.namespace)}.${quoteIdentifier(table.name)}`;
}

/** `"public"."orders__history"` */
export function historyName(table: MaskedTable): string {
  return `${quoteIdentifier(table.namespace)}.${quoteIdentifier(`${table.name}__history`)}`;
}

const PROOF_TYPES = ['VARCHAR', 'BIGINT', 'BIGINT', 'TIMESTAMPTZ'];
const proofDefinitions = PROOF_COLUMNS.map((name, i) => `${name} ${PROOF_TYPES[i]}`);

/** The cells of a proof, from packed text. */
export function proofCasts(first: number, prefix = ''): readonly string[] {
  return PROOF_COLUMNS.map((_, i) => {
    const cell = `${prefix}c${first + i}`;
    if (i === 0) return cell;
    const number = `CAST(${cell} AS BIGINT)`;
    return PROOF_TYPES[i] === 'TIMESTAMPTZ' ? `make_timestamptz(${number})` : number;
  });
}

export function createMirror({ table, columns, proof }: Target): readonly string[] {
  const definitions = [...columns.map(definition), ...(proof ? proofDefinitions : [])];
  // DuckDB has no tables without columns; a source table may have none to show.
  if (definitions.length === 0) definitions.push('_empty BOOLEAN');
  return [createSchema(table), `CREATE TABLE ${mirrorName(table)} (${definitions.join(', ')})`];
}

export function createHistory({ table, historyColumns }: Target): readonly string[] {
  const definitions = [
    ...proofDefinitions.map((text) => `${text} NOT NULL`),
    `${UNCHANGED_COLUMN} VARCHAR`,
    ...historyColumns.map(definition),
  ];
  return [createSchema(table), `CREATE TABLE ${historyName(table)} (${definitions.join(', ')})`];
}

/** @param name of the table, quoted */
export function alterStatements(name: string, step: TargetStep): readonly string[] {
  const alter = `ALTER TABLE ${name}`;
  switch (step.kind) {
    case 'drop':
      return [`${alter} DROP COLUMN ${quoteIdentifier(step.name)}`];
    case 'rename':
      return [`${alter} RENAME COLUMN ${quoteIdentifier(step.from)} TO ${quoteIdentifier(step.to)}`];
    case 'retype': {
      const cast = castExpression(textOf(step.name, step.from), step.to, true);
      return [`${alter} ALTER COLUMN ${quoteIdentifier(step.name)} TYPE ${step.to} USING ${cast}`];
    }
    case 'add':
      return [`${alter} ADD COLUMN ${definition(step.column)}`];
    case 'add-proof':
      return proofDefinitions.map((text) => `${alter} ADD COLUMN ${text}`);
    case 'drop-proof':
      return PROOF_COLUMNS.map((column) => `${alter} DROP COLUMN ${column}`);
  }
}

function createSchema(table: MaskedTable): string {
  return `CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(table.namespace)}`;
}

function definition({ name, type }: TargetColumn): string {
  return `${quoteIdentifier(name)} ${type}`;
}
