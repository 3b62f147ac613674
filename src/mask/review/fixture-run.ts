import { RE2JS, RE2JSException } from 're2js';
import { RowsealError } from '../../error/rowseal-error.ts';
import { DROPPED, type MaskedCell, UNCHANGED } from '../../model/cell.ts';
import { displayName, type TableSchema } from '../../model/table.ts';
import type { ColumnType } from '../../model/type.ts';
import type { CompiledPolicy } from '../policy.ts';
import type {
  CellReference,
  Check,
  Expectation,
  FixtureCase,
  FixtureFile,
  FixturePlace,
  TableFixture,
} from './fixture.ts';
import { type TriedCell, tryRow } from './trial.ts';

export interface FileResult {
  readonly file: string;
  readonly tables: readonly TableResult[];
}

export interface TableResult {
  readonly table: string;
  readonly place: FixturePlace;
  /** The policy cannot be compiled for the table: no case was tried. */
  readonly error: RowsealError | null;
  readonly cases: readonly CaseResult[];
}

export interface CaseResult {
  readonly name: string | null;
  readonly number: number;
  readonly place: FixturePlace;
  readonly failures: readonly Failure[];
  /** What `--update` may write: what is open, and exact values that do not hold. */
  readonly updates: readonly Update[];
}

/** Texts are of masked values; the input is named by its place. */
export interface Failure {
  readonly column: string;
  readonly place: FixturePlace;
  readonly input: FixturePlace | null;
  readonly expected: string;
  readonly actual: string;
}

export interface Update {
  readonly column: string;
  readonly kind: 'open' | 'differs';
  readonly expectation: string | null | Readonly<Record<string, unknown>>;
}

/** @param live tables as the source has them, for fixtures that do not say their types */
export function runFixtures(
  fixtures: FixtureFile,
  policy: CompiledPolicy,
  live: readonly TableSchema[] = [],
): FileResult {
  const tables = fixtures.tables.map((fixture) => tried(fixture, policy, live));
  return { file: fixtures.file, tables: tables.map((table) => judge(table, tables)) };
}

/** A table with its cases masked. */
interface TriedTable {
  readonly fixture: TableFixture;
  readonly schema: TableSchema | null;
  readonly error: RowsealError | null;
  /** One list of cells a case. */
  readonly rows: readonly (readonly TriedCell[])[];
}

function tried(fixture: TableFixture, policy: CompiledPolicy, live: readonly TableSchema[]): TriedTable {
  try {
    const schema = fixture.schema ?? live.find((table) => displayName(table) === fixture.table);
    if (schema === undefined) {
      throw new RowsealError('RS-MASK-030', {
        detail: `${fixture.table} has no \`columns\`, and the source was not asked or has no such table`,
        place: { file: fixture.place.file, line: fixture.place.line, path: fixture.place.path },
        fix: 'declare the types under `columns`, or run with --source',
      });
    }
    const masker = policy.compileMasker(schema, 'start');
    return {
      fixture,
      schema,
      error: null,
      rows: fixture.cases.map((entry) => tryRow(masker, schema, cellsOf(entry, schema))),
    };
  } catch (thrown) {
    if (!(thrown instanceof RowsealError)) throw thrown;
    return { fixture, schema: null, error: thrown, rows: [] };
  }
}

function cellsOf(entry: FixtureCase, schema: TableSchema): (string | null)[] {
  const names = schema.columns.map(({ name }) => name);
  const unknown = [...entry.input.keys(), ...(entry.expect?.keys() ?? [])].find(
    (name) => !names.includes(name),
  );
  if (unknown !== undefined) {
    throw new RowsealError('RS-MASK-030', {
      detail: `${displayName(schema)} has no column \`${unknown}\``,
      place: { file: entry.place.file, line: entry.place.line, path: entry.place.path },
    });
  }
  return schema.columns.map(({ name, type }) => asText(entry.input.get(name)?.value ?? null, type));
}

/** YAML's true and false, in the text of a source. */
function asText(value: string | null, type: ColumnType): string | null {
  if (type.kind !== 'boolean') return value;
  return value === 'true' ? 't' : value === 'false' ? 'f' : value;
}

function judge(table: TriedTable, tables: readonly TriedTable[]): TableResult {
  const { fixture, schema, error, rows } = table;
  if (schema === null) return { table: fixture.table, place: fixture.place, error, cases: [] };
  return {
    table: fixture.table,
    place: fixture.place,
    error,
    cases: fixture.cases.map((entry, i) => judgeCase(entry, rows[i]!, table, schema, tables)),
  };
}

function judgeCase(
  entry: FixtureCase,
  row: readonly TriedCell[],
  table: TriedTable,
  schema: TableSchema,
  tables: readonly TriedTable[],
): CaseResult {
  const failures: Failure[] = [];
  const updates: Update[] = [];
  const raw = cellsOf(entry, schema);
  const expected = entry.expect ?? new Map(schema.columns.map(({ name }) => [name, open(entry)]));
  schema.columns.forEach(({ name, type }, i) => {
    const expectation = expected.get(name);
    const cell = row[i]!;
    const halts = cell.kind === 'halt' && expectation === undefined;
    if (expectation === undefined && !halts) return;
    const input = raw[i]!;
    const failed = (expectation?.checks ?? []).filter((check) => {
      const text = check.kind === 'value' ? { ...check, value: asText(check.value, type) } : check;
      return !holds(text, cell, input, expectation!.place, (reference) =>
        cellAt(reference, entry, table, tables),
      );
    });
    const rewrite = failed.some(({ kind }) => kind === 'open') ? 'open' : 'differs';
    if (failed.some(({ kind }) => kind === 'open' || kind === 'value'))
      updates.push({ column: name, kind: rewrite, expectation: expectationFor(cell, input) });
    for (const check of halts ? [undefined] : failed) {
      failures.push({
        column: name,
        place: expectation?.place ?? entry.place,
        input: entry.input.get(name)?.place ?? null,
        expected: check === undefined ? 'a row that does not halt' : describeCheck(check, input),
        actual: describeCell(cell, input),
      });
    }
  });
  return { name: entry.name, number: entry.number, place: entry.place, failures, updates };
}

function open(entry: FixtureCase): Expectation {
  return { place: entry.place, checks: [{ kind: 'open' }] };
}

function holds(
  check: Check,
  tried: TriedCell,
  input: string | null,
  place: FixturePlace,
  lookUp: (reference: CellReference) => TriedCell | null,
): boolean {
  if (check.kind === 'halts') return tried.kind === 'halt' && tried.code === check.code;
  if (check.kind === 'unfit')
    return tried.kind === 'cell'
      ? tried.unfit.includes(check.reason)
      : tried.code === 'RS-MASK-010' && tried.reason === check.reason;
  if (tried.kind === 'halt') return false;
  const { cell } = tried;
  switch (check.kind) {
    case 'open':
      return false;
    case 'value':
      return cell === check.value;
    case 'json':
      return typeof cell === 'string' && sameJson(cell, check.json);
    case 'same_as': {
      const other = lookUp(check.cell);
      // Nulls join nothing.
      return typeof cell === 'string' && other?.kind === 'cell' && other.cell === cell;
    }
    case 'matches':
      return typeof cell === 'string' && compiled(check.pattern, place).matcher(cell).find();
    case 'differs':
      return cell !== input;
    case 'kept':
      return cell === input;
    case 'not_contains_input':
      return (
        typeof cell !== 'string' || input === null || input === '' || !folded(cell).includes(folded(input))
      );
    case 'dropped':
      return cell === DROPPED;
  }
}

function folded(text: string): string {
  return text.trim().toLowerCase();
}

function compiled(pattern: string, { file, line, path }: FixturePlace): RE2JS {
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    throw new RowsealError('RS-MASK-009', {
      detail: `a fixture's pattern \`${pattern}\``,
      place: { file, line, path },
    });
  }
}

function sameJson(text: string, expected: unknown): boolean {
  try {
    return sorted(JSON.parse(text)) === sorted(expected);
  } catch {
    return false;
  }
}

/** One text for equal documents. */
function sorted(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}

function cellAt(
  reference: CellReference,
  from: FixtureCase,
  table: TriedTable,
  tables: readonly TriedTable[],
): TriedCell | null {
  const there =
    reference.table === null ? table : tables.find(({ fixture }) => fixture.table === reference.table);
  if (there === undefined || there.schema === null) throw noCell(reference, from);
  const row = there.fixture.cases.findIndex((entry) =>
    reference.case === null
      ? entry === from
      : entry.name === reference.case || String(entry.number) === reference.case,
  );
  const column = there.schema.columns.findIndex(({ name }) => name === reference.column);
  if (row < 0 || column < 0) throw noCell(reference, from);
  return there.rows[row]![column]!;
}

function noCell(reference: CellReference, from: FixtureCase): RowsealError {
  const text = [reference.table, reference.case, reference.column].filter((part) => part !== null).join('/');
  const { file, line, path } = from.place;
  return new RowsealError('RS-MASK-030', {
    detail: `\`same_as: ${text}\` leads to no cell of this file`,
    place: { file, line, path },
  });
}

function describeCheck(check: Check, input: string | null): string {
  switch (check.kind) {
    case 'open':
      return 'nothing yet (mask test --update writes it)';
    case 'value':
      return check.value === input && input !== null ? 'the input itself' : quoted(check.value);
    case 'json':
      return `the document ${sorted(check.json)}`;
    case 'same_as':
      return `the same as ${check.text}`;
    case 'matches':
      return `a match of ${check.pattern}`;
    case 'differs':
      return 'anything but the input';
    case 'kept':
      return 'the input itself';
    case 'not_contains_input':
      return 'a value without the input in it';
    case 'dropped':
      return 'dropped';
    case 'unfit':
      return `a value that does not fit (${check.reason})`;
    case 'halts':
      return `a halt with ${check.code}`;
  }
}

/** A masked cell for people. The input is not spelt, even where the policy keeps it. */
function describeCell(tried: TriedCell, input: string | null): string {
  if (tried.kind === 'halt') return `halts with ${tried.code} (${tried.reason})`;
  const unfit = tried.unfit.length === 0 ? '' : `  (does not fit: ${tried.unfit.join(', ')})`;
  return `${typeof tried.cell === 'string' && tried.cell === input ? 'the input itself' : quoted(tried.cell)}${unfit}`;
}

function quoted(cell: MaskedCell): string {
  if (cell === DROPPED) return 'dropped';
  if (cell === UNCHANGED) return 'unchanged';
  return cell === null ? 'null' : JSON.stringify(cell);
}

/** What to write into the fixture for what the policy makes now. */
function expectationFor(tried: TriedCell, input: string | null): Update['expectation'] {
  if (tried.kind === 'halt') return { halts: tried.code };
  const { cell, unfit } = tried;
  if (cell === DROPPED || cell === UNCHANGED) return { dropped: true };
  if (unfit.length > 0) return { value: cell, unfit: unfit[0] };
  return cell !== null && cell === input ? { kept: true } : cell;
}
