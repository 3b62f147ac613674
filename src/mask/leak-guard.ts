import { RowsealError } from '../error/rowseal-error.ts';
import type { MaskedCell } from '../model/cell.ts';
import type { RowRun } from '../model/change.ts';
import { displayName, type TableSchema } from '../model/table.ts';
import type { ColumnMask } from './column-mask.ts';
import { type TextClass, TextScanner } from './detect/text-scanner.ts';
import type { LeakGuardDocument } from './policy-document.ts';

/** What was met in a kept column: personal data of a class, or the raw value of a masked column of the same row. */
export type LeakKind = TextClass | 'masked_value';

export interface LeakCount {
  readonly column: string;
  readonly kind: LeakKind;
  readonly count: number;
}

/** Classes that can be told from harmless text with some certainty; names and coordinates cannot. */
const CLASSES: readonly TextClass[] = ['email', 'iban', 'pan', 'us_ssn', 'phone', 'secret', 'national_id'];

const NONE: readonly LeakCount[] = [];

/** Shorter raw values turn up by chance. */
const RAW_CHARACTERS_MIN = 6;

/** null: nothing to look at, or nobody asked to look. */
export function makeLeakGuard(
  document: LeakGuardDocument,
  table: TableSchema,
  masks: readonly ColumnMask[],
): LeakGuard | null {
  if (document.oneIn === null) return null;
  const kept: number[] = [];
  const secret: number[] = [];
  masks.forEach((mask, i) => {
    const { kind } = mask.method.transform;
    const { type } = table.columns[i]!;
    const textual =
      type.kind === 'text' || type.kind === 'json' || type.kind === 'array' || type.kind === 'other';
    if (kind === 'keep' && textual && !document.except.has(mask.where)) kept.push(i);
    // What a document's policy lets through can hold what another column hides.
    else if (type.kind === 'json' && kind === 'map' && !document.except.has(mask.where)) kept.push(i);
    if (kind !== 'keep' && (textual || type.kind === 'int' || type.kind === 'uuid')) secret.push(i);
  });
  return kept.length === 0 ? null : new LeakGuard(document, table, masks, kept, secret);
}

/**
 * Looks through what leaves the mask for what the policy says is not there. Costs one pass over the kept text, and a
 * search for each raw masked value of the row in it.
 */
export class LeakGuard {
  readonly #oneIn: number;
  readonly #action: LeakGuardDocument['action'];
  readonly #table: TableSchema;
  readonly #masks: readonly ColumnMask[];
  readonly #kept: readonly number[];
  readonly #secret: readonly number[];
  readonly #scanner = new TextScanner(CLASSES);
  readonly #counts = new Map<string, { readonly column: string; readonly kind: LeakKind; count: number }>();
  #untilNext = 0;

  constructor(
    document: LeakGuardDocument,
    table: TableSchema,
    masks: readonly ColumnMask[],
    kept: readonly number[],
    secret: readonly number[],
  ) {
    this.#oneIn = document.oneIn ?? 1;
    this.#action = document.action;
    this.#table = table;
    this.#masks = masks;
    this.#kept = kept;
    this.#secret = secret;
  }

  /** @param cells as masked; cells that leak are redacted in place where that is the action @throws RowsealError RS-MASK-012 */
  inspect(run: RowRun, cells: MaskedCell[]): void {
    const width = this.#masks.length;
    for (let row = 0; row < cells.length; row += width) {
      if (this.#untilNext-- > 0) continue;
      this.#untilNext = this.#oneIn - 1;
      for (const column of this.#kept) {
        const cell = cells[row + column];
        if (typeof cell !== 'string' || cell.length < RAW_CHARACTERS_MIN) continue;
        const kind = this.#leakOf(run, row, column, cell);
        if (kind !== null) this.#act(cells, row + column, column, kind);
      }
    }
  }

  get action(): LeakGuardDocument['action'] {
    return this.#action;
  }

  take(): readonly LeakCount[] {
    if (this.#counts.size === 0) return NONE;
    const counts = [...this.#counts.values()];
    this.#counts.clear();
    return counts;
  }

  #leakOf(run: RowRun, row: number, column: number, cell: string): LeakKind | null {
    for (const other of this.#secret) {
      if (other === column) continue;
      const raw = run.cells[row + other];
      if (
        typeof raw === 'string' &&
        raw.length >= RAW_CHARACTERS_MIN &&
        raw.length <= cell.length &&
        cell.includes(raw)
      )
        return 'masked_value';
    }
    // What a document's own policy made is not looked at again: tokens and shapes may resemble anything.
    return this.#masks[column]!.method.transform.kind === 'keep' ? this.#scanner.has(cell) : null;
  }

  #act(cells: MaskedCell[], at: number, column: number, kind: LeakKind): void {
    const { name, where } = this.#masks[column]!;
    const key = `${name}\0${kind}`;
    const entry = this.#counts.get(key);
    if (entry === undefined) this.#counts.set(key, { column: name, kind, count: 1 });
    else entry.count++;
    // Without its key a row cannot be delivered: there the choice is between stopping and leaking.
    const halt = this.#action === 'halt' || (this.#action === 'redact' && this.#table.key.includes(column));
    if (this.#action === 'redact') cells[at] = null;
    if (halt) {
      throw new RowsealError('RS-MASK-012', {
        detail: `${where}: ${kind === 'masked_value' ? `the raw value of a masked column of ${displayName(this.#table)}` : kind}`,
        state: 'halted; the change is not sealed and not confirmed, so nothing is lost',
      });
    }
  }
}
