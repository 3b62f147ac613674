import { RowsealError } from '../../error/rowseal-error.ts';
import { type Keyword, keywordOf, type Settings } from './settings.ts';

/**
 * What a connection service file says of a service (PostgreSQL manual 34.17; libpq's parseServiceFile). As there, the first section of
 * the name counts, and in it the first line for a parameter; there is no space around `=`.
 *
 * @returns null: it does not have the service
 * @throws RowsealError RS-PG-048 with the line
 */
export function parseServiceFile(text: string, service: string, file: string): Settings | null {
  let found: Map<Keyword, string> | null = null;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    const refuse = (detail: string): RowsealError =>
      new RowsealError('RS-PG-048', { detail, place: { file, line: index + 1 } });
    if (line === '' || line.startsWith('#')) continue;
    if (line.startsWith('[')) {
      if (found !== null) return found;
      if (!line.endsWith(']')) throw refuse('a section does not end with ]');
      if (line === `[${service}]`) found = new Map();
      continue;
    }
    if (found === null) continue;
    if (line.startsWith('ldap')) throw refuse('settings from LDAP are not honoured');
    const equals = line.indexOf('=');
    if (equals < 1) throw refuse('a line is not name=value');
    const name = line.slice(0, equals);
    if (name === 'service') throw refuse('a service cannot name another');
    const keyword = keywordOf(name, `service ${service}`);
    if (keyword !== null && !found.has(keyword)) found.set(keyword, line.slice(equals + 1));
  }
  return found;
}
