import type { Client } from 'pg';
import type { TableName } from '../../../src/model/table.ts';
import { quoteLiteral } from './connection.ts';
import { postgresError } from './errors.ts';
import { partitionsBelow } from './partition-tree.ts';
import { tablePath } from './snapshot.ts';
import { lowHalf } from './visibility.ts';

/**
 * Transactions that have written to the tables, or their partitions, and hold their locks still. One of them may have its
 * commit in the WAL before the place where the stream goes on, so that the stream will never tell of it, and not be shown by
 * a snapshot yet; or may have begun to write before the table was in the publication. Locks are released after a
 * transaction is shown (xact.c, CommitTransaction).
 */
export async function writersOf(client: Client, tables: readonly TableName[]): Promise<readonly number[]> {
  const roots = tables.map((table) => `(${quoteLiteral(tablePath(table))})`).join(', ');
  if (roots === '') return [];
  try {
    const { rows } = await client.query<{ xid: string }>(
      `WITH root AS (SELECT to_regclass(v.path) AS oid FROM (VALUES ${roots}) AS v (path)),
            relation AS (SELECT oid FROM root UNION SELECT p.relid FROM root, LATERAL ${partitionsBelow('root.oid')} AS p)
       SELECT DISTINCT x.transactionid::text AS xid
       FROM pg_locks w JOIN pg_locks x ON x.virtualtransaction = w.virtualtransaction AND x.locktype = 'transactionid'
                                     AND x.mode = 'ExclusiveLock' AND x.granted
       WHERE w.locktype = 'relation' AND w.granted AND w.relation IN (SELECT oid FROM relation)
         AND w.database = (SELECT oid FROM pg_database WHERE datname = current_database())
         AND w.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')`,
    );
    return rows.map(({ xid }) => lowHalf(xid));
  } catch (thrown) {
    throw postgresError(thrown, 'looking for transactions on a table');
  }
}
