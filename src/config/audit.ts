import type { AnchorDocument, AuditDocument, SigningKeyDocument } from './audit-schema.ts';

export interface AuditConfig {
  readonly directory: string;
  readonly key: SigningKeySource;
  /** What the next rotation adds; null: none. */
  readonly nextKey: SigningKeySource | null;
  readonly origin: string;
  readonly groupMaxBytes: number;
  readonly groupMaxMs: number;
  readonly segmentMaxBytes: number;
  readonly minFreeBytes: number;
  readonly compress: boolean;
  readonly retention: {
    /** Age at which row images go, in days; null: they are kept. */
    readonly rowImagesDays: number | null;
    /** By `namespace.name`. */
    readonly tables: ReadonlyMap<string, number | null>;
  };
  /** Tables whose images commit to each column for itself, as `schema.table`; `all`: every table. */
  readonly columnDisclosure: ReadonlySet<string> | 'all';
  readonly witness: WitnessConfig;
  readonly anchor: {
    readonly anchors: readonly AnchorConfig[];
    readonly intervalMs: number;
    readonly timeoutMs: number;
  };
}

export interface WitnessConfig {
  readonly witnesses: readonly { readonly url: string; readonly vkey: string }[];
  /** How many of them must have cosigned; 0 without witnesses. */
  readonly quorum: number;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly lateMs: number;
}

/** Where a signing key comes from; nothing is read yet. */
export type SigningKeySource =
  | { readonly kind: 'file'; readonly file: string; readonly passphrase: PassphraseSource | null }
  | { readonly kind: 'env'; readonly name: string; readonly passphrase: PassphraseSource | null }
  | {
      readonly kind: 'command';
      readonly command: readonly string[];
      readonly publicKey: string;
      readonly timeoutMs: number;
    };

export type PassphraseSource =
  | { readonly kind: 'file'; readonly file: string }
  | { readonly kind: 'env'; readonly name: string };

export type AnchorConfig = { readonly name: string } & (
  | { readonly type: 'directory'; readonly directory: string }
  | { readonly type: 'http'; readonly url: string; readonly token: string | null }
  | {
      readonly type: 's3';
      readonly bucket: string;
      readonly prefix: string;
      readonly region: string;
      readonly endpoint: string | null;
      readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | null;
    }
);

export function auditConfig(
  audit: AuditDocument,
  pipeline: string,
  absolute: (name: string) => string,
): AuditConfig {
  const { witnesses } = audit;
  return {
    directory: absolute(audit.dir),
    key: signingKeySource(audit.key, absolute),
    nextKey: audit.next_key === undefined ? null : signingKeySource(audit.next_key, absolute),
    origin: audit.origin ?? `rowseal/${pipeline}`,
    groupMaxBytes: audit.group_max_bytes,
    groupMaxMs: audit.group_max_ms,
    segmentMaxBytes: audit.segment_max_bytes,
    minFreeBytes: audit.min_free_bytes,
    compress: audit.compress === 'zstd',
    retention: {
      rowImagesDays: audit.retention.row_images_days ?? null,
      tables: new Map(
        Object.entries(audit.retention.tables).map(([table, days]) => [table, days === 'keep' ? null : days]),
      ),
    },
    columnDisclosure: columnDisclosure(audit.disclosure),
    witness: {
      witnesses,
      quorum: audit.witness_quorum ?? (witnesses.length === 0 ? 0 : Math.floor(witnesses.length / 2) + 1),
      intervalMs: audit.witness_interval_ms,
      timeoutMs: audit.witness_timeout_ms,
      lateMs: audit.witness_late_ms,
    },
    anchor: {
      anchors: Object.entries(audit.anchors).map(([name, anchor]) => anchorConfig(name, anchor, absolute)),
      intervalMs: audit.anchor_interval_ms,
      timeoutMs: audit.anchor_timeout_ms,
    },
  };
}

function columnDisclosure(choice: AuditDocument['disclosure']): ReadonlySet<string> | 'all' {
  if (typeof choice === 'string') return choice === 'column' ? 'all' : new Set();
  return new Set(Object.entries(choice).flatMap(([table, kind]) => (kind === 'column' ? [table] : [])));
}

function signingKeySource(key: SigningKeyDocument, absolute: (name: string) => string): SigningKeySource {
  if (key.command !== undefined)
    return {
      kind: 'command',
      command: key.command,
      publicKey: key.public_key ?? '',
      timeoutMs: key.timeout_ms,
    };
  const passphrase: PassphraseSource | null =
    key.passphrase_file !== undefined
      ? { kind: 'file', file: absolute(key.passphrase_file) }
      : key.passphrase_env !== undefined
        ? { kind: 'env', name: key.passphrase_env }
        : null;
  return key.env !== undefined
    ? { kind: 'env', name: key.env, passphrase }
    : { kind: 'file', file: absolute(key.file ?? ''), passphrase };
}

function anchorConfig(
  name: string,
  anchor: AnchorDocument,
  absolute: (name: string) => string,
): AnchorConfig {
  switch (anchor.type) {
    case 'directory':
      return { name, type: 'directory', directory: absolute(anchor.dir) };
    case 'http':
      return { name, type: 'http', url: anchor.url, token: anchor.token ?? null };
    case 's3': {
      const { access_key_id: accessKeyId, secret_access_key: secretAccessKey } = anchor;
      return {
        name,
        type: 's3',
        bucket: anchor.bucket,
        prefix: anchor.prefix,
        region: anchor.region,
        endpoint: anchor.endpoint ?? null,
        credentials:
          accessKeyId === undefined || secretAccessKey === undefined
            ? null
            : { accessKeyId, secretAccessKey },
      };
    }
  }
}
