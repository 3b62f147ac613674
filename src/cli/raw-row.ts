import { RowsealError } from '../error/rowseal-error.ts';

/** One raw row by column name, in the source's own text. Never printed. */
export type RawRow = ReadonlyMap<string, string | null>;

/** @param text a JSON object, or CSV with a header line and one row @throws RowsealError RS-CLI-001 */
export function parseRawRow(text: string, format: 'json' | 'csv'): RawRow {
  const row = format === 'json' ? fromJson(text) : fromCsv(text);
  if (row === null)
    throw new RowsealError('RS-CLI-001', {
      detail:
        format === 'json'
          ? 'the raw row must be one JSON object of texts, numbers, booleans and nulls; documents and arrays as the text that the source prints'
          : 'the raw row must be CSV: a line with the names of the columns, and one row',
    });
  return row;
}

function fromJson(text: string): RawRow | null {
  // Numbers in the spelling that they have: 10.50 is not 10.5.
  const spelled = (_: string, value: unknown, context?: { readonly source?: string }): unknown =>
    typeof value === 'number' ? (context?.source ?? String(value)) : value;
  let json: unknown;
  try {
    json = JSON.parse(text, spelled as (key: string, value: unknown) => unknown);
  } catch {
    // The parser quotes its input.
    return null;
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return null;
  const row = new Map<string, string | null>();
  for (const [name, value] of Object.entries(json)) {
    if (typeof value === 'boolean') row.set(name, value ? 't' : 'f');
    else if (typeof value === 'string' || value === null) row.set(name, value);
    else return null;
  }
  return row;
}

/** RFC 4180; an empty field without quotes is a null, as `COPY … CSV` has it. */
function fromCsv(text: string): RawRow | null {
  const lines = csvLines(text);
  if (lines === null || lines.length !== 2) return null;
  const [names, values] = lines as [readonly (string | null)[], readonly (string | null)[]];
  if (names.length !== values.length || names.includes(null)) return null;
  return new Map(names.map((name, i) => [name!, values[i]!]));
}

function csvLines(text: string): readonly (readonly (string | null)[])[] | null {
  const lines: (string | null)[][] = [];
  let line: (string | null)[] = [];
  for (let at = 0; at < text.length; ) {
    let field: string | null;
    if (text[at] === '"') {
      const match = /"((?:[^"]|"")*)"/y;
      match.lastIndex = at;
      const found = match.exec(text);
      if (found === null) return null;
      field = found[1]!.replaceAll('""', '"');
      at = match.lastIndex;
    } else {
      const end = text.slice(at).search(/[,\r\n]/);
      const bare = end < 0 ? text.slice(at) : text.slice(at, at + end);
      field = bare === '' ? null : bare;
      at += bare.length;
    }
    line.push(field);
    if (text[at] === ',') {
      at++;
      if (at === text.length) line.push(null);
      continue;
    }
    if (at < text.length && !/^\r?\n/.test(text.slice(at, at + 2))) return null;
    at += text[at] === '\r' ? 2 : 1;
    lines.push(line);
    line = [];
  }
  return line.length > 0 ? [...lines, line] : lines;
}
