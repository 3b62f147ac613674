import type { Client } from 'pg';
import { expect } from 'vitest';
import type { TestProject } from './project.ts';
import { ReferenceMask } from './reference-mask.ts';
import { queryWarehouse } from './warehouse.ts';

/**
 * Every table of the workload, row by row, against the source masked by the reference. The warehouse file must not be
 * open elsewhere.
 *
 * @param mask of the key epoch that the rows must have
 */
export async function expectWarehouseEqualsSource(
  client: Client,
  project: TestProject,
  mask: ReferenceMask = new ReferenceMask(project.maskKey),
): Promise<void> {
  const email = (value: string | null): string | null => mask.token('domain:email', value);
  const source = async (sql: string): Promise<(string | null)[][]> =>
    (await client.query({ text: sql, rowMode: 'array' })).rows.map((row: (string | null)[]) => row);
  const sorted = (rows: readonly (readonly (string | null)[])[]): string[] =>
    rows.map((row) => JSON.stringify(row)).sort();
  const check = async (name: string, expected: (string | null)[][], sql: string): Promise<void> => {
    const actual = sorted(await queryWarehouse(project.warehouseFile, sql));
    const wanted = sorted(expected);
    expect(actual.length, name).toBe(wanted.length);
    const difference = wanted.findIndex((row, i) => row !== actual[i]);
    if (difference >= 0) expect(actual[difference], name).toBe(wanted[difference]);
  };
  await check(
    'people',
    (
      await source(
        "SELECT id::text, email, phone, bio, score::text, to_char(seen AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), nickname FROM people",
      )
    ).map(([id, mail, phone, bio, score, seen]) => [
      id!,
      null,
      email(mail!),
      mask.keepLast(2, '*', phone!),
      mask.token('column:public.people.bio', bio!),
      score!,
      seen!,
      null,
    ]),
    "SELECT id, full_name, email, phone, bio, CAST(score AS VARCHAR), strftime(seen, '%Y-%m-%d %H:%M:%S'), nickname FROM public.people",
  );
  await check(
    'lines',
    (
      await source(
        'SELECT order_no::text, line_no::text, sku, owner_email, qty::text, price::text FROM lines',
      )
    ).map(([a, b, sku, mail, qty, price]) => [a!, b!, sku!, email(mail!), qty!, price!, null]),
    'SELECT order_no, line_no, sku, owner_email, qty, CAST(price AS VARCHAR), CAST(flags AS VARCHAR) FROM public.lines',
  );
  await check(
    'slots',
    (await source('SELECT code, holder, n::text FROM slots')).map(([code, holder, n]) => [
      mask.token('column:public.slots.code', code!),
      email(holder!),
      n!,
    ]),
    'SELECT code, holder, n FROM public.slots',
  );
  await check(
    'visits',
    (await source("SELECT to_char(at, 'YYYY-MM-DD HH24:MI:SS.US'), email, path FROM visits")).map(
      ([at, mail, path]) => [at!, email(mail!), path!],
    ),
    `SELECT strftime("at", '%Y-%m-%d %H:%M:%S.%f'), email, path FROM public.visits`,
  );
  await check(
    'ledger',
    (await source('SELECT seq::text FROM ledger')).map(([seq]) => [seq!, null]),
    'SELECT seq, note FROM public.ledger',
  );
  expect(await queryWarehouse(project.warehouseFile, 'SELECT * FROM _rowseal.dead_letters')).toEqual([]);
}
