/**
 * A resume point in a source's stream. Positions of one pipeline are ordered by (group, ordinal), never by
 * comparing clocks or the LSNs of single changes (research: change LSNs are not monotonic across transactions).
 */
export type Position = PostgresPosition | MysqlPosition;

export interface PostgresPosition {
  readonly kind: 'postgres';
  /** `IDENTIFY_SYSTEM` systemid, decimal. */
  readonly systemId: string;
  readonly timeline: number;
  readonly slot: string;
  /** End LSN of the last whole transaction (Commit message, "end LSN"). During a snapshot: the consistent point. */
  readonly lsn: bigint;
  /** `snapshot`: the initial copy was not finished at this position, so a restart begins the copy again. */
  readonly phase: 'snapshot' | 'stream';
}

export interface MysqlPosition {
  readonly kind: 'mysql';
  readonly flavor: 'mysql' | 'mariadb';
  /** server_uuid of MySQL, server_uid of MariaDB; `server_id:<n>` where there is neither. */
  readonly server: string;
  /** What is executed up to here: a GTID set (MySQL) or position (MariaDB), canonical. null: GTIDs are off. */
  readonly gtidSet: string | null;
  /** Where the next transaction begins, on this server. In a record: where its own transaction begins. */
  readonly place: BinlogPlace;
  /** Begins of prepared XA transactions whose outcome has not been read yet, ascending. */
  readonly prepared: readonly BinlogPlace[];
  /** null: every table is copied. */
  readonly copy: MysqlCopy | null;
  /** `snapshot` as long as `copy` is not null. */
  readonly phase: 'snapshot' | 'stream';
}

export interface BinlogPlace {
  /** `binlog.000042` */
  readonly file: string;
  /** Bytes from the start of the file. */
  readonly offset: number;
}

/** How far the first copy, or a later one of single tables, has got. */
export interface MysqlCopy {
  /** The table being copied, `database.table`; null: the next of `waiting` has not begun. */
  readonly table: string | null;
  /** Key of the last copied row, encrypted under a key derived from the mask key; null: from the first row. */
  readonly after: string | null;
  /** Tables whose copy has not begun, in order. Their changes are left out until it does. */
  readonly waiting: readonly string[];
}

/** `16/B374D848`: the text form of an LSN (PostgreSQL docs, 8.20 pg_lsn). */
export function formatLsn(lsn: bigint): string {
  return `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffff_ffffn).toString(16).toUpperCase()}`;
}

/** Strict inverse of {@link formatLsn}; null when the text is not an LSN. */
export function parseLsn(text: string): bigint | null {
  const match = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text);
  if (match === null) return null;
  return (BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`);
}

/** One line for people: logs, status. */
export function describePosition(position: Position): string {
  switch (position.kind) {
    case 'postgres':
      return `${formatLsn(position.lsn)} (timeline ${position.timeline}, slot ${position.slot}, ${position.phase})`;
    case 'mysql':
      return `${position.place.file}:${position.place.offset} ${position.gtidSet ?? 'without GTIDs'} (${position.flavor} ${position.server}, ${position.phase})`;
  }
}
