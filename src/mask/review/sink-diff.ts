import type { ColumnRule, PolicyDocument } from '../policy-document.ts';
import { isWanted, type SinkColumns, type SinkTables } from '../sink-mask.ts';
import { type Decision, decisionOf, describeDecision } from './decision.ts';
import { type Disclosure, type DomainRules, disclosureOf } from './disclosure.ts';
import { type Effect, effectOf } from './effect.ts';
import { joinsOf } from './joins.ts';
import type { PolicySide } from './policy-side.ts';
import { onTopOf } from './stricter.ts';
import { compareDisclosures, compareHandling, compareNulls, type Ordering } from './visibility.ts';

/** What a sink gets of its own choice, otherwise than before. */
export interface SinkChange {
  readonly sink: string;
  /**
   * `namespace.table`, or `namespace.table.column`, of which `*` stands for all that nothing names; two places: whether they
   * join; none: the whole sink.
   */
  readonly places: readonly string[];
  readonly effect: Effect;
  /** In words. */
  readonly old: string;
  readonly new: string;
}

/**
 * What sinks newly get, or get less masked, of what the new policy seals. What that policy itself shows more is not told again for
 * each sink.
 */
export function diffSinks(old: PolicySide, changed: PolicySide): readonly SinkChange[] {
  const names = new Set([...old.sinks.keys(), ...changed.sinks.keys()]);
  return [...names].flatMap((sink): readonly SinkChange[] => {
    const [before, after] = [old.sinks.get(sink), changed.sinks.get(sink)];
    if (before === undefined)
      return [{ sink, places: [], effect: 'more_visible', old: 'no sink', new: 'a sink' }];
    if (after === undefined)
      return [{ sink, places: [], effect: 'less_visible', old: 'a sink', new: 'no sink' }];
    const tables = [...changed.captured].sort();
    return [
      ...tables.flatMap((table) =>
        diffTable(
          table,
          columnsOf(before, table),
          columnsOf(after, table),
          changed.policy,
          old.policy.domains,
        ),
      ),
      ...diffSinkJoins(tables, before, after, changed.policy),
    ].map((change) => ({ sink, ...change }));
  });
}

type Change = Omit<SinkChange, 'sink'>;

const WHOLE: SinkColumns = { leaveOut: null, only: null, rules: new Map() };

/** null: it does not get the table. */
function columnsOf(selection: SinkTables | null, table: string): SinkColumns | null {
  if (selection === null) return WHOLE;
  return selection.tables.get(table) ?? (selection.others ? WHOLE : null);
}

/** What becomes of a sealed column on its way into a sink. */
type Way =
  | { readonly kind: 'left out' }
  | { readonly kind: 'as sealed' }
  | { readonly kind: 'masked'; readonly rule: ColumnRule };

/** @param name null: one that neither policy nor sink names */
function wayOf(columns: SinkColumns, name: string | null): Way {
  const wanted = name === null ? columns.only === null : isWanted(columns, name);
  if (!wanted) return { kind: 'left out' };
  const rule = name === null ? undefined : columns.rules.get(name);
  return rule === undefined ? { kind: 'as sealed' } : { kind: 'masked', rule };
}

function diffTable(
  table: string,
  before: SinkColumns | null,
  after: SinkColumns | null,
  policy: PolicyDocument,
  oldDomains: DomainRules,
): readonly Change[] {
  if (before === null && after === null) return [];
  if (before === null)
    return [{ places: [table], effect: 'more_visible', old: 'not delivered', new: 'delivered' }];
  if (after === null)
    return [{ places: [table], effect: 'less_visible', old: 'delivered', new: 'not delivered' }];
  const rules = policy.tables.get(table);
  return [...namesIn(rules, before, after), null].flatMap((name): readonly Change[] => {
    const rule = name === null ? undefined : rules?.get(name);
    const sealed = rule === undefined ? null : decisionOf(rule, policy.domains);
    const was = sightOf(wayOf(before, name), sealed, oldDomains, policy.domains);
    const is = sightOf(wayOf(after, name), sealed, policy.domains, policy.domains);
    if (JSON.stringify([was.kind, was.own]) === JSON.stringify([is.kind, is.own])) return [];
    const change = { old: was.words, new: is.words };
    return [{ places: [`${table}.${name ?? '*'}`], effect: effectOf(...compareSights(is, was)), ...change }];
  });
}

function namesIn(
  rules: ReadonlyMap<string, ColumnRule> | undefined,
  ...sinks: readonly SinkColumns[]
): ReadonlySet<string> {
  return new Set([
    ...(rules?.keys() ?? []),
    ...sinks.flatMap(({ leaveOut, only, rules: own }) => [
      ...(leaveOut ?? []),
      ...(only ?? []),
      ...own.keys(),
    ]),
  ]);
}

/** What readers of a sink see of a column. */
interface Sight {
  readonly kind: Way['kind'];
  /** The sink's own rule. */
  readonly own: Decision | null;
  readonly shown: Disclosure;
  readonly onNull: Decision['rule']['onNull'];
  readonly words: string;
}

/** @param sealed null: the policy does not say; then it is undecided, or a foreign key that inherits what may show all */
function sightOf(way: Way, sealed: Decision | null, own: DomainRules, domains: DomainRules): Sight {
  const below: Disclosure = sealed === null ? { kind: 'value' } : disclosureOf(sealed.rule, domains);
  const onNull = sealed?.rule.onNull;
  switch (way.kind) {
    case 'left out':
      return { kind: way.kind, own: null, shown: { kind: 'nothing' }, onNull, words: 'left out' };
    case 'as sealed':
      return { kind: way.kind, own: null, shown: below, onNull, words: 'as the policy has it' };
    case 'masked': {
      const decision = decisionOf(way.rule, own);
      const isNothing = below.kind === 'nothing' || below.kind === 'column';
      return {
        kind: way.kind,
        own: decision,
        shown: isNothing ? below : onTopOf(below, disclosureOf(decision.rule, own)),
        // Nulls that the log hides the sink cannot tell again.
        onNull: onNull ?? decision.rule.onNull,
        words: describeDecision(decision),
      };
    }
  }
}

function compareSights(a: Sight, b: Sight): readonly Ordering[] {
  const shown = compareDisclosures(a.shown, b.shown);
  const nulls = compareNulls(
    { disclosure: a.shown, onNull: a.onNull },
    { disclosure: b.shown, onNull: b.onNull },
  );
  if (a.own !== null && b.own !== null) return [shown, nulls, compareHandling(a.own.rule, b.own.rule)];
  // A rule of a sink makes of what is sealed, and shows no more, also where the two cannot be compared by themselves.
  if (a.own !== null && b.kind === 'as sealed') return [shown === 'equal' ? 'equal' : 'less', nulls];
  if (b.own !== null && a.kind === 'as sealed') return [shown === 'equal' ? 'equal' : 'more', nulls];
  return [shown, nulls];
}

/** Of columns that the sink gets before and after: what it newly gets is told by itself. */
function diffSinkJoins(
  tables: readonly string[],
  before: SinkTables | null,
  after: SinkTables | null,
  policy: PolicyDocument,
): readonly Change[] {
  const joins = (selection: SinkTables | null): ReadonlyMap<string, Change> => {
    const seen = { ...policy, tables: tablesSeen(tables, selection, [before, after], policy) };
    return new Map(
      joinsOf(seen).map(({ domain, columns }): readonly [string, Change] => [
        JSON.stringify(columns),
        { places: columns, effect: 'more_visible', old: 'apart', new: `joinable, domain ${domain}` },
      ]),
    );
  };
  const [was, is] = [joins(before), joins(after)];
  return [
    ...[...is].flatMap(([key, join]) => (was.has(key) ? [] : [join])),
    ...[...was].flatMap(([key, join]): readonly Change[] =>
      is.has(key) ? [] : [{ ...join, effect: 'less_visible', old: join.new, new: join.old }],
    ),
  ];
}

/** The rules that decide tokens in a sink, of columns that it gets under each of some selections. */
function tablesSeen(
  tables: readonly string[],
  selection: SinkTables | null,
  each: readonly (SinkTables | null)[],
  policy: PolicyDocument,
): PolicyDocument['tables'] {
  return new Map(
    tables.flatMap((table) => {
      const columns = columnsOf(selection, table);
      const all = each.flatMap((one) => columnsOf(one, table) ?? []);
      if (columns === null || all.length < each.length) return [];
      const rules = policy.tables.get(table);
      const seen = [...namesIn(rules, ...all)].flatMap((name): readonly (readonly [string, ColumnRule])[] => {
        if (all.some((one) => wayOf(one, name).kind === 'left out')) return [];
        const rule = columns.rules.get(name) ?? rules?.get(name);
        return rule === undefined ? [] : [[name, rule]];
      });
      return [[table, new Map(seen)] as const];
    }),
  );
}
