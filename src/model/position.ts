import { displayName, type TableName } from './table.ts';

/**
 * A resume point in a source's stream. Positions of one pipeline are ordered by (group, ordinal), never by
 * comparing clocks or the LSNs of single changes (research: change LSNs are not monotonic across transactions).
 */
export type Position = PostgresPosition | MysqlPosition;

/** What positions of every kind may say of tables. */
interface TablesOnTheWay {
  /**
   * Tables whose copy is due or unfinished at this position, though the stream went on: they are copied (again) before it
   * goes on beyond. Absent: none. What was delivered of them before is void when their copy begins.
   */
  readonly copying?: readonly DueCopy[];
  /**
   * Tables whose changes are not in the log from some place before on: they were captured and are not now, or are about to
   * be, and get inside with the end of their copy. Absent: none.
   */
  readonly outside?: readonly TableName[];
}

/** A table whose copy is due or unfinished. */
export interface DueCopy extends TableName {
  /**
   * Postgres: how far its copy has come, encrypted under a key derived from the mask key. Absent: it has not begun, or begins
   * again.
   */
  readonly copied?: string;
}

export interface PostgresPosition extends TablesOnTheWay {
  readonly kind: 'postgres';
  /** `IDENTIFY_SYSTEM` systemid, decimal. */
  readonly systemId: string;
  readonly timeline: number;
  readonly slot: string;
  /** End LSN of the last whole transaction (Commit message, "end LSN"). */
  readonly lsn: bigint;
  /** `snapshot`: the initial copy was not finished at this position; it goes on there. Without `copying`: the slot is about to be made. */
  readonly phase: 'snapshot' | 'stream';
}

export interface MysqlPosition extends TablesOnTheWay {
  readonly kind: 'mysql';
  readonly flavor: 'mysql' | 'mariadb';
  /** server_uuid of MySQL, server_uid of MariaDB; `server_id:<n>` where there is neither. */
  readonly server: string;
  /** What is executed up to here: a GTID set (MySQL) or position (MariaDB), canonical. null: GTIDs are off. */
  readonly gtidSet: string | null;
  /** Where the next transaction begins, on this server. In a record: where its own transaction begins. */
  readonly place: BinlogPlace;
  /**
   * When the server began the file of `place`, in seconds since 1970: file names come again after a reset, this does not.
   * null: not known.
   */
  readonly fileBegan: number | null;
  /** Begins of prepared XA transactions whose outcome has not been read yet, ascending. */
  readonly prepared: readonly BinlogPlace[];
  /** Key of the last copied row of the first table in `copying`, encrypted under a key derived from the mask key; null: its copy has not begun. */
  readonly copied: string | null;
  /** `snapshot`: the initial copy was not finished at this position; it goes on there. */
  readonly phase: 'snapshot' | 'stream';
}

export interface BinlogPlace {
  /** `binlog.000042` */
  readonly file: string;
  /** Bytes from the start of the file. */
  readonly offset: number;
}

/** The same place with these tables due to be copied. */
export function withCopying<P extends Position>(position: P, tables: readonly DueCopy[]): P {
  const { copying: _, ...rest } = position;
  return { ...rest, ...(tables.length === 0 ? {} : { copying: tables }) } as unknown as P;
}

/** The same place with these tables outside. */
export function withOutside<P extends Position>(position: P, tables: readonly TableName[]): P {
  const { outside: _, ...rest } = position;
  return { ...rest, ...(tables.length === 0 ? {} : { outside: tables }) } as unknown as P;
}

/** Sealed before a Postgres slot is made; from then on a position of this phase says which copies are due. */
export function isBeginning({ phase, copying }: Position): boolean {
  return phase === 'snapshot' && copying === undefined;
}

/** Some table is not, or not wholly, copied at this position. */
export function isCopying(position: Position): boolean {
  return position.phase === 'snapshot' || (position.copying ?? []).length > 0;
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

/**
 * Where a position is, without whose it is (docs/audit-format.md §7, "Gaps"): an LSN; a binlog file and offset, and what is
 * executed there if there are GTIDs.
 */
export function describePlace(position: Position): string {
  if (position.kind === 'postgres') return formatLsn(position.lsn);
  const place = `${position.place.file}:${position.place.offset}`;
  return position.gtidSet === null || position.gtidSet === '' ? place : `${place} ${position.gtidSet}`;
}

/** One line for people: logs, status. */
export function describePosition(position: Position): string {
  switch (position.kind) {
    case 'postgres':
      return `${formatLsn(position.lsn)} (timeline ${position.timeline}, slot ${position.slot}, ${describePhase(position)})`;
    case 'mysql':
      return `${position.place.file}:${position.place.offset} ${position.gtidSet ?? 'without GTIDs'} (${position.flavor} ${position.server}, ${describePhase(position)})`;
  }
}

function describePhase({ phase, copying = [] }: Position): string {
  return copying.length === 0 ? phase : `${phase}, copying ${copying.map(displayName).join(', ')}`;
}
