import { RowsealError } from '../../error/rowseal-error.ts';
import { type Keyword, keywordOf, type Settings } from './settings.ts';

const SECRET: ReadonlySet<string> = new Set(['password', 'sslpassword']);

export function isPostgresUrl(text: string): boolean {
  return /^postgres(ql)?:\/\//.test(text);
}

/**
 * A connection URI (PostgreSQL manual 34.1.1.2): every part may be missing, several hosts stand with commas between them, and any
 * parameter may follow the question mark. No error quotes it, for it may hold a password.
 *
 * @throws RowsealError RS-PG-023
 */
export function parseUrl(text: string): Settings {
  const { userinfo, hosts, database, query } = partsOf(text);
  const settings = new Map<Keyword, string>();
  if (userinfo !== null) {
    const colon = userinfo.indexOf(':');
    put(settings, 'user', decoded(colon < 0 ? userinfo : userinfo.slice(0, colon)));
    if (colon >= 0) put(settings, 'password', decoded(userinfo.slice(colon + 1)));
  }
  const list = hosts.split(',').map(hostAndPort);
  // With one host, one that is not named may come from elsewhere; a list stands as it is.
  if (list.length > 1 && list.some(({ host }) => host === ''))
    throw unusable('a host in the list has no name');
  put(settings, 'host', list.map(({ host }) => host).join(','));
  if (list.some(({ port }) => port !== '')) put(settings, 'port', list.map(({ port }) => port).join(','));
  if (database !== null) put(settings, 'dbname', decoded(database));
  const named = new Set<string>();
  for (const pair of query === null || query === '' ? [] : query.split('&')) {
    const equals = pair.indexOf('=');
    if (equals < 1 || pair.includes('=', equals + 1)) throw unusable('a parameter is not name=value');
    const name = decoded(pair.slice(0, equals));
    if (named.has(name)) throw unusable('a parameter is there twice');
    named.add(name);
    const value = decoded(pair.slice(equals + 1));
    // As JDBC writes it, and libpq reads it.
    if (name === 'ssl' && value === 'true') {
      if (settings.has('sslmode')) throw unusable('sslmode is said twice');
      settings.set('sslmode', 'require');
      continue;
    }
    const keyword = keywordOf(name, 'the URL');
    if (keyword === null) continue;
    if (settings.has(keyword)) throw unusable(`${keyword} is said twice`);
    put(settings, keyword, value);
  }
  return settings;
}

/** The same address without what is secret in it. */
export function withoutSecrets(text: string): string {
  const { scheme, userinfo, hosts, database, query } = partsOf(text);
  const user = userinfo === null ? '' : `${userinfo.replace(/:.*$/s, '')}@`;
  const kept = (query ?? '')
    .split('&')
    .filter((pair) => pair !== '' && !SECRET.has(decoded(pair.replace(/=.*$/s, ''))));
  return `${scheme}${user}${hosts}${database === null ? '' : `/${database}`}${kept.length === 0 ? '' : `?${kept.join('&')}`}`;
}

interface UrlParts {
  readonly scheme: string;
  readonly userinfo: string | null;
  readonly hosts: string;
  readonly database: string | null;
  readonly query: string | null;
}

function partsOf(text: string): UrlParts {
  const match = /^(postgres(?:ql)?:\/\/)(?:([^@/?]*)@)?([^/?@]*)(?:\/([^/?]*))?(?:\?(.*))?$/s.exec(text);
  if (match === null)
    throw new RowsealError('RS-PG-023', {
      fix: 'postgres://user@host:5432/database; @ / ? : # and % in a name or password are written as %40 %2F %3F %3A %23 and %25',
    });
  return {
    scheme: match[1]!,
    userinfo: match[2] ?? null,
    hosts: match[3]!,
    database: match[4] ?? null,
    query: match[5] ?? null,
  };
}

function hostAndPort(text: string): { readonly host: string; readonly port: string } {
  const match = /^(?:\[([0-9A-Fa-f:.%a-z]+)\]|([^:[\]]*))(?::(\d*))?$/.exec(text);
  if (match === null) throw unusable('a host is not name:port, address:port or [IPv6]:port');
  return { host: decoded(match[1] ?? match[2] ?? ''), port: match[3] ?? '' };
}

/** @throws RowsealError RS-PG-023 */
function decoded(text: string): string {
  if (/%(?![0-9A-Fa-f]{2})/.test(text)) throw unusable('a % is not followed by two hexadecimal digits');
  try {
    const value = decodeURIComponent(text);
    if (!value.includes('\0')) return value;
  } catch {
    // Not UTF-8.
  }
  throw unusable('it has bytes that are no text');
}

/** What is empty says nothing. */
function put(settings: Map<Keyword, string>, keyword: Keyword, value: string): void {
  if (value !== '') settings.set(keyword, value);
}

function unusable(detail: string): RowsealError {
  return new RowsealError('RS-PG-023', { detail });
}
