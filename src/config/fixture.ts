import { closest } from 'fastest-levenshtein';
import { isAlias, isMap, isScalar, isSeq, type Node, type Pair } from 'yaml';
import { z } from 'zod';
import { RowsealError } from '../error/rowseal-error.ts';
import { UNFIT, type UnfitReason } from '../mask/method.ts';
import {
  type Check,
  type Expectation,
  type FixtureCase,
  type FixtureFile,
  type FixturePlace,
  parseCellReference,
  type TableFixture,
} from '../mask/review/fixture.ts';
import type { Column, ColumnReference, TableSchema } from '../model/table.ts';
import { columnTypeNamed } from '../model/type-name.ts';
import { type DocumentCodes, type PositionOf, readDocument } from './document.ts';

/** A cell as YAML has it; numbers keep their spelling (`10.50`), objects and lists become JSON text. */
const cell = z.union([z.string(), z.boolean(), z.null()]);

const flag = z.literal(true);

const checks = z.strictObject({
  value: cell.optional(),
  json: z.string().optional(),
  same_as: z.string().optional(),
  matches: z.string().optional(),
  differs: flag.optional(),
  kept: flag.optional(),
  not_contains_input: flag.optional(),
  dropped: flag.optional(),
  unfit: z.enum(Object.keys(UNFIT) as [UnfitReason, ...UnfitReason[]]).optional(),
  halts: z.enum(['RS-MASK-010', 'RS-MASK-012']).optional(),
});

const table = z.strictObject({
  columns: z.record(z.string(), z.string()).optional(),
  key: z.union([z.string(), z.array(z.string())]).optional(),
  references: z.record(z.string(), z.string()).optional(),
  cases: z
    .array(
      z.strictObject({
        name: z.string().optional(),
        input: z.record(z.string(), cell),
        expect: z.union([z.record(z.string(), z.union([cell, checks])), z.literal('?'), z.null()]).optional(),
      }),
    )
    .min(1),
});

/** Docs: docs/mask-testing.md. */
export const fixtureSchema = z.strictObject({
  key: z.enum(['configured', 'test']).default('configured'),
  tables: z.record(z.string().regex(/^[^.]+\.[^.]+$/, 'must be <schema>.<table>'), table),
});

type TableConfig = z.infer<typeof table>;
type CaseConfig = TableConfig['cases'][number];

export const FIXTURE_CODES: DocumentCodes = { syntax: 'RS-MASK-030', shape: 'RS-MASK-030' };

/** @param file as people named it @throws RowsealError RS-MASK-030 with line and column */
export function parseFixtures(text: string, file: string): FixtureFile {
  const { value, positionOf } = readDocument(text, file, fixtureSchema, FIXTURE_CODES, (_, document) =>
    plain(document.contents, []),
  );
  const reader = new FixtureReader(file, positionOf);
  return {
    file,
    key: value.key,
    tables: Object.entries(value.tables).map(([name, config]) => reader.table(name, config)),
  };
}

/** Plain values with the spelling of numbers; JSON text where a cell is an object or a list. */
function plain(node: unknown, path: readonly string[]): unknown {
  if (isAlias(node)) return undefined;
  if (isScalar(node)) {
    const { value, source } = node;
    return (typeof value === 'number' || typeof value === 'bigint') && source !== undefined ? source : value;
  }
  const inCell = path.length === 6 && path[4] === 'input';
  if ((isMap(node) || isSeq(node)) && inCell) return jsonOf(node);
  if (isMap(node)) {
    return Object.fromEntries(
      (node.items as Pair[]).map(({ key, value }) => {
        const name = isScalar(key) ? String(key.source ?? key.value) : '';
        const member = plain(value, [...path, name]);
        return [name, inJsonValue(path, name) ? jsonText(value as Node) : member];
      }),
    );
  }
  if (isSeq(node)) return node.items.map((item, i) => plain(item, [...path, String(i)]));
  return node;
}

function inJsonValue(path: readonly string[], name: string): boolean {
  return path.length === 6 && path[4] === 'expect' && name === 'json';
}

function jsonText(node: Node | null): string {
  return isMap(node) || isSeq(node) ? jsonOf(node) : jsonScalar(node);
}

function jsonOf(node: unknown): string {
  if (isMap(node)) {
    const members = (node.items as Pair[]).map(
      ({ key, value }) =>
        `${JSON.stringify(isScalar(key) ? String(key.value) : '')}:${jsonText(value as Node)}`,
    );
    return `{${members.join(',')}}`;
  }
  if (isSeq(node)) return `[${node.items.map((item) => jsonText(item as Node)).join(',')}]`;
  return jsonScalar(node);
}

function jsonScalar(node: unknown): string {
  if (!isScalar(node) || node.value === null) return 'null';
  const { value, source } = node;
  if ((typeof value === 'number' || typeof value === 'bigint') && source !== undefined)
    return /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(source) ? source : String(value);
  return JSON.stringify(value);
}

class FixtureReader {
  readonly #file: string;
  readonly #positionOf: PositionOf;

  constructor(file: string, positionOf: PositionOf) {
    this.#file = file;
    this.#positionOf = positionOf;
  }

  table(name: string, config: TableConfig): TableFixture {
    const path = ['tables', name];
    const schema = config.columns === undefined ? null : this.#schema(name, config, config.columns);
    if (schema === null && (config.key !== undefined || config.references !== undefined))
      throw this.#invalid(
        path,
        '`key` and `references` belong to `columns`; without it the source says them',
      );
    return {
      table: name,
      schema,
      place: this.#place(path),
      cases: config.cases.map((entry, i) => this.#case([...path, 'cases', i], i + 1, entry, schema)),
    };
  }

  #schema(name: string, config: TableConfig, columns: Readonly<Record<string, string>>): TableSchema {
    const path = ['tables', name];
    const [namespace, table] = name.split('.') as [string, string];
    const names = Object.keys(columns);
    const keys = typeof config.key === 'string' ? [config.key] : (config.key ?? []);
    return Object.freeze({
      namespace,
      name: table,
      columns: Object.entries(columns).map(([column, typeName]): Column => {
        const type = columnTypeNamed(typeName);
        if (type === null)
          throw this.#invalid(
            [...path, 'columns', column],
            `\`${typeName}\` is no type that is known here; write it as the database prints it`,
          );
        const target = config.references?.[column];
        return {
          name: column,
          type,
          sourceType: typeName,
          id: null,
          ...(target === undefined
            ? {}
            : { references: this.#reference([...path, 'references', column], target) }),
        };
      }),
      key: keys.map((key) => {
        const index = names.indexOf(key);
        if (index < 0) throw this.#invalid([...path, 'key'], unknownColumn(key, names));
        return index;
      }),
    });
  }

  #reference(path: readonly string[], text: string): ColumnReference {
    const [namespace, name, column, ...rest] = text.split('.');
    if (!namespace || !name || !column || rest.length > 0)
      throw this.#invalid(path, 'a reference is <schema>.<table>.<column>');
    return { namespace, name, column };
  }

  #case(
    path: readonly (string | number)[],
    number: number,
    config: CaseConfig,
    schema: TableSchema | null,
  ): FixtureCase {
    const known = (column: string, place: readonly (string | number)[]): void => {
      if (schema === null) return;
      const names = schema.columns.map(({ name }) => name);
      if (!names.includes(column)) throw this.#invalid(place, unknownColumn(column, names));
    };
    const input = Object.entries(config.input).map(([column, value]) => {
      const at = [...path, 'input', column];
      known(column, at);
      return [column, { value: canonical(value), place: this.#place(at) }] as const;
    });
    const { expect } = config;
    return {
      name: config.name ?? null,
      number,
      place: this.#place(path),
      input: new Map(input),
      expect:
        expect === undefined || expect === null || expect === '?'
          ? null
          : new Map(
              Object.entries(expect).map(([column, expected]) => {
                const at = [...path, 'expect', column];
                known(column, at);
                return [column, this.#expectation(at, expected)];
              }),
            ),
    };
  }

  #expectation(
    path: readonly (string | number)[],
    expected: z.infer<typeof cell> | z.infer<typeof checks>,
  ): Expectation {
    const place = this.#place(path);
    if (typeof expected !== 'object' || expected === null)
      return {
        place,
        checks: [expected === '?' ? { kind: 'open' } : { kind: 'value', value: canonical(expected) }],
      };
    const list: Check[] = [];
    if (expected.value !== undefined) list.push({ kind: 'value', value: canonical(expected.value) });
    if (expected.json !== undefined) list.push({ kind: 'json', json: JSON.parse(expected.json) });
    if (expected.same_as !== undefined) {
      const reference = parseCellReference(expected.same_as);
      if (reference === null)
        throw this.#invalid(
          path,
          '`same_as` is <column>, <case>/<column> or <schema>.<table>/<case>/<column>',
        );
      list.push({ kind: 'same_as', cell: reference, text: expected.same_as });
    }
    if (expected.matches !== undefined) list.push({ kind: 'matches', pattern: expected.matches });
    for (const kind of ['differs', 'kept', 'not_contains_input', 'dropped'] as const)
      if (expected[kind] === true) list.push({ kind });
    if (expected.unfit !== undefined) list.push({ kind: 'unfit', reason: expected.unfit });
    if (expected.halts !== undefined) list.push({ kind: 'halts', code: expected.halts });
    if (list.length === 0) throw this.#invalid(path, 'an expectation says nothing');
    return { place, checks: list };
  }

  #place(path: readonly (string | number)[]): FixturePlace {
    return { file: this.#file, line: this.#positionOf(path).line ?? 1, path: pathText(path) };
  }

  #invalid(path: readonly (string | number)[], detail: string): RowsealError {
    return new RowsealError('RS-MASK-030', {
      detail,
      place: { file: this.#file, ...this.#positionOf(path), path: pathText(path) },
    });
  }
}

/** Booleans get the text of their column's type when the case is run. */
function canonical(value: string | boolean | null): string | null {
  return typeof value === 'boolean' ? String(value) : value;
}

function unknownColumn(column: string, names: readonly string[]): string {
  const near = names.length === 0 ? '' : `; a similar one exists: \`${closest(column, [...names])}\``;
  return `\`${column}\` is not among the columns${near}`;
}

function pathText(path: readonly (string | number)[]): string {
  return path
    .map((step, i) => (typeof step === 'number' ? `[${step}]` : i === 0 ? step : `.${step}`))
    .join('');
}
