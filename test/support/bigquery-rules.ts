/** Rules of BigQuery that the fake enforces, each with the page that states it. */

/** What the REST interface answers (https://cloud.google.com/bigquery/docs/error-messages). */
export class RestError extends Error {
  readonly status: number;
  readonly reason: string;
  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

export interface RestField {
  readonly name: string;
  readonly type: string;
  readonly mode: string;
  readonly description?: string;
}

const LEGACY: Readonly<Record<string, string>> = { INT64: 'INTEGER', FLOAT64: 'FLOAT', BOOL: 'BOOLEAN' };
const STANDARD: Readonly<Record<string, string>> = { INTEGER: 'INT64', FLOAT: 'FLOAT64', BOOLEAN: 'BOOL' };
const TYPES = new Set([
  'STRING',
  'BYTES',
  'INTEGER',
  'FLOAT',
  'BOOLEAN',
  'TIMESTAMP',
  'DATE',
  'TIME',
  'DATETIME',
  'NUMERIC',
  'BIGNUMERIC',
  'JSON',
]);

export const standardType = (type: string): string => STANDARD[type] ?? type;

/** https://cloud.google.com/bigquery/docs/schemas#column_names */
const RESERVED =
  /^(_TABLE_|_FILE_|_PARTITION|_ROW_TIMESTAMP|__ROOT__|_COLIDENTIFIER|_CHANGE_SEQUENCE_NUMBER|_CHANGE_TYPE|_CHANGE_TIMESTAMP)/i;
const COLUMN_NAME = /^[\p{L}_][\p{L}\p{M}\p{N}_]{0,299}$/u;
/** https://cloud.google.com/bigquery/docs/tables#table_naming */
const TABLE_NAME = /^[\p{L}\p{M}\p{N}\p{Pc}\p{Pd} ]+$/u;
/** https://cloud.google.com/bigquery/docs/labels-intro#requirements */
const LABEL_KEY = /^\p{Ll}[\p{Ll}\p{N}_-]{0,62}$/u;
const LABEL_VALUE = /^[\p{Ll}\p{N}_-]{0,63}$/u;

const invalid = (message: string): RestError => new RestError(400, 'invalid', message);

/** The schema as tables.get answers: with the older names of types. */
export function checkFields(fields: readonly Partial<RestField>[]): readonly RestField[] {
  // https://cloud.google.com/bigquery/quotas#all_tables
  if (fields.length > 10_000) throw invalid('Too many columns');
  const seen = new Set<string>();
  return fields.map(({ name = '', type = '', mode = 'NULLABLE', description }) => {
    if (!COLUMN_NAME.test(name)) throw invalid(`Invalid field name "${name}"`);
    if (RESERVED.test(name)) throw invalid(`Field name ${name} has a reserved prefix`);
    if (seen.has(name.toLowerCase())) throw invalid(`Field ${name} already exists in schema`);
    seen.add(name.toLowerCase());
    const legacy = LEGACY[type] ?? type;
    if (!TYPES.has(legacy)) throw invalid(`Invalid type ${type}`);
    if (!['NULLABLE', 'REQUIRED', 'REPEATED'].includes(mode)) throw invalid(`Invalid mode ${mode}`);
    if ((description ?? '').length > 1_024) throw invalid('Description too long');
    return { name, type: legacy, mode, ...(description === undefined ? {} : { description }) };
  });
}

export function checkTableName(name: string): void {
  if (!TABLE_NAME.test(name) || Buffer.byteLength(name) > 1_024) throw invalid(`Invalid table ID "${name}"`);
}

export function checkLabels(labels: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(labels))
    if (!LABEL_KEY.test(key) || !LABEL_VALUE.test(value)) throw invalid(`Label ${key} is invalid`);
}

/** https://cloud.google.com/bigquery/docs/primary-foreign-keys; CDC: at most 16 columns */
export function checkPrimaryKey(key: readonly string[], fields: readonly RestField[]): void {
  if (key.length > 16) throw invalid('A primary key has at most 16 columns');
  for (const name of key) {
    const field = fields.find((one) => one.name === name);
    if (field === undefined) throw invalid(`Primary key column ${name} does not exist`);
    const allowed = [
      'BIGNUMERIC',
      'BOOLEAN',
      'BYTES',
      'DATE',
      'DATETIME',
      'INTEGER',
      'NUMERIC',
      'STRING',
      'TIMESTAMP',
    ];
    if (field.mode === 'REPEATED' || !allowed.includes(field.type))
      throw invalid(`Type ${field.type} cannot be a primary key`);
  }
}

/** https://cloud.google.com/bigquery/docs/clustered-tables#limitations */
export function checkClustering(names: readonly string[], fields: readonly RestField[]): void {
  if (names.length > 4) throw invalid('At most four clustering columns');
  for (const name of names) {
    const field = fields.find((one) => one.name === name);
    const allowed = [
      'BIGNUMERIC',
      'BOOLEAN',
      'DATE',
      'DATETIME',
      'INTEGER',
      'NUMERIC',
      'STRING',
      'TIMESTAMP',
    ];
    if (field === undefined || field.mode === 'REPEATED' || !allowed.includes(field.type))
      throw invalid(`Cannot cluster by ${name}`);
  }
}

/** https://cloud.google.com/bigquery/docs/partitioned-tables */
export function checkPartitioning(
  { type, field: name }: { readonly type: string; readonly field: string },
  fields: readonly RestField[],
): void {
  const field = fields.find((one) => one.name === name);
  const allowed = ['DATE', 'DATETIME', 'TIMESTAMP'];
  if (field === undefined || !allowed.includes(field.type)) throw invalid(`Cannot partition by ${name}`);
  if (!['HOUR', 'DAY', 'MONTH', 'YEAR'].includes(type) || (field.type === 'DATE' && type === 'HOUR'))
    throw invalid(`Cannot partition a ${field.type} by ${type}`);
}

/** https://cloud.google.com/bigquery/docs/managing-table-schemas: columns are added at the end, or relaxed; nothing else. */
export function checkSchemaUpdate(before: readonly RestField[], after: readonly RestField[]): void {
  before.forEach((field, i) => {
    const now = after[i];
    if (now?.name !== field.name)
      throw invalid(`Provided Schema does not match: field ${field.name} is missing`);
    if (now.type !== field.type)
      throw invalid(`Field ${field.name} has changed type from ${field.type} to ${now.type}`);
    const relaxed = field.mode === 'REQUIRED' && now.mode === 'NULLABLE';
    if (now.mode !== field.mode && !relaxed) throw invalid(`Field ${field.name} has changed mode`);
  });
  for (const field of after.slice(before.length))
    if (field.mode === 'REQUIRED') throw invalid(`Cannot add required field ${field.name}`);
}

/**
 * One value of newline-delimited JSON (https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-json). Only the
 * types that staging tables have.
 */
export function checkLoadedValue(field: RestField, value: unknown): void {
  if (value === null) return;
  const bad = (): RestError => invalid(`Could not convert value of field ${field.name} to ${field.type}`);
  switch (field.type) {
    case 'STRING':
      if (typeof value !== 'string' || !value.isWellFormed()) throw bad();
      return;
    case 'INTEGER':
      if (!Number.isSafeInteger(value)) throw bad();
      return;
    case 'TIMESTAMP':
      if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}\+00$/.test(value))
        throw bad();
      return;
    default:
      throw bad();
  }
}
