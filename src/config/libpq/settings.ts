import { RowsealError } from '../../error/rowseal-error.ts';

/** Parameters of a connection by their names in libpq (PostgreSQL manual 34.1.2), those that are honoured. */
const HONOURED = [
  'host',
  'port',
  'dbname',
  'user',
  'password',
  'passfile',
  'service',
  'connect_timeout',
  'application_name',
  'channel_binding',
  'target_session_attrs',
  'load_balance_hosts',
  'sslmode',
  'sslnegotiation',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'sslpassword',
  'sslcrl',
  'ssl_min_protocol_version',
  'ssl_max_protocol_version',
] as const;

export type Keyword = (typeof HONOURED)[number];
export type Settings = ReadonlyMap<Keyword, string>;

/** What changes neither which server is read nor how safely: service files that others share may have it. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  'fallback_application_name',
  'client_encoding',
  'keepalives',
  'keepalives_idle',
  'keepalives_interval',
  'keepalives_count',
  'tcp_user_timeout',
  'sslcompression',
  'sslsni',
  'krbsrvname',
  'gsslib',
]);

const honoured: ReadonlySet<string> = new Set(HONOURED);

/**
 * @returns null: it may be there, and says nothing here
 * @throws RowsealError RS-PG-023 for any other name
 */
export function keywordOf(name: string, where: string): Keyword | null {
  if (honoured.has(name)) return name as Keyword;
  if (WITHOUT_EFFECT.has(name)) return null;
  // A name is shown only where it looks like one: a password may stand in its place.
  const shown = /^[a-z_]{1,40}$/.test(name) ? `the parameter ${name}` : 'a parameter';
  throw new RowsealError('RS-PG-023', {
    detail: `${where} has ${shown}, which is not honoured`,
    fix: `remove it; honoured are ${HONOURED.join(', ')}`,
  });
}

/** The first that says something of a parameter is heard. */
export function merged(...sources: readonly Settings[]): Settings {
  const all = new Map<Keyword, string>();
  for (const source of sources)
    for (const [keyword, value] of source) if (!all.has(keyword)) all.set(keyword, value);
  return all;
}

/** One of some words; null: nothing is said. @throws RowsealError RS-PG-023 */
export function choiceOf<const T extends string>(
  settings: Settings,
  keyword: Keyword,
  choices: readonly T[],
): T | null {
  const value = settings.get(keyword);
  if (value === undefined) return null;
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  throw new RowsealError('RS-PG-023', { detail: `${keyword} must be one of ${choices.join(', ')}` });
}
