import type { TableSchema } from '../model/table.ts';

/** Encrypts what must be in a position and must not be read there: the key of the last copied row of a table. */
export interface PositionSeal {
  seal(table: TableSchema, text: string): string;
  /** null: sealed under another key or mask policy; the copy of the table then begins again. */
  open(table: TableSchema, sealed: string): string | null;
}
