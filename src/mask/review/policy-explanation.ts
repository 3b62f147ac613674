import { RowsealError } from '../../error/rowseal-error.ts';
import { type Column, displayName, type TableSchema } from '../../model/table.ts';
import type { ColumnType, TypeKind } from '../../model/type.ts';
import type { ColumnMask } from '../column-mask.ts';
import { scanColumn } from '../detect/column-scan.ts';
import { type DataClass, dataClasses } from '../detect/data-class.ts';
import { TEXT } from '../method.ts';
import type { CompiledPolicy, PolicyDecision } from '../policy.ts';
import type { PolicyDocument, Rule } from '../policy-document.ts';
import { type Disclosure, disclosureOf, type Trace, tellsEqualValues } from './disclosure.ts';
import { describeRule, HAS_VALUE, phrasesOf } from './disclosure-text.ts';
import { sharedSpaces } from './joins.ts';
import { likelyType } from './synthetic-values.ts';

export interface TableExplanation {
  /** `namespace.name`. */
  readonly table: string;
  readonly key: readonly string[];
  readonly columns: readonly ColumnExplanation[];
  /** Why it cannot be compiled, where no single column is to blame. */
  readonly problem: RowsealError | null;
}

export interface ColumnExplanation {
  readonly name: string;
  /** As the source spells it; null: the schema is not known. */
  readonly type: string | null;
  readonly isKey: boolean;
  /** null: undecided. */
  readonly decision: DecisionExplanation | null;
  readonly data: DataExplanation | null;
  readonly problem: RowsealError | null;
  /** To measure it by; null: it cannot be compiled. */
  readonly mask: ColumnMask | null;
  readonly column: Column;
}

export interface DecisionExplanation {
  readonly rule: Rule;
  readonly says: string;
  readonly domain: string | null;
  readonly inherited: boolean;
  /** With the key the value comes back. */
  readonly reversible: boolean;
  /** Different values stay different. */
  readonly injective: boolean;
  /** A reader of the old values can read the masked ones. */
  readonly formatKept: boolean;
  readonly learns: readonly string[];
  readonly joins: readonly string[];
}

export interface DataExplanation {
  readonly class: DataClass;
  readonly title: string;
  readonly sensitivity: 'high' | 'medium' | 'low';
  /** In words, without values. */
  readonly evidence: readonly string[];
  readonly confidence: number;
}

const KEEP: Rule = { method: 'keep' };
const BIGINT: ColumnType = { kind: 'int', bits: 64, unsigned: false };

/** Tables as far as the policy names them, with the types that its rules are likely written for. */
export function tablesOfPolicy(document: PolicyDocument): readonly TableSchema[] {
  return [...document.tables].map(([table, columns]) => {
    const [namespace, name] = table.split('.') as [string, string];
    const methods = new Map(
      [...columns].map(([column, rule]) => [
        column,
        (rule.kind === 'method' ? rule.method : document.domains.get(rule.domain)) ?? KEEP,
      ]),
    );
    // What names an entity has a short type, or the rule would not start.
    const entities = new Set(
      [...methods.values()].flatMap((rule) => (rule.method === 'date_shift' ? [rule.by] : [])),
    );
    return Object.freeze({
      namespace,
      name,
      key: [],
      columns: [...methods].map(([column, rule]): Column => {
        const likely = likelyType(rule);
        const type = entities.has(column) && likely.kind === 'text' ? BIGINT : likely;
        return { name: column, type, sourceType: type.kind, id: null };
      }),
    });
  });
}

/**
 * What the policy does with every column, and what it leaves to be learnt.
 *
 * @param samples values by `namespace.table.column`; what they are is told, they are not
 * @param live whether the tables are those of the source
 */
export function explainPolicy(
  policy: CompiledPolicy,
  document: PolicyDocument,
  tables: readonly TableSchema[],
  samples: ReadonlyMap<string, readonly string[]>,
  live: boolean,
): readonly TableExplanation[] {
  // Foreign keys inherit rules: they have to be known before the first table is compiled.
  policy.coverage(tables);
  const spaces = joinable(policy, document, tables);
  return tables.map((table) => {
    const compiled = compile(policy, table);
    const columns = table.columns.map((column, index): ColumnExplanation => {
      const where = `${displayName(table)}.${column.name}`;
      const decision = policy.decision(table, column);
      return {
        name: column.name,
        type: live ? column.sourceType : null,
        isKey: table.key.includes(index),
        decision: decision === null ? null : explain(decision, where, document, spaces, live ? column : null),
        data: dataOf(table, column, samples.get(where) ?? [], live),
        problem: compiled.problems.get(column.name) ?? null,
        mask: compiled.masks?.[index] ?? null,
        column,
      };
    });
    return {
      table: displayName(table),
      key: table.key.map((index) => table.columns[index]!.name),
      columns,
      problem: compiled.problem,
    };
  });
}

function explain(
  decision: PolicyDecision,
  where: string,
  document: PolicyDocument,
  spaces: ReadonlyMap<string, readonly string[]>,
  column: Column | null,
): DecisionExplanation {
  const { rule, domain, inherited } = decision;
  const disclosure = disclosureOf(rule, document.domains);
  const members = spaces.get(spaceKey(decision)) ?? [];
  const learnt = phrasesOf(ofType(disclosure, column?.type.kind ?? null));
  return {
    rule,
    says: describeRule(rule),
    domain,
    inherited,
    reversible: disclosure.kind === 'derived' && disclosure.traces.has('way_back'),
    injective:
      disclosure.kind === 'value' ||
      (disclosure.kind === 'derived' && disclosure.equalityBits > 0) ||
      (disclosure.kind === 'function' && disclosure.injective),
    formatKept: FORMAT_KEPT.has(rule.method) || (rule.method === 'generalize' && rule.to.kind === 'date'),
    learns: learnt.length > 1 ? learnt.filter((phrase) => phrase !== HAS_VALUE) : learnt,
    joins: members.filter((place) => place !== where),
  };
}

/** Without what values of the type do not have. */
function ofType(disclosure: Disclosure, kind: TypeKind | null): Disclosure {
  if (disclosure.kind !== 'derived' || (kind !== 'int' && kind !== 'date')) return disclosure;
  const has = (trace: Trace): boolean =>
    kind === 'int' ? trace !== 'length' && !trace.startsWith('stays:') : trace !== 'time_of_day';
  return { ...disclosure, traces: new Set([...disclosure.traces].filter(has)) };
}

const FORMAT_KEPT: ReadonlySet<Rule['method']> = new Set([
  'keep',
  'fpe',
  'pan',
  'phone',
  'email',
  'iban',
  'us_ssn',
  'uuid',
  'ip',
  'date_shift',
  'round',
]);

function spaceKey({ space, rule }: PolicyDecision): string {
  return `${space}\0${JSON.stringify({ ...rule, onError: null, short: null, foreign: null, onNull: null })}`;
}

/** Places with equal tokens for equal values, by token space and rule. */
function joinable(
  policy: CompiledPolicy,
  document: PolicyDocument,
  tables: readonly TableSchema[],
): ReadonlyMap<string, readonly string[]> {
  const spaces = new Map<string, Set<string>>();
  const shared = sharedSpaces(document);
  for (const table of tables) {
    for (const column of table.columns) {
      const decision = policy.decision(table, column);
      if (decision === null) continue;
      if (!tellsEqualValues(disclosureOf(decision.rule, document.domains))) continue;
      const key = spaceKey(decision);
      const members = spaces.get(key) ?? new Set(shared.get(decision.space)?.places ?? []);
      spaces.set(key, members.add(`${displayName(table)}.${column.name}`));
    }
  }
  return new Map([...spaces].map(([key, members]) => [key, [...members].sort()]));
}

interface Compilation {
  readonly masks: readonly (ColumnMask | null)[] | null;
  readonly problem: RowsealError | null;
  readonly problems: ReadonlyMap<string, RowsealError>;
}

/** The masker of the table; where there is none, column by column, to say which are to blame. */
function compile(policy: CompiledPolicy, table: TableSchema): Compilation {
  try {
    return { masks: policy.compileMasker(table, 'running').columns, problem: null, problems: new Map() };
  } catch (thrown) {
    if (!(thrown instanceof RowsealError)) throw thrown;
    const problems = new Map<string, RowsealError>();
    const masks = table.columns.map((column, index) => {
      const where = `${displayName(table)}.${column.name}`;
      if (thrown.detail?.startsWith(`${where} `) || thrown.detail?.startsWith(`${where}:`))
        problems.set(column.name, thrown);
      return oneColumn(policy, table, index, problems);
    });
    return { masks, problem: problems.size === 0 ? thrown : null, problems };
  }
}

/** On its own; what concerns keys, and other columns, is in the error of the table. */
function oneColumn(
  policy: CompiledPolicy,
  table: TableSchema,
  index: number,
  problems: Map<string, RowsealError>,
): ColumnMask | null {
  const column = table.columns[index]!;
  const decision = policy.decision(table, column);
  if (decision === null || problems.has(column.name) || decision.rule.method === 'date_shift') return null;
  try {
    const rule =
      decision.domain === null
        ? ({ kind: 'method', method: decision.rule } as const)
        : ({ kind: 'domain', domain: decision.domain } as const);
    return policy.compileColumn(rule, column, `${displayName(table)}.${column.name}`);
  } catch (thrown) {
    if (!(thrown instanceof RowsealError)) throw thrown;
    problems.set(column.name, thrown);
    return null;
  }
}

function dataOf(
  table: TableSchema,
  column: Column,
  values: readonly string[],
  live: boolean,
): DataExplanation | null {
  // Without a schema the type is a guess, and must not speak against the name.
  const known = live ? column : { ...column, type: TEXT, sourceType: 'text' };
  const [found] = scanColumn({ table: displayName(table), column: known, values }).findings;
  if (found === undefined) return null;
  const { title, sensitivity } = dataClasses[found.class];
  return { class: found.class, title, sensitivity, evidence: found.evidence, confidence: found.confidence };
}
