/** Whom a password is for. */
export interface PasswordUse {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
}

/** Directories of a server's socket that count as `localhost`: what the source and Debian's packages have. */
const DEFAULT_SOCKETS: ReadonlySet<string> = new Set(['/tmp', '/var/run/postgresql']);

/**
 * The password of the first line that fits (PostgreSQL manual 34.16): `host:port:database:user:password`, where `*` fits all, and `\`
 * comes before a `:` or `\` that is meant. As in libpq, a line with fewer fields fits nothing.
 *
 * @returns null: no line fits
 */
export function findPassword(text: string, use: PasswordUse): string | null {
  const host = DEFAULT_SOCKETS.has(use.host) ? 'localhost' : use.host;
  const wanted = [host, String(use.port), use.database, use.user];
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) continue;
    const fields = fieldsOf(line.replace(/\r$/, ''));
    if (fields.length < 5) continue;
    if (wanted.every((value, i) => fields[i] === '*' || unescaped(fields[i]!) === value))
      return unescaped(fields[4]!);
  }
  return null;
}

/** Split at each `:` that no `\` stands before. */
function fieldsOf(line: string): readonly string[] {
  const fields: string[] = [];
  let from = 0;
  for (let i = 0; i < line.length; i++) {
    if (line[i] === '\\') i++;
    else if (line[i] === ':') {
      fields.push(line.slice(from, i));
      from = i + 1;
    }
  }
  fields.push(line.slice(from));
  return fields;
}

function unescaped(field: string): string {
  return field.replace(/\\(.)/gs, '$1');
}
