import { randomUUID } from 'node:crypto';
import type { GroupIndex } from '../../../src/audit/audit-log.ts';
import type { MaskedTable } from '../../../src/model/masked.ts';
import { diffTables } from '../../../src/model/schema-diff.ts';
import { displayName } from '../../../src/model/table.ts';
import type { Bookkeeping } from './bookkeeping.ts';
import type { Catalog } from './catalog.ts';
import { tableName } from './names.ts';
import type { BigqueryMode, BigquerySinkOptions } from './options.ts';
import type { Relations } from './relations.ts';
import type { Statements } from './statements.ts';
import {
  alterTarget,
  createTarget,
  isBehind,
  isRekeyed,
  keyIdentities,
  nextVersion,
  storedTable,
  type Target,
  withHistory,
  written,
} from './target.ts';

/** What changes of tables are made with. */
export interface TableServices {
  readonly catalog: Catalog;
  readonly statements: Statements;
  readonly bookkeeping: Bookkeeping;
  readonly relations: Relations;
  /** The last group whose rows are durable. */
  readonly cursor: () => GroupIndex | null;
}

/**
 * The tables of an open dataset as the sink knows them, and how they come to hold rows of the next version. What changes is
 * remembered in `_rowseal_tables` with the next commit; tables that are streamed into, before.
 */
export class KnownTables {
  readonly #services: TableServices;
  readonly #options: BigquerySinkOptions;
  readonly #targets: Map<string, Target>;
  /** The version object last seen of each table. */
  readonly #seen = new Map<string, MaskedTable>();
  /** Targets that `_rowseal_tables` does not know yet. */
  readonly #dirty = new Map<string, Target>();
  /** Statements that must come before the next batch's own. */
  #due: string[] = [];

  /** @param targets as remembered in the dataset, by table key */
  constructor(services: TableServices, options: BigquerySinkOptions, targets: ReadonlyMap<string, Target>) {
    this.#services = services;
    this.#options = options;
    this.#targets = new Map(targets);
  }

  /** undefined: no version of it was seen. */
  of(table: MaskedTable): Target | undefined {
    return this.#targets.get(targetKey(table));
  }

  get due(): readonly string[] {
    return this.#due;
  }

  /** What the next commit has to remember, by table key. */
  get dirty(): ReadonlyMap<string, Target> {
    return this.#dirty;
  }

  /** What the transaction made known is shown. */
  async committed(): Promise<void> {
    const changed = [...this.#dirty.values()];
    this.#due = [];
    this.#dirty.clear();
    for (const target of changed) await this.#services.relations.show(target);
  }

  /** Tables that rows were written to are still as they were made. @throws RowsealError RS-BQ-010 */
  async verify(): Promise<void> {
    for (const key of this.#seen.keys()) await this.#services.relations.verify(this.#targets.get(key)!);
  }

  /** See `Sink.alter`. @throws RowsealError RS-BQ-006, -007, -010, -015, -018 */
  async alter(table: MaskedTable, at: GroupIndex): Promise<void> {
    const key = targetKey(table);
    if (this.#seen.get(key) === table) return;
    const { bookkeeping, relations } = this.#services;
    const known = this.#targets.get(key) ?? null;
    const mode = this.#modeOf(table);
    const kept = known === null || this.#keepsHistory(table) === (known.history !== null);
    if (known !== null && kept && known.mode === mode && sameVersion(known.table, table)) {
      if (!this.#seen.has(key)) await relations.verify(known);
    } else if (known === null || !kept || !isBehind(known, table, at)) {
      await bookkeeping.assertNewest();
      if (known === null) {
        const target = this.#create(table, at, mode);
        await relations.reach(null, target);
        await this.#know(target);
      } else {
        const { types } = this.#options;
        const altered = isBehind(known, table, at) ? known : alterTarget(known, table, at, types);
        const target = withHistory(altered, this.#keepsHistory(table), types, this.#taken());
        await this.#change(known, { ...target, mode }, at);
      }
    }
    this.#seen.set(key, table);
  }

  /** TRUNCATE is DML, which a table with streamed changes does not take: an empty table takes its place. */
  async nextVersion(table: MaskedTable, since: number): Promise<Target> {
    const { bookkeeping, relations, catalog } = this.#services;
    const known = this.of(table)!;
    await bookkeeping.assertNewest();
    const target = nextVersion(known, since, this.#options.types);
    await relations.reach(known, target);
    await this.#know(target);
    await catalog.drop(storedTable(known.mirror)).catch(() => {});
    return target;
  }

  async #change(known: Target, target: Target, at: GroupIndex): Promise<void> {
    if (known.mode !== target.mode || (target.mode === 'cdc' && isRekeyed(known, target)))
      return this.#rekey(known, target);
    await this.#services.relations.reach(known, target);
    this.#due.push(...this.#unconvertible(known, target, at));
    return this.#know(target);
  }

  /** Neither a primary key nor the mode can be exchanged under streamed changes: the rows go into a new table. */
  async #rekey(known: Target, altered: Target): Promise<void> {
    const { relations, catalog, statements } = this.#services;
    const target = nextVersion(altered, known.since, this.#options.types);
    if (known.mode === 'cdc' && this.#options.maxStalenessMs !== null)
      await catalog.unsetStaleness(storedTable(known.mirror));
    await relations.reach(known, target);
    await this.#know(target, statements.copyVersion(known.mirror, target.mirror));
    await catalog.drop(storedTable(known.mirror)).catch(() => {});
  }

  /** A target is known from the next commit on; one that is streamed into must be known before. */
  async #know(target: Target, ...statements: readonly string[]): Promise<void> {
    const key = targetKey(target.table);
    this.#targets.set(key, target);
    this.#dirty.set(key, target);
    if (target.mode === 'merge' && statements.length === 0) return;
    const cursor = this.#services.cursor();
    const stay = { after: cursor, to: cursor, head: null };
    await this.#services.bookkeeping.commit(randomUUID(), stay, [...statements, ...this.#due], this.#dirty);
    await this.committed();
  }

  /** Statements that keep what columns of the mirror held and their new types do not. */
  #unconvertible(known: Target, target: Target, at: GroupIndex): readonly string[] {
    if (known.mirror.version !== target.mirror.version) return [];
    return target.mirror.columns.flatMap((column) => {
      const before = known.mirror.columns.find(({ identity }) => identity === column.identity);
      if (before === undefined || before.stored.length === column.stored.length) return [];
      if (written(column).type === 'STRING') return [];
      const { statements } = this.#services;
      return [statements.keepUnconvertible(target.mirror, column, displayName(target.table), at)];
    });
  }

  #create(table: MaskedTable, at: GroupIndex, mode: BigqueryMode): Target {
    return createTarget(table, at, {
      types: this.#options.types,
      taken: this.#taken(),
      name: tableName(this.#options.tableName, table.namespace, table.name),
      mode,
      history: this.#keepsHistory(table),
    });
  }

  /** Names of views that are given. */
  #taken(): (lowerCase: string) => boolean {
    const taken = new Set(
      [...this.#targets.values()].flatMap(({ mirror, history }) =>
        [mirror.view, history?.view ?? ''].map((name) => name.toLowerCase()),
      ),
    );
    return (name) => taken.has(name);
  }

  /** Without a key nothing can be upserted. */
  #modeOf(table: MaskedTable): BigqueryMode {
    if (table.key.length === 0) return 'merge';
    return this.#options.byTable.get(displayName(table))?.mode ?? this.#options.mode;
  }

  #keepsHistory(table: MaskedTable): boolean {
    const { history } = this.#options;
    return history === 'all' || (history !== 'none' && history.has(displayName(table)));
  }
}

/** As `tableKey`, without the NUL: it is stored in BigQuery. */
export function targetKey({ namespace, name }: MaskedTable): string {
  return JSON.stringify([namespace, name]);
}

function sameVersion(before: MaskedTable, after: MaskedTable): boolean {
  return (
    diffTables(before, after).length === 0 &&
    keyIdentities(before).join('\0') === keyIdentities(after).join('\0')
  );
}
