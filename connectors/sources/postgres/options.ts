import type { PositionSeal } from '../../../src/capture/position-seal.ts';
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
  /** Standbys keep a copy of the slot, so that the stream goes on after a failover (17 and later). */
  readonly failoverSlot: boolean;
  readonly tables: readonly TableName[];
  readonly snapshot: 'initial' | 'never';
  /** How often idle progress is marked, in milliseconds, so that WAL does not grow on a quiet database. */
  readonly idleIntervalMs: number;
  /** Tables that are copied at the same time. */
  readonly copyTables: number;
  /** Most rows and bytes a second that the copies together read; null: no limit. */
  readonly copyRowsPerSecond: number | null;
  readonly copyBytesPerSecond: number | null;
  readonly positionSeal: PositionSeal;
  /** Bytes received but not decoded yet before the socket is paused. */
  readonly receiveBufferBytes: number;
}
