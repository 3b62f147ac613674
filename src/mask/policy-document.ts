/** The `mask:` section of the configuration after its shape was checked (config/schema.ts), before it is compiled. */
export interface PolicyDocument {
  /** What a column without a rule does when the pipeline starts. Running, a new column is always redacted (law 2). */
  readonly undecided: 'halt' | 'redact';
  readonly keyEpoch: number;
  readonly domains: ReadonlyMap<string, MethodDocument>;
  /** By `namespace.name`, then by column name. Maps, not objects: a column may be named `__proto__`. */
  readonly tables: ReadonlyMap<string, ReadonlyMap<string, ColumnRule>>;
}

export type ColumnRule =
  | { readonly kind: 'domain'; readonly domain: string }
  | { readonly kind: 'method'; readonly method: MethodDocument };

export type Normalizer = 'trim' | 'lower' | 'upper' | 'nfc';

export type MethodDocument =
  | { readonly method: 'keep' }
  | { readonly method: 'drop' }
  /** null: SQL null. constant: fixed text. shape: a constant that fits the column's type (0, 1970-01-01, …). */
  | { readonly method: 'redact'; readonly with: 'null' | 'shape' | { readonly constant: string } }
  | {
      readonly method: 'partial';
      readonly keepFirst: number;
      readonly keepLast: number;
      readonly fill: string;
    }
  /** HMAC-SHA-256 under the domain's derived key: irreversible, deterministic; joins survive within a domain. */
  | { readonly method: 'token'; readonly normalize: readonly Normalizer[]; readonly prefix: string };
