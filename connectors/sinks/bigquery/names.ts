/** `` `a\`b` ``: identifiers in backticks take the escapes of string literals (GoogleSQL lexical structure). */
export function quoteIdentifier(name: string): string {
  return `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``;
}

export function quoteLiteral(text: string): string {
  const escaped = text
    .replaceAll('\\', '\\\\')
    .replaceAll("'", "\\'")
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r');
  return `'${escaped}'`;
}

/** BigQuery compares column names without case: a second `name` beside `Name` becomes `name_2`. */
export function freeName(wanted: string, taken: (lowerCase: string) => boolean): string {
  let name = wanted;
  for (let n = 2; taken(name.toLowerCase()); n++) name = `${wanted}_${n}`;
  return name;
}

/** Prefixes that BigQuery keeps for itself, in any case (https://cloud.google.com/bigquery/docs/schemas#column_names). */
const RESERVED_PREFIX =
  /^(_TABLE_|_FILE_|_PARTITION|_ROW_TIMESTAMP|__ROOT__|_COLIDENTIFIER|_CHANGE_SEQUENCE_NUMBER|_CHANGE_TYPE|_CHANGE_TIMESTAMP)/i;

/** Characters of a column name at most; room for a number behind it is left. */
const MAX_COLUMN = 290;

/** The name a column has in views: the source's, with letters of any script; what BigQuery does not take becomes `_`. */
export function shownColumnName(name: string): string {
  return unreserved([...name.replace(/[^\p{L}\p{M}\p{N}_]/gu, '_')].slice(0, MAX_COLUMN).join(''));
}

/** The name a column has in the table below the view: plain ASCII, because protobuf fields carry it too. */
export function storedColumnName(name: string): string {
  const plain = name.replace(/[^A-Za-z0-9_]/g, '_').slice(0, 120);
  return unreserved(/^[A-Za-z_]/.test(plain) ? plain : `c_${plain}`);
}

function unreserved(name: string): string {
  const filled = name === '' ? 'column' : name;
  return RESERVED_PREFIX.test(filled) ? `x${filled}` : filled;
}

/** Table names hold letters, marks, numbers, connectors, dashes and spaces, at most 1,024 bytes of UTF-8. */
export function tableName(template: string, namespace: string, name: string): string {
  const filled = template.replaceAll('{schema}', () => namespace).replaceAll('{table}', () => name);
  let shown = filled.replace(/[^\p{L}\p{M}\p{N}\p{Pc}\p{Pd} ]/gu, '_');
  while (Buffer.byteLength(shown) > 900) shown = [...shown].slice(0, -1).join('');
  return shown;
}

/** Label values hold lower-case letters, digits, `_` and `-`, at most 63 characters. */
export function labelValue(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, '_')
    .slice(0, 63);
}
