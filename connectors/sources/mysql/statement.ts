import type { TableName } from '../../../src/model/table.ts';
import { judge, type Phrase } from './alter-action.ts';
import { isSign, type Word, wordsOf } from './sql-words.ts';

/** What a statement in the binlog does to tables, as far as rows are concerned. */
export type Statement =
  /** All rows are gone. */
  | { readonly kind: 'empties'; readonly tables: readonly TableName[] }
  /** Every table of a database is gone. */
  | { readonly kind: 'drops-database'; readonly database: string }
  /** Rows of these tables may have changed without row events, or other rows stand under the name now. */
  | { readonly kind: 'rewrites'; readonly tables: readonly TableName[] }
  /** The definition changed; no row did. */
  | { readonly kind: 'alters'; readonly tables: readonly TableName[] }
  | { readonly kind: 'savepoint'; readonly name: string }
  | { readonly kind: 'rollback-to'; readonly name: string }
  | { readonly kind: 'xa'; readonly step: 'start' | 'end' | 'commit' | 'rollback'; readonly xid: string }
  /** Changes rows, and the rows are not in the binlog. */
  | { readonly kind: 'changes-rows' }
  | { readonly kind: 'other' };

export interface StatementText {
  readonly sql: string;
  /** Default database of the session. */
  readonly schema: string;
  readonly sqlMode: bigint | null;
}

/**
 * Reads the first words of a statement. There is no grammar here, and none is needed: columns come with every row event
 * (binlog_row_metadata=FULL), so of a statement only its verb and the names of its tables matter. An ALTER TABLE whose
 * actions are not all known to leave rows alone counts as `rewrites`: a misreading costs a new copy of the table,
 * never a row.
 */
export function readStatement(text: StatementText): Statement {
  return statementOf(new Reader(text), text.sql);
}

function statementOf(reader: Reader, sql: string): Statement {
  const verb = reader.next();
  switch (verb) {
    case 'SET':
      // MariaDB: SET STATEMENT variable = value FOR statement.
      if (!reader.skip('STATEMENT') || !reader.skipPast('FOR')) return { kind: 'other' };
      return statementOf(reader, sql);
    case 'TRUNCATE': {
      reader.skip('TABLE');
      return { kind: 'empties', tables: reader.tables() };
    }
    case 'DROP':
      return drop(reader);
    case 'RENAME':
      return rename(reader);
    case 'CREATE':
      return create(reader);
    case 'ALTER':
      return alter(reader);
    case 'SAVEPOINT':
      return { kind: 'savepoint', name: reader.name() };
    case 'ROLLBACK':
      reader.skip('WORK');
      if (!reader.skip('TO')) return { kind: 'other' };
      reader.skip('SAVEPOINT');
      return { kind: 'rollback-to', name: reader.name() };
    case 'XA':
      return xa(reader, sql);
    case 'DELETE':
      return remove(reader);
    case 'INSERT':
    case 'UPDATE':
    case 'REPLACE':
    case 'LOAD':
    case 'CALL':
    case 'WITH':
    case 'DO':
    case 'SELECT':
      return { kind: 'changes-rows' };
    case 'IMPORT':
      return { kind: 'changes-rows' };
    default:
      return { kind: 'other' };
  }
}

/** `DELETE FROM t` without more: a server writes it for MEMORY tables, which a restart has emptied. */
function remove(reader: Reader): Statement {
  if (!reader.skip('FROM')) return { kind: 'changes-rows' };
  const table = reader.table();
  return reader.ended ? { kind: 'empties', tables: [table] } : { kind: 'changes-rows' };
}

function drop(reader: Reader): Statement {
  // Temporary tables are not in the binlog as rows.
  if (reader.skip('TEMPORARY')) return { kind: 'other' };
  if (reader.skip('DATABASE') || reader.skip('SCHEMA')) {
    reader.ifExists();
    return { kind: 'drops-database', database: reader.name() };
  }
  if (!reader.skip('TABLE') && !reader.skip('TABLES')) return { kind: 'other' };
  reader.ifExists();
  return { kind: 'empties', tables: reader.tables() };
}

/** RENAME TABLE a TO b [, c TO d]: both names have other rows behind them now. */
function rename(reader: Reader): Statement {
  if (!reader.skip('TABLE') && !reader.skip('TABLES')) return { kind: 'other' };
  reader.ifExists();
  const tables: TableName[] = [];
  do {
    tables.push(reader.table());
    reader.skipWait();
    reader.skip('TO');
    tables.push(reader.table());
  } while (reader.skipSign(','));
  return { kind: 'rewrites', tables };
}

/** A table that was not there before has no rows but those that follow. OR REPLACE drops one first. */
function create(reader: Reader): Statement {
  const replace = reader.skip('OR') && reader.skip('REPLACE');
  if (reader.skip('TEMPORARY') || !reader.skip('TABLE')) return { kind: 'other' };
  const guarded = reader.ifExists();
  const table = reader.table();
  // IF NOT EXISTS is logged also when the table is there and keeps its rows.
  return { kind: guarded && !replace ? 'alters' : 'empties', tables: [table] };
}

function alter(reader: Reader): Statement {
  reader.skip('ONLINE');
  reader.skip('IGNORE');
  if (!reader.skip('TABLE')) return { kind: 'other' };
  reader.ifExists();
  const table = reader.table();
  reader.skipWait();
  const tables = [table];
  let rewrites = false;
  for (const action of reader.actions()) {
    const verdict = judge(action);
    if (verdict === 'rewrites') rewrites = true;
    else if (verdict !== 'harmless') {
      rewrites = true;
      tables.push(reader.resolve(verdict));
    }
  }
  return { kind: rewrites ? 'rewrites' : 'alters', tables };
}

/** XA START|BEGIN|END|COMMIT|ROLLBACK xid …; the server writes the xid as `X'6162',X'63',1`. */
function xa(reader: Reader, sql: string): Statement {
  const step = reader.next();
  const xid = /X'[0-9A-Fa-f]*',X'[0-9A-Fa-f]*',\d+/.exec(sql)?.[0];
  if (xid === undefined) return { kind: 'other' };
  if (step === 'START' || step === 'BEGIN') return { kind: 'xa', step: 'start', xid };
  if (step === 'END') return { kind: 'xa', step: 'end', xid };
  if (step === 'COMMIT') return { kind: 'xa', step: 'commit', xid };
  if (step === 'ROLLBACK') return { kind: 'xa', step: 'rollback', xid };
  return { kind: 'other' };
}

class Reader {
  readonly #schema: string;
  readonly #words: Iterator<Word>;
  #ahead: Word | null;

  constructor(text: StatementText) {
    this.#schema = text.schema;
    this.#words = wordsOf(text.sql, text.sqlMode);
    this.#ahead = this.#pull();
  }

  get ended(): boolean {
    return this.#ahead === null || isSign(this.#ahead, ';');
  }

  /** The next word in upper case; empty when there is none. */
  next(): string {
    const word = this.#take();
    return word?.kind === 'word' ? word.upper : '';
  }

  skip(keyword: string): boolean {
    if (this.#ahead?.kind !== 'word' || this.#ahead.upper !== keyword) return false;
    this.#take();
    return true;
  }

  /** Leaves out everything up to a keyword, and the keyword. */
  skipPast(keyword: string): boolean {
    while (this.#ahead !== null) if (this.next() === keyword) return true;
    return false;
  }

  skipSign(sign: string): boolean {
    if (!isSign(this.#ahead ?? undefined, sign)) return false;
    this.#take();
    return true;
  }

  /** `IF EXISTS`, `IF NOT EXISTS`; whether there was one. */
  ifExists(): boolean {
    if (!this.skip('IF')) return false;
    this.skip('NOT');
    return this.skip('EXISTS');
  }

  /** MariaDB: `NOWAIT`, `WAIT 5`. */
  skipWait(): void {
    if (this.skip('WAIT')) this.#take();
    else this.skip('NOWAIT');
  }

  name(): string {
    const word = this.#take();
    return word?.kind === 'word' || word?.kind === 'quoted' ? word.text : '';
  }

  table(): TableName {
    const first = this.name();
    return this.skipSign('.')
      ? { namespace: first, name: this.name() }
      : { namespace: this.#schema, name: first };
  }

  tables(): readonly TableName[] {
    const tables: TableName[] = [];
    do tables.push(this.table());
    while (this.skipSign(','));
    return tables;
  }

  /** A name out of the words of an action. */
  resolve(words: Phrase): TableName {
    const names = words.flatMap((word) =>
      word.kind === 'word' || word.kind === 'quoted' ? [word.text] : [],
    );
    return isSign(words[1], '.') && names.length > 1
      ? { namespace: names[0]!, name: names[1]! }
      : { namespace: this.#schema, name: names[0] ?? '' };
  }

  /** What is left, split at the commas outside parentheses. */
  actions(): readonly Phrase[] {
    const actions: Word[][] = [[]];
    let depth = 0;
    for (let word = this.#take(); word !== null; word = this.#take()) {
      if (isSign(word, '(')) depth++;
      if (isSign(word, ')')) depth--;
      if (depth === 0 && isSign(word, ',')) actions.push([]);
      else actions.at(-1)!.push(word);
    }
    return actions.filter((action) => action.length > 0);
  }

  #take(): Word | null {
    const word = this.#ahead;
    this.#ahead = this.#pull();
    return word;
  }

  #pull(): Word | null {
    const { value, done } = this.#words.next();
    return done === true ? null : (value ?? null);
  }
}
