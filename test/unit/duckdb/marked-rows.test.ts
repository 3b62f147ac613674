import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { beforeAll, expect, it } from 'vitest';
import { CutShort } from '../../../connectors/duckdb-engine/failure.ts';
import { markedRows } from '../../../connectors/duckdb-engine/marked-rows.ts';
import { duckdbError } from '../../../connectors/sinks/duckdb/errors.ts';
import { parquetError } from '../../../connectors/sinks/parquet/errors.ts';

let connection: DuckDBConnection;

beforeAll(async () => {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  connection = await instance.connect();
});

async function read(column: string, from: string): Promise<(string | null)[]> {
  const found: (string | null)[] = [];
  for await (const rows of markedRows(connection, [column], from))
    for (const [cell] of rows) found.push(cell!);
  return found;
}

it('brings every row as text, byte order marks and all', async () => {
  const from =
    "(SELECT CASE i WHEN 7 THEN NULL WHEN 8 THEN '\uFEFFx' ELSE i::VARCHAR END AS v FROM range(10000) t(i))";
  const found = await read('v', from);
  expect(found).toHaveLength(10_000);
  expect(found.slice(6, 10)).toEqual(['6', null, '\uFEFFx', '9']);
  expect(await read('v', '(SELECT 1 AS v WHERE false)')).toEqual([]);
});

it('an error in the middle is never taken for the end', async () => {
  const failing = "CASE WHEN i < 150000 THEN i::VARCHAR ELSE error('no more') END";
  const cut = read(failing, 'range(200000) t(i)');
  await expect(cut).rejects.toThrow(CutShort);
  const thrown = await cut.catch((error: unknown) => error);
  for (const errorOf of [duckdbError, parquetError])
    expect(errorOf(thrown, 'reading public.t')).toMatchObject({
      code: 'RS-REC-005',
      kind: 'transient',
      detail: 'reading public.t',
    });
});
