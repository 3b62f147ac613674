import { closest } from 'fastest-levenshtein';
import { RowsealError } from '../error/rowseal-error.ts';
import type { MaskedColumn, MaskedTable } from '../model/masked.ts';
import { type Column, displayName, type TableSchema } from '../model/table.ts';
import type { HmacSha256 } from './hmac.ts';
import { KeyTagger } from './key-tagger.ts';
import type { MaskKeys } from './keys.ts';
import { TableMasker } from './masker.ts';
import type { CompiledMethod } from './method.ts';
import { compilePartial } from './partial.ts';
import type { ColumnRule, MethodDocument, PolicyDocument } from './policy-document.ts';
import { compileRedact } from './redact.ts';
import { compileToken } from './token.ts';

/** How many of the captured columns the policy decides. */
export interface PolicyCoverage {
  readonly columns: number;
  readonly decided: number;
  /** `namespace.table.column` of those it does not. */
  readonly undecided: readonly string[];
}

/** Deny by default: what the policy does not decide stops the start, and is redacted while running (law 2). */
export class CompiledPolicy {
  readonly #document: PolicyDocument;
  readonly #keys: MaskKeys;
  readonly #tag: HmacSha256;
  readonly #methods = new Map<string, CompiledMethod>();

  constructor(document: PolicyDocument, keys: MaskKeys) {
    this.#document = document;
    this.#keys = keys;
    this.#tag = keys.tag();
    for (const [table, columns] of document.tables) {
      for (const [column, rule] of columns) this.#resolve(rule, `${table}.${column}`);
    }
  }

  coverage(tables: readonly TableSchema[]): PolicyCoverage {
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
   * @throws RowsealError RS-MASK-001, -002, -004, -005
   */
  check(tables: readonly TableSchema[]): void {
    this.#refuseUnknownNames(tables);
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

  /** @param moment `start`: an undecided column throws (unless the policy says redact). `running`: it is redacted. */
  compileMasker(table: TableSchema, moment: 'start' | 'running'): TableMasker {
    const undecided: string[] = [];
    const methods = table.columns.map((column, index) => {
      const rule = this.#rule(table, column);
      const where = `${displayName(table)}.${column.name}`;
      if (rule === undefined) {
        undecided.push(column.name);
        if (moment === 'start' && this.#document.undecided === 'halt')
          throw new RowsealError('RS-MASK-001', { detail: where });
      }
      const method =
        rule === undefined ? compileRedact('null', column.type, where) : this.#compile(rule, column, where);
      if (table.key.includes(index) && !method.injective && !this.#normalizedToken(method)) {
        throw new RowsealError('RS-MASK-004', {
          detail: `${where} is part of the row key and would be masked by ${method.description['method']}`,
        });
      }
      return method;
    });
    return new TableMasker(
      this.#maskedTable(table, methods),
      methods.map((method) => method.transform),
      new KeyTagger(this.#tag, table),
      undecided,
    );
  }

  /** A normalising token merges keys that differ only in what is normalised: the operator asked for just that. */
  #normalizedToken(method: CompiledMethod): boolean {
    return method.description['method'] === 'token';
  }

  #maskedTable(table: TableSchema, methods: readonly CompiledMethod[]): MaskedTable {
    const columns = table.columns.map((column, index): MaskedColumn => {
      const method = methods[index]!;
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
        table.columns.map((column, index) => [column.name, methods[index]!.description]),
      ),
      keyEpoch: this.#keys.epoch,
      keyFingerprint: this.#keys.fingerprint,
    });
  }

  #rule(table: TableSchema, column: Column): ColumnRule | undefined {
    return this.#document.tables.get(displayName(table))?.get(column.name);
  }

  #resolve(rule: ColumnRule, where: string): { readonly method: MethodDocument; readonly domain: string } {
    if (rule.kind === 'method') return { method: rule.method, domain: `column:${where}` };
    const method = this.#document.domains.get(rule.domain);
    if (method === undefined) {
      throw new RowsealError('RS-MASK-003', {
        detail: `${where} names \`${rule.domain}\`${similar(rule.domain, [...this.#document.domains.keys()])}`,
        place: { file: 'configuration', path: `mask.tables.${where}` },
      });
    }
    return { method, domain: `domain:${rule.domain}` };
  }

  #compile(rule: ColumnRule, column: Column, where: string): CompiledMethod {
    const { method, domain } = this.#resolve(rule, where);
    switch (method.method) {
      case 'keep':
        return {
          transform: { kind: 'keep' },
          type: column.type,
          injective: true,
          description: { method: 'keep' },
        };
      case 'drop':
        return {
          transform: { kind: 'drop' },
          type: column.type,
          injective: false,
          description: { method: 'drop' },
        };
      case 'redact':
        return compileRedact(method.with, column.type, where);
      case 'partial':
        return compilePartial(method, column.type, where);
      case 'token':
        return this.#token(method, domain);
    }
  }

  /** One object per domain and options: the derived key and its buffers are shared by every column of the domain. */
  #token(method: Extract<MethodDocument, { method: 'token' }>, domain: string): CompiledMethod {
    const identity = JSON.stringify([domain, method.normalize, method.prefix]);
    let compiled = this.#methods.get(identity);
    if (compiled === undefined) {
      compiled = compileToken(
        { domain, normalize: method.normalize, prefix: method.prefix },
        this.#keys.domain(domain),
      );
      this.#methods.set(identity, compiled);
    }
    return compiled;
  }

  #refuseUnknownNames(tables: readonly TableSchema[]): void {
    const known = new Map(tables.map((table) => [displayName(table), table]));
    for (const [name, columns] of this.#document.tables) {
      const table = known.get(name);
      if (table === undefined) {
        throw new RowsealError('RS-MASK-002', {
          detail: `table \`${name}\` is not captured${similar(name, [...known.keys()])}`,
          place: { file: 'configuration', path: `mask.tables.${name}` },
        });
      }
      const names = table.columns.map((column) => column.name);
      for (const column of columns.keys()) {
        if (names.includes(column)) continue;
        throw new RowsealError('RS-MASK-002', {
          detail: `table ${name} has no column \`${column}\`${similar(column, names)}`,
          place: { file: 'configuration', path: `mask.tables.${name}.${column}` },
        });
      }
    }
  }
}

function similar(name: string, candidates: readonly string[]): string {
  return candidates.length === 0 ? '' : `; a similar name exists: \`${closest(name, candidates)}\``;
}
