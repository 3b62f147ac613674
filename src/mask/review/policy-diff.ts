import { isKeyed } from '../keyed.ts';
import type { ColumnRule, PolicyDocument, Rule } from '../policy-document.ts';
import { type Decision, decisionOf, describeDecision } from './decision.ts';
import { type Disclosure, type DomainRules, disclosureOf } from './disclosure.ts';
import { placesOf } from './disclosure-document.ts';
import { newsBetween } from './disclosure-news.ts';
import { HAS_VALUE } from './disclosure-text.ts';
import { type Effect, effectOf } from './effect.ts';
import { type Join, joinsOf } from './joins.ts';
import type { PolicySide } from './policy-side.ts';
import { diffSinks, type SinkChange } from './sink-diff.ts';
import { compareDisclosures, compareHandling, compareNulls } from './visibility.ts';

export interface ColumnChange {
  /** `namespace.table.column`. */
  readonly column: string;
  readonly effect: Effect;
  /** In words; null: the policy has no rule. */
  readonly old: string | null;
  readonly new: string | null;
  /** What becomes readable, and what no longer is. */
  readonly shows: readonly string[];
  readonly hides: readonly string[];
  /** What else changes, in words. */
  readonly notes: readonly string[];
  /** Of a JSON column, the places that change. */
  readonly paths: readonly PathChange[];
}

export interface PathChange {
  readonly path: string;
  readonly effect: Effect;
  readonly shows: readonly string[];
  readonly hides: readonly string[];
}

export interface JoinChange {
  readonly kind: 'gained' | 'lost';
  readonly domain: string;
  readonly columns: readonly [string, string];
}

export interface SettingChange {
  readonly setting: 'undecided' | 'leak_guard.rows' | 'leak_guard.action' | 'leak_guard.except' | 'key.epoch';
  readonly effect: Effect;
  readonly old: string;
  readonly new: string;
}

export interface PolicyDiff {
  readonly columns: readonly ColumnChange[];
  readonly joins: readonly JoinChange[];
  readonly settings: readonly SettingChange[];
  readonly sinks: readonly SinkChange[];
}

/**
 * What changes for somebody who reads the masked rows when one policy follows another. Foreign keys that inherit the
 * rule of their target have none of their own, and no database is asked: taking a rule away is therefore not comparable.
 *
 * @throws RowsealError RS-MASK-009 for a JSON path that is none
 */
export function diffPolicies(old: PolicySide, changed: PolicySide): PolicyDiff {
  const columns: ColumnChange[] = [];
  const tables = new Set([...old.policy.tables.keys(), ...changed.policy.tables.keys()]);
  for (const table of [...tables].sort()) {
    const [before, after] = [old.policy.tables.get(table), changed.policy.tables.get(table)];
    const captured = after !== undefined || changed.captured.has(table);
    for (const column of new Set([...(before?.keys() ?? []), ...(after?.keys() ?? [])])) {
      const change = diffColumn(
        `${table}.${column}`,
        decide(before?.get(column), old.policy.domains),
        decide(after?.get(column), changed.policy.domains),
        [old.policy.domains, changed.policy.domains],
        captured,
      );
      if (change !== null) columns.push(change);
    }
  }
  return {
    columns,
    joins: diffJoins(joinsOf(old.policy), joinsOf(changed.policy)),
    settings: diffSettings(old.policy, changed.policy),
    sinks: diffSinks(old, changed),
  };
}

/** What `--no-weaker` refuses: all that shows more, and all of which nobody can tell that it does not. */
export function weakerParts(diff: PolicyDiff): PolicyDiff {
  const weaker = ({ effect }: { readonly effect: Effect }): boolean =>
    effect === 'more_visible' || effect === 'not_comparable';
  return {
    columns: diff.columns.filter(weaker),
    joins: diff.joins.filter(({ kind }) => kind === 'gained'),
    settings: diff.settings.filter(weaker),
    sinks: diff.sinks.filter(weaker),
  };
}

function decide(rule: ColumnRule | undefined, domains: DomainRules): Decision | null {
  return rule === undefined ? null : decisionOf(rule, domains);
}

/** Without a rule a column is redacted (law 2), or not delivered at all. */
const UNDECIDED: Disclosure = { kind: 'column' };

function diffColumn(
  column: string,
  old: Decision | null,
  changed: Decision | null,
  [oldDomains, newDomains]: readonly [DomainRules, DomainRules],
  captured: boolean,
): ColumnChange | null {
  const before = old === null ? UNDECIDED : disclosureOf(old.rule, oldDomains);
  const after =
    changed === null
      ? captured
        ? UNDECIDED
        : ({ kind: 'nothing' } as const)
      : disclosureOf(changed.rule, newDomains);
  const shown = compareDisclosures(after, before);
  const handled = old === null || changed === null ? 'equal' : compareHandling(changed.rule, old.rule);
  const nulls = compareNulls(
    { disclosure: after, onNull: changed?.rule.onNull },
    { disclosure: before, onNull: old?.rule.onNull },
  );
  const notes = notesOn(old, changed, [oldDomains, newDomains], captured);
  const same =
    shown === 'equal' && handled === 'equal' && nulls === 'equal' && old !== null && changed !== null;
  if (same && notes.length === 0 && JSON.stringify(old) === JSON.stringify(changed)) return null;
  const showedAll = before.kind === 'value' && old?.rule.onNull === undefined;
  const unproven = changed === null && captured && !showedAll;
  const effect = unproven ? 'not_comparable' : effectOf(shown, handled, nulls);
  const news = newsBetween(before, after);
  return {
    column,
    effect,
    old: old === null ? null : describeDecision(old),
    new: changed === null ? null : describeDecision(changed),
    shows: nulls === 'more' && hasCells(before) ? [...news.shows, HAS_VALUE] : news.shows,
    hides: nulls === 'less' && hasCells(after) ? [...news.hides, HAS_VALUE] : news.hides,
    notes: [
      ...(handled === 'equal' ? [] : [handlingNote(old!.rule, changed!.rule)]),
      ...(same && notes.length === 0 ? ['options that change nothing in what is shown'] : notes),
    ],
    paths: pathChanges(before, after),
  };
}

/** Other than null. Where there were none, what they show is the news, and that they are there goes without saying. */
function hasCells({ kind }: Disclosure): boolean {
  return kind !== 'nothing' && kind !== 'column';
}

function notesOn(
  old: Decision | null,
  changed: Decision | null,
  [oldDomains, newDomains]: readonly [DomainRules, DomainRules],
  captured: boolean,
): readonly string[] {
  if (changed === null)
    return captured
      ? ['without a rule: undecided, or, as a foreign key, masked as the column it references']
      : ['the table is no longer captured'];
  if (old === null) return ['newly decided'];
  const notes: string[] = [];
  const keyed = isKeyed(old.rule, oldDomains) && isKeyed(changed.rule, newDomains);
  if (old.domain !== changed.domain && keyed) {
    notes.push(
      `${old.domain === null ? 'its own tokens' : `domain ${old.domain}`} → ${changed.domain === null ? 'its own tokens' : `domain ${changed.domain}`}: every masked value changes`,
    );
  } else if (keyed && form(old.rule, oldDomains) !== form(changed.rule, newDomains)) {
    notes.push(
      changed.rule.method === 'json' ? 'masked values in the document change' : 'every masked value changes',
    );
  }
  if (
    old.rule.method === 'custom' &&
    changed.rule.method === 'custom' &&
    form(old.rule, oldDomains) !== form(changed.rule, newDomains)
  )
    notes.push('another function, or another text of it: read what it does');
  if (JSON.stringify(old.rule.onNull) !== JSON.stringify(changed.rule.onNull))
    notes.push('what a null becomes changes');
  return notes;
}

/** A rule without what it does with values that it cannot take, and with the rules of the domains that it names. */
function form(rule: Rule, domains: DomainRules): string {
  const { onError, short, foreign, onNull, ...rest } = rule;
  const named =
    rule.method === 'json'
      ? rule.paths.map(({ rule: inner }) => (inner.kind === 'domain' ? domains.get(inner.domain) : null))
      : [];
  return JSON.stringify([rest, named]);
}

function handlingNote(old: Rule, changed: Rule): string {
  const parts: string[] = [];
  for (const [option, key] of [
    ['on_error', 'onError'],
    ['short', 'short'],
    ['foreign', 'foreign'],
  ] as const) {
    if (old[key] !== changed[key])
      parts.push(`${option} ${old[key] ?? 'default'} → ${changed[key] ?? 'default'}`);
  }
  return `values that do not fit: ${parts.join(', ')}`;
}

function pathChanges(before: Disclosure, after: Disclosure): readonly PathChange[] {
  if (before.kind !== 'document' || after.kind !== 'document') return [];
  const changes = placesOf(before.root, after.root).flatMap((place): PathChange[] => {
    const effect = effectOf(compareDisclosures(place.new, place.old));
    if (effect === 'equally_visible') return [];
    return [{ path: place.path, effect, ...newsBetween(place.old, place.new) }];
  });
  if (before.countsElements === after.countsElements) return changes;
  const counted = ['how many elements a list has'];
  return [
    ...changes,
    after.countsElements
      ? { path: 'otherwise', effect: 'more_visible', shows: counted, hides: [] }
      : { path: 'otherwise', effect: 'less_visible', shows: [], hides: counted },
  ];
}

function diffJoins(old: readonly Join[], changed: readonly Join[]): readonly JoinChange[] {
  const key = ({ columns }: Join): string => JSON.stringify(columns);
  const [before, after] = [new Set(old.map(key)), new Set(changed.map(key))];
  return [
    ...changed.filter((join) => !before.has(key(join))).map((join) => ({ kind: 'gained' as const, ...join })),
    ...old.filter((join) => !after.has(key(join))).map((join) => ({ kind: 'lost' as const, ...join })),
  ];
}

function diffSettings(old: PolicyDocument, changed: PolicyDocument): readonly SettingChange[] {
  const settings: SettingChange[] = [];
  const note = (
    setting: SettingChange['setting'],
    [before, after]: readonly [string, string],
    effect: Effect,
  ): void => {
    if (before !== after) settings.push({ setting, effect, old: before, new: after });
  };
  const looser = (before: number, after: number): Effect =>
    after > before ? 'more_visible' : after < before ? 'less_visible' : 'equally_visible';
  note(
    'undecided',
    [old.undecided, changed.undecided],
    changed.undecided === 'redact' ? 'more_visible' : 'less_visible',
  );
  const [guard, newGuard] = [old.leakGuard, changed.leakGuard];
  const rate = (oneIn: number | null): number => oneIn ?? Number.POSITIVE_INFINITY;
  note(
    'leak_guard.rows',
    [rowsOf(guard.oneIn), rowsOf(newGuard.oneIn)],
    looser(rate(guard.oneIn), rate(newGuard.oneIn)),
  );
  note(
    'leak_guard.action',
    [guard.action, newGuard.action],
    looser(GUARD.indexOf(guard.action), GUARD.indexOf(newGuard.action)),
  );
  const [added, removed] = [
    newGuard.except.difference(guard.except),
    guard.except.difference(newGuard.except),
  ];
  note(
    'leak_guard.except',
    [[...guard.except].sort().join(', ') || 'none', [...newGuard.except].sort().join(', ') || 'none'],
    added.size > 0 ? (removed.size > 0 ? 'not_comparable' : 'more_visible') : 'less_visible',
  );
  note('key.epoch', [String(old.keyEpoch), String(changed.keyEpoch)], 'equally_visible');
  return settings;
}

const GUARD = ['halt', 'redact', 'alert'] as const;

function rowsOf(oneIn: number | null): string {
  return oneIn === null ? 'off' : oneIn === 1 ? 'every row' : `one row in ${oneIn}`;
}
