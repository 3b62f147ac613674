import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { GtidSet } from '../../../src/model/gtid-set.ts';
import { MariadbGtidPosition } from '../../../src/model/mariadb-gtid.ts';
import type { BinlogPlace, MysqlPosition } from '../../../src/model/position.ts';
import type { Session } from './connection.ts';

/** Who a server is and what it can do; read once per connection attempt. */
export interface Server {
  readonly flavor: 'mysql' | 'mariadb';
  /** `9.7.4`, without what the distributor adds. */
  readonly version: string;
  readonly versionNumber: number;
  /** See `MysqlPosition.server`. */
  readonly identity: string;
  readonly serverId: number;
  /** Transactions have GTIDs: gtid_mode=ON; MariaDB always. */
  readonly gtids: boolean;
  /** `Orders` and `orders` name one table: lower_case_table_names is not 0. The binlog has names as they were typed. */
  readonly foldsNames: boolean;
}

/** Where the binlog ends at this moment. */
export interface BinlogEnd {
  readonly place: BinlogPlace;
  /** Transactions that are committed in the storage engine (MySQL), or in the binlog up to `place` (MariaDB). */
  readonly gtidSet: string | null;
}

/** @throws RowsealError RS-MY-018 when the server answers unlike any MySQL */
export async function identifyServer(session: Session): Promise<Server> {
  const doing = 'identifying the server';
  const full = (await session.value('SELECT VERSION()', doing)) ?? '';
  const flavor = /mariadb/i.test(full) ? 'mariadb' : 'mysql';
  // Old replication clients made MariaDB prefix its version with 5.5.5-.
  const version = /^(?:5\.5\.5-)?(\d+\.\d+\.\d+)/.exec(full)?.[1] ?? '0.0.0';
  const [major, minor, patch] = version.split('.').map(Number) as [number, number, number];
  const serverId = Number(await session.variable('server_id'));
  const uuid = await session.variable(flavor === 'mysql' ? 'server_uuid' : 'server_uid');
  return {
    flavor,
    version,
    versionNumber: major * 10_000 + minor * 100 + patch,
    identity: uuid === null || uuid === '' ? `server_id:${serverId}` : uuid,
    serverId,
    gtids: flavor === 'mariadb' || (await session.variable('gtid_mode')) === 'ON',
    foldsNames: Number(await session.variable('lower_case_table_names')) !== 0,
  };
}

/** @throws RowsealError RS-MY-003, -004 */
export async function binlogEnd(session: Session, server: Server): Promise<BinlogEnd> {
  const doing = 'reading the state of the binlog';
  // The statement was renamed in 8.2 and its old name removed in 8.4; MariaDB knows the old one.
  const sql =
    server.flavor === 'mysql' && server.versionNumber >= 80_200
      ? 'SHOW BINARY LOG STATUS'
      : 'SHOW MASTER STATUS';
  const row = await session.row(sql, doing);
  const file = row?.get('File') ?? null;
  if (row === null || file === null) throw new RowsealError('RS-MY-004');
  const place = { file, offset: Number(row.get('Position')) };
  if (server.flavor === 'mariadb') return { place, gtidSet: (await gtidsUpTo(session, server, place)) ?? '' };
  return { place, gtidSet: server.gtids ? canonicalGtids(server, row.get('Executed_Gtid_Set') ?? '') : null };
}

/** MariaDB: the transactions in the binlog up to a place; null: there is no such place. */
export async function gtidsUpTo(
  session: Session,
  server: Server,
  place: BinlogPlace,
): Promise<string | null> {
  const doing = 'comparing GTIDs';
  const position = await session.value('SELECT BINLOG_GTID_POS(?, ?)', doing, [place.file, place.offset]);
  return position === null ? null : canonicalGtids(server, position);
}

/** @throws RowsealError RS-MY-014 for what is no set or position */
export function canonicalGtids(server: Pick<Server, 'flavor'>, text: string): string {
  const parsed = server.flavor === 'mysql' ? GtidSet.parse(text) : MariadbGtidPosition.parse(text);
  if (parsed === null)
    throw new RowsealError('RS-MY-014', { detail: 'the GTIDs of the server cannot be read' });
  return String(parsed);
}

/** Order of two places of one server: its files are numbered. */
export function comparePlaces(a: BinlogPlace, b: BinlogPlace): number {
  return a.file === b.file ? a.offset - b.offset : fileNumber(a.file) - fileNumber(b.file);
}

/** `binlog.000042` → 42. */
export function fileNumber(file: string): number {
  return Number(/\.(\d+)$/.exec(file)?.[1] ?? Number.NaN);
}

export interface BinlogFile {
  readonly name: string;
  readonly bytes: number;
}

export async function binlogFiles(session: Session): Promise<readonly BinlogFile[]> {
  const rows = await session.rows('SHOW BINARY LOGS', 'listing the binlog files');
  return rows.map(([name, bytes]) => ({ name: name!, bytes: Number(bytes) }));
}

/**
 * Whether the stream can go on exactly after `after` (law 6). A server that was asked for what it does not have may send
 * what it has instead, so everything is compared first.
 *
 * @throws RowsealError of kind source-lost
 */
export async function refuseHole(
  session: Session,
  server: Server,
  after: MysqlPosition,
  acceptServers: readonly string[],
): Promise<void> {
  if (after.flavor !== server.flavor)
    throw new RowsealError('RS-MY-011', { detail: `it is ${server.flavor}` });
  const sameServer = after.server === server.identity;
  if (!sameServer) {
    const names = `sealed from ${after.server}, the server is ${server.identity}`;
    if (!acceptServers.includes(server.identity)) throw new RowsealError('RS-MY-011', { detail: names });
    if (after.gtidSet === null || !server.gtids)
      throw new RowsealError('RS-MY-011', { detail: `${names}; without GTIDs no other server can continue` });
    if (after.prepared.length > 0)
      throw new RowsealError('RS-MY-025', {
        detail: `${names}; XA transactions were prepared on the one before`,
      });
  }
  if (after.gtidSet !== null && server.gtids) {
    await (server.flavor === 'mysql'
      ? refuseMissingSet(session, after.gtidSet)
      : refuseLowerPosition(session, after));
  }
  if (sameServer) await refuseOtherFiles(session, after);
}

async function refuseMissingSet(session: Session, sealedText: string): Promise<void> {
  const doing = 'comparing GTIDs';
  const sealed = GtidSet.parse(sealedText)!;
  const executed = GtidSet.parse((await session.value('SELECT @@GLOBAL.gtid_executed', doing)) ?? '');
  const purged = GtidSet.parse((await session.value('SELECT @@GLOBAL.gtid_purged', doing)) ?? '');
  if (executed === null || purged === null) throw new RowsealError('RS-MY-014', { detail: doing });
  const lacking = sealed.subtract(executed);
  if (!lacking.empty) throw new RowsealError('RS-MY-012', { detail: `it lacks ${brief(lacking)}` });
  const lost = purged.subtract(sealed);
  if (!lost.empty) throw new RowsealError('RS-MY-010', { detail: `purged and not sealed: ${brief(lost)}` });
}

async function refuseLowerPosition(session: Session, after: MysqlPosition): Promise<void> {
  const sealed = MariadbGtidPosition.parse(after.gtidSet!)!;
  const now = MariadbGtidPosition.parse(
    (await session.value('SELECT @@GLOBAL.gtid_binlog_pos', 'comparing GTIDs')) ?? '',
  );
  if (now === null || !now.reaches(sealed))
    throw new RowsealError('RS-MY-012', {
      detail: `sealed up to ${sealed}, the server is at ${now ?? 'nothing'}`,
    });
}

/** File names are counted anew after a reset, and a restored server may have an older end. */
async function refuseOtherFiles(session: Session, after: MysqlPosition): Promise<void> {
  const files = await binlogFiles(session);
  const newest = files.at(-1);
  const { place } = after;
  const described = `sealed up to ${place.file}:${place.offset}`;
  if (newest === undefined || fileNumber(newest.name) < fileNumber(place.file))
    throw new RowsealError('RS-MY-033', {
      detail: `${described}, the newest file is ${newest?.name ?? 'none'}`,
    });
  const file = files.find((one) => one.name === place.file);
  if (file !== undefined && file.bytes < place.offset)
    throw new RowsealError('RS-MY-033', { detail: `${described}, the file has ${file.bytes} bytes` });
  if (file === undefined && after.gtidSet === null)
    throw new RowsealError('RS-MY-010', { detail: `${described}, the oldest file is ${files[0]!.name}` });
}

/** A set can name thousands of intervals. */
function brief(set: GtidSet): string {
  const text = String(set);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
