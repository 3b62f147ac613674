import type { ColumnType } from '../model/type.ts';

/** Why a method could not take a value. A label of a metric and a word of the documentation: stable. */
export type UnfitReason =
  /** Too few characters to hide anything in (fewer than a million possibilities). */
  | 'short'
  /** Characters or a form that the method does not know. */
  | 'foreign'
  /** Not well-formed text of its kind: a lone surrogate, broken JSON, a duplicate JSON key. */
  | 'malformed'
  /** The result, or the value, lies outside what the type or the method holds. */
  | 'range'
  /** NaN, infinity. */
  | 'infinite'
  /** JSON nested deeper than the limit. */
  | 'deep'
  /** The column that names the entity was null or not sent. */
  | 'entity'
  /** The user's function threw, or returned another type than declared. */
  | 'function'
  /** The user's function did not answer in time. */
  | 'timeout';

/** What a method answers for a value that it cannot take. Never carries the value. */
export class Unfit {
  readonly reason: UnfitReason;

  constructor(reason: UnfitReason) {
    this.reason = reason;
    Object.freeze(this);
  }
}

/** One object per reason: answering costs no allocation. */
export const UNFIT: Readonly<Record<UnfitReason, Unfit>> = Object.freeze({
  short: new Unfit('short'),
  foreign: new Unfit('foreign'),
  malformed: new Unfit('malformed'),
  range: new Unfit('range'),
  infinite: new Unfit('infinite'),
  deep: new Unfit('deep'),
  entity: new Unfit('entity'),
  function: new Unfit('function'),
  timeout: new Unfit('timeout'),
});

/**
 * A document of which a part could not be taken: that part was redacted, or became a token; the rest is masked as the
 * policy says.
 */
export class Mended {
  readonly value: string;
  /** At least one. */
  readonly parts: readonly MendedPart[];

  constructor(value: string, parts: readonly MendedPart[]) {
    this.value = value;
    this.parts = parts;
  }
}

/** What could not be taken, where: one for all values of one rule and reason. */
export interface MendedPart {
  readonly where: string;
  readonly reason: UnfitReason;
  /** What the rule of the part says of it; null: nothing, so that of the document decides. */
  readonly action: UnfitAction | null;
}

export type MaskResult = string | null | Unfit | Mended;

/**
 * One compiled decision: what becomes of the value of one column. Pure and deterministic under its key. null, UNCHANGED
 * and dropping are the masker's business: a transform sees only text.
 */
export type Transform =
  | { readonly kind: 'keep' }
  | { readonly kind: 'drop' }
  /** Every value, whatever it is, becomes this one. */
  | { readonly kind: 'constant'; readonly value: string | null }
  | {
      readonly kind: 'map';
      readonly map: (value: string) => MaskResult;
      /** The same for many values at once, where that is cheaper. The answer has the length of the question. */
      readonly mapAll?: (values: readonly string[]) => readonly MaskResult[];
    }
  /** Needs another column of the same row image, raw. */
  | { readonly kind: 'map-by'; readonly by: number; readonly map: (value: string, by: string) => MaskResult }
  /** Many values at once, where a call is dear. The answer has the length of the question. */
  | { readonly kind: 'batch'; readonly map: (values: readonly string[]) => readonly MaskResult[] };

/** What becomes of a value that the method cannot take: null, a stop of the pipeline, or an irreversible token. */
export type UnfitAction = 'redact' | 'halt' | 'hash';

export interface CompiledMethod {
  readonly transform: Transform;
  /** Type of the masked value. */
  readonly type: ColumnType;
  /** Different values stay different, so a key column may use it (collisions of hashes aside). */
  readonly injective: boolean;
  /** Who has the mask key can get the value back. */
  readonly reversible: boolean;
  /** Inverse of a reversible method; null for what is no token of it. */
  readonly reverse?: (token: string) => string | null;
  /**
   * The parts of a raw value that the masked one hides, where that is not simply all of it: elements of an array, places
   * of a document. For the leak guard.
   */
  readonly hidden?: (value: string) => readonly string[];
  /** Parts of a value pass as they are: kept places of a document, text in which nothing was recognised. */
  readonly showsParts?: boolean;
  /** What the policy record says of it: method, domain, options; never a key. */
  readonly description: Readonly<Record<string, unknown>>;
}

export const TEXT: ColumnType = { kind: 'text', maxLength: null, padded: false };
