import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { type RawCell, UNCHANGED } from '../../../src/model/cell.ts';
import { displayName, type TableSchema } from '../../../src/model/table.ts';
import { malformed, need } from './malformed.ts';

const CELL_NULL = 0x6e; // n
const CELL_UNCHANGED = 0x75; // u
const CELL_TEXT = 0x74; // t

/**
 * TupleData (PostgreSQL manual 53.9): Int16 columns, then per column a kind and, for text, Int32 length and bytes. A tuple is
 * turned into one string and its cells are slices of it: when the string has as many characters as the tuple has bytes, every
 * cell is ASCII and offsets agree; otherwise cells are read one by one.
 *
 * @param cells what it holds is appended here
 * @returns where it ends
 * @throws RowsealError RS-PG-014
 */
export function readTuple(
  buffer: Buffer,
  at: number,
  end: number,
  table: TableSchema,
  cells: RawCell[],
): number {
  need(at + 2, end);
  const width = (buffer[at]! << 8) | buffer[at + 1]!;
  if (width !== table.columns.length) throw malformed('a tuple of another width than its relation');
  const start = at + 2;
  const text = buffer.utf8Slice(start, end);
  const ascii = text.length === end - start;
  at = start;
  for (let i = 0; i < width; i++) {
    switch (buffer[at++]) {
      case CELL_TEXT: {
        need(at + 4, end);
        const length = buffer.readInt32BE(at);
        at += 4;
        if (length < 0) throw malformed('a cell of negative length');
        need(at + length, end);
        cells.push(
          ascii ? text.substring(at - start, at - start + length) : buffer.utf8Slice(at, at + length),
        );
        at += length;
        break;
      }
      case CELL_NULL:
        cells.push(null);
        break;
      case CELL_UNCHANGED:
        cells.push(UNCHANGED);
        break;
      default:
        throw malformed('a cell of an unknown kind');
    }
  }
  return at;
}

/**
 * What an old tuple may hold instead of every column: places of the columns that are logged, for each way to log fewer. The
 * server gives it the kind that the replica identity of the table asks for, and fills it from what was logged by the replica
 * identity of the partition that the row is in, or had then.
 */
export type OldRows = readonly (readonly number[])[];

export const WHOLE: OldRows = [];

/** Whether an old tuple, whose cells begin at `from`, looks as if it had nulls where nothing was logged. */
export function isKeyAlone(rows: OldRows, cells: readonly RawCell[], from: number, width: number): boolean {
  return rows.some((logged) => {
    for (let i = 0; i < width; i++) if (logged.includes(i) === (cells[from + i] === null)) return false;
    return true;
  });
}

/**
 * A key tuple, whose cells begin at `from`, has nulls where the server sent nothing.
 *
 * @throws RowsealError RS-PG-052
 */
export function keepOnlyKey(cells: RawCell[], from: number, table: TableSchema): void {
  // No column of a key can be null: here a partition has logged another key than that of its table.
  if (table.key.length === 0 || table.key.some((i) => cells[from + i] === null))
    throw new RowsealError('RS-PG-052', { detail: displayName(table) });
  for (let i = 0; i < table.columns.length; i++) if (!table.key.includes(i)) cells[from + i] = UNCHANGED;
}

/** What the new tuple leaves out the old one has: under REPLICA IDENTITY FULL every value, otherwise a TOASTed key. */
export function fillFromOld(cells: RawCell[], before: number, after: number, width: number): void {
  for (let i = 0; i < width; i++) if (cells[after + i] === UNCHANGED) cells[after + i] = cells[before + i]!;
}
