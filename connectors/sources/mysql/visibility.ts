import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { GtidSet } from '../../../src/model/gtid-set.ts';
import type { BinlogPlace } from '../../../src/model/position.ts';
import type { Session } from './connection.ts';
import { comparePlaces, type Server } from './server.ts';

/** What the stream has told. */
export interface Told {
  /** GTIDs of all that ended; null: there are none. */
  executed(): string | null;
  /** Everything before this place of the binlog has ended. */
  ended(): BinlogPlace;
}

/** A binlog file, since when it is known, and how long it is not trusted. */
interface BegunFile {
  readonly name: string;
  readonly sinceMs: number;
  readonly settleMs: number;
}

const MOST_PAUSE_MS = 100;
/** How long a commit takes at most after the file it is in was closed, without semi-synchronous replication. */
const SETTLE_MS = 1_000;
/** The most that a replica is waited for; a server can be told to wait for ever. */
const MOST_ACK_MS = 30_000;

/**
 * Whether a SELECT sees all that the stream has told. A server sends a transaction when it is in the binlog, and shows it when
 * the storage engine has committed it too: a moment later, or with semi-synchronous replication (AFTER_SYNC) when a replica
 * has answered. A copy that reads in between would put an old row over a newer one.
 */
export class Visibility {
  readonly #session: Session;
  readonly #server: Server;
  readonly #told: Told;
  /** What was told, and found to be visible. */
  #seenSet: string | null = null;
  #seenPlace: BinlogPlace | null = null;
  /** That was looked into last. */
  #file: BegunFile | null = null;

  constructor(session: Session, server: Server, told: Told) {
    this.#session = session;
    this.#server = server;
    this.#told = told;
  }

  /** Returns when it does, or when the signal aborts. MySQL without GTIDs cannot tell; see {@link readLock}. */
  async wait(signal: AbortSignal): Promise<void> {
    const sinceMs = performance.now();
    for (let pauseMs = 1; !signal.aborted; pauseMs = Math.min(2 * pauseMs, MOST_PAUSE_MS)) {
      if (await this.#visible(sinceMs)) return;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  /**
   * Whether a view has everything before the place that MariaDB gave it. The stream may not have told yet what still waits in the
   * file before.
   *
   * @param atMs the view was opened then or later
   */
  async holds(place: BinlogPlace, atMs: number): Promise<boolean> {
    if (this.#server.flavor !== 'mariadb') return true;
    const file = await this.#fileOf(place, this.#told.ended());
    return atMs - file.sinceMs >= file.settleMs;
  }

  /** @param sinceMs the stream stands still since then */
  async #visible(sinceMs: number): Promise<boolean> {
    if (this.#server.flavor === 'mariadb') return this.#committed(sinceMs);
    const told = this.#told.executed();
    if (told === null || told === this.#seenSet) return true;
    const executed = await this.#session.value('SELECT @@GLOBAL.gtid_executed', 'copying a table');
    const [shown, wanted] = [GtidSet.parse(executed ?? ''), GtidSet.parse(told)];
    if (shown === null || wanted === null || !shown.contains(wanted)) return false;
    this.#seenSet = told;
    return true;
  }

  /**
   * MariaDB names a new binlog file as soon as it has begun it, also while commits in the one before still wait, and for a
   * moment with an offset in that one. So what is read of a new file counts only when those commits are through.
   */
  async #committed(sinceMs: number): Promise<boolean> {
    const ended = this.#told.ended();
    if (this.#seenPlace !== null && comparePlaces(ended, this.#seenPlace) <= 0) return true;
    const place = await committedPlace(this.#session, 'copying a table');
    const nowMs = performance.now();
    const file = await this.#fileOf(place, ended);
    if (comparePlaces(ended, place) > 0) return false;
    if (nowMs - Math.min(sinceMs, file.sinceMs) < file.settleMs) return false;
    this.#seenPlace = ended;
    return true;
  }

  async #fileOf(place: BinlogPlace, ended: BinlogPlace): Promise<BegunFile> {
    let file = this.#file ?? { name: ended.file, sinceMs: Number.NEGATIVE_INFINITY, settleMs: 0 };
    if (place.file !== file.name)
      file = { name: place.file, sinceMs: performance.now(), settleMs: await this.#settleMs() };
    this.#file = file;
    return file;
  }

  async #settleMs(): Promise<number> {
    if ((await this.#session.variable('rpl_semi_sync_master_enabled')) !== 'ON') return SETTLE_MS;
    const ackMs = Number(await this.#session.variable('rpl_semi_sync_master_timeout'));
    return SETTLE_MS + Math.min(ackMs, MOST_ACK_MS);
  }
}

/**
 * MariaDB: up to where in the binlog the storage engines have committed; in a consistent snapshot, where that lies.
 *
 * @throws RowsealError RS-MY-004
 */
export async function committedPlace(session: Session, doing: string): Promise<BinlogPlace> {
  const rows = await session.rows("SHOW STATUS LIKE 'binlog_snapshot_%'", doing);
  const status = new Map(rows.map(([name, value]) => [name!.toLowerCase(), value]));
  const file = status.get('binlog_snapshot_file');
  if (file === undefined || file === null || file === '') throw new RowsealError('RS-MY-004');
  return { file, offset: Number(status.get('binlog_snapshot_position')) };
}

/** MySQL asks for more than SELECT to read with FOR SHARE before this version. */
const SHARES_WITH_SELECT = 80_022;

/**
 * What a SELECT ends with. Without GTIDs MySQL does not say what the storage engine has committed, but a row that is about to
 * be committed is locked: the SELECT waits for it.
 */
export function readLock(server: Server): '' | ' FOR SHARE' {
  const tells = server.flavor === 'mariadb' || server.gtids;
  return tells || server.versionNumber < SHARES_WITH_SELECT ? '' : ' FOR SHARE';
}

/**
 * For the session whose SELECTs end with {@link readLock}. A lock is waited for briefly, since the stream stands still meanwhile and
 * rows already read stay locked. Rows are locked and not the gaps between: a locking read sees committed rows only at this
 * level too, and a row that is being committed is there, locked.
 */
export async function setUpReads(session: Session, server: Server): Promise<void> {
  if (readLock(server) === '') return;
  const doing = 'setting up the session';
  await session.rows('SET SESSION innodb_lock_wait_timeout = 1', doing);
  await session.rows('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED', doing);
}
