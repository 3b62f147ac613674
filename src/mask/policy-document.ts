/** The `mask:` section of the configuration after its shape was checked (config/schema.ts), before it is compiled. */
export interface PolicyDocument {
  /** What a column without a rule does when the pipeline starts. Running, a new column is always redacted (law 2). */
  readonly undecided: 'halt' | 'redact';
  readonly keyEpoch: number;
  readonly leakGuard: LeakGuardDocument;
  readonly domains: ReadonlyMap<string, Rule>;
  /** By `namespace.name`, then by column name. Maps, not objects: a column may be named `__proto__`. */
  readonly tables: ReadonlyMap<string, ReadonlyMap<string, ColumnRule>>;
}

/** Looks at kept columns for personal data that the policy says is not there. */
export interface LeakGuardDocument {
  /** How many row images are looked at: none, one in `oneIn`, or (1) every. */
  readonly oneIn: number | null;
  readonly action: 'alert' | 'redact' | 'halt';
  /** Columns, `namespace.table.column`, that may hold what looks like personal data. */
  readonly except: ReadonlySet<string>;
}

export type ColumnRule =
  | { readonly kind: 'domain'; readonly domain: string }
  | { readonly kind: 'method'; readonly method: Rule };

/** A method, and what it does with what it cannot take. */
export type Rule = MethodDocument & Handling;

export interface Handling {
  /** Default: redact; on a key column, halt. */
  readonly onError?: 'redact' | 'halt' | undefined;
  /** For values with too few characters; default: as onError. */
  readonly short?: 'redact' | 'halt' | 'hash' | undefined;
  /** For values with other characters or of another form; default: as onError. */
  readonly foreign?: 'redact' | 'halt' | 'hash' | undefined;
  /** Default: a null stays null, which shows that the row has no value. */
  readonly onNull?: { readonly constant: string } | undefined;
}

export type Normalizer = 'trim' | 'unpad' | 'lower' | 'upper' | 'casefold' | 'accents' | 'nfc' | 'digits';

export type TokenAlphabet = 'base64url' | 'base32' | 'hex' | 'alphanumeric' | 'digits';

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
  | {
      readonly method: 'token';
      readonly normalize: readonly Normalizer[];
      readonly prefix: string;
      /** Default: base64url. */
      readonly alphabet?: TokenAlphabet;
      /** Characters after the prefix; default: as many as carry 128 bits. */
      readonly length?: number;
    }
  /** AES-SIV (RFC 5297): `t1.<epoch>.<base64url>`; the value comes back with the key. */
  | { readonly method: 'reversible' }
  /** FF1 (NIST SP 800-38G) on text of an alphabet, or on integers within a range. */
  | {
      readonly method: 'fpe';
      /** A name of {@link file://./alphabet.ts}, or the characters themselves. */
      readonly alphabet: string;
      readonly keepFirst: number;
      readonly keepLast: number;
      /** Characters that stay where they are. null: the alphabet's own default. */
      readonly separators: string | null;
      readonly checkDigit: 'none' | 'luhn';
      readonly normalize: readonly Normalizer[];
      /** Integers only, decimal text; null: the range of the column's type. */
      readonly min: string | null;
      readonly max: string | null;
    }
  | {
      readonly method: 'pan';
      readonly keepFirst: number;
      readonly keepLast: number;
      readonly minDigits: number;
      readonly maxDigits: number;
    }
  | { readonly method: 'phone'; readonly country: string | null }
  | { readonly method: 'email'; readonly host: 'token' | 'keep' | { readonly replace: string } }
  | { readonly method: 'iban' }
  | { readonly method: 'us_ssn' }
  | { readonly method: 'uuid' }
  | { readonly method: 'ip' }
  | {
      readonly method: 'date_shift';
      readonly maxDays: number;
      /** Column of the same table whose value names the entity: one shift for all dates of one entity. */
      readonly by: string;
      /** Token space of the entity; null: that of the `by` column. */
      readonly entity: string | null;
    }
  | {
      readonly method: 'bucket';
      readonly bounds: readonly string[];
      readonly labels: readonly string[] | null;
    }
  | {
      readonly method: 'generalize';
      readonly to:
        | { readonly kind: 'size'; readonly size: string }
        | { readonly kind: 'date'; readonly unit: DateUnit; readonly oldestYear: number | null }
        | { readonly kind: 'zip3' };
    }
  | { readonly method: 'round'; readonly to: string }
  | {
      readonly method: 'json';
      readonly paths: readonly JsonPathRule[];
      readonly otherwise: 'redact' | 'drop';
    }
  | {
      readonly method: 'scan';
      /** Classes of personal data to look for; null: all that can be found in text. */
      readonly classes: readonly string[] | null;
      readonly patterns: readonly { readonly name: string; readonly pattern: string }[];
      readonly replace: 'label' | 'token' | 'fill';
    }
  | {
      readonly method: 'custom';
      /** Name of the module as the configuration gives it; its text came with the policy. */
      readonly module: string;
      readonly source: string;
      readonly export: string;
      readonly returns: 'same' | 'text';
      readonly timeoutMs: number;
      /** The author promises that different values stay different. */
      readonly injective: boolean;
    };

export type MethodName = MethodDocument['method'];

export type DateUnit = 'hour' | 'day' | 'week' | 'month' | 'quarter' | 'year' | 'decade';

export interface JsonPathRule {
  readonly path: string;
  readonly rule: ColumnRule;
}
