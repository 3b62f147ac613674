import type { Client } from 'pg';
import { postgresError } from './errors.ts';

/** @param name for example `server_version_num` (170004 is 17.4) */
export async function serverSetting(client: Client, name: string): Promise<string> {
  try {
    const { rows } = await client.query<{ value: string }>('SELECT current_setting($1) AS value', [name]);
    return rows[0]!.value;
  } catch (thrown) {
    throw postgresError(thrown, 'reading settings of the server');
  }
}
