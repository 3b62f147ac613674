import type { Client } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { GroupReader } from '../../src/audit/group-reader.ts';
import { NodeDisk } from '../../src/audit/node-disk.ts';
import { seededRandom } from '../../src/cli/demo/shop.ts';
import { Op } from '../../src/model/change.ts';
import { isCopying, parseLsn } from '../../src/model/position.ts';
import { noPostgres } from '../support/needs.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { hasDelivered, makeProject, readStatus, type TestProject, until } from '../support/project.ts';
import { ReferenceMask } from '../support/reference-mask.ts';
import { RowsealProcess } from '../support/rowseal-process.ts';
import { slow } from '../support/slow.ts';
import { queryWarehouse } from '../support/warehouse.ts';
import { whileWorking } from '../support/while-working.ts';

/** `ROWSEAL_COPY_ROWS=5000000` is the proof that docs/postgres.md tells of. */
const ROWS = Number(process.env['ROWSEAL_COPY_ROWS'] ?? 300_000);
const KILLS = 5;
const CITIES = 1_000;
const seed = Number(process.env['ROWSEAL_SEED'] ?? Date.now() % 1_000_000);

let server: TestPostgres;
let client: Client;
let project: TestProject | null = null;
let running: RowsealProcess | null = null;

beforeAll(async () => {
  if (!slow) return;
  server = await startPostgres(18, { max_wal_size: '4GB' });
  client = await server.client();
});

afterAll(async () => {
  // Still there when the test failed.
  if (running?.running === true) await running.kill();
  await client?.end();
  await server?.stop();
  await project?.remove();
});

/**
 * What is proven: the copy ends; the mirror has each row of the masked source once, and no other; and of each row the log has at
 * most one copy. A chunk is sealed together with the place where it ended, so no kill makes one be sealed twice.
 */
it.skipIf(!slow || noPostgres(18))(
  `copies ${ROWS} rows under load through ${KILLS} kills (seed ${seed})`,
  { timeout: 3_600_000 },
  async () => {
    await client.query(
      `CREATE TABLE big (id bigint PRIMARY KEY, city text NOT NULL, amount numeric(12,2), note text);
       INSERT INTO big SELECT g, 'city-' || g % ${CITIES}, g / 7.0, repeat(md5(g::text), 2) FROM generate_series(1, ${ROWS}) g;`,
    );
    await client.query('ANALYZE big');
    project = await makeProject({
      url: server.url(),
      tables: ['public.big'],
      mask: { tables: { 'public.big': { id: 'keep', city: 'token', amount: 'keep', note: 'keep' } } },
    });
    const { configFile } = project;
    const started = performance.now();
    const start = (): RowsealProcess => {
      running = new RowsealProcess(['run', '--config', configFile]);
      return running;
    };
    let process = start();
    let copiedMs = 0;
    let changes = 0;
    const load = loadOf(client, (rows) => {
      changes += rows;
    });
    await whileWorking(load, async () => {
      const alive = (): void => expect(process.running, process.output.slice(-3_000)).toBe(true);
      for (let kill = 1; kill <= KILLS; kill++) {
        const beyond = (ROWS * kill) / (KILLS + 1);
        await until(
          `${beyond} rows are copied`,
          async () => {
            alive();
            return (await copiedRows(project!)) >= beyond;
          },
          1_800_000,
        );
        await process.kill();
        process = start();
      }
      await until(
        'the copy is whole',
        async () => {
          alive();
          return (await readStatus(project!))?.['state'] === 'streaming';
        },
        1_800_000,
      );
      copiedMs = performance.now() - started;
    });
    const { rows } = await client.query<{ lsn: string }>('SELECT pg_current_wal_lsn()::text AS lsn');
    const end = parseLsn(rows[0]!.lsn)!;
    await until('the warehouse has it', () => hasDelivered(project!, end), 1_800_000);
    console.log(
      `${ROWS} rows in ${Math.round(copiedMs / 1_000)} s with ${KILLS} kills: ${Math.round((ROWS * 1_000) / copiedMs)} rows/s; ${changes} rows changed meanwhile; caught up after ${Math.round((performance.now() - started - copiedMs) / 1_000)} s more`,
    );
    expect((await process.terminate()).code).toBe(0);

    expect(await mirrorSums(project)).toEqual(await sourceSums(client, new ReferenceMask(project.maskKey)));
    const { copies, unfinished } = await copiesInLog(project, ROWS);
    expect(unfinished).toBe(false);
    expect(copies.findIndex((count) => count > 1)).toBe(-1);
  },
);

/** Small transactions over the whole table: changes, deletions, and rows behind the end. */
function loadOf(client: Client, changed: (rows: number) => void): () => Promise<void> {
  const random = seededRandom(seed);
  let last = ROWS;
  return async () => {
    const from = 1 + Math.floor(random() * ROWS);
    const { rowCount } = await client.query(
      `UPDATE big SET amount = amount + 1, city = 'city-' || (id + ${last}) % ${CITIES} WHERE id BETWEEN ${from} AND ${from + 20}`,
    );
    await client.query(`DELETE FROM big WHERE id = ${1 + Math.floor(random() * ROWS)}`);
    last += 2;
    await client.query(
      `INSERT INTO big VALUES (${last - 1}, 'city-1', 1, 'new'), (${last}, 'city-2', NULL, NULL)`,
    );
    changed((rowCount ?? 0) + 3);
    await new Promise((resolve) => setTimeout(resolve, random() * 20));
  };
}

async function copiedRows(project: TestProject): Promise<number> {
  const status = (await readStatus(project)) as unknown as {
    source: { snapshot: { rows: number } | null };
  } | null;
  return status?.source.snapshot?.rows ?? 0;
}

/** A row as text, and 60 bits of its hash, summed up in 1000 parts. */
const SUMS = (bits: string, table: string): string =>
  `SELECT CAST(id % 1000 AS text), CAST(count(*) AS text), CAST(count(DISTINCT id) AS text), CAST(sum(${bits}) AS text)
   FROM (SELECT id, md5(concat_ws('|', id, city, coalesce(CAST(amount AS text), '-'), coalesce(note, '-'))) AS h FROM ${table}) AS hashed
   GROUP BY id % 1000 ORDER BY id % 1000`;

async function sourceSums(client: Client, mask: ReferenceMask): Promise<readonly unknown[]> {
  const cities = Array.from({ length: CITIES }, (_, i) => `city-${i}`);
  await client.query('CREATE TEMP TABLE tokens (name text PRIMARY KEY, token text)');
  await client.query('INSERT INTO tokens SELECT * FROM unnest($1::text[], $2::text[])', [
    cities,
    cities.map((city) => mask.token('column:public.big.city', city)),
  ]);
  const masked =
    '(SELECT id, token AS city, amount, note FROM big LEFT JOIN tokens ON name = city) AS masked';
  const sums = SUMS("('x' || substr(h, 1, 15))::bit(60)::bigint", masked);
  return (await client.query({ text: sums, rowMode: 'array' })).rows;
}

function mirrorSums(project: TestProject): Promise<readonly unknown[]> {
  return queryWarehouse(
    project.warehouseFile,
    SUMS("CAST('0x' || substr(h, 1, 15) AS BIGINT)", 'public.big'),
  );
}

/** How often each of the first rows was copied, by the log alone. */
async function copiesInLog(
  project: TestProject,
  rows: number,
): Promise<{ readonly copies: Uint8Array; readonly unfinished: boolean }> {
  const copies = new Uint8Array(rows + 1);
  let unfinished = true;
  const reader = new GroupReader(new NodeDisk(), project.auditDirectory);
  for await (const sealed of reader.read(0, Number.MAX_SAFE_INTEGER)) {
    unfinished = isCopying(sealed.position);
    for await (const events of sealed.chunks()) {
      for (const event of events) {
        if (event.kind !== 'rows') continue;
        const { run } = event;
        // A copied row has one image.
        const width = run.table.columns.length;
        for (let row = 0; row < run.count; row++) {
          if (run.ops[row] !== Op.read) continue;
          const id = Number(run.cells[row * width]);
          // Rows of the load may be copied as well.
          if (id <= rows) copies[id]!++;
        }
      }
    }
  }
  return { copies, unfinished };
}
