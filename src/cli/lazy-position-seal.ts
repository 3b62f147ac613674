import { loadMaskKeys } from '../config/load.ts';
import { RowsealError } from '../error/rowseal-error.ts';
import { customWorkers } from '../mask/method/custom-worker.ts';
import { CompiledPolicy } from '../mask/policy.ts';
import { PositionCipher } from '../mask/position-cipher.ts';
import type { TableSchema } from '../model/table.ts';
import type { SourceSettings } from './make-source.ts';

/** Keys are loaded when a copy is under way: a look at a source needs none. */
export class LazyPositionSeal {
  readonly #config: SourceSettings;
  #made: { readonly cipher: PositionCipher; readonly policy: CompiledPolicy } | null = null;

  constructor(config: SourceSettings) {
    this.#config = config;
  }

  seal(table: TableSchema, text: string): string {
    return this.#use().cipher.seal(JSON.stringify([this.#policyOf(table), text]));
  }

  open(table: TableSchema, sealed: string): string | null {
    const opened = this.#use().cipher.open(sealed);
    if (opened === null) return null;
    const [sealedPolicy, text] = JSON.parse(opened) as [string, string];
    // A table that is masked otherwise now must not be continued in the middle.
    return sealedPolicy === this.#policyOf(table) ? text : null;
  }

  #policyOf(table: TableSchema): string {
    return this.#use().policy.compileMasker(table, 'running').table.policy;
  }

  #use(): { readonly cipher: PositionCipher; readonly policy: CompiledPolicy } {
    if (this.#made === null) {
      const { mask } = this.#config;
      if (mask === undefined) throw new RowsealError('RS-RUN-000', { detail: 'a copy without a policy' });
      const keys = loadMaskKeys({ mask }, process.env);
      this.#made = {
        cipher: new PositionCipher(keys),
        policy: new CompiledPolicy(mask.policy, keys, customWorkers),
      };
    }
    return this.#made;
  }
}
