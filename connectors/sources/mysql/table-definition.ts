import type { TableName } from '../../../src/model/table.ts';

/** A foreign key as SHOW CREATE TABLE prints it: information_schema hides it from accounts that may only read. */
export interface ForeignKey {
  readonly name: string;
  readonly columns: readonly string[];
  readonly parent: TableName;
  readonly parentColumns: readonly string[];
  /** ON DELETE or ON UPDATE changes rows of the child. */
  readonly cascades: boolean;
  /** `ON DELETE CASCADE ON UPDATE SET NULL`; empty: none. */
  readonly rules: string;
}

const NAME = '`(?:[^`]|``)+`';
const LIST = `${NAME}(?:, ?${NAME})*`;
const FOREIGN_KEY = new RegExp(
  `^\\s*CONSTRAINT (${NAME}) FOREIGN KEY \\((${LIST})\\) REFERENCES (?:(${NAME})\\.)?(${NAME}) \\((${LIST})\\)((?: ON (?:DELETE|UPDATE) [A-Z ]+?)*),?$`,
  'gm',
);

/** @param definition output of SHOW CREATE TABLE */
export function foreignKeys(definition: string, namespace: string): readonly ForeignKey[] {
  return [...withoutTexts(definition).matchAll(FOREIGN_KEY)].map((match): ForeignKey => {
    const [, name, columns, database, table, parentColumns, rules] = match as unknown as string[];
    return {
      name: unquote(name!),
      columns: names(columns!),
      parent: { namespace: database === undefined ? namespace : unquote(database), name: unquote(table!) },
      parentColumns: names(parentColumns!),
      cascades: /CASCADE|SET NULL|SET DEFAULT/.test(rules!),
      rules: rules!.trim(),
    };
  });
}

/** MariaDB declares JSON as LONGTEXT with this check. */
export function jsonColumns(definition: string): ReadonlySet<string> {
  const checks = withoutTexts(definition).matchAll(
    new RegExp(`^\\s*(${NAME}) longtext\\b.*CHECK \\(json_valid\\(\\1\\)\\)`, 'gm'),
  );
  return new Set([...checks].map((match) => unquote(match[1]!)));
}

/** Comments and defaults can look like anything. */
function withoutTexts(definition: string): string {
  return definition.replace(/'(?:[^'\\]|''|\\.)*'/gs, "''");
}

function names(list: string): readonly string[] {
  return (list.match(new RegExp(NAME, 'g')) ?? []).map(unquote);
}

function unquote(name: string): string {
  return name.slice(1, -1).replaceAll('``', '`');
}
