import type { Client } from 'pg';
import type { Finding } from '../../../src/model/finding.ts';
import { displayName, type TableName } from '../../../src/model/table.ts';
import { quoteLiteral } from './connection.ts';
import { postgresError } from './errors.ts';
import { problem } from './finding.ts';
import { tablePath } from './snapshot.ts';

/** Partitions that log less of an old row than the server promises for their table. */
interface ShortPartitions {
  /** Quoted paths of those of which nothing is logged: the application cannot update them. */
  readonly none: readonly string[];
  /** Of those of which something is missing. */
  readonly less: readonly string[];
}

/**
 * Replica identity is a matter of each partition (`ALTER TABLE … REPLICA IDENTITY` of a partitioned table does not go down
 * to them), but the stream has rows as the table says it: what a partition did not log comes as null.
 */
export async function partitionFindings(
  client: Client,
  tables: readonly TableName[],
  level: 'warning' | 'error',
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const table of tables) {
    const { none, less } = await readShort(client, table);
    const mend = (paths: readonly string[]): string =>
      paths.map((path) => `ALTER TABLE ${path} REPLICA IDENTITY FULL;`).join(' ');
    const name = displayName(table);
    if (none.length > 0)
      findings.push({
        ...problem(level, 'RS-PG-007', name, `partition ${none.join(', ')} has none`),
        fix: `${mend(none)}   -- or add a primary key`,
      });
    if (less.length > 0)
      findings.push({ ...problem(level, 'RS-PG-052', name, less.join(', ')), fix: mend(less) });
  }
  return findings;
}

async function readShort(client: Client, table: TableName): Promise<ShortPartitions> {
  try {
    const { rows } = await client.query<{ path: string; none: boolean }>(
      `SELECT format('%I.%I', n.nspname, l.relname) AS path, NOT EXISTS (${identityColumns('l')}) AS none
       FROM pg_class r CROSS JOIN LATERAL pg_partition_tree(r.oid) AS p
       JOIN pg_class l ON l.oid = p.relid JOIN pg_namespace n ON n.oid = l.relnamespace
       WHERE r.oid = to_regclass(${quoteLiteral(tablePath(table))}) AND r.relkind = 'p' AND l.relkind = 'r' AND l.relreplident <> 'f'
         AND (r.relreplident = 'f' OR NOT EXISTS (${identityColumns('l')})
              OR EXISTS (${identityColumns('r')} EXCEPT ${identityColumns('l')}))
       ORDER BY 1`,
    );
    const paths = (none: boolean): readonly string[] =>
      rows.filter((row) => row.none === none).map(({ path }) => path);
    return { none: paths(true), less: paths(false) };
  } catch (thrown) {
    throw postgresError(thrown, 'looking at partitions');
  }
}

/** Names of the columns that a table, whose row of pg_class has this alias, logs of an old row; not of FULL. */
function identityColumns(alias: string): string {
  return `SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
          WHERE i.indrelid = ${alias}.oid AND CASE ${alias}.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END`;
}
