import type { DiscoveredTable, Source } from '../capture/source.ts';
import { RowsealError } from '../error/rowseal-error.ts';
import { toRowsealError } from '../error/unexpected.ts';
import { scanColumn } from '../mask/detect/column-scan.ts';
import type { ScannedTable } from '../mask/propose/policy-proposal.ts';
import type { RawCell } from '../model/cell.ts';
import type { RowRun } from '../model/change.ts';
import { displayName, type TableSchema } from '../model/table.ts';
import type { Terminal } from './context.ts';
import { ProgressBar } from './demo/progress-bar.ts';

export interface UnreadTable {
  readonly table: string;
  readonly code: string;
  readonly title: string;
}

export interface Scanned {
  readonly tables: readonly ScannedTable[];
  /** Tables that could not be read; their columns were judged by name and type alone. */
  readonly unread: readonly UnreadTable[];
}

/**
 * Reads a sample of each table and looks at it. Raw values live in here, for one table at a time.
 *
 * @param sampleRows 0: names and types only
 */
export async function scanTables(
  source: Source,
  tables: readonly DiscoveredTable[],
  sampleRows: number,
  t: Terminal,
): Promise<Scanned> {
  const bar = new ProgressBar(t, 'tables', tables.length);
  const scanned: ScannedTable[] = [];
  const unread: UnreadTable[] = [];
  try {
    for (const { table, estimatedRows } of tables) {
      bar.update(scanned.length);
      let run: RowRun | null = null;
      try {
        if (sampleRows > 0) run = await source.sample(table, sampleRows);
      } catch (thrown) {
        const error = toRowsealError(thrown);
        unread.push({ table: displayName(table), code: error.code, title: error.message });
      }
      scanned.push({
        table,
        estimatedRows,
        rows: run?.count ?? 0,
        columns: table.columns.map((column, index) =>
          scanColumn({ table: displayName(table), column, values: valuesOf(table, run?.cells ?? [], index) }),
        ),
      });
    }
  } finally {
    bar.done();
  }
  return { tables: scanned, unread };
}

function valuesOf(table: TableSchema, cells: readonly RawCell[], column: number): readonly (string | null)[] {
  const values: (string | null)[] = [];
  for (let at = column; at < cells.length; at += table.columns.length) {
    const cell = cells[at]!;
    values.push(typeof cell === 'string' ? cell : null);
  }
  return values;
}

/** `discover`, with a word about the password where that is what is missing. */
export async function discoverTables(
  source: Source,
  hasPassword: boolean,
): Promise<readonly DiscoveredTable[]> {
  try {
    return await source.discover();
  } catch (thrown) {
    const error = toRowsealError(thrown);
    // Without a password the driver fails before the server can say why.
    const refused = error.code === 'RS-PG-002' || error.code === 'RS-PG-018' || error.code === 'RS-PG-016';
    if (refused && !hasPassword) throw new RowsealError('RS-SCAN-004', { detail: error.message });
    throw error;
  }
}
