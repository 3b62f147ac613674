import { RowsealError } from '../error/rowseal-error.ts';
import type { MaskedCell } from '../model/cell.ts';
import { Image, type RowRun } from '../model/change.ts';
import { displayName, type TableSchema } from '../model/table.ts';
import type { ColumnMask } from './column-mask.ts';
import { hintsOf } from './detect/text-finder.ts';
import { type TextClass, TextScanner } from './detect/text-scanner.ts';
import {
  HIDDEN_CHARACTERS_MIN,
  type HiddenColumn,
  HiddenValues,
  isTelling,
  unescaped,
} from './hidden-values.ts';
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

/** null: nothing to look at, or nobody asked to look. */
export function makeLeakGuard(
  document: LeakGuardDocument,
  table: TableSchema,
  masks: readonly ColumnMask[],
): LeakGuard | null {
  if (document.oneIn === null) return null;
  const kept: number[] = [];
  const hidden: HiddenColumn[] = [];
  masks.forEach((mask, i) => {
    const { kind } = mask.method.transform;
    const { type } = table.columns[i]!;
    const textual =
      type.kind === 'text' || type.kind === 'json' || type.kind === 'array' || type.kind === 'other';
    if (kind === 'keep' && textual && !document.except.has(mask.where)) kept.push(i);
    // What a document's policy lets through, or what a scan did not recognise, can hold what another column hides.
    else if (mask.method.showsParts === true && !document.except.has(mask.where)) kept.push(i);
    if (kind !== 'keep' && isTelling(type.kind))
      hidden.push({ index: i, kind: type.kind, method: mask.method });
  });
  return kept.length === 0 ? null : new LeakGuard(document, table, masks, kept, hidden);
}

/**
 * Looks through what leaves the mask for what the policy says is not there. Costs one pass over the kept text, and a
 * search for each hidden value of the row that has a chance to be in it.
 */
export class LeakGuard {
  readonly #sampler: RowSampler;
  readonly #action: LeakGuardDocument['action'];
  readonly #table: TableSchema;
  readonly #masks: readonly ColumnMask[];
  readonly #kept: readonly number[];
  readonly #hidden: HiddenValues;
  readonly #scanner = new TextScanner(CLASSES);
  readonly #counts = new Map<string, { readonly column: string; readonly kind: LeakKind; count: number }>();

  constructor(
    document: LeakGuardDocument,
    table: TableSchema,
    masks: readonly ColumnMask[],
    kept: readonly number[],
    hidden: readonly HiddenColumn[],
  ) {
    this.#sampler = new RowSampler(document.oneIn ?? 1);
    this.#action = document.action;
    this.#table = table;
    this.#masks = masks;
    this.#kept = kept;
    this.#hidden = new HiddenValues(hidden);
  }

  /** @param cells as masked; cells that leak are redacted in place where that is the action @throws RowsealError RS-MASK-012 */
  inspect(run: RowRun, cells: MaskedCell[]): void {
    const width = this.#masks.length;
    for (let row = 0, at = 0; row < run.count; row++) {
      const bits = run.images[row]!;
      const images = (bits & Image.before) + ((bits & Image.after) >> 1);
      // A row is looked at whole: of an update both images, or neither.
      if (this.#sampler.takes())
        for (let image = 0; image < images; image++) this.#inspect(run, cells, at + image * width);
      at += images * width;
    }
  }

  #inspect(run: RowRun, cells: MaskedCell[], at: number): void {
    this.#hidden.read(run.cells, at);
    for (const column of this.#kept) {
      const cell = cells[at + column];
      if (typeof cell !== 'string' || cell.length < HIDDEN_CHARACTERS_MIN) continue;
      const kind = this.#leakIn(cell, column);
      if (kind !== null) this.#act(cells, at + column, column, kind);
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

  #leakIn(cell: string, column: number): LeakKind | null {
    const { kind } = this.#table.columns[column]!.type;
    // A document may stand in a text column; its hidden parts tell.
    const isWritten = kind === 'json' || kind === 'array' || this.#masks[column]!.method.hidden !== undefined;
    const text = isWritten ? unescaped(cell) : cell;
    const hints = hintsOf(text);
    if (this.#hidden.areIn(text, hints, column)) return 'masked_value';
    // What a document's own policy made is not looked at again: tokens and shapes may resemble anything.
    return this.#masks[column]!.method.transform.kind === 'keep' ? this.#scanner.has(text, hints) : null;
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

/**
 * Takes one row in `oneIn` on average. Not every hundredth: where rows come in a rhythm (an order and its nine lines), that
 * would be the same kind of row each time. The gaps between them come from a generator of fixed seed (xorshift, Marsaglia
 * 2003), evenly from 1 to twice the mean.
 */
class RowSampler {
  readonly #oneIn: number;
  #state = 0x9e37_79b9;
  #untilNext: number;

  constructor(oneIn: number) {
    this.#oneIn = oneIn;
    this.#untilNext = this.#gap();
  }

  takes(): boolean {
    if (--this.#untilNext > 0) return false;
    this.#untilNext = this.#gap();
    return true;
  }

  #gap(): number {
    if (this.#oneIn === 1) return 1;
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return 1 + ((state >>> 0) % (2 * this.#oneIn - 1));
  }
}
