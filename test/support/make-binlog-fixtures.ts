import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Connection } from 'mysql2/promise';
import { type OracleForm, type Scene, type SceneTable, scenes } from './binlog-scenes.ts';
import { MYSQL_RELEASES, type MysqlRelease, startMysql } from './mysql.ts';

/**
 * Writes test/golden/mysql: for each scene and release the binlog file as the server wrote it, and beside it what the
 * server's own SELECT says of the rows. Run by hand, `node test/support/make-binlog-fixtures.ts [release…]`; the
 * tests need only the files.
 */
const golden = fileURLToPath(new URL('../golden/mysql/', import.meta.url));

export interface Golden {
  readonly server: string;
  readonly uuid: string | null;
  /** By table: how to read each column's text, and the rows by primary key. */
  readonly tables: Readonly<Record<string, GoldenTable>>;
}

export interface GoldenTable {
  readonly columns: readonly { readonly name: string; readonly ddl: string; readonly form: OracleForm }[];
  readonly rows: readonly (readonly (string | null)[])[];
}

async function main(releases: readonly MysqlRelease[]): Promise<void> {
  for (const release of releases) {
    const server = await startMysql(
      release,
      ['--log-error-verbosity=1'].slice(release === 'mysql-9' ? 0 : 1),
    );
    try {
      await mkdir(`${golden}${release}`, { recursive: true });
      for (const scene of scenes.filter(({ releases: on }) => on.includes(release))) {
        console.error(`${release} ${scene.name}`);
        const client = await server.client();
        await record(client, release, scene);
        await client.end();
      }
    } finally {
      await server.stop();
    }
  }
}

async function record(client: Connection, release: MysqlRelease, scene: Scene): Promise<void> {
  await client.query('DROP DATABASE IF EXISTS golden; CREATE DATABASE golden; USE golden; SET NAMES utf8mb4');
  for (const sql of scene.session ?? []) await client.query(sql);
  await client.query('FLUSH BINARY LOGS');
  const first = await newestLog(client);
  const tables: Record<string, GoldenTable> = {};
  for (const table of scene.tables) tables[table.name] = await fill(client, table);
  for (const sql of scene.statements ?? []) await client.query(sql);
  const last = await newestLog(client);
  await client.query('FLUSH BINARY LOGS');
  const [[about]] = (await client.query(
    release === 'mysql-9' ? 'SELECT VERSION() v, @@server_uuid u' : 'SELECT VERSION() v, NULL u',
  )) as unknown as [[{ v: string; u: string | null }]];
  const names =
    first === last
      ? [[last, '']]
      : [
          [first, ''],
          [last, '-next'],
        ];
  for (const [name, suffix] of names)
    await writeFile(`${golden}${release}/${scene.name}${suffix}.binlog`, await loadFile(client, name!));
  const note: Golden = { server: about!.v, uuid: about!.u, tables };
  await writeFile(`${golden}${release}/${scene.name}.jsonl`, `${JSON.stringify(note)}\n`);
}

async function fill(client: Connection, table: SceneTable): Promise<GoldenTable> {
  const columns = table.columns.map(({ name, ddl }) => `\`${name}\` ${ddl}`).join(', ');
  const keys = table.keys === undefined ? '' : `, ${table.keys}`;
  await client.query(`CREATE TABLE \`${table.name}\` (${columns}${keys}) ${table.options ?? ''}`);
  for (const row of table.rows) {
    const values = await Promise.all(row.map((literal) => resolve(client, literal)));
    const generated = table.columns.map(({ ddl }) => ddl.includes('GENERATED'));
    const kept = values.filter((_, i) => !generated[i]);
    const names = table.columns.filter((_, i) => !generated[i]).map(({ name }) => `\`${name}\``);
    await client.query(`INSERT INTO \`${table.name}\` (${names.join(', ')}) VALUES (${kept.join(', ')})`);
  }
  const oracle = table.columns.map((c) => oracleSql(c.name, c.form, c.oracle)).join(', ');
  const [rows] = (await client.query({
    sql: `SELECT ${oracle} FROM \`${table.name}\` ORDER BY pk`,
    rowsAsArray: true,
    typeCast: (field) => field.buffer()?.toString('utf8') ?? null,
  })) as unknown as [(string | null)[][]];
  return { columns: table.columns.map(({ name, ddl, form }) => ({ name, ddl, form })), rows };
}

/**
 * `@valid(set,bytes)`: those of the bytes that the server takes for characters of the set (tis620 has some of
 * U+FFFD).
 */
async function resolve(client: Connection, literal: string): Promise<string> {
  const match = /^@valid\((\w+),([\d ]*)\)$/.exec(literal);
  if (match === null) return literal;
  const [, set, list] = match;
  const valid: string[] = [];
  for (const byte of list!.split(' ').filter((b) => b !== '')) {
    const [[row]] = (await client.query(
      `SELECT HEX(CONVERT(CHAR(${byte} USING ${set}) USING utf8mb4)) h`,
    )) as unknown as [[{ h: string | null }]];
    if (row!.h !== null && row!.h !== 'EFBFBD' && (row!.h !== '3F' || byte === '63'))
      valid.push(Number(byte).toString(16).padStart(2, '0'));
  }
  return `_${set} X'${valid.join('')}'`;
}

function oracleSql(name: string, form: OracleForm, given: string | undefined): string {
  const quoted = `\`${name}\``;
  if (given !== undefined) return given;
  switch (form) {
    case 'bytes':
    case 'geometry':
    case 'vector':
      return `HEX(${quoted})`;
    case 'text':
      return `HEX(CONVERT(${quoted} USING utf8mb4))`;
    default:
      return quoted;
  }
}

async function newestLog(client: Connection): Promise<string> {
  const [logs] = (await client.query('SHOW BINARY LOGS')) as unknown as [{ Log_name: string }[]];
  return logs.at(-1)!.Log_name;
}

/** The server runs on this machine: the file is read from its data directory. */
async function loadFile(client: Connection, name: string): Promise<Buffer> {
  const [[row]] = (await client.query('SELECT @@datadir d')) as unknown as [[{ d: string }]];
  return readFile(join(row!.d, name));
}

const wanted = process.argv.slice(2) as MysqlRelease[];
await main(wanted.length > 0 ? wanted : MYSQL_RELEASES);
