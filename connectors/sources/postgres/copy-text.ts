import type { RawCell } from '../../../src/model/cell.ts';

const ESCAPES: Readonly<Record<string, string>> = {
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
};

/**
 * One row of COPY's text format (PostgreSQL manual, COPY, "Text Format"): tab between columns, `\N` for null, backslash
 * escapes, a line feed at the end. Appends its cells to `into`; returns how many there were.
 */
export function parseCopyRow(line: string, into: RawCell[]): number {
  const end = line.endsWith('\n') ? line.length - 1 : line.length;
  const escaped = line.includes('\\');
  let count = 0;
  let at = 0;
  while (true) {
    let stop = line.indexOf('\t', at);
    if (stop < 0 || stop > end) stop = end;
    const field = line.substring(at, stop);
    if (!escaped) into.push(field);
    else if (field === '\\N') into.push(null);
    else
      into.push(
        field.includes('\\')
          ? field.replace(/\\(.)/g, (_, letter: string) => ESCAPES[letter] ?? letter)
          : field,
      );
    count++;
    if (stop === end) return count;
    at = stop + 1;
  }
}
