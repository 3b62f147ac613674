import type { CompiledPolicy } from '../mask/policy.ts';
import type { MaskedTable } from '../model/masked.ts';

/** A policy that is to follow the one in force. */
export interface PolicyChange {
  readonly policy: CompiledPolicy;
  /** Tables of the log that it masks otherwise: their new versions are sealed with the change. */
  readonly tables: readonly MaskedTable[];
}

/**
 * The policy in force, and the one that is to follow it. Whoever reads the stream makes the change between two groups, so
 * that every record stands behind the policy record it was masked under.
 */
export class PolicySwitch {
  #current: CompiledPolicy;
  #pending: { readonly change: PolicyChange; readonly inForce: () => void } | null = null;
  #wake: () => void = () => {};
  #ended = false;

  constructor(policy: CompiledPolicy) {
    this.#current = policy;
  }

  get current(): CompiledPolicy {
    return this.#current;
  }

  get pending(): boolean {
    return this.#pending !== null;
  }

  /** Calls `wake` once when a change is asked for; only the newest such call counts. */
  whenAsked(wake: () => void): void {
    this.#wake = wake;
  }

  /** Resolves when the change is in force and sealed. One that was not made yet gives way to a newer one, and never is. */
  ask(change: PolicyChange): Promise<void> {
    this.#pending?.change.policy.end();
    if (this.#ended) change.policy.end();
    return new Promise((inForce) => {
      this.#pending = { change, inForce };
      this.#wake();
    });
  }

  /** Nothing is masked any more. */
  end(): void {
    this.#ended = true;
    this.#current.end();
    this.#pending?.change.policy.end();
  }

  /**
   * Between two groups.
   *
   * @param seal records the new versions of these tables; what comes after is masked under the new policy
   */
  async make(seal: (tables: readonly MaskedTable[]) => Promise<void>): Promise<void> {
    const pending = this.#pending;
    if (pending === null) return;
    this.#pending = null;
    const previous = this.#current;
    this.#current = pending.change.policy;
    await seal(pending.change.tables);
    previous.end();
    pending.inForce();
  }
}
