import type { ColumnType } from '../model/type.ts';

/**
 * One compiled decision: what becomes of the value of one column. Pure and deterministic under its key. null, UNCHANGED
 * and dropping are the masker's business: a transform sees only text.
 */
export type Transform =
  | { readonly kind: 'keep' }
  | { readonly kind: 'drop' }
  /** Every value, whatever it is, becomes this one. */
  | { readonly kind: 'constant'; readonly value: string | null }
  | { readonly kind: 'map'; readonly map: (value: string) => string };

export interface CompiledMethod {
  readonly transform: Transform;
  /** Type of the masked value. */
  readonly type: ColumnType;
  /** Different values stay different, so a key column may use it. */
  readonly injective: boolean;
  /** What the policy record says of it: method, domain, options; never a key. */
  readonly description: Readonly<Record<string, unknown>>;
}

export const TEXT: ColumnType = { kind: 'text', maxLength: null, padded: false };
