import { isIP } from 'node:net';
import { type Connection, type ConnectionOptions, createConnection, type RowDataPacket } from 'mysql2';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { mysqlError } from './errors.ts';
import type { MysqlSourceOptions, TlsMode } from './options.ts';

/** @throws RowsealError RS-MY-021 */
export function connectionOptions(options: MysqlSourceOptions): ConnectionOptions {
  const url = parseUrl(options.url);
  const host = decodeURIComponent(url.hostname.replace(/^\[|\]$/g, ''));
  const mode = options.tlsMode ?? (isLoopback(host) ? 'disable' : 'verify-full');
  if (mode === 'verify-full' && isIP(host) !== 0) {
    // The driver checks an address against nothing that a certificate names.
    throw new RowsealError('RS-MY-021', {
      detail: 'verify-full needs a host name, not an address',
      fix: 'use the name in the certificate of the server, or source.tls.mode: verify-ca',
    });
  }
  const password = options.password ?? decodeURIComponent(url.password);
  const ssl = tlsOptions(mode, options.tlsCa);
  return {
    host,
    port: url.port === '' ? 3306 : Number(url.port),
    user: decodeURIComponent(url.username),
    ...(password === '' ? {} : { password }),
    ...(ssl === null ? {} : { ssl }),
    charset: 'utf8mb4',
    connectTimeout: 15_000,
    // Also a connection that nothing is heard of while the server works must not outlive it for hours.
    enableKeepAlive: true,
    keepAliveInitialDelay: 30_000,
    // Numbers and dates as the server prints them: nothing is rounded on the way.
    supportBigNumbers: true,
    bigNumberStrings: true,
    dateStrings: true,
    multipleStatements: false,
    // A server could otherwise ask for files of this machine (LOAD DATA LOCAL). Without query attributes COM_QUERY is
    // the statement and nothing else.
    flags: ['-LOCAL_FILES', '-CLIENT_QUERY_ATTRIBUTES'],
    connectAttributes: { program_name: 'rowseal' },
  };
}

function tlsOptions(mode: TlsMode, ca: string | null): NonNullable<ConnectionOptions['ssl']> | null {
  const trust = ca === null ? {} : { ca };
  switch (mode) {
    case 'disable':
      return null;
    case 'require':
      return { rejectUnauthorized: false };
    case 'verify-ca':
      return { ...trust, rejectUnauthorized: true, verifyIdentity: false };
    case 'verify-full':
      return { ...trust, rejectUnauthorized: true, verifyIdentity: true };
  }
}

function parseUrl(text: string): URL {
  // `new URL` keeps its input, password and all, in the error it throws.
  const url = URL.canParse(text) ? new URL(text) : null;
  if (
    url === null ||
    !/^(mysql|mariadb):$/.test(url.protocol) ||
    url.username === '' ||
    url.hostname === ''
  ) {
    throw new RowsealError('RS-MY-021');
  }
  if (url.search !== '')
    throw new RowsealError('RS-MY-021', {
      detail: 'it has query parameters; use the options of `source` instead',
    });
  return url;
}

/** The database that the URL names; empty: none. A look around is confined to it, a stream is not. */
export function databaseOf(options: MysqlSourceOptions): string {
  return decodeURIComponent(parseUrl(options.url).pathname.slice(1));
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}

export type Cell = string | null;

/** What the account's or the server's defaults must not decide. */
const SETUP = [
  // Modes change how identifiers and padded text are read.
  "SET SESSION sql_mode = '', time_zone = '+00:00', autocommit = 1",
  // A weaker level would copy rows that are never committed.
  'SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ',
  'SET SESSION wait_timeout = 31536000',
];

/** How long a server may take to end a thread of its own, in milliseconds. */
const KILL_PATIENCE_MS = 3_000;

/** One connection; statements are awaited one after the other. */
export class Session {
  readonly connection: Connection;

  private constructor(connection: Connection) {
    this.connection = connection;
  }

  /** @param signal cuts it, whatever it is at */
  static async open(options: MysqlSourceOptions, signal: AbortSignal | null = null): Promise<Session> {
    const connection = createConnection(connectionOptions(options));
    const cut = (): void => cutOff(connection);
    signal?.addEventListener('abort', cut);
    const over = (): void => signal?.removeEventListener('abort', cut);
    connection.on('end', over);
    // Also: without a listener a lost idle connection would end the process.
    connection.on('error', over);
    try {
      await new Promise<void>((resolve, reject) =>
        connection.connect((error: Error | null) => (error === null ? resolve() : reject(error))),
      );
    } catch (thrown) {
      cutOff(connection);
      throw mysqlError(thrown, 'connecting');
    }
    const session = new Session(connection);
    const doing = 'setting up the session';
    for (const statement of SETUP) await session.rows(statement, doing);
    for (const name of ['max_execution_time', 'max_statement_time'])
      if ((await session.variable(name)) !== null) await session.rows(`SET SESSION ${name} = 0`, doing);
    return session;
  }

  /** Rows as the server prints their cells. */
  async rows(
    sql: string,
    doing: string,
    values: readonly unknown[] = [],
  ): Promise<readonly (readonly Cell[])[]> {
    try {
      return await new Promise((resolve, reject) => {
        this.connection.query<RowDataPacket[][]>(
          { sql, values: [...values], rowsAsArray: true, typeCast: (field) => field.string('utf8') },
          (error, rows) => {
            if (error !== null) reject(error);
            else resolve(Array.isArray(rows) ? (rows as unknown as Cell[][]) : []);
          },
        );
      });
    } catch (thrown) {
      throw mysqlError(thrown, doing);
    }
  }

  /** The first row, by column name; null: there is none. */
  async row(sql: string, doing: string): Promise<ReadonlyMap<string, Cell> | null> {
    try {
      return await new Promise((resolve, reject) => {
        this.connection.query<RowDataPacket[][]>(
          { sql, rowsAsArray: true, typeCast: (field) => field.string('utf8') },
          (error, rows, fields) => {
            if (error !== null) return reject(error);
            const first = (rows as unknown as Cell[][])[0];
            resolve(
              first === undefined ? null : new Map(fields.map((field, i) => [field.name, first[i] ?? null])),
            );
          },
        );
      });
    } catch (thrown) {
      throw mysqlError(thrown, doing);
    }
  }

  /** One cell of the first row; null also when there is no row. */
  async value(sql: string, doing: string, values: readonly unknown[] = []): Promise<Cell> {
    return (await this.rows(sql, doing, values))[0]?.[0] ?? null;
  }

  /** A server variable; null when the server does not know it. */
  async variable(name: string): Promise<Cell> {
    const rows = await this.rows(
      `SHOW GLOBAL VARIABLES LIKE '${name}'`,
      'reading the settings of the server',
    );
    return rows[0]?.[1] ?? null;
  }

  get threadId(): number {
    return this.connection.threadId;
  }

  /** Ends it at once, also when the server does not answer; a statement that waits for its answer fails. */
  cut(): void {
    cutOff(this.connection);
  }

  /**
   * Ends it together with the server's thread, which does not notice as long as it has nothing to write: on a quiet server, or
   * behind a lock. A server that cannot be reached notices by itself, sooner or later.
   */
  async kill(options: MysqlSourceOptions): Promise<void> {
    const { threadId } = this;
    this.cut();
    const patience = new Promise<void>((resolve) => setTimeout(resolve, KILL_PATIENCE_MS).unref());
    const killed = async (): Promise<void> => {
      const killer = await Session.open(options);
      await killer.rows(`KILL ${threadId}`, 'ending a connection').catch(() => []);
      await killer.close();
    };
    await Promise.race([killed().catch(() => {}), patience]);
  }

  /** Says goodbye and does not wait for long. */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        this.cut();
        resolve();
      }, 1_000);
      this.connection.end(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

/** The driver's own `destroy` says goodbye, and waits until the server has heard it. */
function cutOff(connection: Connection): void {
  (connection as unknown as { readonly stream: { destroy(): void } }).stream.destroy();
}

/** `` `a``b` `` (MySQL manual, "Schema Object Names"). */
export function quoteIdentifier(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}
