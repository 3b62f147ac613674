import type { Client } from 'pg';
import type { ErrorCode } from '../../../src/error/codes.ts';
import { errorCodes } from '../../../src/error/codes.ts';
import { isRowsealError } from '../../../src/error/rowseal-error.ts';
import type { Finding } from '../../../src/model/finding.ts';
import { connect, end } from './connection.ts';
import { postgresSinkError } from './errors.ts';
import { quoteIdentifier } from './identifier.ts';
import type { PostgresSinkOptions } from './options.ts';

const OLDEST_VERSION = 160_000;

interface Facts {
  readonly version: string;
  readonly role: string;
  readonly database: string;
  readonly standby: boolean;
  readonly read_only: boolean;
  readonly may_create: boolean;
  readonly may_temp: boolean;
  readonly has_state: boolean;
}

/** What is missing or risky, with the fix. Reads only. */
export async function inspect(options: PostgresSinkOptions): Promise<readonly Finding[]> {
  const subject = `sink ${options.name}`;
  let client: Client | null = null;
  try {
    client = await connect(options);
    return findings(await facts(client, options), subject);
  } catch (thrown) {
    const error = isRowsealError(thrown) ? thrown : postgresSinkError(thrown, `checking ${subject}`);
    return [{ level: 'error', code: error.code, subject, detail: error.message, fix: error.fix }];
  } finally {
    if (client !== null) await end(client);
  }
}

async function facts(client: Client, options: PostgresSinkOptions): Promise<Facts> {
  const found = await client.query<Facts>(
    `SELECT current_setting('server_version_num') AS version, current_user AS role, current_database() AS database,
            pg_is_in_recovery() AS standby, current_setting('default_transaction_read_only')::boolean AS read_only,
            has_database_privilege(current_database(), 'CREATE') AS may_create,
            has_database_privilege(current_database(), 'TEMPORARY') AS may_temp,
            EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1) AS has_state`,
    [options.stateSchema],
  );
  return found.rows[0]!;
}

function findings(of: Facts, subject: string): readonly Finding[] {
  const list: Finding[] = [];
  const grant = (privilege: string): string =>
    `GRANT ${privilege} ON DATABASE ${quoteIdentifier(of.database)} TO ${quoteIdentifier(of.role)};`;
  const problem = (code: ErrorCode, detail: string, fix: string = errorCodes[code].fix): void => {
    list.push({ level: 'error', code, subject, detail, fix });
  };
  if (Number(of.version) < OLDEST_VERSION)
    problem('RS-PGS-012', `server version ${of.version}, needed ${OLDEST_VERSION}`);
  if (of.standby || of.read_only) problem('RS-PGS-012', 'the server takes no writes');
  if (!of.may_create && !of.has_state)
    problem('RS-PGS-008', `role ${of.role} may not create schemas in ${of.database}`, grant('CREATE'));
  if (!of.may_temp)
    problem('RS-PGS-008', `role ${of.role} may not create temporary tables`, grant('TEMPORARY'));
  if (list.length === 0)
    list.push({
      level: 'ok',
      code: null,
      subject,
      detail: `database ${of.database}, server version ${of.version}`,
      fix: null,
    });
  return list;
}
