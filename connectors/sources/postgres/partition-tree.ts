/**
 * A subquery: `relid` of each partition below a table, at every depth, without the table itself. pg_partition_tree() says the
 * same, but locks each of them, and so waits for whoever alters one.
 *
 * @param root the table's oid, as SQL
 */
export function partitionsBelow(root: string): string {
  const part = 'JOIN pg_class part ON part.oid = i.inhrelid AND part.relispartition';
  return `(WITH RECURSIVE below AS (
             SELECT i.inhrelid AS relid FROM pg_inherits i ${part} WHERE i.inhparent = ${root} AND NOT i.inhdetachpending
             UNION ALL
             SELECT i.inhrelid FROM below JOIN pg_inherits i ON i.inhparent = below.relid ${part} WHERE NOT i.inhdetachpending)
           SELECT relid FROM below)`;
}
