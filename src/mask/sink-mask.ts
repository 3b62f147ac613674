import { closest } from 'fastest-levenshtein';
import { RowsealError } from '../error/rowseal-error.ts';
import { DROPPED, type MaskedCell, type RawCell } from '../model/cell.ts';
import { MASK_WARRANT } from '../model/mask-warrant.ts';
import { type MaskedColumn, MaskedRun, type MaskedTable } from '../model/masked.ts';
import { displayName, type TableName } from '../model/table.ts';
import { type ColumnMask, type UnfitCount, UnfitCounts } from './column-mask.ts';
import { isKeyedRule } from './keyed.ts';
import { maskColumn } from './masker.ts';
import type { CompiledPolicy } from './policy.ts';
import type { ColumnRule, Rule } from './policy-document.ts';
import type { DomainRules } from './review/disclosure.ts';
import { describeRule } from './review/disclosure-text.ts';
import { judgeStricter } from './review/stricter.ts';
import type { RuleDescription } from './sealed-rule.ts';

/** What a sink gets of one table. */
export interface SinkColumns {
  /** Columns that it does not get; null: it gets all, or those of `only`. */
  readonly leaveOut: ReadonlySet<string> | null;
  /** Columns that it gets, also of those that come later; null: all. */
  readonly only: ReadonlySet<string> | null;
  /** Columns that are masked once more, by a stricter rule. */
  readonly rules: ReadonlyMap<string, ColumnRule>;
}

/** What a sink gets. */
export interface SinkTables {
  /** By `namespace.name`. */
  readonly tables: ReadonlyMap<string, SinkColumns>;
  /** It gets the tables that are not named too, whole. */
  readonly others: boolean;
}

/** What a sink's masks are made with. */
export interface SinkMaskServices {
  readonly domains: DomainRules;
  /** For rules without a key. */
  readonly policy: CompiledPolicy;
  /** For rules with one: the policy under the keys of an epoch. @throws RowsealError when the secret cannot be read */
  keyed(epoch: number): { readonly policy: CompiledPolicy; readonly fingerprint: string };
}

/** A change that a sink wants of a column, for people. */
export interface SinkColumnChange {
  readonly column: string;
  /** `left out`, or the rule in words. */
  readonly change: string;
}

/** What one sink sees of a table version. */
export interface SinkView {
  readonly table: MaskedTable;
  readonly changes: readonly SinkColumnChange[];
  mask(run: MaskedRun): MaskedRun;
  /** Values that the sink's rules could not take, since the last call. */
  takeUnfit(): readonly UnfitCount[];
}

/**
 * What a sink gets, made of what is sealed: tables, columns, and stricter rules. A pure function of the sealed rows, their
 * version and the configuration, so that the log gives the same rows whenever it is read.
 */
export class SinkMask {
  readonly #sink: string;
  readonly #selection: SinkTables;
  readonly #services: SinkMaskServices;
  readonly #views = new WeakMap<MaskedTable, SinkView | null>();

  constructor(sink: string, selection: SinkTables, services: SinkMaskServices) {
    this.#sink = sink;
    this.#selection = selection;
    this.#services = services;
  }

  /**
   * @returns null: the sink does not get this table
   * @throws RowsealError RS-SINK-002 … -005
   */
  viewOf(table: MaskedTable): SinkView | null {
    let view = this.#views.get(table);
    if (view === undefined) {
      view = this.#view(table);
      this.#views.set(table, view);
    }
    return view;
  }

  gets(table: TableName): boolean {
    return this.#selection.others || this.#selection.tables.has(displayName(table));
  }

  /**
   * As `viewOf`, and every name must be one of the table.
   *
   * @throws RowsealError RS-SINK-002 … -005, RS-MASK-002
   */
  check(table: MaskedTable): SinkView | null {
    const columns = this.#selection.tables.get(displayName(table));
    if (columns === undefined) return this.viewOf(table);
    const names = table.columns.map(({ name }) => name);
    const told = [...(columns.leaveOut ?? []), ...(columns.only ?? []), ...columns.rules.keys()];
    const unknown = told.find((name) => !names.includes(name));
    if (unknown !== undefined)
      throw new RowsealError('RS-MASK-002', {
        detail: `${displayName(table)} has no column \`${unknown}\`; did you mean \`${closest(unknown, names)}\`?`,
        place: { file: 'configuration', path: this.#path(table, unknown) },
      });
    return this.viewOf(table);
  }

  #view(table: MaskedTable): SinkView | null {
    const columns = this.#selection.tables.get(displayName(table));
    if (columns === undefined) return this.#selection.others ? whole(table) : null;
    const descriptions = new Map(JSON.parse(table.policy) as [string, RuleDescription][]);
    const changed = new Map<number, ColumnMask | 'left out'>();
    table.columns.forEach((column, index) => {
      if (column.method === 'drop') return;
      const rule = columns.rules.get(column.name);
      if (!isWanted(columns, column.name)) changed.set(index, 'left out');
      else if (rule !== undefined)
        changed.set(index, this.#mask(table, index, rule, descriptions.get(column.name) ?? {}));
      else return;
      this.#expectKeyHolds(table, index, changed.get(index)!);
    });
    if (changed.size === 0) return whole(table);
    return new ChangedView(this.#sink, table, descriptions, changed);
  }

  #mask(table: MaskedTable, index: number, rule: ColumnRule, description: RuleDescription): ColumnMask {
    const column = table.columns[index]!;
    const where = `${displayName(table)}.${column.name}`;
    const method = this.#ruleOf(rule, where);
    const verdict = judgeStricter(description, method, this.#services.domains);
    const place = { file: 'configuration', path: this.#path(table, column.name) };
    const wish = `${where} is sealed by ${String(description['method'])}, sink ${this.#sink} wants ${describeRule(method)}`;
    switch (verdict.kind) {
      case 'fits':
        break;
      case 'not-computable':
        throw new RowsealError('RS-SINK-003', { detail: `${wish}: ${verdict.why}`, place });
      default: {
        const listed = (words: readonly string[]): string => words.join(', ') || 'nothing';
        throw new RowsealError('RS-SINK-002', {
          detail: `${wish}, which would show: ${listed(verdict.wished)}; sealed shows: ${listed(verdict.sealed)}`,
          place,
        });
      }
    }
    const isKey = table.key.includes(index);
    // The space of a sink's own tokens is its own: they meet neither those of the log nor those of other sinks.
    const inSink = `sink ${this.#sink}: ${where}`;
    return this.#policyFor(table, rule).compileColumn(
      rule,
      { name: column.name, type: column.type, sourceType: column.sourceType, id: column.id },
      inSink,
      isKey,
    );
  }

  /** Under the keys that the rows were masked with, whenever they are delivered. */
  #policyFor(table: MaskedTable, rule: ColumnRule): CompiledPolicy {
    if (!isKeyedRule(rule, this.#services.domains)) return this.#services.policy;
    const { policy, fingerprint } = this.#services.keyed(table.keyEpoch);
    if (fingerprint !== table.keyFingerprint)
      throw new RowsealError('RS-SINK-005', {
        detail: `sink ${this.#sink}, ${displayName(table)}: masked under epoch ${table.keyEpoch} of key ${table.keyFingerprint}, configured is ${fingerprint}`,
      });
    return policy;
  }

  #ruleOf(rule: ColumnRule, where: string): Rule {
    if (rule.kind === 'method') return rule.method;
    const domain = this.#services.domains.get(rule.domain);
    if (domain === undefined)
      throw new RowsealError('RS-MASK-003', {
        detail: `${where} of sink ${this.#sink} names \`${rule.domain}\``,
      });
    return domain;
  }

  #expectKeyHolds(table: MaskedTable, index: number, change: ColumnMask | 'left out'): void {
    if (!table.key.includes(index)) return;
    if (change !== 'left out' && change.method.injective) return;
    const name = table.columns[index]!.name;
    throw new RowsealError('RS-SINK-004', {
      detail: `${displayName(table)}.${name} is part of the row key; sink ${this.#sink} ${change === 'left out' ? 'leaves it out' : `wants ${String(change.method.description['method'])}`}`,
      place: { file: 'configuration', path: this.#path(table, name) },
    });
  }

  #path(table: MaskedTable, column: string): string {
    return `sinks.${this.#sink}.tables.${displayName(table)}.${column}`;
  }
}

/** Whether the sink gets a column of that name. */
export function isWanted({ leaveOut, only }: SinkColumns, name: string): boolean {
  return only === null ? leaveOut?.has(name) !== true : only.has(name);
}

function whole(table: MaskedTable): SinkView {
  return { table, changes: [], mask: (run) => run, takeUnfit: () => [] };
}

class ChangedView implements SinkView {
  readonly table: MaskedTable;
  readonly changes: readonly SinkColumnChange[];
  readonly #changed: ReadonlyMap<number, ColumnMask | 'left out'>;
  readonly #unfit = new UnfitCounts();

  constructor(
    sink: string,
    table: MaskedTable,
    descriptions: ReadonlyMap<string, RuleDescription>,
    changed: ReadonlyMap<number, ColumnMask | 'left out'>,
  ) {
    this.#changed = changed;
    const now = (column: MaskedColumn, index: number): RuleDescription => {
      const sealed = descriptions.get(column.name) ?? {};
      const change = changed.get(index);
      if (change === undefined) return sealed;
      return { ...(change === 'left out' ? { method: 'drop' } : change.method.description), sink, sealed };
    };
    this.table = Object.freeze({
      ...table,
      columns: Object.freeze(
        table.columns.map((column, index): MaskedColumn => {
          const change = changed.get(index);
          if (change === undefined) return column;
          if (change === 'left out') return Object.freeze({ ...column, method: 'drop' });
          const { type, description } = change.method;
          return Object.freeze({ ...column, type, method: String(description['method']) });
        }),
      ),
      policy: JSON.stringify(table.columns.map((column, index) => [column.name, now(column, index)])),
    });
    this.changes = [...changed].map(([index, change]) => ({
      column: table.columns[index]!.name,
      change: change === 'left out' ? change : String(change.method.description['method']),
    }));
  }

  mask(run: MaskedRun): MaskedRun {
    const width = this.table.columns.length;
    const cells: MaskedCell[] = run.cells.slice();
    for (const [column, change] of this.#changed) {
      if (change === 'left out') for (let i = column; i < cells.length; i += width) cells[i] = DROPPED;
      else maskColumn(run.cells as readonly RawCell[], cells, column, width, change, this.#unfit);
    }
    return new MaskedRun(MASK_WARRANT, { ...fieldsOf(run), table: this.table, cells });
  }

  takeUnfit(): readonly UnfitCount[] {
    return this.#unfit.empty ? [] : this.#unfit.take();
  }
}

function fieldsOf({ count, ops, images, firstOrdinal, keyTags, oldKeyTags, bytes }: MaskedRun) {
  return { count, ops, images, firstOrdinal, keyTags, oldKeyTags, bytes };
}
