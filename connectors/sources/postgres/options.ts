import type { PositionSeal } from '../../../src/capture/position-seal.ts';
import type { PostgresConnection } from '../../../src/model/postgres-connection.ts';
import type { TableName } from '../../../src/model/table.ts';

export interface PostgresSourceOptions {
  readonly connection: PostgresConnection;
  readonly slot: string;
  readonly publication: string;
  /** Standbys keep a copy of the slot, so that the stream goes on after a failover (17 and later). */
  readonly failoverSlot: boolean;
  readonly tables: readonly TableName[];
  readonly snapshot: 'initial' | 'never';
  /** How often idle progress is marked, in milliseconds, so that WAL does not grow on a quiet database. */
  readonly idleIntervalMs: number;
  /** A server that says nothing for so long, though it was asked, is given up; in milliseconds. */
  readonly receiveTimeoutMs: number;
  /** Tables that are copied at the same time. */
  readonly copyTables: number;
  /** Most rows and bytes a second that the copies together read; null: no limit. */
  readonly copyRowsPerSecond: number | null;
  readonly copyBytesPerSecond: number | null;
  readonly positionSeal: PositionSeal;
  /** Bytes received but not decoded yet before the socket is paused. */
  readonly receiveBufferBytes: number;
}
