/**
 * The part of GoogleSQL that the BigQuery sink sends, as DuckDB's SQL. Whatever the grammar below does not know is refused,
 * so a statement that nobody thought about fails its test instead of passing by luck. Reference of the language:
 * https://cloud.google.com/bigquery/docs/reference/standard-sql/{lexical,query-syntax,dml-syntax,procedural-language}
 */

export type FakeStatement =
  | { readonly kind: 'begin' }
  | { readonly kind: 'commit' }
  | { readonly kind: 'select'; readonly sql: string; readonly tables: readonly string[] }
  | {
      readonly kind: 'insert' | 'update' | 'delete' | 'truncate' | 'merge';
      readonly sql: string;
      /** `project.dataset.table` that is changed. */
      readonly target: string;
      readonly tables: readonly string[];
      /** Finds a row of the target that more than one source row matches: BigQuery refuses that (dml-syntax#merge_statement). */
      readonly ambiguous: string | null;
    };

export class UnknownSql extends Error {}

interface Token {
  readonly kind: 'word' | 'name' | 'text' | 'number' | 'parameter' | 'system' | 'symbol' | 'end';
  readonly text: string;
}

const TOKEN =
  /\s+|`((?:[^`\\]|\\.)*)`|r'([^']*)'|'((?:[^'\\\n]|\\.)*)'|(\d+)|@@([a-z_]+)|@([a-z]\w*)|([A-Za-z_]\w*)|(=>|!=|<=|>=|[(),.=<>;*+\-[\]])/gy;

function tokenize(sql: string): readonly Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < sql.length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(sql);
    if (match === null) throw new UnknownSql(`at ${sql.slice(at, at + 40)}`);
    const [, name, raw, text, number, system, parameter, word, symbol] = match;
    if (name !== undefined) tokens.push({ kind: 'name', text: unescaped(name) });
    else if (raw !== undefined) tokens.push({ kind: 'text', text: raw });
    else if (text !== undefined) tokens.push({ kind: 'text', text: unescaped(text) });
    else if (number !== undefined) tokens.push({ kind: 'number', text: number });
    else if (system !== undefined) tokens.push({ kind: 'system', text: system });
    else if (parameter !== undefined) tokens.push({ kind: 'parameter', text: parameter });
    else if (word !== undefined) tokens.push({ kind: 'word', text: word });
    else if (symbol !== undefined) tokens.push({ kind: 'symbol', text: symbol });
  }
  return [...tokens, { kind: 'end', text: '' }];
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, (_, c: string) => ({ n: '\n', r: '\r', t: '\t' })[c] ?? c);
}

export const DUCKDB_TYPES: Readonly<Record<string, string>> = {
  STRING: 'VARCHAR',
  INT64: 'BIGINT',
  NUMERIC: 'DECIMAL(38,9)',
  // 76 digits fit no type of DuckDB: kept as text, which the macros below normalise.
  BIGNUMERIC: 'VARCHAR',
  FLOAT64: 'DOUBLE',
  BOOL: 'BOOLEAN',
  BYTES: 'BLOB',
  DATE: 'DATE',
  DATETIME: 'TIMESTAMP',
  TIME: 'TIME',
  TIMESTAMP: 'TIMESTAMPTZ',
  JSON: 'JSON',
};

/** BigQuery's casts are narrower than DuckDB's; a text that BigQuery would not take must not pass here. */
const PATTERNS: Readonly<Record<string, string>> = {
  INT64: '[+-]?\\d{1,19}',
  NUMERIC: '[+-]?\\d{1,29}(\\.\\d{1,9})?',
  BIGNUMERIC: '[+-]?\\d{1,38}(\\.\\d{1,38})?',
  FLOAT64: '(?i)([+-]?(\\d+\\.?\\d*|\\.\\d+)(e[+-]?\\d+)?|nan|[+-]?inf(inity)?)',
  BOOL: '(?i)true|false',
  DATE: '\\d{4}-\\d{2}-\\d{2}',
  DATETIME: '\\d{4}-\\d{2}-\\d{2}[ T]\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,6})?',
  TIME: '([01]\\d|2[0-3]):\\d{2}:\\d{2}(\\.\\d{1,6})?',
  TIMESTAMP: '\\d{4}-\\d{2}-\\d{2}[ T]\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,6})?([+-]\\d{1,2}(:\\d{2})?|Z)?',
};

/** Run once on a new database. */
export const DUCKDB_MACROS = [
  // As BigQuery prints a NUMERIC: without zeros at the end.
  `CREATE MACRO bq_plain(x) AS CASE WHEN contains(x, '.') THEN regexp_replace(x, '\\.?0+$', '') ELSE x END`,
  `CREATE MACRO bq_text(x) AS CASE WHEN typeof(x) LIKE 'DECIMAL%' THEN bq_plain(CAST(x AS VARCHAR)) ELSE CAST(x AS VARCHAR) END`,
  ...Object.entries(PATTERNS).flatMap(([type, pattern]) => {
    const name = type.toLowerCase();
    const value =
      type === 'BIGNUMERIC'
        ? 'bq_plain(CAST(x AS VARCHAR))'
        : type === 'TIMESTAMP'
          ? 'CAST(x AS TIMESTAMPTZ)'
          : `CAST(x AS ${DUCKDB_TYPES[type]})`;
    const fits = `typeof(x) != 'VARCHAR' OR regexp_full_match(CAST(x AS VARCHAR), '${pattern}')`;
    return [
      `CREATE MACRO bq_${name}(x) AS CASE WHEN x IS NULL THEN NULL WHEN ${fits} THEN ${value} ELSE error('Invalid ${type}') END`,
      `CREATE MACRO bq_try_${name}(x) AS CASE WHEN x IS NULL THEN NULL WHEN ${fits} THEN ${value.replace(/^CAST/, 'TRY_CAST')} END`,
    ];
  }),
  `CREATE MACRO bq_string(x) AS bq_text(x)`,
  `CREATE MACRO bq_try_string(x) AS bq_text(x)`,
];

export function quoteDuckdb(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

const duckText = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** One column per call: `project.dataset.table` is a table called that, in DuckDB's main schema. */
export class SqlReader {
  readonly #tokens: readonly Token[];
  readonly #parameters: ReadonlyMap<string, string>;
  #at = 0;
  #tables: string[] = [];

  constructor(sql: string, parameters: ReadonlyMap<string, string>) {
    this.#tokens = tokenize(sql);
    this.#parameters = parameters;
  }

  /** Statements one by one, each read when the one before has run: `rowCount` is known by then. */
  *statements(rowCount: () => number): Generator<FakeStatement> {
    this.#rowCount = rowCount;
    while (this.#peek().kind !== 'end') {
      this.#tables = [];
      yield this.#statement();
      if (!this.#accept(';')) break;
    }
    if (this.#peek().kind !== 'end') throw this.#unknown();
  }

  /** A view's query. */
  query(): { readonly sql: string; readonly tables: readonly string[] } {
    const sql = this.#select();
    if (this.#peek().kind !== 'end') throw this.#unknown();
    return { sql, tables: this.#tables };
  }

  #rowCount: () => number = () => 0;

  #statement(): FakeStatement {
    if (this.#accept('BEGIN')) {
      this.#expect('TRANSACTION');
      return { kind: 'begin' };
    }
    if (this.#accept('COMMIT')) {
      this.#expect('TRANSACTION');
      return { kind: 'commit' };
    }
    if (this.#is('SELECT')) return { kind: 'select', sql: this.#select(), tables: this.#tables };
    if (this.#accept('INSERT')) return this.#insert();
    if (this.#accept('UPDATE')) return this.#update();
    if (this.#accept('DELETE')) return this.#delete();
    if (this.#accept('TRUNCATE')) {
      this.#expect('TABLE');
      const target = this.#tableName();
      return this.#dml('truncate', target, `DELETE FROM ${quoteDuckdb(target)}`);
    }
    if (this.#accept('MERGE')) return this.#merge();
    throw this.#unknown();
  }

  #dml(
    kind: 'insert' | 'update' | 'delete' | 'truncate' | 'merge',
    target: string,
    sql: string,
    ambiguous: string | null = null,
  ): FakeStatement {
    return { kind, target, sql, tables: this.#tables, ambiguous };
  }

  #insert(): FakeStatement {
    this.#expect('INTO');
    const target = this.#tableName();
    const columns = this.#names();
    if (this.#accept('VALUES')) {
      const values = this.#list(() => this.#expression());
      return this.#dml(
        'insert',
        target,
        `INSERT INTO ${quoteDuckdb(target)} ${columns} VALUES (${values.join(', ')})`,
      );
    }
    return this.#dml('insert', target, `INSERT INTO ${quoteDuckdb(target)} ${columns} ${this.#select()}`);
  }

  #update(): FakeStatement {
    const target = this.#tableName();
    this.#expect('SET');
    const set = this.#assignments();
    this.#expect('WHERE');
    return this.#dml(
      'update',
      target,
      `UPDATE ${quoteDuckdb(target)} SET ${set} WHERE ${this.#expression()}`,
    );
  }

  #delete(): FakeStatement {
    this.#expect('FROM');
    const target = this.#tableName();
    const alias = this.#accept('AS') ? ` AS ${this.#word()}` : '';
    this.#expect('WHERE');
    return this.#dml(
      'delete',
      target,
      `DELETE FROM ${quoteDuckdb(target)}${alias} WHERE ${this.#expression()}`,
    );
  }

  #merge(): FakeStatement {
    const target = this.#tableName();
    this.#expect('AS');
    const alias = this.#word();
    this.#expect('USING');
    const source = this.#source();
    this.#expect('ON');
    const condition = this.#expression();
    const clauses: string[] = [];
    while (this.#accept('WHEN')) {
      const not = this.#accept('NOT');
      this.#expect('MATCHED');
      const and = this.#accept('AND') ? ` AND ${this.#expression()}` : '';
      this.#expect('THEN');
      clauses.push(`WHEN ${not ? 'NOT ' : ''}MATCHED${and} THEN ${this.#mergeAction(not)}`);
    }
    const head = `${quoteDuckdb(target)} AS ${alias}`;
    return this.#dml(
      'merge',
      target,
      `MERGE INTO ${head} USING ${source} ON ${condition} ${clauses.join(' ')}`,
      `SELECT 1 FROM ${head} JOIN ${source} ON ${condition} GROUP BY ${alias}.rowid HAVING count(*) > 1 LIMIT 1`,
    );
  }

  #mergeAction(not: boolean): string {
    if (not) {
      this.#expect('INSERT');
      const columns = this.#names();
      this.#expect('VALUES');
      return `INSERT ${columns} VALUES (${this.#list(() => this.#expression()).join(', ')})`;
    }
    if (this.#accept('DELETE')) return 'DELETE';
    this.#expect('UPDATE');
    this.#expect('SET');
    return `UPDATE SET ${this.#assignments()}`;
  }

  #assignments(): string {
    const parts: string[] = [];
    do {
      const name = quoteDuckdb(this.#column());
      this.#expect('=');
      parts.push(`${name} = ${this.#expression()}`);
    } while (this.#accept(','));
    return parts.join(', ');
  }

  #names(): string {
    return `(${this.#list(() => quoteDuckdb(this.#column())).join(', ')})`;
  }

  #select(): string {
    this.#expect('SELECT');
    const items: string[] = [];
    do {
      const value = this.#expression();
      items.push(this.#accept('AS') ? `${value} AS ${quoteDuckdb(this.#column())}` : value);
    } while (this.#accept(','));
    let sql = `SELECT ${items.join(', ')}`;
    if (this.#accept('FROM')) sql += ` FROM ${this.#from()}`;
    if (this.#accept('WHERE')) sql += ` WHERE ${this.#expression()}`;
    if (this.#accept('GROUP')) {
      this.#expect('BY');
      sql += ` GROUP BY ${this.#expression()}`;
      if (this.#accept('HAVING')) sql += ` HAVING ${this.#expression()}`;
    }
    return sql;
  }

  #from(): string {
    let sql = this.#source();
    while (true) {
      const left = this.#accept('LEFT');
      if (!this.#accept('JOIN')) {
        if (left) throw this.#unknown();
        return sql;
      }
      sql += ` ${left ? 'LEFT ' : ''}JOIN ${this.#source()}`;
      this.#expect('ON');
      sql += ` ON ${this.#expression()}`;
    }
  }

  #source(): string {
    let sql: string;
    if (this.#accept('UNNEST')) return this.#unnest();
    if (this.#accept('(')) {
      sql = `(${this.#select()})`;
      this.#expect(')');
    } else sql = quoteDuckdb(this.#tableName());
    return this.#accept('AS') ? `${sql} AS ${quoteDuckdb(this.#word())}` : sql;
  }

  /** `UNNEST(JSON_QUERY_ARRAY(x)) AS key WITH OFFSET AS place` */
  #unnest(): string {
    for (const word of ['(', 'JSON_QUERY_ARRAY', '(']) this.#expect(word);
    const json = this.#expression();
    for (const word of [')', ')', 'AS']) this.#expect(word);
    const element = this.#word();
    for (const word of ['WITH', 'OFFSET', 'AS']) this.#expect(word);
    const place = this.#word();
    const list = `SELECT from_json(${json}, '["JSON"]') AS l`;
    return `(SELECT unnest(l) AS ${element}, generate_subscripts(l, 1) - 1 AS ${place} FROM (${list})) AS u`;
  }

  #expression(): string {
    let sql = this.#comparison();
    while (this.#accept('AND')) sql += ` AND ${this.#comparison()}`;
    return sql;
  }

  #comparison(): string {
    const left = this.#primary();
    for (const operator of ['=', '!=', '<=', '>=', '<', '>'])
      if (this.#accept(operator)) return `${left} ${operator} ${this.#primary()}`;
    if (this.#accept('IS')) {
      const not = this.#accept('NOT') ? 'NOT ' : '';
      this.#expect('NULL');
      return `${left} IS ${not}NULL`;
    }
    if (this.#accept('IN')) {
      this.#expect('(');
      const select = this.#select();
      this.#expect(')');
      return `${left} IN (${select})`;
    }
    return left;
  }

  #primary(): string {
    const token = this.#next();
    switch (token.kind) {
      case 'text':
        return duckText(token.text);
      case 'number':
        return token.text;
      case 'system':
        if (token.text !== 'row_count') throw this.#unknown();
        return String(this.#rowCount());
      case 'parameter': {
        const value = this.#parameters.get(token.text);
        if (value === undefined) throw new UnknownSql(`parameter @${token.text} is not given`);
        return duckText(value);
      }
      case 'name':
        return quoteDuckdb(token.text);
      case 'symbol':
        if (token.text === '(') return this.#parenthesized();
        break;
      case 'word':
        return this.#wordOrCall(token.text);
      default:
    }
    throw this.#unknown();
  }

  #parenthesized(): string {
    const sql = this.#is('SELECT') ? this.#select() : this.#expression();
    this.#expect(')');
    return `(${sql})`;
  }

  #wordOrCall(word: string): string {
    if (word === 'NULL' || word === 'TRUE') return word;
    if (word === 'SAFE' && this.#accept('.')) {
      if (this.#word() !== 'PARSE_JSON') throw this.#unknown();
      const text = this.#parseJson();
      return `CASE WHEN json_valid(${text}) THEN CAST(${text} AS JSON) END`;
    }
    if (this.#is('(')) return this.#call(word);
    if (this.#accept('.')) return `${quoteDuckdb(word)}.${quoteDuckdb(this.#column())}`;
    return quoteDuckdb(word);
  }

  #call(name: string): string {
    if (name === 'PARSE_JSON') return `CAST(${this.#parseJson()} AS JSON)`;
    this.#expect('(');
    const sql = this.#arguments(name);
    this.#expect(')');
    if (name !== 'ROW_NUMBER') return sql;
    this.#expect('OVER');
    this.#expect('(');
    this.#expect('PARTITION');
    this.#expect('BY');
    const partition = this.#expression();
    this.#expect('ORDER');
    this.#expect('BY');
    const order = this.#expression();
    this.#expect(')');
    return `row_number() OVER (PARTITION BY ${partition} ORDER BY ${order})`;
  }

  #arguments(name: string): string {
    switch (name) {
      case 'ROW_NUMBER':
        return '';
      case 'COUNT':
        this.#expect('*');
        return 'count(*)';
      case 'CAST':
      case 'SAFE_CAST':
        return this.#cast(name === 'SAFE_CAST');
      case 'ARRAY':
        return this.#arrayOf();
      case 'STRUCT': {
        const fields = this.#sequence(() => {
          const value = this.#expression();
          this.#expect('AS');
          return `${this.#word()} := ${value}`;
        });
        return `struct_pack(${fields.join(', ')})`;
      }
      default:
        return this.#function(
          name,
          this.#sequence(() => this.#expression()),
        );
    }
  }

  #function(name: string, args: readonly string[]): string {
    switch (name) {
      case 'IF':
        return `CASE WHEN ${args[0]} THEN ${args[1]} ELSE ${args[2]} END`;
      case 'IFNULL':
      case 'COALESCE':
        return `coalesce(${args.join(', ')})`;
      // Null as soon as one argument is.
      case 'CONCAT':
        return `(${args.join(' || ')})`;
      case 'SUBSTR':
        return `substr(${args.join(', ')})`;
      case 'ERROR':
        return `error(${args[0]})`;
      case 'FROM_BASE64':
        return `from_base64(${args[0]})`;
      case 'TO_BASE64':
        return `to_base64(${args[0]})`;
      case 'JSON_VALUE':
        return `json_extract_string(${args[0]}, ${args[1]})`;
      case 'TO_HEX':
        return `lower(hex(${args[0]}))`;
      case 'TO_JSON_STRING':
        return `coalesce(CAST(to_json(${args[0]}) AS VARCHAR), 'null')`;
      case 'JSON_VALUE_ARRAY':
        return `from_json(${args[0]}, '["VARCHAR"]')`;
      default:
        throw new UnknownSql(`function ${name}`);
    }
  }

  #cast(safe: boolean): string {
    const value = this.#expression();
    this.#expect('AS');
    const type = this.#word();
    if (value === 'NULL') {
      const element = this.#accept('<') ? this.#word() : null;
      if (element !== null) this.#expect('>');
      return `CAST(NULL AS ${DUCKDB_TYPES[element ?? type]}${element === null ? '' : '[]'})`;
    }
    if (DUCKDB_TYPES[type] === undefined || type === 'BYTES' || type === 'JSON')
      throw new UnknownSql(`cast to ${type}`);
    return `bq_${safe ? 'try_' : ''}${type.toLowerCase()}(${value})`;
  }

  /** `SELECT e FROM UNNEST(list) AS x WITH OFFSET AS o ORDER BY o` */
  #arrayOf(): string {
    this.#expect('SELECT');
    const value = this.#expression();
    for (const word of ['FROM', 'UNNEST', '(']) this.#expect(word);
    const list = this.#expression();
    this.#expect(')');
    for (const word of ['AS', 'x', 'WITH', 'OFFSET', 'AS', 'o', 'ORDER', 'BY', 'o']) this.#expect(word);
    return `list_transform(coalesce(${list}, []), lambda "x": ${value})`;
  }

  /** Only the mode that does not round. */
  #parseJson(): string {
    this.#expect('(');
    const text = this.#expression();
    for (const word of [',', 'wide_number_mode', '=>']) this.#expect(word);
    if (this.#next().text !== 'exact') throw this.#unknown();
    this.#expect(')');
    return text;
  }

  #tableName(): string {
    const token = this.#next();
    if (token.kind !== 'name') throw this.#unknown();
    this.#tables.push(token.text);
    return token.text;
  }

  #column(): string {
    const token = this.#next();
    if (token.kind !== 'name' && token.kind !== 'word') throw this.#unknown();
    return token.text;
  }

  #word(): string {
    const token = this.#next();
    if (token.kind !== 'word') throw this.#unknown();
    return token.text;
  }

  #list(item: () => string): readonly string[] {
    this.#expect('(');
    const items = this.#sequence(item);
    this.#expect(')');
    return items;
  }

  #sequence(item: () => string): readonly string[] {
    const items = [item()];
    while (this.#accept(',')) items.push(item());
    return items;
  }

  #peek(): Token {
    return this.#tokens[this.#at]!;
  }

  #next(): Token {
    return this.#tokens[this.#at++]!;
  }

  #is(text: string): boolean {
    const token = this.#peek();
    return (token.kind === 'word' || token.kind === 'symbol') && token.text === text;
  }

  #accept(text: string): boolean {
    if (!this.#is(text)) return false;
    this.#at++;
    return true;
  }

  #expect(text: string): void {
    if (!this.#accept(text)) throw this.#unknown(text);
  }

  #unknown(wanted?: string): UnknownSql {
    const near = this.#tokens
      .slice(Math.max(0, this.#at - 4), this.#at + 4)
      .map(({ text }) => text)
      .join(' ');
    return new UnknownSql(`${wanted === undefined ? 'unknown shape' : `${wanted} expected`} near ${near}`);
  }
}
