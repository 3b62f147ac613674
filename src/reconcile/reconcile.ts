import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { SealedGroup } from '../audit/audit-log.ts';
import type { MirrorView } from '../deliver/mirror-reader.ts';
import { RowsealError } from '../error/rowseal-error.ts';
import type { MaskedTable } from '../model/masked.ts';
import { displayName, tableKey } from '../model/table.ts';
import { TableComparison } from './compare-table.ts';
import { ExpectedTable } from './expected-table.ts';
import type { Difference, ReconciledTable, ReconcileReport } from './report.ts';
import { RowStore } from './row-store.ts';

export interface ReconcileOptions {
  readonly sink: string;
  readonly view: MirrorView;
  /** Groups from 0 to the cursor of the view, as the sink gets them, with what is gone among their events. */
  readonly groups: AsyncIterable<SealedGroup>;
  /** Newest sealed group. */
  readonly sealed: number;
  /** Where a scratch directory may be made. */
  readonly workDirectory: string;
  /** Differences to keep; all are counted. */
  readonly limit: number;
  readonly progress: ReconcileProgress;
}

export interface ReconcileProgress {
  reading(groups: number, of: number): void;
  comparing(rows: number, of: number): void;
}

/**
 * Compares the mirrors of a sink with the log, at the sink's cursor. The rows that must be there are folded from the log
 * into a scratch file, and the warehouse's are read past it: memory does not grow with either.
 *
 * @throws RowsealError RS-REC-002 when the sink went on meanwhile
 */
export async function reconcile(options: ReconcileOptions): Promise<ReconcileReport> {
  const { view, workDirectory } = options;
  const scratch = await mkdtemp(join(workDirectory, 'rowseal-reconcile-'));
  const store = new RowStore(scratch);
  try {
    const expected = await foldLog(options, store);
    await loadLetters(view, store);
    return await compare(options, store, expected);
  } finally {
    store.close();
    await rm(scratch, { recursive: true, force: true });
  }
}

async function foldLog(
  { view, groups, progress }: ReconcileOptions,
  store: RowStore,
): Promise<ReadonlyMap<string, ExpectedTable>> {
  const expected = new Map<string, ExpectedTable>();
  const of = (table: MaskedTable): ExpectedTable => {
    const key = tableKey(table);
    let one = expected.get(key);
    if (one === undefined) {
      one = new ExpectedTable(table, store.table());
      expected.set(key, one);
    }
    return one;
  };
  const total = (view.cursor ?? -1) + 1;
  for await (const group of groups) {
    for (const table of group.tables) of(table);
    for await (const events of group.chunks()) {
      for (const event of events) {
        if (event.kind === 'rows') of(event.run.table).add(event.run, event.seq);
        else if (event.kind === 'gone') of(event.table).lose(event);
        else if (event.kind === 'truncate' || (event.kind === 'snapshot' && event.phase === 'begin'))
          of(event.table).empty();
      }
    }
    progress.reading(group.index + 1, total);
  }
  return expected;
}

async function loadLetters(view: MirrorView, store: RowStore): Promise<void> {
  for await (const letters of view.deadLetters())
    for (const { table, column, key, value } of letters) store.keepLetter(table, column, key, value);
}

async function compare(
  { sink, view, sealed, limit, progress }: ReconcileOptions,
  store: RowStore,
  expected: ReadonlyMap<string, ExpectedTable>,
): Promise<ReconcileReport> {
  const differences: Difference[] = [];
  const tell = (difference: Difference): void => {
    if (differences.length < limit) differences.push(difference);
  };
  let total = 0;
  for (const { rows } of expected.values()) total += rows.count;
  let done = 0;
  const found = new Map(view.tables.map((table) => [tableKey(table.table), table]));
  const tables: ReconciledTable[] = [];
  for (const [key, one] of expected) {
    const there = found.get(key);
    if (there === undefined) {
      tables.push(unreadable(one, 'the sink does not know it', tell));
      continue;
    }
    try {
      const comparison = new TableComparison(one, there, store, tell);
      tables.push(
        await comparison.run(view, (rows) => {
          done += rows;
          progress.comparing(done, total);
        }),
      );
    } catch (error) {
      if (!(error instanceof RowsealError) || error.code !== 'RS-REC-003') throw error;
      tables.push(unreadable(one, error.detail ?? error.code, tell));
    }
  }
  if (await view.moved()) throw new RowsealError('RS-REC-002', { detail: `sink ${sink}` });
  const equal = differences.length === 0 && tables.every((table) => differing(table) === 0);
  return { sink, cursor: view.cursor ?? -1, sealed, tables, differences, equal };
}

export function differing({ changed, added, removed }: ReconciledTable): number {
  return changed + added + removed;
}

/** None of its rows is where it should be. */
function unreadable(
  { version, rows }: ExpectedTable,
  reason: string,
  tell: (difference: Difference) => void,
): ReconciledTable {
  const table = displayName(version);
  if (rows.count > 0 || reason !== 'the sink does not know it') tell({ kind: 'table', table, reason });
  const none = { rows: 0, changed: 0, added: 0, untold: 0, uncomparedCells: 0, deadLetters: 0 };
  return { table, ...none, removed: rows.count };
}
