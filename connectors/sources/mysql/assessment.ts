import type { Assessment } from '../../../src/capture/source.ts';
import { isRowsealError, type RowsealError } from '../../../src/error/rowseal-error.ts';
import { GtidSet } from '../../../src/model/gtid-set.ts';
import type { MysqlPosition } from '../../../src/model/position.ts';
import { BinlogAgain } from './binlog-again.ts';
import type { DumpStart } from './binlog-dump.ts';
import type { Session } from './connection.ts';
import { CopyPlan } from './copy-plan.ts';
import type { MysqlSourceOptions } from './options.ts';
import { type BinlogEnd, binlogEnd, binlogFiles, comparePlaces, type Server } from './server.ts';

/** The position of a pipeline that begins now. */
export function beginningAt(end: BinlogEnd, server: Server, options: MysqlSourceOptions): MysqlPosition {
  return {
    kind: 'mysql',
    flavor: server.flavor,
    server: server.identity,
    gtidSet: end.gtidSet,
    place: end.place,
    fileBegan: null,
    prepared: [],
    ...CopyPlan.initial(options.tables, options.snapshot === 'initial' ? options.tables : []).state,
  };
}

/**
 * Looks at a server as a resume would, and then asks it for the stream: that a file is gone some servers say only then.
 *
 * @param resume where the stream would go on; throws the hole that can be seen without asking for it
 */
export async function assess(
  options: MysqlSourceOptions,
  side: Session,
  server: Server,
  after: MysqlPosition,
  resume: () => Promise<DumpStart>,
  check: (session: Session) => Promise<void>,
): Promise<Assessment> {
  const hole = await holeIn(async () => {
    await new BinlogAgain(options, server, check).answers(await resume());
  });
  const end = await binlogEnd(side, server);
  return {
    hole,
    restart: beginningAt(end, server, options),
    lost: await between(side, server, after, end),
    effect: null,
  };
}

async function holeIn(look: () => Promise<void>): Promise<RowsealError | null> {
  try {
    await look();
    return null;
  } catch (thrown) {
    if (isRowsealError(thrown) && thrown.kind === 'source-lost') return thrown;
    throw thrown;
  }
}

/** GTIDs tell transactions apart; without them only the bytes of one and the same binlog can be counted. */
async function between(
  side: Session,
  server: Server,
  after: MysqlPosition,
  end: BinlogEnd,
): Promise<string | null> {
  if (server.flavor !== after.flavor) return null;
  if (server.flavor === 'mariadb') return end.gtidSet === null ? null : `what ran up to ${end.gtidSet}`;
  if (after.gtidSet !== null && end.gtidSet !== null) {
    const [sealed, executed] = [GtidSet.parse(after.gtidSet), GtidSet.parse(end.gtidSet)];
    if (sealed === null || executed === null) return null;
    const [lost, extra] = [executed.subtract(sealed), sealed.subtract(executed)];
    const missing = lost.empty ? 'no transaction that the server knows of' : `transactions ${lost}`;
    return extra.empty ? missing : `${missing}; the log has ${extra}, which the server does not have`;
  }
  if (after.server !== server.identity || comparePlaces(after.place, end.place) > 0) return null;
  const files = await binlogFiles(side);
  if (!files.some((file) => file.name === after.place.file)) return null;
  const bytes = files
    .filter((file) => comparePlaces({ file: file.name, offset: file.bytes }, after.place) > 0)
    .reduce((sum, file) => sum + file.bytes - (file.name === after.place.file ? after.place.offset : 0), 0);
  return `${bytes} bytes of binlog`;
}
