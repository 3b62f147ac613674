import type { Client } from 'pg';
import type { Finding } from '../../../src/model/finding.ts';
import { displayName, type TableName } from '../../../src/model/table.ts';
import { postgresError } from './errors.ts';
import { problem } from './finding.ts';
import { partitionsBelow } from './partition-tree.ts';

/** A partition that logs less of an old row than the server promises for its table. */
interface ShortPartition {
  /** Place of the table among those that were asked for. */
  readonly table: number;
  /** Quoted. */
  readonly path: string;
  /** Nothing is logged: the application cannot update it. */
  readonly none: boolean;
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
  const short = await readShort(client, tables);
  return tables.flatMap((table, index) => {
    const name = displayName(table);
    const paths = (without: boolean): readonly string[] =>
      short.filter((one) => one.table === index && one.none === without).map(({ path }) => path);
    const [none, less] = [paths(true), paths(false)];
    const withoutAny = {
      ...problem(level, 'RS-PG-007', name, `partition ${none.join(', ')} has none`),
      fix: `${mend(none)}   -- or add a primary key`,
    };
    const withLess = { ...problem(level, 'RS-PG-052', name, less.join(', ')), fix: mend(less) };
    return [...(none.length === 0 ? [] : [withoutAny]), ...(less.length === 0 ? [] : [withLess])];
  });
}

function mend(paths: readonly string[]): string {
  return paths.map((path) => `ALTER TABLE ${path} REPLICA IDENTITY FULL;`).join(' ');
}

async function readShort(client: Client, tables: readonly TableName[]): Promise<readonly ShortPartition[]> {
  try {
    const { rows } = await client.query<ShortPartition>(
      `SELECT t.ord::int - 1 AS table, format('%I.%I', n.nspname, l.relname) AS path, NOT EXISTS (${identityColumns('l')}) AS none
       FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS t (namespace, name, ord)
       JOIN pg_namespace s ON s.nspname = t.namespace JOIN pg_class r ON r.relnamespace = s.oid AND r.relname = t.name
       CROSS JOIN LATERAL ${partitionsBelow('r.oid')} AS p
       JOIN pg_class l ON l.oid = p.relid JOIN pg_namespace n ON n.oid = l.relnamespace
       WHERE r.relkind = 'p' AND l.relkind = 'r' AND l.relreplident <> 'f'
         AND (r.relreplident = 'f' OR NOT EXISTS (${identityColumns('l')})
              OR EXISTS (${identityColumns('r')} EXCEPT ${identityColumns('l')}))
       ORDER BY 1, 2`,
      [tables.map(({ namespace }) => namespace), tables.map(({ name }) => name)],
    );
    return rows;
  } catch (thrown) {
    throw postgresError(thrown, 'looking at partitions');
  }
}

/** Names of the columns that a table, whose row of pg_class has this alias, logs of an old row; not of FULL. */
export function identityColumns(alias: string): string {
  return `SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
          WHERE i.indrelid = ${alias}.oid AND CASE ${alias}.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END`;
}
