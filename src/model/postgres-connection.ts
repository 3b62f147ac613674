/** As libpq means them (PostgreSQL manual 34.19.1). */
export type SslMode = 'disable' | 'allow' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';

/** Which of several servers will do (manual 34.1.2, target_session_attrs). */
export type SessionAttrs = 'any' | 'read-write' | 'read-only' | 'primary' | 'standby' | 'prefer-standby';

export interface PostgresHost {
  /** Name or address; a directory that begins with `/` holds a Unix socket. */
  readonly host: string;
  readonly port: number;
  /** null: none is known. */
  readonly password: string | null;
}

export interface PostgresTls {
  /** null: `verify-full`, or `disable` when the host is the loopback interface. */
  readonly mode: SslMode | null;
  /** `direct`: the handshake comes first (17 and later). */
  readonly negotiation: 'postgres' | 'direct';
  /** PEM of the authorities; null: those that come with Node. */
  readonly roots: string | readonly string[] | null;
  /** PEM of a revocation list; null: none is looked at. */
  readonly revoked: string | null;
  readonly client: ClientCertificate | null;
  /** null: as Node has it. */
  readonly minVersion: TlsVersion | null;
  readonly maxVersion: TlsVersion | null;
}

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';

export interface ClientCertificate {
  /** PEM, with the authorities between it and the root. */
  readonly chain: string;
  /** PEM. */
  readonly key: string;
  /** null: the key is not encrypted. */
  readonly passphrase: string | null;
}

/** How to reach a Postgres server: everything is said, nothing is left to the environment. */
export interface PostgresConnection {
  /** At least one; tried in this order. */
  readonly hosts: readonly PostgresHost[];
  readonly user: string;
  readonly database: string;
  readonly tls: PostgresTls;
  /** Whether the password proves the TLS connection as well (SCRAM-SHA-256-PLUS). */
  readonly channelBinding: 'disable' | 'prefer' | 'require';
  readonly sessionAttrs: SessionAttrs;
  /** Servers are tried in an order of chance. */
  readonly loadBalance: boolean;
  /** For each server, in milliseconds. */
  readonly connectTimeoutMs: number;
  readonly applicationName: string;
}

/** The machine itself: nobody is on the way. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}
