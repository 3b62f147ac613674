import type { GroupIndex, SealedGroupInfo } from '../audit/audit-log.ts';
import { RowsealError } from '../error/rowseal-error.ts';
import type { Position } from '../model/position.ts';

/**
 * The one place that decides every confirm. Its law: confirmed ≤ sealed, every cursor ≤ sealed, nothing falls (laws 3
 * and 6). It is told of a seal only after the log said that the group is durable and signed.
 */
export class Progress {
  readonly #confirm: (position: Position) => void;
  readonly #cursors = new Map<string, GroupIndex>();
  #sealed: SealedGroupInfo | null;
  #confirmed: GroupIndex | null = null;

  /** @param last newest group of the log after recovery: sealed by an earlier run, so confirmed again at once. */
  constructor(last: SealedGroupInfo | null, confirm: (position: Position) => void) {
    this.#sealed = last;
    this.#confirm = confirm;
  }

  get sealed(): SealedGroupInfo | null {
    return this.#sealed;
  }

  get confirmed(): GroupIndex | null {
    return this.#confirmed;
  }

  cursors(): ReadonlyMap<string, GroupIndex> {
    return this.#cursors;
  }

  /** A group is durable and signed: the source may discard up to its position. */
  groupSealed(group: SealedGroupInfo): void {
    const expected = this.#sealed === null ? 0 : this.#sealed.index + 1;
    if (group.index !== expected) {
      throw new RowsealError('RS-RUN-002', {
        detail: `group ${group.index} sealed where ${expected} was due`,
      });
    }
    this.#sealed = group;
    this.confirmSealed();
  }

  /** Tells the source (again, after a reconnect) what is sealed. */
  confirmSealed(): void {
    if (this.#sealed === null) return;
    this.#confirm(this.#sealed.position);
    this.#confirmed = this.#sealed.index;
  }

  /** Rows up to and with this group are durable in the sink; null: the sink is new. */
  sinkReached(sink: string, cursor: GroupIndex | null): void {
    if (cursor === null) return;
    if (this.#sealed === null || cursor > this.#sealed.index) {
      throw new RowsealError('RS-RUN-003', {
        detail: `sink ${sink} holds group ${cursor}, the log ends at ${this.#sealed?.index ?? 'none'}`,
      });
    }
    const before = this.#cursors.get(sink);
    if (before !== undefined && cursor < before) {
      throw new RowsealError('RS-RUN-002', {
        detail: `cursor of sink ${sink} would fall from ${before} to ${cursor}`,
      });
    }
    this.#cursors.set(sink, cursor);
  }
}
