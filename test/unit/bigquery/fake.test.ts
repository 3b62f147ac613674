import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BigqueryClient } from '../../../connectors/sinks/bigquery/client.ts';
import { Statements } from '../../../connectors/sinks/bigquery/statements.ts';
import { createTarget, keyColumns } from '../../../connectors/sinks/bigquery/target.ts';
import { BigqueryFake } from '../../support/bigquery-fake.ts';
import { checkFields, checkPrimaryKey, checkSchemaUpdate } from '../../support/bigquery-rules.ts';
import { SqlReader, UnknownSql } from '../../support/bigquery-sql.ts';
import { BigqueryTarget, testOptions } from '../../support/bigquery-target.ts';
import { column, INT, TEXT, table } from '../../support/masked.ts';

/** A fake that lets something pass would prove nothing: what it must refuse is tested as the sink is. */
let fake: BigqueryFake;
let target: BigqueryTarget;

beforeAll(async () => {
  fake = await BigqueryFake.start();
  fake.addDataset('d');
  target = new BigqueryTarget(
    {
      project: fake.project,
      dataset: 'd',
      mode: 'merge',
      history: 'none',
      fake: { rest: fake.url, grpc: '' },
      pieceBytes: 1,
    },
    fake,
  );
});
afterAll(() => fake.stop());

const client = () => BigqueryClient.connect(testOptions(target.address));
const create = async (body: object) =>
  (await client()).send({ method: 'POST', path: '/datasets/d/tables', body });

describe('the SQL that the fake knows', () => {
  it.each([
    'CREATE OR REPLACE TABLE `p.d.t` AS SELECT 1',
    'DROP TABLE `p.d.t`',
    'ALTER TABLE `p.d.t` ADD COLUMN x INT64',
    'SELECT * FROM `p.d.t`',
    'SELECT a FROM `p.d.t` ORDER BY a',
    'SELECT RAND()',
    "SELECT CAST('x' AS GEOGRAPHY)",
    'SELECT a OR b FROM `p.d.t`',
    "SELECT PARSE_JSON('1')",
    "SELECT PARSE_JSON('1', wide_number_mode=>'round')",
    'SELECT 1 2',
    'DELETE FROM `p.d.t`',
    'SELECT @unknown',
    "SELECT '",
  ])('is not %s', (sql) => {
    expect(() => [...new SqlReader(sql, new Map()).statements(() => 0)]).toThrow(UnknownSql);
  });

  it('stays within a megabyte for a table of a thousand columns', () => {
    const columns = Array.from({ length: 1_000 }, (_, i) =>
      column(`a_rather_long_column_name_${i}`, i + 1, i === 0 ? INT : TEXT),
    );
    const { mirror, table: of } = createTarget(table('wide', columns), 0, {
      types: { json: 'json', arrays: 'json', unboundedNumeric: 'string' },
      taken: () => false,
      name: 'wide',
      mode: 'merge',
      history: false,
    });
    const sql = new Statements('project', 'dataset').merge(mirror, keyColumns(mirror, of), 'staging', true);
    expect(sql.length).toBeLessThan(400_000);
  });
});

describe('the rules that the fake enforces', () => {
  it('schemas are only widened', () => {
    const one = { name: 'a', type: 'INTEGER', mode: 'REQUIRED' };
    const two = { name: 'b', type: 'STRING', mode: 'NULLABLE' };
    expect(() => checkSchemaUpdate([one], [{ ...one, mode: 'NULLABLE' }, two])).not.toThrow();
    expect(() => checkSchemaUpdate([one, two], [one])).toThrow('missing');
    expect(() => checkSchemaUpdate([one], [{ ...one, type: 'STRING' }])).toThrow('type');
    expect(() => checkSchemaUpdate([one], [two, one])).toThrow('missing');
    expect(() => checkSchemaUpdate([one], [one, { ...two, mode: 'REQUIRED' }])).toThrow('required');
  });

  it('names are not reserved, double or odd', () => {
    for (const name of ['_CHANGE_TYPE', '_partitiontime', 'a.b', '', '1x', 'a b', `x${'y'.repeat(300)}`])
      expect(() => checkFields([{ name, type: 'STRING' }]), name).toThrow();
    expect(() =>
      checkFields([
        { name: 'A', type: 'STRING' },
        { name: 'a', type: 'STRING' },
      ]),
    ).toThrow('exists');
    expect(checkFields([{ name: 'é', type: 'INT64' }])).toEqual([
      { name: 'é', type: 'INTEGER', mode: 'NULLABLE' },
    ]);
    expect(() => checkPrimaryKey(['f'], checkFields([{ name: 'f', type: 'FLOAT64' }]))).toThrow(
      'primary key',
    );
  });

  it('a merge with two source rows for one target row fails, a view takes no DML, a job id is used once', async () => {
    await create({ tableReference: { tableId: 't' }, schema: { fields: [{ name: 'k', type: 'INT64' }] } });
    await create({ tableReference: { tableId: 's' }, schema: { fields: [{ name: 'k', type: 'INT64' }] } });
    const t = `\`${fake.project}.d.t\``;
    const s = `\`${fake.project}.d.s\``;
    await target.query(`INSERT INTO ${t} (k) VALUES (1)`);
    await target.query(`INSERT INTO ${s} (k) SELECT 1 FROM ${t}`);
    await target.query(`INSERT INTO ${s} (k) SELECT 1 FROM ${t}`);
    const merge = `MERGE ${t} AS t USING ${s} AS s ON t.k = s.k WHEN MATCHED THEN UPDATE SET k = s.k`;
    await expect(target.query(merge)).rejects.toMatchObject({ origin: 'invalidQuery' });
    await create({
      tableReference: { tableId: 'v' },
      view: { query: `SELECT k AS k FROM ${t} AS t`, useLegacySql: false },
    });
    await expect(target.query(`DELETE FROM \`${fake.project}.d.v\` WHERE k = 1`)).rejects.toMatchObject({
      origin: 'invalidQuery',
    });
    const job = {
      jobReference: { projectId: fake.project, jobId: 'once', location: 'EU' },
      configuration: { query: { query: 'SELECT 1', useLegacySql: false } },
    };
    const insert = async () => (await client()).send({ method: 'POST', path: '/jobs', body: job });
    await insert();
    await expect(insert()).rejects.toMatchObject({ failure: { status: 409, reason: 'duplicate' } });
  });

  it('casts are as narrow as BigQuery’s', async () => {
    for (const [type, text] of [
      ['INT64', '9223372036854775808'],
      ['DATE', '10000-01-01'],
      ['TIME', '24:00:00'],
      ['NUMERIC', '1e3'],
      ['BOOL', 'yes'],
    ])
      await expect(target.query(`SELECT CAST('${text}' AS ${type})`), text).rejects.toMatchObject({
        origin: 'invalidQuery',
      });
    expect(
      await target.query(
        "SELECT SAFE_CAST('x' AS INT64), CAST(CAST('1.50' AS NUMERIC) AS STRING), TO_JSON_STRING(NULL)",
      ),
    ).toEqual([[null, '1.5', 'null']]);
  });
});
