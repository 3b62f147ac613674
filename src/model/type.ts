/** The types a column may have once a source's own types are canonical. The value itself is always text. */
export type ColumnType =
  | { readonly kind: 'boolean' } // 't' | 'f'
  | { readonly kind: 'int'; readonly bits: 8 | 16 | 24 | 32 | 64; readonly unsigned: boolean }
  | { readonly kind: 'decimal'; readonly precision: number | null; readonly scale: number | null } // null: unbounded
  | { readonly kind: 'float'; readonly bits: 32 | 64 }
  | { readonly kind: 'text'; readonly maxLength: number | null; readonly padded: boolean } // length in characters
  | { readonly kind: 'bytes' } // '\x' then lower-case hex
  | { readonly kind: 'date' } // YYYY-MM-DD, may end in ' BC', may be ±infinity
  | { readonly kind: 'time'; readonly withZone: boolean }
  | { readonly kind: 'timestamp'; readonly withZone: boolean } // UTC, offset +00 printed when withZone
  | { readonly kind: 'interval' }
  | { readonly kind: 'uuid' }
  | { readonly kind: 'json' }
  | { readonly kind: 'enum'; readonly labels: readonly string[] }
  | { readonly kind: 'array'; readonly element: ColumnType } // Postgres array text, '{…}'
  | { readonly kind: 'other' }; // text whose meaning only the source knows (inet, ranges, geometry, tsvector, …)

export type TypeKind = ColumnType['kind'];
