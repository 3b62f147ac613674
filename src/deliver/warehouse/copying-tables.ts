import type { GroupIndex, SealedGroupInfo } from '../../audit/audit-log.ts';
import { displayName } from '../../model/table.ts';

/**
 * Tables that are being copied at each group of a batch. A change may come before the row it is made to: what it leaves
 * unchanged is not known here yet, comes with the copy, and is no dead letter.
 */
export class CopyingTables {
  readonly #byGroup: ReadonlyMap<GroupIndex, ReadonlySet<string>>;

  constructor(groups: readonly SealedGroupInfo[]) {
    this.#byGroup = new Map(
      groups.map(({ index, position }) => [index, new Set((position.copying ?? []).map(displayName))]),
    );
  }

  /** @param table `namespace.name` */
  has(group: GroupIndex, table: string): boolean {
    return this.#byGroup.get(group)?.has(table) ?? false;
  }
}
