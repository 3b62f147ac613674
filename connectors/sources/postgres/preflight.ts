import type { Client } from 'pg';
import type { Finding } from '../../../src/model/finding.ts';
import { displayName, type TableName, tableKey } from '../../../src/model/table.ts';
import { quoteIdentifier } from './connection.ts';
import { postgresError } from './errors.ts';
import { ok, problem } from './finding.ts';
import type { PostgresSourceOptions } from './options.ts';
import { partitionFindings } from './partition-identity.ts';
import { filteredTables, publicationProblems, publishesGenerated, updatesPublished } from './publication.ts';
import { createPublication, whyNoPublication } from './publication-right.ts';
import { stateOf } from './server-choice.ts';
import { readSlot } from './slot.ts';

const OLDEST_VERSION = 140_000;
/** The first one that knows the origin filter. */
const ORIGIN_VERSION = 160_000;

/** What is missing or risky, in the order in which an operator would mend it. Reads only. */
export async function inspect(client: Client, options: PostgresSourceOptions): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const version = Number(await setting(client, 'server_version_num'));
  findings.push(
    version >= OLDEST_VERSION
      ? ok('server version', String(version))
      : problem('error', 'RS-PG-022', 'server version', String(version)),
  );
  if (options.origin === 'none' && version < ORIGIN_VERSION)
    findings.push(problem('error', 'RS-PG-051', 'origin', String(version)));
  // Of a standby nothing more can be asked.
  if ((await stateOf(client)).inRecovery)
    return [...findings, problem('error', 'RS-PG-046', 'server', 'it is in recovery')];
  const walLevel = await setting(client, 'wal_level');
  findings.push(
    walLevel === 'logical'
      ? ok('wal_level', walLevel)
      : problem('error', 'RS-PG-004', 'wal_level', `is ${walLevel}`),
  );
  if ((await setting(client, 'server_encoding')) === 'SQL_ASCII')
    findings.push(problem('error', 'RS-PG-029', 'database encoding', 'is SQL_ASCII'));
  findings.push(await replicationPrivilege(client));
  findings.push(...(await slotFindings(client, options)));
  const keep = await setting(client, 'max_slot_wal_keep_size');
  findings.push(
    keep === '-1'
      ? problem('warning', 'RS-PG-011', 'max_slot_wal_keep_size', 'is -1')
      : ok('max_slot_wal_keep_size', keep),
  );
  const updated = await updatesPublished(client, options.publication);
  for (const table of options.tables)
    findings.push(...(await tableFindings(client, table, options.publication, version, updated)));
  const missing = await publicationProblems(client, options.publication, options.tables);
  if (missing === null) findings.push(await publicationToCome(client, options));
  else if (missing.length === 0) findings.push(ok('publication', options.publication));
  else
    findings.push(
      problem('error', 'RS-PG-021', 'publication', `${options.publication} ${missing.join(', ')}`),
    );
  const filtered = await filteredTables(client, options.publication, options.tables);
  if (filtered.length > 0)
    findings.push(
      problem('error', 'RS-PG-031', 'publication', `${options.publication} for ${filtered.join(', ')}`),
    );
  return findings;
}

async function publicationToCome(
  client: Client,
  { publication, tables }: PostgresSourceOptions,
): Promise<Finding> {
  const why = await whyNoPublication(client, tables);
  if (why === null) return ok('publication', `${publication} will be created`);
  return {
    ...problem('error', 'RS-PG-040', 'publication', `${publication}: ${why}`),
    fix: `as their owner: ${createPublication(publication, tables)};`,
  };
}

async function replicationPrivilege(client: Client): Promise<Finding> {
  const [row] = await query<{ role: string; allowed: boolean }>(
    client,
    `SELECT current_user AS role, rolreplication OR rolsuper
            OR EXISTS (SELECT 1 FROM pg_roles r WHERE r.rolname = 'rds_replication' AND pg_has_role(current_user, r.oid, 'member')) AS allowed
     FROM pg_roles WHERE rolname = current_user`,
  );
  if (row?.allowed === true) return ok('replication privilege', row.role);
  const role = row?.role ?? 'unknown';
  return {
    ...problem('error', 'RS-PG-003', 'replication privilege', `role ${role} lacks REPLICATION`),
    fix: `ALTER ROLE "${role}" REPLICATION;   -- RDS: GRANT rds_replication TO "${role}";`,
  };
}

async function slotFindings(client: Client, options: PostgresSourceOptions): Promise<readonly Finding[]> {
  const slot = await readSlot(client, options.slot);
  if (slot !== null) {
    if (slot.walStatus === 'lost') return [problem('error', 'RS-PG-019', 'replication slot', options.slot)];
    return [ok('replication slot', `${options.slot}${slot.active ? ' (in use)' : ''}`)];
  }
  const [row] = await query<{ slots: number; senders: number }>(
    client,
    `SELECT current_setting('max_replication_slots')::int - (SELECT count(*)::int FROM pg_replication_slots) AS slots,
            current_setting('max_wal_senders')::int - (SELECT count(*)::int FROM pg_stat_replication) AS senders`,
  );
  if ((row?.slots ?? 0) < 1) return [problem('error', 'RS-PG-005', 'free replication slots', 'none')];
  if ((row?.senders ?? 0) < 1) return [problem('error', 'RS-PG-005', 'free WAL senders', 'none')];
  return [ok('free replication slots', String(row!.slots))];
}

async function tableFindings(
  client: Client,
  table: TableName,
  publication: string,
  version: number,
  updated: ReadonlySet<string>,
): Promise<readonly Finding[]> {
  const name = displayName(table);
  const [row] = await query<{
    identity: string;
    primary: boolean;
    readable: boolean;
    reachable: boolean;
    role: string;
    generated: boolean;
  }>(
    client,
    `SELECT c.relreplident AS identity,
            EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) AS primary,
            has_table_privilege(c.oid, 'SELECT') AS readable, has_schema_privilege(n.oid, 'USAGE') AS reachable, current_user AS role,
            EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> ''
                    AND (c.relreplident = 'f' OR EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
                         AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END))) AS generated
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p')`,
    [table.namespace, table.name],
  );
  if (row === undefined) return [problem('error', 'RS-PG-006', name, 'is not there')];
  const findings: Finding[] = [];
  if (!row.reachable)
    findings.push({
      ...problem('error', 'RS-PG-015', name, 'its schema may not be used'),
      fix: `GRANT USAGE ON SCHEMA ${table.namespace} TO ${quoteIdentifier(row.role)};`,
    });
  if (!row.readable)
    findings.push({
      ...problem('error', 'RS-PG-015', name, 'may not be read'),
      fix: `GRANT SELECT ON ${name} TO ${quoteIdentifier(row.role)};`,
    });
  for (const schema of await hiddenSchemas(client, table))
    findings.push({
      ...problem(
        'warning',
        'RS-PG-015',
        name,
        `schema ${schema} of its key may not be used: rows are copied only as far as one chunk`,
      ),
      fix: `GRANT USAGE ON SCHEMA ${schema} TO ${quoteIdentifier(row.role)};`,
    });
  if (row.identity === 'n' || (row.identity === 'd' && !row.primary)) {
    findings.push({
      ...problem('error', 'RS-PG-007', name, 'has no primary key and no replica identity'),
      fix: `ALTER TABLE ${name} REPLICA IDENTITY FULL;   -- or add a primary key`,
    });
  }
  // Where its updates are published the application has met them already, and a log that goes on must not stand still for them.
  findings.push(
    ...(await partitionFindings(client, [table], updated.has(tableKey(table)) ? 'warning' : 'error')),
  );
  if (row.generated && version >= 180_000 && !(await publishesGenerated(client, publication)))
    findings.push(problem('error', 'RS-PG-027', name, 'has a generated column in its replica identity'));
  return findings.length > 0 ? findings : [ok(name, 'readable, with a replica identity')];
}

/** Quoted names of schemas that have types or operators by which a copy of the table finds its next chunk; see `KeyOrder`. */
async function hiddenSchemas(client: Client, { namespace, name }: TableName): Promise<readonly string[]> {
  const rows = await query<{ schema: string }>(
    client,
    `SELECT DISTINCT quote_ident(s.nspname) AS schema
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_index i ON i.indrelid = c.oid
     CROSS JOIN LATERAL unnest(i.indkey::int2[], i.indclass::oid[]) AS k (attnum, opclass)
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum JOIN pg_type t ON t.oid = a.atttypid
     JOIN pg_opclass o ON o.oid = k.opclass JOIN pg_amop m ON m.amopfamily = o.opcfamily AND m.amoplefttype = o.opcintype AND m.amoprighttype = o.opcintype
     JOIN pg_operator p ON p.oid = m.amopopr JOIN pg_namespace s ON s.oid IN (t.typnamespace, p.oprnamespace)
     WHERE n.nspname = $1 AND c.relname = $2 AND CASE c.relreplident WHEN 'i' THEN i.indisreplident ELSE i.indisprimary END
       AND s.oid <> n.oid AND NOT has_schema_privilege(s.oid, 'USAGE') ORDER BY 1`,
    [namespace, name],
  );
  return rows.map(({ schema }) => schema);
}

async function setting(client: Client, name: string): Promise<string> {
  const [row] = await query<{ value: string }>(client, 'SELECT current_setting($1) AS value', [name]);
  return row?.value ?? '';
}

async function query<T extends object>(
  client: Client,
  sql: string,
  values: readonly unknown[] = [],
): Promise<readonly T[]> {
  try {
    return (await client.query<T>(sql, [...values])).rows;
  } catch (thrown) {
    throw postgresError(thrown, 'checking the source');
  }
}
