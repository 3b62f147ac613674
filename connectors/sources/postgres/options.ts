import type { TableName } from '../../../src/model/table.ts';

export type TlsMode = 'disable' | 'require' | 'verify-ca' | 'verify-full';

export interface PostgresSourceOptions {
  /** `postgres://user[:password]@host:port/database`; query parameters are refused: settings have options of their own. */
  readonly url: string;
  /** Overrides the password in the URL. */
  readonly password?: string;
  /** null: `verify-full`, or `disable` when the host is the loopback interface. */
  readonly tlsMode: TlsMode | null;
  /** PEM of the certificate authority; null: the system's. */
  readonly tlsCa: string | null;
  readonly slot: string;
  readonly publication: string;
  readonly tables: readonly TableName[];
  readonly snapshot: 'initial' | 'never';
  /** How often idle progress is marked, in milliseconds, so that WAL does not grow on a quiet database. */
  readonly idleIntervalMs: number;
  /** Bytes received but not decoded yet before the socket is paused. */
  readonly receiveBufferBytes: number;
}
