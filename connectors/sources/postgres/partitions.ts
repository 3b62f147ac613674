import type { Client } from 'pg';
import { displayName, type TableName } from '../../../src/model/table.ts';
import { quoteLiteral } from './connection.ts';
import { postgresError } from './errors.ts';
import { partitionsBelow } from './partition-tree.ts';
import { tablePath } from './snapshot.ts';

export interface Partition {
  readonly oid: number;
  /** The captured table that it belongs to. */
  readonly table: string;
  /** pg_class.relfilenode: another one after TRUNCATE and rewrites. */
  readonly file: string;
  /** Nothing is known of rows in it: so after TRUNCATE, not after VACUUM FULL. */
  readonly bare: boolean;
  /** It was a table before it became a partition. */
  readonly attached: boolean;
}

/** Partitions, with rows of their own, of captured tables. */
export async function readPartitions(
  client: Client,
  tables: readonly TableName[],
): Promise<readonly Partition[]> {
  const roots = tables.map(
    (table) => `(${quoteLiteral(tablePath(table))}, ${quoteLiteral(displayName(table))})`,
  );
  try {
    // A table made as a partition has its row type from the transaction that made it one; `xmin` is that transaction.
    const { rows } = await client.query<Partition>(
      `SELECT c.oid::int8::float8 AS oid, v.name AS table, c.relfilenode::text AS file, c.reltuples <= 0 AS bare, i.xmin <> t.xmin AS attached
       FROM (VALUES ${roots.join(', ')}) AS v (path, name), LATERAL ${partitionsBelow('to_regclass(v.path)')} AS p
       JOIN pg_class c ON c.oid = p.relid JOIN pg_inherits i ON i.inhrelid = c.oid JOIN pg_type t ON t.oid = c.reltype
       WHERE c.relkind <> 'p'`,
    );
    return rows;
  } catch (thrown) {
    throw postgresError(thrown, 'looking at partitions');
  }
}
