import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { noPostgres } from '../support/needs.ts';
import { type PostgresMajor, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { postgresOptions, postgresReader } from '../support/postgres-source.ts';

/** Every built-in type that a column can have, with values from its edges; SQL expressions of the type. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  boolean: ['true', 'false'],
  smallint: ['-32768', '32767'],
  integer: ['-2147483648', '2147483647'],
  bigint: ["'-9223372036854775808'", '9223372036854775807'],
  numeric: [
    "'NaN'",
    "'Infinity'",
    "'-Infinity'",
    "repeat('9', 1000)::numeric",
    "('0.' || repeat('0', 999) || '1')::numeric",
    "'-0.000'",
    '1e-16000::numeric',
  ],
  'numeric(12,4)': ['1.5', '-99999999.9999', "'NaN'"],
  'numeric(3,0)': ['999', '-1'],
  real: ["'NaN'", "'-Infinity'", "'-0'", '1.1', "'3.4028235e38'", "'1e-45'"],
  'double precision': [
    "'NaN'",
    "'Infinity'",
    "'-0'",
    '0.1',
    "'1.7976931348623157e308'",
    "'5e-324'",
    '1::float8/3',
  ],
  money: ['12.34', "'-92233720368547758.08'", "'92233720368547758.07'"],
  text: [
    "''",
    String.raw`E'tab\tnl\n\r\\b\b\f\v "q" ''s'`,
    String.raw`'\N'`,
    "'zoë 名前 𝄞'",
    "repeat('x', 9000)",
  ],
  'character varying(20)': ["'varchar'"],
  'character(6)': ["'pad'", "''"],
  '"char"': ["'x'", "''"],
  name: ["'a_name'"],
  bytea: [String.raw`'\xdeadbeef00'`, String.raw`'\x'`, "decode(repeat('00ff', 5000), 'hex')"],
  date: ["'4713-01-01 BC'", "'5874897-12-31'", "'infinity'", "'-infinity'", "'2028-02-29'"],
  time: ["'00:00'", "'24:00:00'", "'23:59:59.999999'"],
  'time with time zone': ["'12:00:00+05:30'", "'24:00:00-15:59'", "'00:00:00.000001+15:59:59'"],
  'timestamp without time zone': [
    "'4713-01-01 00:00:00 BC'",
    "'294276-12-31 23:59:59.999999'",
    "'infinity'",
    "'0044-03-15 BC'",
    "'2026-01-01 00:00:00.1'",
  ],
  'timestamp with time zone': [
    "'4713-01-02 00:00:00+00 BC'",
    "'294276-12-31 23:59:59.999999+00'",
    "'-infinity'",
    "'2026-01-01 00:00:00+02'",
    "'0001-01-01 00:00:00+00'",
  ],
  'timestamp(0) with time zone': ["'2026-06-01 12:00:00.6+00'"],
  interval: [
    "'1 year 2 mons -3 days 04:05:06.789'",
    "'-178000000 years'",
    "'178000000 years'",
    "'00:00'",
    "'-00:00:00.000001'",
  ],
  'interval day to second': ["'3 04:05:06'"],
  uuid: ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"],
  json: [String.raw`'{"a" : 1, "a":2, "n": 12345678901234567890.000, "u": "\u00e9"}'`, "'null'"],
  jsonb: [`'{"b": 12345678901234567890, "a": [1, null]}'`, "'null'", "'1e1000'"],
  jsonpath: ["'$.a[*] ? (@ > 1)'"],
  xml: [`'<a b="1">x &amp; y</a>'`],
  inet: ["'10.0.0.1/8'", "'2001:db8::ff00:42:8329'", "'::ffff:1.2.3.4/128'"],
  cidr: ["'10.0.0.0/8'", "'2001:db8::/32'"],
  macaddr: ["'08:00:2b:01:02:03'"],
  macaddr8: ["'08:00:2b:01:02:03:04:05'"],
  'bit(4)': ["B'1010'"],
  'bit varying': ["B'101'", "B''"],
  point: ["'(1,2)'", "'(-0,1e300)'", "'(NaN,Infinity)'"],
  line: ["'{1,2,3}'"],
  lseg: ["'[(1,2),(3,4)]'"],
  box: ["'((3,4),(1,2))'"],
  path: ["'[(1,2),(3,4)]'", "'((1,2),(3,4),(0.1,1))'"],
  polygon: ["'((1,2),(3,4),(5,6))'"],
  circle: ["'<(1,2),3>'"],
  tsvector: ["'a fat:2A cat''s:1,3'"],
  tsquery: ["'fat & !rat:*A'"],
  int4range: ["'[1,10)'", "'empty'", "'(,5]'", "'(,)'"],
  numrange: ["'[1.10,2.0]'", "'[-Infinity,NaN]'"],
  tstzrange: ["'[2026-01-01 00:00+02,infinity)'"],
  daterange: ["'[0044-03-15 BC,2026-01-01]'"],
  int4multirange: ["'{[1,3),[5,9)}'", "'{}'"],
  tsmultirange: ["'{[2026-01-01,2026-02-01),[2027-01-01,)}'"],
  'integer[]': ["'{1,NULL,3}'", "'{}'", "'{{1,2},{3,4}}'", "'[-2:-1]={5,6}'", "'{{{1},{2}}}'"],
  'text[]': [String.raw`'{"a,b",NULL,"c\"d","","NULL","\\","{}"," x "}'`],
  'numeric[]': ["ARRAY['NaN', 'Infinity', 1.10]::numeric[]"],
  'timestamp with time zone[]': ["ARRAY['infinity', '2026-01-01 00:00:00+02']::timestamptz[]"],
  'bytea[]': [String.raw`ARRAY['\x00', '\xff']::bytea[]`],
  'interval[]': ["ARRAY['1 day 02:00'::interval]"],
  'jsonb[]': [`ARRAY['{"a": "x,y"}'::jsonb]`],
  oid: ['4294967295'],
  xid8: ["'18446744073709551615'"],
  pg_lsn: ["'FFFFFFFF/FFFFFFFF'"],
  pg_snapshot: ["'10:20:10,14,15'"],
  regclass: ["'public.every'", "'pg_catalog.pg_class'"],
  regtype: ["'public.mood'", "'integer'"],
  regrole: ["'postgres'"],
  'public.mood': ["'sad'", `'very "happy"'`],
  'public.mood[]': [`'{sad,"very \\"happy\\""}'`],
  'public.cents': ['1.5'],
  'public.person': [
    `ROW('Zoë, "the"', 1.50, NULL, '{1,2}')`,
    'ROW(NULL, NULL, NULL, NULL)',
    "ROW('', 0, 'sad', '{}')",
  ],
  'public.person[]': [`ARRAY[ROW('a', 1, 'sad', '{1}')::public.person]`],
  'public.floatrange': ["'[1.5,2.5)'"],
};

const MAJORS: readonly PostgresMajor[] = [18, 15, 14];

describe.each(MAJORS.map((major) => [major, noPostgres(major)] as const))(
  'types of PostgreSQL %i',
  (major, missing) => {
    let server: TestPostgres;
    let client: Client;

    beforeAll(async () => {
      if (missing) return;
      // Every setting that changes how values look, against us.
      server = await startPostgres(major, {
        DateStyle: 'German, DMY',
        IntervalStyle: 'iso_8601',
        TimeZone: 'Asia/Kolkata',
        bytea_output: 'escape',
        extra_float_digits: '-5',
        lc_monetary: 'C',
        search_path: 'public',
        xmlbinary: 'hex',
        standard_conforming_strings: 'off',
      });
      client = await server.client();
      await client.query('SET standard_conforming_strings = on');
    });

    afterAll(async () => {
      await client?.end();
      await server?.stop();
    });

    it.skipIf(missing)(
      'have one text in copy and stream, whatever the server likes, which casts back to an equal value',
      { timeout: 300_000 },
      async () => {
        await client.query(
          `CREATE TYPE public.mood AS ENUM ('sad', 'very "happy"'); CREATE DOMAIN public.cents AS numeric(10,2);
       CREATE TYPE public.person AS (name text, score numeric, feels public.mood, nums int[]);
       CREATE TYPE public.floatrange AS RANGE (subtype = float8);
       CREATE TABLE every (id int)`,
        );
        const extensions = ['hstore', 'citext', 'ltree'];
        const there: string[] = [];
        for (const name of extensions) {
          const made = await client.query(`CREATE EXTENSION ${name}`).then(
            () => true,
            () => false,
          );
          if (made) there.push(name);
        }
        const values: Record<string, readonly string[]> = {
          ...VALUES,
          ...(there.includes('hstore') ? { hstore: [`'"a b"=>"x,\\"y", c=>NULL'`] } : {}),
          ...(there.includes('citext') ? { citext: ["'MiXed'"] } : {}),
          ...(there.includes('ltree') ? { ltree: ["'Top.Science'"] } : {}),
        };
        // Before 17 there are no infinite intervals.
        if (major >= 17) values['interval'] = [...values['interval']!, "'infinity'", "'-infinity'"];
        const rows: { table: string; type: string; expression: string }[] = [];
        const tables: string[] = [];
        for (const [i, [type, expressions]] of Object.entries(values).entries()) {
          const table = `t${i}`;
          tables.push(table);
          await client.query(`CREATE TABLE ${table} (id int PRIMARY KEY, v ${type}, rest int)`);
          for (const expression of expressions)
            rows.push({ table, type, expression: `(${expression})::${type}` });
        }
        const insert = async (offset: number): Promise<void> => {
          for (const [id, { table, expression }] of rows.entries())
            await client.query(`INSERT INTO ${table} VALUES (${id + offset}, ${expression}, NULL)`);
          for (const table of tables)
            await client.query(`INSERT INTO ${table} VALUES (${offset + 999}, NULL, 1)`);
        };
        await insert(0);
        const reader = postgresReader(postgresOptions(server, tables, { copyTables: 4 }));
        await reader.until('the copy', () => reader.last?.phase === 'stream');
        await insert(1_000);
        await reader.until('the stream', () =>
          reader.rows(`public.${tables.at(-1)}`).some(([id]) => id === '1999'),
        );
        // Of another shape than the server's own text would be.
        const wrong: string[] = [];
        for (const [id, { table, type, expression }] of rows.entries()) {
          const cells = new Map(reader.rows(`public.${table}`).map((row) => [row[0], row[1]]));
          const [copied, streamed] = [cells.get(String(id)), cells.get(String(id + 1_000))];
          if (copied !== streamed || typeof copied !== 'string')
            wrong.push(`${type} ${expression}: copy ${String(copied)}, stream ${String(streamed)}`);
          // The server's own view: cast back from this text, read by settings that print it so, it is the same value.
          await client.query(
            "SET DateStyle = ISO; SET IntervalStyle = postgres; SET TimeZone = 'UTC'; SET lc_monetary = 'C'",
          );
          const back = await client.query<{ same: boolean }>(
            `SELECT record_image_eq(ROW($1::text::${type}), ROW(v)) AS same FROM ${table} WHERE id = ${id}`,
            [copied],
          );
          if (back.rows[0]!.same !== true)
            wrong.push(`${type} ${expression}: ${String(copied)} is another value`);
          await client.query('RESET DateStyle; RESET IntervalStyle; RESET TimeZone; RESET lc_monetary');
        }
        for (const table of tables) {
          const nulls = reader.rows(`public.${table}`).filter(([id]) => id === '999' || id === '1999');
          if (nulls.some((row) => row[1] !== null || row[2] !== '1') || nulls.length !== 2)
            wrong.push(`${table}: nulls`);
        }
        expect(wrong).toEqual([]);
        await reader.close();
        expect(reader.error).toBeNull();
        if (major === 18) expect(there).toEqual(extensions);
      },
    );
  },
);
