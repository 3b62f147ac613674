import type { PositionSeal } from '../capture/position-seal.ts';
import { RowsealError } from '../error/rowseal-error.ts';
import type { CompiledPolicy } from '../mask/policy.ts';
import type { PositionCipher } from '../mask/position-cipher.ts';
import type { TableSchema } from '../model/table.ts';

/**
 * Seals how far the copy of a table has come together with how the table is masked. The policy must be the one that the
 * rows are masked by, checked against all tables: a foreign key without a rule has that of another table.
 */
export class CopySeal implements PositionSeal {
  readonly #policy: CompiledPolicy | null;
  #cipher: PositionCipher | null = null;

  /** @param policy null: nothing is copied, a source is only looked at */
  constructor(policy: CompiledPolicy | null) {
    this.#policy = policy;
  }

  seal(table: TableSchema, text: string): string {
    return this.#sealer().seal(JSON.stringify([this.#rulesOf(table), text]));
  }

  open(table: TableSchema, sealed: string): string | null {
    const opened = this.#sealer().open(sealed);
    if (opened === null) return null;
    const [rules, text] = JSON.parse(opened) as [string, string];
    // A table that is masked otherwise now must not be continued in the middle.
    return rules === this.#rulesOf(table) ? text : null;
  }

  #rulesOf(table: TableSchema): string {
    return this.#known().compileMasker(table, 'running').table.policy;
  }

  #sealer(): PositionCipher {
    this.#cipher ??= this.#known().positionCipher();
    return this.#cipher;
  }

  #known(): CompiledPolicy {
    if (this.#policy === null) throw new RowsealError('RS-RUN-000', { detail: 'a copy without a policy' });
    return this.#policy;
  }
}
