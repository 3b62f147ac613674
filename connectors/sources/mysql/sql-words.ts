/** A piece of an SQL statement. Values of literals are not kept: they may be row values. */
export type Word =
  /** A keyword or an unquoted name; `text` as written. */
  | { readonly kind: 'word'; readonly text: string; readonly upper: string }
  | { readonly kind: 'quoted'; readonly text: string }
  | { readonly kind: 'literal' }
  /** One character that is none of the above. */
  | { readonly kind: 'sign'; readonly text: string };

export function isSign(word: Word | undefined, sign: string): boolean {
  return word?.kind === 'sign' && word.text === sign;
}

/** Bit of sql_mode that makes `"a"` a name (MySQL, libbinlogevents/include/statement_events.h: MODE_ANSI_QUOTES). */
const ANSI_QUOTES = 4n;
/** Bit of sql_mode that makes a backslash an ordinary character (MODE_NO_BACKSLASH_ESCAPES). */
const NO_BACKSLASH_ESCAPES = 1n << 20n;

/**
 * Splits a statement into words as MySQL's lexer does: comments are left out, but what stands in an executable comment
 * (`/*!50100 … *\/`, MariaDB's `/*M! … *\/`) is part of the statement, as it is for the server.
 */
export function* wordsOf(sql: string, sqlMode: bigint | null): Generator<Word> {
  const ansi = ((sqlMode ?? 0n) & ANSI_QUOTES) !== 0n;
  const backslash = ((sqlMode ?? 0n) & NO_BACKSLASH_ESCAPES) === 0n;
  let at = 0;
  let executable = false;
  while (at < sql.length) {
    const rest = sql.slice(at, at + 3);
    const letter = sql[at]!;
    if (/\s/.test(letter)) at++;
    else if (letter === '#' || (rest.startsWith('--') && /^--(\s|$)/.test(rest))) at = endOfLine(sql, at);
    else if (executable && rest.startsWith('*/')) {
      executable = false;
      at += 2;
    } else if (rest.startsWith('/*')) {
      const opening = /^\/\*M?!\d{0,6}/.exec(sql.slice(at, at + 10));
      if (opening === null) {
        const end = sql.indexOf('*/', at + 2);
        at = end < 0 ? sql.length : end + 2;
      } else {
        executable = true;
        at += opening[0].length;
      }
    } else if (letter === '`' || (letter === '"' && ansi)) {
      const end = endOfQuote(sql, at, letter, false);
      yield { kind: 'quoted', text: sql.slice(at + 1, end - 1).replaceAll(letter + letter, letter) };
      at = end;
    } else if (letter === "'" || letter === '"') {
      at = endOfQuote(sql, at, letter, backslash);
      yield { kind: 'literal' };
    } else {
      // Unquoted names: letters, digits, $, _ and everything beyond ASCII (MySQL manual, "Schema Object Names").
      const word = /^[\w$\u0080-\uffff]+/.exec(sql.slice(at, at + 512))?.[0];
      if (word === undefined) {
        yield { kind: 'sign', text: letter };
        at++;
      } else {
        yield { kind: 'word', text: word, upper: word.toUpperCase() };
        at += word.length;
      }
    }
  }
}

function endOfLine(sql: string, at: number): number {
  const end = sql.indexOf('\n', at);
  return end < 0 ? sql.length : end + 1;
}

/** Behind the closing quote; a doubled quote stands for one. */
function endOfQuote(sql: string, at: number, quote: string, backslash: boolean): number {
  let i = at + 1;
  while (i < sql.length) {
    if (backslash && sql[i] === '\\') i += 2;
    else if (sql[i] !== quote) i++;
    else if (sql[i + 1] === quote) i += 2;
    else return i + 1;
  }
  return sql.length;
}
