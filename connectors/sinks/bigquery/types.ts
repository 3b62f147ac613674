import type { ColumnType } from '../../../src/model/type.ts';

export type Scalar =
  | 'INT64'
  | 'NUMERIC'
  | 'BIGNUMERIC'
  | 'FLOAT64'
  | 'BOOL'
  | 'STRING'
  | 'BYTES'
  | 'DATE'
  | 'DATETIME'
  | 'TIME'
  | 'TIMESTAMP'
  | 'JSON';

/** A GoogleSQL type of a column. */
export type BigqueryType = Scalar | `ARRAY<${Scalar}>`;

/** Where more than one BigQuery type can hold a source type. */
export interface TypeChoices {
  readonly json: 'json' | 'string';
  readonly arrays: 'json' | 'repeated' | 'string';
  /** numeric without precision, or with more than BIGNUMERIC holds. */
  readonly unboundedNumeric: 'string' | 'bignumeric';
}

/**
 * The BigQuery type that holds every value of a column, or STRING where none does (docs/bigquery.md has the table).
 * What a value may still not be (infinity, year 10000, 24:00) is checked one by one, see `values.ts`.
 */
export function bigqueryType(type: ColumnType, choices: TypeChoices): BigqueryType {
  switch (type.kind) {
    case 'boolean':
      return 'BOOL';
    case 'int':
      return type.bits === 64 && type.unsigned ? 'BIGNUMERIC' : 'INT64';
    case 'decimal':
      return decimalType(type.precision, type.scale, choices);
    case 'float':
      return 'FLOAT64';
    case 'bytes':
      return 'BYTES';
    case 'date':
      return 'DATE';
    case 'time':
      return type.withZone ? 'STRING' : 'TIME';
    case 'timestamp':
      return type.withZone ? 'TIMESTAMP' : 'DATETIME';
    case 'json':
      return choices.json === 'json' ? 'JSON' : 'STRING';
    case 'array':
      return arrayType(type.element, choices);
    case 'text':
    case 'uuid':
    case 'interval':
    case 'enum':
    case 'other':
      return 'STRING';
  }
}

/**
 * As `bigqueryType`, for a column of the row key: what BigQuery cannot compare, or not declare as a primary key, is its
 * text (https://cloud.google.com/bigquery/docs/primary-foreign-keys).
 */
export function keyType(type: ColumnType, choices: TypeChoices): BigqueryType {
  const chosen = bigqueryType(type, choices);
  const comparable =
    elementOf(chosen) === null && chosen !== 'JSON' && chosen !== 'FLOAT64' && chosen !== 'TIME';
  return comparable ? chosen : 'STRING';
}

/** NUMERIC holds 29 digits before the point and 9 behind; BIGNUMERIC 38 (and most of a 39th) and 38. */
function decimalType(precision: number | null, scale: number | null, choices: TypeChoices): BigqueryType {
  if (precision !== null && scale !== null) {
    // A negative scale rounds before the point: numeric(3,-2) has five digits there.
    const whole = precision - scale;
    const fraction = Math.max(0, scale);
    if (whole <= 29 && fraction <= 9) return 'NUMERIC';
    if (whole <= 38 && fraction <= 38) return 'BIGNUMERIC';
  }
  return choices.unboundedNumeric === 'bignumeric' ? 'BIGNUMERIC' : 'STRING';
}

function arrayType(element: ColumnType, choices: TypeChoices): BigqueryType {
  if (choices.arrays === 'json') return 'JSON';
  if (choices.arrays === 'string' || element.kind === 'array') return 'STRING';
  return `ARRAY<${bigqueryType(element, choices) as Scalar}>`;
}

/** The element type of an array, null of a scalar. */
export function elementOf(type: BigqueryType): Scalar | null {
  return type.startsWith('ARRAY<') ? (type.slice(6, -1) as Scalar) : null;
}

/** GoogleSQL that turns a staged text into the column's type; the text was checked before it was staged. */
export function castExpression(text: string, type: BigqueryType): string {
  const element = elementOf(type);
  if (element !== null)
    return `ARRAY(SELECT ${castExpression('x', element)} FROM UNNEST(JSON_VALUE_ARRAY(${text})) AS x WITH OFFSET AS o ORDER BY o)`;
  switch (type) {
    case 'STRING':
      return text;
    case 'BYTES':
      return `FROM_BASE64(${text})`;
    case 'JSON':
      return `PARSE_JSON(${text}, wide_number_mode=>'exact')`;
    default:
      return `CAST(${text} AS ${type})`;
  }
}

/** The inverse of `castExpression`: GoogleSQL that gives a value's staged text. */
export function textExpression(value: string, type: BigqueryType): string {
  const element = elementOf(type);
  if (element !== null)
    return `TO_JSON_STRING(ARRAY(SELECT ${textExpression('x', element)} FROM UNNEST(${value}) AS x WITH OFFSET AS o ORDER BY o))`;
  switch (type) {
    case 'STRING':
      return value;
    case 'BYTES':
      return `TO_BASE64(${value})`;
    default:
      return convertExpression(value, type, 'STRING');
  }
}

/** GoogleSQL that shows values of a column's earlier type in its present one; null where one does not convert. */
export function convertExpression(value: string, from: BigqueryType, to: BigqueryType): string {
  if (from === to) return value;
  if (to === 'STRING') {
    if (from === 'BYTES') return `CONCAT(r'\\x', TO_HEX(${value}))`;
    // TO_JSON_STRING(NULL) is the text `null`.
    if (from === 'JSON' || elementOf(from) !== null)
      return `IF(${value} IS NULL, NULL, TO_JSON_STRING(${value}))`;
    return `CAST(${value} AS STRING)`;
  }
  if (to === 'JSON' && from === 'STRING') return `SAFE.PARSE_JSON(${value}, wide_number_mode=>'exact')`;
  if (CONVERTIBLE.has(`${from}>${to}`)) return `SAFE_CAST(${value} AS ${to})`;
  return `CAST(NULL AS ${to})`;
}

const NUMBERS = ['INT64', 'NUMERIC', 'BIGNUMERIC', 'FLOAT64'];
const CLOCKS = ['DATE', 'DATETIME', 'TIMESTAMP'];
const CONVERTIBLE = new Set([
  ...NUMBERS.flatMap((from) => NUMBERS.map((to) => `${from}>${to}`)),
  ...CLOCKS.flatMap((from) => CLOCKS.map((to) => `${from}>${to}`)),
  ...[...NUMBERS, ...CLOCKS, 'BOOL', 'TIME'].map((to) => `STRING>${to}`),
  'DATETIME>TIME',
  'BOOL>INT64',
  'INT64>BOOL',
]);

/** Names of types in the REST API's table schema (`TableFieldSchema.type`), which answers with the older ones. */
const REST_NAMES: Readonly<Record<string, Scalar>> = { INTEGER: 'INT64', FLOAT: 'FLOAT64', BOOLEAN: 'BOOL' };

/** The type of a column as tables.get tells it. */
export function typeOfField(field: { readonly type: string; readonly mode?: string }): BigqueryType {
  const scalar = REST_NAMES[field.type] ?? (field.type as Scalar);
  return field.mode === 'REPEATED' ? `ARRAY<${scalar}>` : scalar;
}
