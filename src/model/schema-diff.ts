import type { MaskedColumn, MaskedTable } from './masked.ts';
import { columnIdentity, type TableSchema, tableKey } from './table.ts';
import type { ColumnType } from './type.ts';

/** One step from a table version to the next, in an order in which the steps can be applied. */
export type SchemaStep =
  | { readonly kind: 'drop-column'; readonly column: MaskedColumn }
  | { readonly kind: 'rename-column'; readonly from: MaskedColumn; readonly to: MaskedColumn }
  | { readonly kind: 'retype-column'; readonly from: MaskedColumn; readonly to: MaskedColumn }
  | { readonly kind: 'add-column'; readonly column: MaskedColumn };

/** Columns a sink can see: the policy's dropped ones have no place there. */
export function visibleColumns(table: MaskedTable): readonly MaskedColumn[] {
  return table.columns.filter((column) => column.method !== 'drop');
}

/** How the visible columns changed. Drops first, so that a name is free before it is given again. */
export function diffTables(before: MaskedTable, after: MaskedTable): readonly SchemaStep[] {
  const old = new Map(visibleColumns(before).map((column) => [columnIdentity(column), column]));
  const drops: SchemaStep[] = [];
  const renames: SchemaStep[] = [];
  const retypes: SchemaStep[] = [];
  const adds: SchemaStep[] = [];
  const kept = new Set<string>();
  for (const column of visibleColumns(after)) {
    const identity = columnIdentity(column);
    const previous = old.get(identity);
    if (previous === undefined) {
      adds.push({ kind: 'add-column', column });
      continue;
    }
    kept.add(identity);
    if (previous.name !== column.name) renames.push({ kind: 'rename-column', from: previous, to: column });
    if (!sameType(previous.type, column.type))
      retypes.push({ kind: 'retype-column', from: previous, to: column });
  }
  for (const [identity, column] of old) {
    if (!kept.has(identity)) drops.push({ kind: 'drop-column', column });
  }
  return [...drops, ...renames, ...retypes, ...adds];
}

/** Structural equality; key order of the literals does not matter. */
export function sameType(a: ColumnType, b: ColumnType): boolean {
  if (a.kind !== b.kind) return false;
  switch (a.kind) {
    case 'int':
      return b.kind === 'int' && a.bits === b.bits && a.unsigned === b.unsigned;
    case 'decimal':
      return b.kind === 'decimal' && a.precision === b.precision && a.scale === b.scale;
    case 'float':
      return b.kind === 'float' && a.bits === b.bits;
    case 'text':
      return b.kind === 'text' && a.maxLength === b.maxLength && a.padded === b.padded;
    case 'time':
    case 'timestamp':
      return b.kind === a.kind && a.withZone === b.withZone;
    case 'enum':
      return (
        b.kind === 'enum' &&
        a.labels.length === b.labels.length &&
        a.labels.every((l, i) => l === b.labels[i])
      );
    case 'array':
      return b.kind === 'array' && sameType(a.element, b.element);
    default:
      return true;
  }
}

/** Tables of which a column has another type in the source than in the log; columns are told apart by their identity. */
export function retypedTables(
  tables: readonly TableSchema[],
  sealed: readonly MaskedTable[],
): readonly TableSchema[] {
  const known = new Map(sealed.map((table) => [tableKey(table), table]));
  return tables.filter((table) => {
    const before = new Map(
      known.get(tableKey(table))?.columns.map((column) => [columnIdentity(column), column.sourceType]),
    );
    return table.columns.some((column) => {
      const type = before.get(columnIdentity(column));
      // A type that was gone when it was looked up has only its number.
      return type !== undefined && !type.startsWith('oid ') && type !== column.sourceType;
    });
  });
}
