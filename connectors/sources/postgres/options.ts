import type { PositionSeal } from '../../../src/capture/position-seal.ts';
import type { MessageLog } from '../../../src/model/message-log.ts';
import type { PostgresConnection } from '../../../src/model/postgres-connection.ts';
import type { TableName } from '../../../src/model/table.ts';
import type { KnownTables } from './known-tables.ts';
import type { SpillSpace } from './spill-space.ts';

export interface PostgresSourceOptions {
  readonly connection: PostgresConnection;
  readonly slot: string;
  readonly publication: string;
  /** Standbys keep a copy of the slot, so that the stream goes on after a failover (17 and later). */
  readonly failoverSlot: boolean;
  readonly tables: readonly TableName[];
  /** Logical messages that are records. */
  readonly messages: readonly MessageLog[];
  /** `none`: changes that came to this server by replication are left out (16 and later). */
  readonly origin: 'any' | 'none';
  /** Transactions are sent before their end, those that are large, and kept here until then. */
  readonly streaming: boolean;
  /** Where they are kept, encrypted; of all sources of a pipeline. */
  readonly spill: SpillSpace;
  /** What its sources last saw of the tables; of a pipeline. */
  readonly known: KnownTables;
  /** They cannot be kept there: sources made from here on had better not be `streaming`. */
  readonly onSpillFailure: () => void;
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
