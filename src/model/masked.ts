import type { MaskedCell } from './cell.ts';
import type { Transaction } from './change.ts';
import type { MaskWarrant } from './mask-warrant.ts';
import type { TableName } from './table.ts';
import type { ColumnType } from './type.ts';

export interface MaskedColumn {
  readonly name: string;
  /** The type after the mask: a token of an integer is text. */
  readonly type: ColumnType;
  /** The source's spelling of the type before the mask. */
  readonly sourceType: string;
  /** See `Column.id`. */
  readonly id: string | null;
  /** Method that decided this column, for example `keep`, `token`, `redact`, `drop`. */
  readonly method: string;
}

/**
 * One version of a table as it leaves the mask. One frozen object per (source version, policy version): `===` tells
 * whether it changed. A column whose method is `drop` stays in `columns`, so that indexes match the source's.
 */
export interface MaskedTable extends TableName {
  readonly columns: readonly MaskedColumn[];
  /** Indexes of the row key, in key order. Empty: keyless. No key column may be dropped. */
  readonly key: readonly number[];
  /** Canonical JSON of the compiled policy of this table: methods, domains, options; never a key. */
  readonly policy: string;
  readonly keyEpoch: number;
  /** First 16 hex digits of a SHA-256 over a constant MACed with the mask key: tells keys apart, reveals nothing. */
  readonly keyFingerprint: string;
}

/** Bytes of a row-key tag: HMAC-SHA-256 over table and raw key under the pipeline's tag key, cut to 128 bits. */
export const KEY_TAG_BYTES = 16;

/** What a {@link MaskedRun} is made of; see `RowRun` for the layout. */
export interface MaskedRunFields {
  readonly table: MaskedTable;
  readonly count: number;
  readonly ops: Uint8Array;
  readonly images: Uint8Array;
  readonly cells: readonly MaskedCell[];
  readonly firstOrdinal: number;
  /** KEY_TAG_BYTES a row: the tag of the row's key after the change (delete: before it). Length 0 for a keyless table. */
  readonly keyTags: Uint8Array;
  /** By row index: the tag of the old key, only where an update changed the key. */
  readonly oldKeyTags: ReadonlyMap<number, Uint8Array>;
  /** Bytes of the cells, for budgets. */
  readonly bytes: number;
}

/**
 * Masked row operations. The class is nominal and its constructor wants a warrant that only `mask/` (which makes
 * masked rows) and `audit/` (which reads sealed ones back) may import: seal and deliver cannot be handed raw rows.
 */
export class MaskedRun implements MaskedRunFields {
  readonly #masked = true;
  readonly table: MaskedTable;
  readonly count: number;
  readonly ops: Uint8Array;
  readonly images: Uint8Array;
  readonly cells: readonly MaskedCell[];
  readonly firstOrdinal: number;
  readonly keyTags: Uint8Array;
  readonly oldKeyTags: ReadonlyMap<number, Uint8Array>;
  readonly bytes: number;

  constructor(_warrant: MaskWarrant, fields: MaskedRunFields) {
    this.table = fields.table;
    this.count = fields.count;
    this.ops = fields.ops;
    this.images = fields.images;
    this.cells = fields.cells;
    this.firstOrdinal = fields.firstOrdinal;
    this.keyTags = fields.keyTags;
    this.oldKeyTags = fields.oldKeyTags;
    this.bytes = fields.bytes;
  }

  static isMasked(value: object): value is MaskedRun {
    return #masked in value;
  }
}

/** A hole in the history that somebody accepted: what the source did between two places is not in the log. */
export interface Gap {
  /** Code of the error that stood in the way; `asked`: the source could have gone on, and was passed over by command. */
  readonly cause: string;
  /** The last sealed place, and the one at which capture begins again: `describePlace`. */
  readonly from: string;
  readonly to: string;
  /** Those whose history is interrupted: all that were captured. */
  readonly tables: readonly TableName[];
  /** They are copied again, so that mirrors become equal to the source; false: `snapshot` is `never`. */
  readonly copied: boolean;
  readonly actor: string;
  /** Why it was accepted, in the words of the actor. */
  readonly reason: string;
}

/** What seal and deliver see: as `ChangeEvent`, with masked rows. Ordinals run over rows and truncates of a transaction. */
export type MaskedEvent =
  | { readonly kind: 'begin'; readonly transaction: Transaction }
  | { readonly kind: 'rows'; readonly run: MaskedRun }
  | {
      readonly kind: 'truncate';
      readonly table: MaskedTable;
      readonly cascade: boolean;
      readonly restartIdentity: boolean;
    }
  | { readonly kind: 'snapshot'; readonly table: MaskedTable; readonly phase: 'begin' | 'end' }
  /** What the leak guard met in the rows before it. Names and counts, no values. */
  | { readonly kind: 'finding'; readonly table: MaskedTable; readonly finding: LeakFinding }
  /** Somebody had the images of a row erased. */
  | { readonly kind: 'erasure'; readonly table: MaskedTable; readonly erasure: Erasure }
  /** The row images of old records of the table are taken away. */
  | { readonly kind: 'expiry'; readonly table: MaskedTable; readonly expiry: Expiry }
  | { readonly kind: 'gap'; readonly gap: Gap };

export interface LeakFinding {
  readonly action: 'alert' | 'redact' | 'halt';
  readonly columns: readonly { readonly column: string; readonly kind: string; readonly count: number }[];
}

export interface Erasure {
  /** Row-key tags, 32 hex digits each, ascending. */
  readonly tags: readonly string[];
  readonly actor: string;
  readonly reason: string;
  readonly images: number;
}

export interface Expiry {
  /** Images of records with a smaller `seq` go. */
  readonly before: number;
  readonly actor: string;
  readonly reason: string;
}
