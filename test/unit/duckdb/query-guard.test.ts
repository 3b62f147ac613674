import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkQuery } from '../../../connectors/sinks/duckdb/query-guard.ts';

let instance: DuckDBInstance;
let connection: DuckDBConnection;

beforeAll(async () => {
  instance = await DuckDBInstance.create(':memory:');
  connection = await instance.connect();
  await connection.run(
    'CREATE SCHEMA s; CREATE TABLE s.t (id BIGINT, v VARCHAR); CREATE MACRO logging() AS TABLE FROM enable_logging()',
  );
});

afterAll(() => {
  connection.closeSync();
  instance.closeSync();
});

/** What is said of a query; null: it may run. */
async function verdict(sql: string): Promise<string | null> {
  return checkQuery(connection, sql).then(
    () => null,
    (error: Error) => error.message,
  );
}

describe('what may be asked', () => {
  it.each([
    'SELECT 1',
    'select count(*) from s.t -- a comment',
    'FROM s.t',
    'TABLE s.t',
    'VALUES (1), (2)',
    'WITH RECURSIVE a AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM a WHERE n < 3) FROM a',
    'DESCRIBE s.t',
    'SHOW ALL TABLES',
    'SUMMARIZE s.t',
    'SELECT * FROM (PIVOT s.t ON id IN (1, 2) USING count(*))',
    "SELECT * FROM range(3) r, json_each('[1]') j, (SELECT unnest([1]))",
    'SELECT * FROM duckdb_tables()',
    // A macro of a scalar computes; one of a table may be anything.
    'SELECT list_transform([1], lambda x : x + 1)',
  ])('takes %s', async (sql) => {
    expect(await verdict(sql)).toBeNull();
  });

  it.each([
    '',
    ' ; ',
    '-- nothing',
    'SELECT 1; SELECT 2',
    'INSERT INTO s.t VALUES (1, 2)',
    'DELETE FROM s.t',
    'UPDATE s.t SET id = 1',
    'DROP TABLE s.t',
    'CREATE TABLE x AS SELECT 1',
    'CREATE TEMP VIEW x AS SELECT 1',
    "COPY s.t TO '/tmp/x'",
    "COPY (SELECT 1) TO '/tmp/x'",
    "EXPORT DATABASE '/tmp/x'",
    "IMPORT DATABASE '/tmp/x'",
    "ATTACH '/tmp/x'",
    'DETACH x',
    'SET threads = 4',
    'RESET threads',
    'USE s',
    'PRAGMA version',
    'CALL force_checkpoint()',
    'CHECKPOINT',
    'FORCE CHECKPOINT',
    'VACUUM',
    'LOAD httpfs',
    'INSTALL httpfs',
    'BEGIN',
    'COMMIT',
    'PREPARE q AS SELECT 1',
    'EXECUTE q',
    'EXPLAIN ANALYZE DELETE FROM s.t',
    "CREATE SECRET x (TYPE s3, KEY_ID 'a', SECRET 'b')",
    'SET VARIABLE x = 1',
    'COMMENT ON TABLE s.t IS NULL',
    'ALTER TABLE s.t ADD COLUMN x INT',
  ])('refuses %j', async (sql) => {
    expect(await verdict(sql)).toMatch(/^(only one SELECT is answered|the query failed)/);
  });

  it.each([
    'SELECT * FROM force_checkpoint()',
    'SELECT (SELECT count(*) FROM checkpoint())',
    'WITH a AS (FROM enable_logging()) FROM a',
    'WITH RECURSIVE a AS (SELECT 1 UNION ALL FROM enable_logging()) FROM a',
    'SELECT 1 WHERE EXISTS (FROM enable_profiling())',
    'SELECT * FROM s.t ORDER BY (SELECT 1 FROM checkpoint())',
    'SELECT * FROM s.t LIMIT (SELECT count(*) FROM enable_logging())',
    'SELECT * FROM s.t QUALIFY row_number() OVER (ORDER BY (SELECT 1 FROM checkpoint())) = 1',
    'SELECT * FROM s.t, LATERAL (FROM enable_logging())',
    '(SELECT 1) UNION ALL (FROM truncate_duckdb_logs())',
    'DESCRIBE FROM enable_logging()',
    'SELECT * FROM (DESCRIBE FROM enable_logging())',
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table('s.t')",
    "SELECT * FROM json_execute_serialized_sql('{}')",
    'SELECT * FROM MAIN.Enable_Logging()',
    'SELECT * FROM logging()',
    "SELECT write_log('x')",
    "SELECT main.WRITE_LOG('x')",
    "SELECT list_transform([1], lambda x : write_log('x'))",
    "SELECT nextval('x')",
  ])('refuses a function that acts: %s', async (sql) => {
    expect(await verdict(sql)).toMatch(/may not be called$/);
  });

  it('every table function of this DuckDB is refused, or known to only read', async () => {
    const reader = await connection.runAndReadAll(
      "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type IN ('table', 'table_macro') AND internal",
    );
    const taken: string[] = [];
    for (const [name] of reader.getRowsJS())
      if ((await verdict(`SELECT * FROM "${String(name)}"()`)) === null) taken.push(String(name));
    expect(taken.sort()).toEqual([
      'duckdb_columns',
      'duckdb_constraints',
      'duckdb_schemas',
      'duckdb_tables',
      'duckdb_types',
      'duckdb_views',
      'generate_series',
      'json_each',
      'json_tree',
      'pragma_database_size',
      'pragma_storage_info',
      'pragma_table_info',
      'pragma_version',
      'range',
      'repeat',
      'repeat_row',
      'summary',
      'unnest',
    ]);
  });

  it('every scalar function with a side effect is refused, or harmless', async () => {
    const reader = await connection.runAndReadAll(
      "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type = 'scalar' AND has_side_effects",
    );
    const taken: string[] = [];
    for (const [name] of reader.getRowsJS())
      if ((await verdict(`SELECT "${String(name)}"()`)) === null) taken.push(String(name));
    // Random numbers, an error, a nap (which the time limit ends), what the connection is called.
    expect(taken.sort()).toEqual([
      'current_connection_id',
      'current_query',
      'current_query_id',
      'current_transaction_id',
      'error',
      'gen_random_uuid',
      'random',
      'setseed',
      'sleep_ms',
      'stats',
      'uuid',
      'uuidv4',
      'uuidv7',
    ]);
  });
});
