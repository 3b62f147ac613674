import type { Assessment, DiscoveredTable, Source, SourceStats } from '../../../src/capture/source.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { toRowsealError } from '../../../src/error/unexpected.ts';
import type { ChangeBatch, RowRun } from '../../../src/model/change.ts';
import type { Finding } from '../../../src/model/finding.ts';
import { GtidSet } from '../../../src/model/gtid-set.ts';
import type { BinlogPlace, MysqlPosition, Position } from '../../../src/model/position.ts';
import { displayName, type TableSchema } from '../../../src/model/table.ts';
import { assess, beginningAt } from './assessment.ts';
import { BinlogAgain } from './binlog-again.ts';
import { type DumpStart, FILE_HEADER_BYTES } from './binlog-dump.ts';
import { Catalog } from './catalog.ts';
import { databaseOf, Session } from './connection.ts';
import { CopyPlan } from './copy-plan.ts';
import type { MysqlSourceOptions } from './options.ts';
import { inspect } from './preflight.ts';
import { sampleRows } from './sample.ts';
import {
  binlogEnd,
  binlogFiles,
  comparePlaces,
  fileNumber,
  gtidsUpTo,
  identifyServer,
  refuseHole,
  type Server,
} from './server.ts';
import { MysqlStream, type StreamStart } from './stream.ts';
import { setUpReads } from './visibility.ts';

/** How often the binlog behind this reader is measured, in milliseconds. */
const RETAINED_INTERVAL_MS = 10_000;
/** How long the first start waits for a moment without prepared XA transactions, in milliseconds. */
const XA_WAIT_MS = 10_000;
const TWO_32 = 2 ** 32;

/** MySQL 8.0.14 and later and MariaDB 10.5 and later, as a replica that reads the binlog. */
export function createMysqlSource(options: MysqlSourceOptions): Source {
  return new MysqlSource(options);
}

class MysqlSource implements Source {
  readonly #options: MysqlSourceOptions;
  #side: Session | null = null;
  #server: Server | null = null;
  #stream: MysqlStream | null = null;
  #copySession: Session | null = null;
  #retained: number | null = null;
  #retainedTimer: NodeJS.Timeout | null = null;
  #confirmed: BinlogPlace | null = null;

  constructor(options: MysqlSourceOptions) {
    this.#options = options;
  }

  async preflight(): Promise<readonly Finding[]> {
    try {
      const session = await this.#sideSession();
      return await inspect(session, this.#server!, this.#options);
    } catch (thrown) {
      const error = toRowsealError(thrown);
      return [{ level: 'error', code: error.code, subject: 'source', detail: error.message, fix: error.fix }];
    }
  }

  async tables(): Promise<readonly TableSchema[]> {
    const session = await this.#sideSession();
    const catalog = new Catalog(session);
    const tables: TableSchema[] = [];
    for (const name of this.#options.tables) {
      const table = await catalog.table(name);
      if (table === null) throw new RowsealError('RS-MY-008', { detail: displayName(name) });
      tables.push(table.schema);
    }
    return tables;
  }

  async discover(): Promise<readonly DiscoveredTable[]> {
    const session = await this.#sideSession();
    const catalog = new Catalog(session);
    const tables: DiscoveredTable[] = [];
    const fold = (name: string): string => (this.#server!.foldsNames ? name.toLowerCase() : name);
    const database = fold(databaseOf(this.#options));
    for (const name of await catalog.names()) {
      if (database !== '' && fold(name.namespace) !== database) continue;
      const table = await catalog.table(name);
      if (table !== null) tables.push({ table: table.schema, estimatedRows: table.estimatedRows });
    }
    return tables;
  }

  async sample(table: TableSchema, rows: number): Promise<RowRun> {
    const session = await this.#sideSession();
    const found = await new Catalog(session).table(table);
    if (found === null) throw new RowsealError('RS-MY-008', { detail: displayName(table) });
    return sampleRows(session, found, rows, this.#options);
  }

  async *open(after: Position | null, signal: AbortSignal): AsyncGenerator<ChangeBatch> {
    if (after !== null && after.kind !== 'mysql') throw new RowsealError('RS-RUN-005');
    const side = await this.#sideSession();
    const server = this.#server!;
    const start = after === null ? await this.#begin(side, server) : await this.#resume(side, server, after);
    const check = (session: Session): Promise<void> => sameServer(session, server);
    const copySession = await Session.open(this.#options);
    this.#copySession = copySession;
    await check(copySession);
    await setUpReads(copySession, server);
    const stream = new MysqlStream(this.#options, copySession, check, start);
    this.#stream = stream;
    this.#measureRetained(side);
    // The beginning is sealed before anything is read: from now on it is known where this log began.
    if (after === null) yield { events: [{ kind: 'idle', position: stream.position() }], bytes: 0 };
    if (signal.aborted) return;
    yield* stream.read(signal);
  }

  async assess(after: Position): Promise<Assessment> {
    if (after.kind !== 'mysql') throw new RowsealError('RS-RUN-005');
    const side = await this.#sideSession();
    const server = this.#server!;
    const resume = async (): Promise<DumpStart> => (await this.#resume(side, server, after)).dump;
    return assess(this.#options, side, server, after, resume, (session) => sameServer(session, server));
  }

  /** The server keeps its binlog by time, not for us: there is nobody to tell. */
  confirm(position: Position): void {
    if (position.kind === 'mysql') this.#confirmed = position.place;
  }

  stats(): SourceStats {
    return {
      lastReceivedMs: this.#stream?.lastReceivedMs ?? null,
      retainedBytes: this.#retained,
      snapshot: this.#stream?.progress ?? null,
    };
  }

  async close(): Promise<void> {
    if (this.#retainedTimer !== null) clearInterval(this.#retainedTimer);
    await Promise.all([this.#stream?.close(), this.#copySession?.kill(this.#options)]);
    this.#copySession = null;
    await this.#side?.close();
    this.#side = null;
  }

  async #begin(side: Session, server: Server): Promise<StreamStart> {
    await withoutPrepared(side);
    return this.#startAt(side, server, beginningAt(await binlogEnd(side, server), server, this.#options));
  }

  async #resume(side: Session, server: Server, sealed: MysqlPosition): Promise<StreamStart> {
    const renamed = await this.#isRenamed(side, server, sealed);
    const after = renamed ? { ...sealed, server: server.identity } : sealed;
    await refuseHole(side, server, after, this.#options.acceptServers);
    if (after.server === server.identity) {
      await this.#refuseNewFile(side, server, after);
      return this.#startAt(side, server, after);
    }
    const place = { file: (await binlogFiles(side))[0]!.name, offset: FILE_HEADER_BYTES };
    return this.#startAt(side, server, { ...after, place, fileBegan: null });
  }

  async #startAt(side: Session, server: Server, position: MysqlPosition): Promise<StreamStart> {
    const gtidSet = server.gtids ? position.gtidSet : null;
    const { place, fileBegan } = position;
    return {
      server,
      gtidSet,
      place,
      fileBegan,
      // MySQL's answer to where its binlog ends has a set that the place may be ahead of; no file was read then.
      readUpToPlace: fileBegan !== null || server.flavor === 'mariadb' || gtidSet === null,
      dump: dumpStart(server, gtidSet, gtidSet === null ? await reachable(side, place) : place),
      prepared: position.prepared,
      plan: CopyPlan.resume(this.#options.tables, position, server.foldsNames),
      outside: position.outside ?? [],
    };
  }

  /**
   * MariaDB makes its server_uid of the machine's network address and its port: a container that is made anew over the same data
   * has another one. Its binlog is the same: the file began at the same second, and the same transactions lie before the place.
   */
  async #isRenamed(side: Session, server: Server, sealed: MysqlPosition): Promise<boolean> {
    if (server.flavor !== 'mariadb' || sealed.flavor !== 'mariadb' || sealed.server === server.identity)
      return false;
    const { place, fileBegan, gtidSet } = sealed;
    if (fileBegan === null || gtidSet === null) return false;
    const file = (await binlogFiles(side)).find((one) => one.name === place.file);
    if (file === undefined || file.bytes < place.offset) return false;
    return (
      (await gtidsUpTo(side, server, place)) === gtidSet &&
      (await this.#fileBegan(server, place.file)) === fileBegan
    );
  }

  async #fileBegan(server: Server, file: string): Promise<number | null> {
    return new BinlogAgain(this.#options, server, (session) => sameServer(session, server)).began(file);
  }

  /** After a reset the counts of files and GTIDs can have grown past ours again; the file is another one all the same. */
  async #refuseNewFile(side: Session, server: Server, after: MysqlPosition): Promise<void> {
    const { file } = after.place;
    if (after.fileBegan === null || !(await binlogFiles(side)).some((one) => one.name === file)) return;
    if ((await this.#fileBegan(server, file)) !== after.fileBegan)
      throw new RowsealError('RS-MY-033', { detail: `${file} is not the file that was read` });
  }

  async #sideSession(): Promise<Session> {
    if (this.#side === null) {
      this.#side = await Session.open(this.#options);
      this.#server = await identifyServer(this.#side);
    }
    return this.#side;
  }

  #measureRetained(side: Session): void {
    const measure = async (): Promise<void> => {
      const place = this.#confirmed;
      if (place === null) return;
      try {
        const files = await binlogFiles(side);
        this.#retained = files
          .filter((file) => comparePlaces({ file: file.name, offset: file.bytes }, place) > 0)
          .reduce((sum, file) => sum + file.bytes - (file.name === place.file ? place.offset : 0), 0);
      } catch {
        this.#retained = null;
      }
    };
    this.#retainedTimer = setInterval(() => void measure(), RETAINED_INTERVAL_MS);
    this.#retainedTimer.unref();
  }
}

function dumpStart(server: Server, gtidSet: string | null, place: BinlogPlace): DumpStart {
  if (gtidSet === null) return { kind: 'place', place };
  return server.flavor === 'mysql'
    ? { kind: 'gtid-set', set: GtidSet.parse(gtidSet)! }
    : { kind: 'mariadb-position', position: gtidSet };
}

/** The protocol has 32 bits for an offset. Behind one larger transaction a file ends, so the next file is the same place. */
async function reachable(session: Session, place: BinlogPlace): Promise<BinlogPlace> {
  if (place.offset < TWO_32) return place;
  const next = (await binlogFiles(session)).find((file) => fileNumber(file.name) > fileNumber(place.file));
  if (next === undefined)
    throw new RowsealError('RS-MY-016', {
      detail: `${place.file} is longer than 4 GiB and the next file has not begun`,
    });
  return { file: next.name, offset: FILE_HEADER_BYTES };
}

/** @throws RowsealError RS-MY-034 */
async function sameServer(session: Session, expected: Server): Promise<void> {
  const { identity } = await identifyServer(session);
  if (identity !== expected.identity)
    throw new RowsealError('RS-MY-034', { detail: `${expected.identity} and ${identity}` });
}

/** Rows of a transaction that is prepared now lie before the beginning; a moment without one saves copying twice. */
async function withoutPrepared(session: Session): Promise<void> {
  const deadlineMs = performance.now() + XA_WAIT_MS;
  while (performance.now() < deadlineMs) {
    // Without the privilege to look, an unknown outcome is met when it comes.
    const prepared = await session.rows('XA RECOVER', 'looking for prepared transactions').catch(() => []);
    if (prepared.length === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
