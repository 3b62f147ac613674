import type { Keyword, Settings } from './settings.ts';

/** PostgreSQL manual 34.15. `PGSERVICEFILE` and `PGSYSCONFDIR` say where to look, not what. */
const VARIABLES: readonly (readonly [variable: string, keyword: Keyword])[] = [
  ['PGHOST', 'host'],
  ['PGPORT', 'port'],
  ['PGDATABASE', 'dbname'],
  ['PGUSER', 'user'],
  ['PGPASSWORD', 'password'],
  ['PGPASSFILE', 'passfile'],
  ['PGSERVICE', 'service'],
  ['PGCONNECT_TIMEOUT', 'connect_timeout'],
  ['PGAPPNAME', 'application_name'],
  ['PGCHANNELBINDING', 'channel_binding'],
  ['PGTARGETSESSIONATTRS', 'target_session_attrs'],
  ['PGLOADBALANCEHOSTS', 'load_balance_hosts'],
  ['PGSSLMODE', 'sslmode'],
  ['PGSSLNEGOTIATION', 'sslnegotiation'],
  ['PGSSLROOTCERT', 'sslrootcert'],
  ['PGSSLCERT', 'sslcert'],
  ['PGSSLKEY', 'sslkey'],
  ['PGSSLCRL', 'sslcrl'],
  ['PGSSLMINPROTOCOLVERSION', 'ssl_min_protocol_version'],
  ['PGSSLMAXPROTOCOLVERSION', 'ssl_max_protocol_version'],
];

/** What the environment says where nothing else does. */
export function environmentSettings(env: Readonly<Record<string, string | undefined>>): Settings {
  const settings = new Map<Keyword, string>();
  for (const [variable, keyword] of VARIABLES) {
    const value = Object.hasOwn(env, variable) ? env[variable] : undefined;
    if (value !== undefined && value !== '') settings.set(keyword, value);
  }
  return settings;
}
