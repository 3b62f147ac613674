import { RowsealError } from '../error/rowseal-error.ts';
import type { Finding } from '../model/finding.ts';
import type { MaskedColumn, MaskedTable } from '../model/masked.ts';
import { type Column, type ColumnReference, displayName, type TableSchema } from '../model/table.ts';
import type { ColumnType } from '../model/type.ts';
import type { HmacSha256 } from './cipher/hmac.ts';
import { type ColumnMask, handleColumn, handlePlace } from './column-mask.ts';
import { compileMethod, type InnerRule, type MethodContext } from './compile-method.ts';
import { KeySpace } from './key-space.ts';
import { KeyTagger } from './key-tagger.ts';
import { isKeyedRule } from './keyed.ts';
import type { MaskKeys } from './keys.ts';
import { makeLeakGuard } from './leak-guard.ts';
import { TableMasker } from './masker.ts';
import type { CustomHost } from './method/custom.ts';
import type { DateEntity } from './method/date-shift.ts';
import { normalizeValue, unpad } from './method/normalize.ts';
import type { ColumnRule, Normalizer, PolicyDocument, Rule } from './policy-document.ts';
import { PositionCipher } from './position-cipher.ts';
import { withoutHandling } from './sealed-rule.ts';
import { refuseUnknownNames, similar } from './unknown-names.ts';

/** How many of the captured columns the policy decides. */
export interface PolicyCoverage {
  readonly columns: number;
  readonly decided: number;
  /** `namespace.table.column` of those it does not. */
  readonly undecided: readonly string[];
}

export interface PolicyDecision {
  readonly rule: Rule;
  readonly domain: string | null;
  /** Name of the token space: columns of one space have equal tokens for equal values under one rule. */
  readonly space: string;
  /** It is the rule of the column that this one references. */
  readonly inherited: boolean;
}

const REDACT: Rule = { method: 'redact', with: 'null' };

/** Deny by default: what the policy does not decide stops the start, and is redacted while running (law 2). */
export class CompiledPolicy {
  readonly #document: PolicyDocument;
  readonly #keys: MaskKeys;
  readonly #host: CustomHost;
  readonly #tag: HmacSha256;
  /** Derived keys and their buffers are shared by every column of a space. */
  readonly #spaces = new Map<string, KeySpace>();
  /** Foreign keys of the tables seen at the start. Kept: a key dropped while running must not change tokens. */
  readonly #references = new Map<string, ColumnReference>();
  readonly #loaded = new Map<string, ReturnType<CustomHost['load']>>();

  constructor(document: PolicyDocument, keys: MaskKeys, host: CustomHost) {
    this.#document = document;
    this.#keys = keys;
    // One thread per function, however many columns and versions use it.
    this.#host = {
      load: (module, source, exported, timeoutMs) => {
        const key = JSON.stringify([module, source, exported, timeoutMs]);
        const loaded = this.#loaded.get(key) ?? host.load(module, source, exported, timeoutMs);
        this.#loaded.set(key, loaded);
        return loaded;
      },
    };
    this.#tag = keys.tag();
    for (const [table, columns] of document.tables) {
      for (const [column, rule] of columns) this.#resolve(rule, `${table}.${column}`);
    }
  }

  /** Nothing is masked by it any more: threads of its functions end. */
  end(): void {
    for (const loaded of this.#loaded.values()) loaded.end();
  }

  /** Which keys it masks with; tells keys apart, and reveals nothing. */
  get key(): { readonly epoch: number; readonly fingerprint: string } {
    return { epoch: this.#keys.epoch, fingerprint: this.#keys.fingerprint };
  }

  /** Under the keys that it masks with. */
  positionCipher(): PositionCipher {
    return new PositionCipher(this.#keys);
  }

  coverage(tables: readonly TableSchema[]): PolicyCoverage {
    this.#learnReferences(tables);
    const undecided = tables.flatMap((table) =>
      table.columns
        .filter((column) => this.#rule(table, column) === undefined)
        .map((column) => `${displayName(table)}.${column.name}`),
    );
    const columns = tables.reduce((sum, table) => sum + table.columns.length, 0);
    return { columns, decided: columns - undecided.length, undecided };
  }

  /**
   * Checks the policy against every captured table at once, before anything is opened.
   *
   * @throws RowsealError RS-MASK-001, -002, -004, -005, -008, -009, -011
   */
  check(tables: readonly TableSchema[]): void {
    this.#learnReferences(tables);
    refuseUnknownNames(this.#document, tables);
    const { undecided } = this.coverage(tables);
    if (undecided.length > 0 && this.#document.undecided === 'halt') {
      throw new RowsealError('RS-MASK-001', {
        detail: undecided.join(', '),
        place: { file: 'configuration', path: 'mask.tables' },
        state: 'not started; no value left memory',
      });
    }
    for (const table of tables) this.compileMasker(table, 'start');
  }

  /** Foreign keys whose two sides are masked differently: rows that belong together would not meet. */
  brokenJoins(tables: readonly TableSchema[]): readonly Finding[] {
    this.#learnReferences(tables);
    const masks = new Map<string, ColumnMask>();
    for (const table of tables) {
      for (const mask of this.compileMasker(table, 'running').columns) masks.set(mask.where, mask);
    }
    const findings: Finding[] = [];
    for (const [where, reference] of this.#references) {
      const there = `${displayName(reference)}.${reference.column}`;
      const [own, other] = [masks.get(where), masks.get(there)];
      if (own === undefined || other === undefined) continue;
      const values = ({ method }: ColumnMask): string => JSON.stringify(withoutHandling(method.description));
      if (values(own) === values(other)) continue;
      findings.push({
        level: 'warning',
        code: 'RS-MASK-013',
        subject: 'policy',
        detail: `${where} references ${there}, and they are masked differently`,
        fix: 'give both one domain, or leave out the rule of the referencing column',
      });
    }
    return findings;
  }

  /** @param moment `start`: an undecided column throws (unless the policy says redact). `running`: it is redacted. */
  compileMasker(table: TableSchema, moment: 'start' | 'running'): TableMasker {
    const undecided: string[] = [];
    const masks = table.columns.map((column, index) => {
      const rule = this.#rule(table, column);
      const where = `${displayName(table)}.${column.name}`;
      if (rule === undefined) {
        undecided.push(column.name);
        if (moment === 'start' && this.#document.undecided === 'halt')
          throw new RowsealError('RS-MASK-001', { detail: where });
      }
      const isKey = table.key.includes(index);
      const mask = this.#compile(rule ?? { kind: 'method', method: REDACT }, column, where, isKey, table);
      if (isKey && !mask.method.injective) {
        throw new RowsealError('RS-MASK-004', {
          detail: `${where} is part of the row key and would be masked by ${mask.method.description['method']}`,
        });
      }
      return mask;
    });
    return new TableMasker(
      this.#maskedTable(table, masks),
      masks,
      new KeyTagger(this.#tag, table),
      makeLeakGuard(this.#document.leakGuard, table, masks),
      undecided,
    );
  }

  /** What the policy decides for a column, for reports; null: nothing. */
  decision(table: TableSchema, column: Column): PolicyDecision | null {
    const rule = this.#rule(table, column);
    if (rule === undefined) return null;
    const where = `${displayName(table)}.${column.name}`;
    const { method, space } = this.#resolve(rule, where);
    const own = this.#document.tables.get(displayName(table))?.has(column.name) === true;
    return { rule: method, domain: rule.kind === 'domain' ? rule.domain : null, space, inherited: !own };
  }

  /** Whether masked values of the table depend on the mask key. */
  usesKey(table: TableSchema): boolean {
    return table.columns.some((column) => {
      const rule = this.#rule(table, column);
      return rule !== undefined && isKeyedRule(rule, this.#document.domains);
    });
  }

  /**
   * The compiled method of a domain or column, for detokenizing and tests; the column gives the type.
   *
   * @param space default: what the rule by itself has
   */
  compileColumn(rule: ColumnRule, column: Column, where: string, isKey = false, space?: string): ColumnMask {
    const alone: TableSchema = { namespace: '', name: '', columns: [column], key: isKey ? [0] : [] };
    return this.#compile(rule, column, where, isKey, alone, space);
  }

  #maskedTable(table: TableSchema, masks: readonly ColumnMask[]): MaskedTable {
    const columns = table.columns.map((column, index): MaskedColumn => {
      const { method } = masks[index]!;
      return Object.freeze({
        name: column.name,
        type: method.type,
        sourceType: column.sourceType,
        id: column.id,
        method: String(method.description['method']),
      });
    });
    return Object.freeze({
      namespace: table.namespace,
      name: table.name,
      columns: Object.freeze(columns),
      key: table.key,
      policy: JSON.stringify(
        table.columns.map((column, index) => [column.name, masks[index]!.method.description]),
      ),
      keyEpoch: this.#keys.epoch,
      keyFingerprint: this.#keys.fingerprint,
    });
  }

  /** The column's own rule, or that of the column it references. */
  #rule(table: TableSchema, column: Column): ColumnRule | undefined {
    return this.#ruleAt(displayName(table), column.name, new Set());
  }

  #ruleAt(table: string, column: string, seen: Set<string>): ColumnRule | undefined {
    const own = this.#document.tables.get(table)?.get(column);
    const where = `${table}.${column}`;
    const reference = this.#references.get(where);
    if (own !== undefined || reference === undefined || seen.has(where)) return own;
    return this.#ruleAt(displayName(reference), reference.column, seen.add(where));
  }

  /** A column without a domain has a token space of its own; a foreign key has that of the column it leads to. */
  #ownSpace(where: string): string {
    const seen = new Set<string>();
    let at = where;
    for (
      let reference = this.#references.get(at);
      reference !== undefined && !seen.has(at);
      reference = this.#references.get(at)
    ) {
      seen.add(at);
      at = `${displayName(reference)}.${reference.column}`;
    }
    return `column:${at}`;
  }

  #learnReferences(tables: readonly TableSchema[]): void {
    for (const table of tables) {
      for (const column of table.columns) {
        const where = `${displayName(table)}.${column.name}`;
        if (column.references !== undefined && !this.#references.has(where))
          this.#references.set(where, column.references);
      }
    }
  }

  #resolve(rule: ColumnRule, where: string): { readonly method: Rule; readonly space: string } {
    if (rule.kind === 'method') return { method: rule.method, space: this.#ownSpace(where) };
    const method = this.#document.domains.get(rule.domain);
    if (method === undefined) {
      throw new RowsealError('RS-MASK-003', {
        detail: `${where} names \`${rule.domain}\`${similar(rule.domain, [...this.#document.domains.keys()])}`,
        place: { file: 'configuration', path: `mask.tables.${where}` },
      });
    }
    return { method, space: `domain:${rule.domain}` };
  }

  #space(name: string): KeySpace {
    let space = this.#spaces.get(name);
    if (space === undefined) {
      space = new KeySpace(this.#keys, name);
      this.#spaces.set(name, space);
    }
    return space;
  }

  #compile(
    rule: ColumnRule,
    column: Column,
    where: string,
    isKey: boolean,
    table: TableSchema,
    knownSpace?: string,
  ): ColumnMask {
    const { method, space } = this.#resolve(rule, where);
    const context: MethodContext = {
      where,
      isKey,
      space: this.#space(knownSpace ?? space),
      host: this.#host,
      entity: (by, entity) => this.#entity(by, entity, table, where),
      inner: ({ path, rule: inner }) => {
        const place = `${where}${path.slice(1)}`;
        // A domain is one token space wherever it stands, so its places are the domain's, not the column's.
        const own = rule.kind === 'domain' ? `place:${rule.domain}:${path}` : this.#ownSpace(place);
        return this.#inner(inner, place, own);
      },
    };
    return handleColumn(
      column.name,
      where,
      compileMethod(method, column, context),
      method,
      context.space,
      isKey,
    );
  }

  /** A rule inside a document. Its place has a token space of its own, unless it names a domain. */
  #inner(rule: ColumnRule, where: string, own: string): InnerRule {
    const { method, space: named } = this.#resolve(rule, where);
    const space = this.#space(rule.kind === 'domain' ? named : own);
    const context: MethodContext = {
      where,
      isKey: false,
      space,
      host: this.#host,
      entity: () => {
        throw new RowsealError('RS-MASK-005', { detail: `${where}: date_shift works on columns` });
      },
      inner: () => {
        throw new RowsealError('RS-MASK-005', { detail: `${where}: json inside json` });
      },
    };
    return {
      compile: (type) =>
        compileMethod(method, { name: where, type, sourceType: type.kind, id: null }, context),
      handle: (type) => handlePlace(where, type, method, space),
    };
  }

  #entity(by: string, entity: string | null, table: TableSchema, where: string): DateEntity {
    const names = table.columns.map((column) => column.name);
    const index = names.indexOf(by);
    if (index < 0) {
      throw new RowsealError('RS-MASK-002', {
        detail: `${where}: table ${displayName(table)} has no column \`${by}\`${similar(by, names)}`,
      });
    }
    if (!table.key.includes(index) && !ALWAYS_SENT.has(table.columns[index]!.type.kind)) {
      throw new RowsealError('RS-MASK-005', {
        detail: `${where}: \`${by}\` is neither part of the row key nor of a short type; a source leaves such a column out when it did not change`,
      });
    }
    const { type } = table.columns[index]!;
    const rule = this.#rule(table, table.columns[index]!);
    const steps = rule === undefined ? [] : spellingsOf(this.#resolve(rule, where).method);
    const space =
      entity !== null
        ? `entity:${entity}`
        : rule?.kind === 'domain'
          ? `domain:${rule.domain}`
          : this.#ownSpace(`${displayName(table)}.${by}`);
    return {
      index,
      space: this.#space(space),
      column: by,
      spell: (value) => normalizeValue(type.kind === 'text' && type.padded ? unpad(value) : value, steps),
    };
  }
}

/** Types of a fixed size, which Postgres never leaves out of a change as unchanged TOAST. */
const ALWAYS_SENT: ReadonlySet<ColumnType['kind']> = new Set([
  'int',
  'uuid',
  'boolean',
  'date',
  'timestamp',
  'enum',
]);

/** What the rule of an entity's own column takes for one value, its dates take for one entity. */
function spellingsOf(rule: Rule): readonly Normalizer[] {
  if (rule.method === 'token' || rule.method === 'fpe') return rule.normalize;
  return rule.method === 'email' ? ['trim', 'lower'] : [];
}
