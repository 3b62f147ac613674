import type { PositionSeal } from '../../../src/capture/position-seal.ts';
import type { TableName } from '../../../src/model/table.ts';
import type { RolledBack } from './rolled-back.ts';

export type TlsMode = 'disable' | 'require' | 'verify-ca' | 'verify-full';

export interface MysqlSourceOptions {
  /** `mysql://user[:password]@host:port`; query parameters are refused: settings have options of their own. */
  readonly url: string;
  /** Overrides the password in the URL. */
  readonly password?: string;
  /** null: `verify-full`, or `disable` when the host is the loopback interface. */
  readonly tlsMode: TlsMode | null;
  /** PEM of the certificate authority; null: the system's. */
  readonly tlsCa: string | null;
  readonly tables: readonly TableName[];
  readonly snapshot: 'initial' | 'never';
  /** What this reader calls itself among the replicas of the server; 1 to 4294967295. */
  readonly serverId: number;
  /** Identities of further servers that may take the place of the one before. */
  readonly acceptServers: readonly string[];
  /** How often idle progress is marked, in milliseconds. */
  readonly idleIntervalMs: number;
  /** How often the server sends something when there is nothing to send, in milliseconds; dead after three of them. */
  readonly heartbeatMs: number;
  /** Bytes received but not decoded yet before the socket is paused. */
  readonly receiveBufferBytes: number;
  /** See `DecoderOptions`. */
  readonly zeroDates: 'text' | 'null' | 'error';
  readonly invalidText: 'error' | 'hex';
  readonly maxUnpackedBytes: number;
  readonly positionSeal: PositionSeal;
  /** One for all sources of a pipeline. */
  readonly rolledBack: RolledBack;
}
