import { displayName, type TableSchema, tableKey } from '../../model/table.ts';
import type { ClassFinding, ColumnScan, ScannedPlace } from '../detect/column-scan.ts';
import { dataClasses } from '../detect/data-class.ts';
import { generateMaskKeyFile, MaskKeys } from '../keys.ts';
import { noCustomFunctions } from '../method/custom.ts';
import { CompiledPolicy } from '../policy.ts';
import type { ColumnRule, Rule } from '../policy-document.ts';
import { KEEP, type Preset, presetDomains, REDACT, SCAN, TOKEN } from '../preset/preset.ts';
import { type DeniedPlace, proposeDocument } from './document-proposal.ts';
import {
  areDates,
  categoryOf,
  isAboutThing,
  isCoded,
  numbersRows,
  numbersThings,
  saysWhen,
  TELLING_MIN,
} from './harmless.ts';

export interface ScannedTable {
  readonly table: TableSchema;
  /** The server's estimate; null: it has none. */
  readonly estimatedRows: number | null;
  /** Rows that were read. */
  readonly rows: number;
  readonly columns: readonly ColumnScan[];
}

/** A decision and why, for the person who reviews it. */
export interface ProposedRule {
  readonly rule: ColumnRule;
  /** What the column is in its table: decides where it is listed. */
  readonly group: 'key' | 'personal' | 'other';
  /** In words; never with a value. */
  readonly why: string;
  /** Of a document: its places that are left out. */
  readonly denied?: readonly DeniedPlace[];
}

type Reasoned = Pick<ProposedRule, 'rule' | 'why'>;

export interface ProposedTable {
  readonly scanned: ScannedTable;
  /** One a column of the table, in its order. */
  readonly columns: readonly ProposedRule[];
}

export interface PolicyProposal {
  readonly preset: Preset;
  /** Those that are used. */
  readonly domains: ReadonlyMap<string, Rule>;
  readonly tables: readonly ProposedTable[];
  /** What a person has to look at. */
  readonly warnings: readonly string[];
}

/** Why a column is kept that nothing speaks against. */
export const NOTHING_PERSONAL = 'nothing personal to be seen';

/** From this confidence on a column is masked: a wrong guess costs a correction, a wrong trust costs more. */
const MASKED_FROM = 0.3;
/** A key counts as personal only when that is more likely than not: the values of keys are numbers, and alike. */
const PERSONAL_KEY_FROM = 0.5;

/**
 * A complete policy for the scanned tables. Pure, and careful: what is not known to be harmless is masked.
 */
export function proposePolicy(tables: readonly ScannedTable[], preset: Preset): PolicyProposal {
  return new Proposer(tables, preset).propose();
}

class Proposer {
  readonly #tables: readonly ScannedTable[];
  readonly #preset: Preset;
  readonly #byTable: ReadonlyMap<string, ScannedTable>;
  readonly #keyDomains = new Map<string, Rule>();
  /** Any date may be of a person: also one that is written as a number. */
  readonly #datesCount: boolean;
  /** A set: a key that others lead to is decided more than once. */
  readonly #warnings = new Set<string>();
  /** Personal columns that the preset keeps on purpose. */
  readonly #keptByPreset = new Set<string>();
  readonly #probe: CompiledPolicy;

  constructor(tables: readonly ScannedTable[], preset: Preset) {
    this.#tables = tables;
    this.#preset = preset;
    this.#datesCount = preset.otherDates[0] !== KEEP;
    this.#byTable = new Map(tables.map((scanned) => [tableKey(scanned.table), scanned]));
    // Whether a rule fits a type does not depend on the key.
    this.#probe = new CompiledPolicy(
      {
        undecided: 'halt',
        keyEpoch: 1,
        leakGuard: { oneIn: null, action: 'alert', except: new Set() },
        domains: new Map(Object.entries(presetDomains)),
        tables: new Map(),
      },
      MaskKeys.parse(generateMaskKeyFile(), 1),
      noCustomFunctions,
    );
  }

  propose(): PolicyProposal {
    for (const { table } of this.#tables)
      if (table.key.length === 0)
        this.#warnings.add(
          `${displayName(table)} has no row key: without one, or REPLICA IDENTITY FULL, the server refuses its updates and deletes once it is captured (rowseal check has the command)`,
        );
    const tables = this.#tables.map((scanned) => ({
      scanned,
      columns: scanned.columns.map((_, index) => this.#column(scanned, index, new Set())),
    }));
    if (this.#keptByPreset.size > 0)
      this.#warnings.add(
        `kept, as ${this.#preset.title} allows: ${[...this.#keptByPreset].join(', ')}; once reviewed, name them under mask.leak_guard.except, or redact them`,
      );
    const used = new Set(tables.flatMap((table) => table.columns.flatMap(({ rule }) => domainsIn(rule))));
    const known = new Map<string, Rule>([...Object.entries(presetDomains), ...this.#keyDomains]);
    return {
      preset: this.#preset,
      domains: new Map([...known].filter(([name]) => used.has(name))),
      tables,
      warnings: [...this.#warnings],
    };
  }

  #column(scanned: ScannedTable, index: number, seen: Set<string>): ProposedRule {
    const { table } = scanned;
    const scan = scanned.columns[index]!;
    const where = `${displayName(table)}.${scan.column.name}`;
    const target = seen.has(where) ? null : this.#target(scanned, scan);
    if (target !== null) {
      const { rule } = this.#column(target.scanned, target.index, seen.add(where));
      const there = `${displayName(target.scanned.table)}.${target.scanned.columns[target.index]!.column.name}`;
      return {
        rule,
        group: 'key',
        why: `${target.declared ? 'references' : 'seems to reference'} ${there}; masked alike`,
      };
    }
    if (table.key.includes(index)) return this.#key(scanned, scan, where);
    const top = scan.findings[0];
    if (top !== undefined && top.confidence >= MASKED_FROM && !isHarmlessText(scanned, scan, top))
      return this.#personal(scan, where);
    if (scan.documents !== null) return this.#document(scan, where);
    const { rule, why } = this.#unclassified(scanned, scan);
    return { rule, why, group: rule === KEEP || rule === SCAN ? 'other' : 'personal' };
  }

  /** The column that this one leads to, by a foreign key, or by a name such as `customer_id` and the type of a key. */
  #target(
    scanned: ScannedTable,
    scan: ColumnScan,
  ): { readonly scanned: ScannedTable; readonly index: number; readonly declared: boolean } | null {
    const { references } = scan.column;
    if (references !== undefined) {
      const target = this.#byTable.get(tableKey(references));
      const index = target?.columns.findIndex(({ column }) => column.name === references.column) ?? -1;
      return target === undefined || index < 0 ? null : { scanned: target, index, declared: true };
    }
    const noun = /^(.+?)_?[iI][dD]$/.exec(scan.column.name)?.[1]?.toLowerCase();
    if (noun === undefined) return null;
    const plurals = [noun, `${noun}s`, `${noun}es`, noun.replace(/y$/, 'ies')];
    const { namespace } = scanned.table;
    for (const target of this.#tables) {
      const { table } = target;
      const [index, ...more] = table.key;
      if (table === scanned.table || table.namespace !== namespace || index === undefined || more.length > 0)
        continue;
      const same = table.columns[index]!.type.kind === scan.column.type.kind;
      if (plurals.includes(table.name.toLowerCase()) && same)
        return { scanned: target, index, declared: false };
    }
    return null;
  }

  #key(scanned: ScannedTable, scan: ColumnScan, where: string): ProposedRule {
    const group = 'key';
    const personal = scan.findings.find(
      (finding) => finding.confidence >= PERSONAL_KEY_FROM && finding.class !== 'free_text',
    );
    if (personal !== undefined) {
      if (this.#preset.name === 'hipaa')
        this.#warnings.add(
          `${where} is a row key and holds ${dataClasses[personal.class].title}: a token of it stays, which Safe Harbor does not allow. Leave the table out, or give it a surrogate key`,
        );
      return { rule: TOKEN, group, why: `row key; ${describe(personal)}` };
    }
    const { kind } = scan.column.type;
    const numbers = kind === 'int' || kind === 'uuid' || kind === 'boolean' || kind === 'enum';
    const alone = scanned.table.key.length === 1 && (kind === 'int' || kind === 'uuid');
    const rows =
      scan.column.references !== undefined ? 'foreign key' : alone ? 'surrogate key' : 'part of the row key';
    if (numbers && this.#preset.surrogateKeys === 'keep')
      return { rule: KEEP, group, why: `${rows} (${scan.column.sourceType})` };
    if (numbers)
      return {
        rule: this.#keyDomain(scanned),
        group,
        why: `${rows}; a token, so that no number of another system stays`,
      };
    if ((kind === 'date' || kind === 'timestamp') && this.#preset.surrogateKeys === 'keep')
      return { rule: KEEP, group, why: `part of the row key (${kind})` };
    const category = categoryOf(displayName(scanned.table), scan.column.name, scan.shape);
    if (category !== null && this.#preset.surrogateKeys === 'keep')
      return { rule: KEEP, group, why: `part of the row key; ${category}` };
    return {
      rule: TOKEN,
      group,
      why: `row key of a type that may hold anything (${scan.column.sourceType})`,
    };
  }

  /** Undeclared references find the same tokens: one domain for each table of numbered rows. */
  #keyDomain({ table }: ScannedTable): ColumnRule {
    const domain = `key_of_${table.namespace}_${table.name}`;
    this.#keyDomains.set(domain, { method: 'token', normalize: [], prefix: 'tok_' });
    return { kind: 'domain', domain };
  }

  #personal(scan: ColumnScan, where: string): ProposedRule {
    const [top, second] = scan.findings as readonly [ClassFinding, ...ClassFinding[]];
    const why = describe(top);
    const rule = this.#fitting(this.#preset.classes[top.class].choices, scan, where);
    const mixed = second !== undefined && second.confidence >= MASKED_FROM && second.class !== top.class;
    // A rule that keeps a part is for values of one class; for several, or for long texts, there is no such rule.
    if (keepsPart(rule) && (mixed || scan.shape.wordy > 0 || scan.documents !== null))
      return {
        rule: REDACT,
        group: 'personal',
        why: mixed ? `${why}; and ${describe(second)}` : `${why}; longer texts among them`,
      };
    if (scan.documents !== null && rule.kind === 'domain')
      return { rule: REDACT, group: 'personal', why: `documents; ${why}` };
    if (rule === KEEP) this.#keptByPreset.add(where);
    return { rule, group: 'personal', why };
  }

  /** The first rule that compiles for the column; redact fits every type. */
  #fitting(choices: readonly ColumnRule[], scan: ColumnScan, where: string): ColumnRule {
    return (
      choices.find((rule) => {
        try {
          this.#probe.compileColumn(rule, scan.column, where);
          return true;
        } catch {
          return false;
        }
      }) ?? REDACT
    );
  }

  #document(scan: ColumnScan, where: string): ProposedRule {
    const proposed = proposeDocument(
      scan,
      (place) => this.#place(scan, place, where),
      (rule) => this.#fitting([rule], scan, where) === rule,
    );
    return { ...proposed, group: 'personal' };
  }

  /** The rule of a place in a document; null: it is left out. */
  #place(
    scan: ColumnScan,
    place: ScannedPlace,
    where: string,
  ): { readonly rule: ColumnRule | null; readonly why: string } {
    const top = place.findings[0];
    if (top !== undefined && top.confidence >= MASKED_FROM) {
      const why = dataClasses[top.class].title;
      const fitting = this.#preset.classes[top.class].choices.find((rule) => {
        const inner: ColumnRule = {
          kind: 'method',
          method: { method: 'json', paths: [{ path: '$.x', rule }], otherwise: 'redact' },
        };
        return this.#fitting([inner], scan, where) === inner;
      });
      const several = place.findings.length > 1 || place.shape.wordy > 0;
      if (fitting === undefined || leavesNothing(fitting) || (keepsPart(fitting) && several))
        return { rule: null, why };
      return { rule: fitting, why };
    }
    const { kind } = place.shape.type;
    if (kind === 'boolean') return { rule: KEEP, why: 'true or false' };
    if (kind !== 'text')
      return this.#isOneNumberEach(lastName(place.path), place)
        ? { rule: null, why: 'numbers that may stand for people' }
        : { rule: KEEP, why: 'numbers' };
    const category = categoryOf(where, lastName(place.path), place.shape);
    return category === null
      ? { rule: null, why: 'text that may be anything' }
      : { rule: KEEP, why: category };
  }

  #isOneNumberEach(name: string, { shape }: ScannedPlace): boolean {
    if (numbersRows(name, shape) || (this.#datesCount && saysWhen(name))) return true;
    return this.#preset.surrogateKeys === 'token' && (isCoded(name) || numbersThings(name, shape));
  }

  #unclassified(scanned: ScannedTable, scan: ColumnScan): Reasoned {
    const { column, shape } = scan;
    const element = column.type.kind === 'array' ? column.type.element : column.type;
    switch (element.kind) {
      case 'boolean':
      case 'enum':
      case 'float':
      case 'time':
      case 'interval':
        return { rule: KEEP, why: NOTHING_PERSONAL };
      case 'int':
      case 'decimal':
        if (numbersRows(column.name, shape))
          return { rule: this.#preset.unknown, why: 'each number occurs once: it may stand for a person' };
        if (this.#preset.surrogateKeys === 'token' && numbersThings(column.name, shape))
          return { rule: this.#preset.unknown, why: 'each number occurs once' };
        if (this.#preset.surrogateKeys === 'token' && isCoded(column.name))
          return { rule: TOKEN, why: 'the name says that it numbers something' };
        if (this.#datesCount && saysWhen(column.name))
          return { rule: this.#preset.unknown, why: 'the name says that it is a time' };
        return { rule: KEEP, why: NOTHING_PERSONAL };
      case 'date':
      case 'timestamp': {
        const rule = this.#fitting(this.#preset.otherDates, scan, column.name);
        return { rule, why: rule === KEEP ? NOTHING_PERSONAL : 'a date may be of a person' };
      }
      case 'uuid':
        return {
          rule: column.type.kind === 'uuid' ? UUID : TOKEN,
          why: 'a random number may stand for a person',
        };
      case 'text':
        return this.#text(scanned, scan);
      case 'json':
      case 'bytes':
      case 'array':
      case 'other':
        return { rule: REDACT, why: `what ${column.sourceType} holds cannot be told` };
    }
  }

  #text(scanned: ScannedTable, scan: ColumnScan): Reasoned {
    const { shape, column } = scan;
    if (shape.filled === 0) return { rule: REDACT, why: 'no value was seen' };
    if (scan.findings[0]?.class === 'free_text')
      return { rule: SCAN, why: 'texts about things; nothing personal was found in the sample' };
    const category = categoryOf(displayName(scanned.table), column.name, shape);
    if (category !== null) return { rule: KEEP, why: category };
    if (this.#preset.surrogateKeys === 'token' && numbersThings(column.name, shape))
      return { rule: this.#preset.unknown, why: 'each number occurs once' };
    if (this.#datesCount && areDates(shape)) return { rule: this.#preset.unknown, why: 'dates, as text' };
    if (
      isAboutThing(displayName(scanned.table), column.name) &&
      shape.wordy === 0 &&
      shape.filled >= TELLING_MIN
    )
      return { rule: KEEP, why: `about a thing; nothing personal in ${shape.filled} sampled values` };
    return { rule: this.#preset.unknown, why: 'text that may be anything' };
  }
}

const UUID: ColumnRule = { kind: 'method', method: { method: 'uuid' } };

/** Descriptions of products and the like: texts that people wrote, not about people. */
function isHarmlessText({ table }: ScannedTable, scan: ColumnScan, top: ClassFinding): boolean {
  return (
    top.class === 'free_text' &&
    top.contains.length === 0 &&
    isAboutThing(displayName(table), scan.column.name) &&
    scan.shape.filled >= TELLING_MIN
  );
}

function describe({ class: found, confidence, evidence }: ClassFinding): string {
  return `${dataClasses[found].title} (${confidence.toFixed(2)}): ${evidence.join('; ')}`;
}

function lastName(path: string | null): string {
  return /\.([^.[\]*]+)(?:\[\*\])*$/.exec(path ?? '')?.[1] ?? '';
}

function leavesNothing(rule: ColumnRule): boolean {
  return rule.kind === 'method' && (rule.method.method === 'redact' || rule.method.method === 'drop');
}

/** Rules that let a part of the value, or all of it, through. */
function keepsPart(rule: ColumnRule): boolean {
  return rule.kind === 'method' && !leavesNothing(rule) && rule.method.method !== 'token';
}

function domainsIn(rule: ColumnRule): readonly string[] {
  if (rule.kind === 'domain') return [rule.domain];
  return rule.method.method === 'json' ? rule.method.paths.flatMap((path) => domainsIn(path.rule)) : [];
}
