import type { Connection } from 'mysql2/promise';
import { afterAll, describe, expect, it } from 'vitest';
import { GroupReader } from '../../src/audit/group-reader.ts';
import { NodeDisk } from '../../src/audit/node-disk.ts';
import { seededRandom } from '../../src/cli/demo/shop.ts';
import { type Op, opLetter } from '../../src/model/change.ts';
import { MYSQL_RELEASES, type MysqlRelease, startMysql, type TestMysql } from '../support/mysql.ts';
import { MYSQL_WORKLOAD_MASK, MYSQL_WORKLOAD_TABLES, MysqlWorkload } from '../support/mysql-workload.ts';
import { noMysql } from '../support/needs.ts';
import { makeProject, readStatus, type TestProject, until } from '../support/project.ts';
import { ReferenceMask } from '../support/reference-mask.ts';
import { RowsealProcess, rowseal } from '../support/rowseal-process.ts';
import { slow } from '../support/slow.ts';
import { queryWarehouse } from '../support/warehouse.ts';
import { whileWorking } from '../support/while-working.ts';

const KILLS = Number(process.env['ROWSEAL_KILLS'] ?? (slow ? 8 : 4));
const seed = Number(process.env['ROWSEAL_SEED'] ?? Date.now() % 1_000_000);

const cases = [
  ...MYSQL_RELEASES.map((release) => ({ release, name: `${release}`, options: [] as readonly string[] })),
  {
    release: 'mysql-9' as MysqlRelease,
    name: 'mysql-9 with compressed transactions, cut files',
    options: ['--binlog-transaction-compression=ON', '--max-binlog-size=65536'],
  },
];

describe.each(cases)('$name', ({ release, options }) => {
  let server: TestMysql;
  let client: Connection;
  let project: TestProject;

  afterAll(async () => {
    await client?.end();
    await server?.stop();
    await project?.remove();
  });

  it.skipIf(noMysql(release))(
    `loses, repeats and splits nothing through ${KILLS} kills (seed ${seed})`,
    { timeout: 400_000 },
    async () => {
      server = await startMysql(release, options);
      client = await server.client();
      const workload = new MysqlWorkload(client, { seed, hugeRows: 60_000 });
      await workload.create();
      for (let i = 0; i < 60; i++) await workload.step();
      project = await makeProject({
        url: server.url,
        tables: MYSQL_WORKLOAD_TABLES.map((table) => `shop.${table}`),
        mask: { domains: { email: { method: 'token' } }, tables: MYSQL_WORKLOAD_MASK },
        history: true,
      });
      const random = seededRandom(seed);
      let process = new RowsealProcess(['run', '--config', project.configFile]);
      let hugeDue = false;
      const step = async (): Promise<void> => {
        const huge = hugeDue;
        hugeDue = false;
        await (huge ? workload.huge() : workload.step());
        await new Promise((resolve) => setTimeout(resolve, random() * 15));
      };
      await whileWorking(step, async () => {
        for (let kill = 1; kill <= KILLS; kill++) {
          // Some during the first copy, some right after the start, most in the middle of things.
          await new Promise((resolve) =>
            setTimeout(resolve, kill % 5 === 0 ? random() * 400 : 300 + random() * 2_000),
          );
          if (kill === Math.ceil(KILLS / 2)) hugeDue = true;
          expect(process.running, `the process ended by itself:\n${process.output.slice(-3_000)}`).toBe(true);
          await process.kill();
          process = new RowsealProcess(['run', '--config', project.configFile]);
        }
      });
      await until(
        'the last process streams',
        async () => {
          if (!process.running) throw new Error(`the process ended:\n${process.output.slice(-3_000)}`);
          return (await readStatus(project))?.['state'] === 'streaming';
        },
        90_000,
      );
      // A column that appears while running is redacted; at a start it would have to be decided first (law 2).
      await workload.addColumn();
      await workload.step();
      const end = await binlogEnd();
      let lastStatus = '';
      await until(
        'the warehouse has caught up',
        async () => {
          if (!process.running) throw new Error(`the process ended:\n${process.output.slice(-3_000)}`);
          const status = (await readStatus(project)) as unknown as {
            source: { position: string | null };
            sinks: { behind_groups: number }[];
          } | null;
          lastStatus = JSON.stringify({ status, end });
          const [file, offset] = (status?.source.position?.split(' ')[0] ?? '').split(':');
          const there = file! > end.file || (file === end.file && Number(offset) >= end.offset);
          return there && status!.sinks.every((sink) => sink.behind_groups === 0);
        },
        90_000,
      ).catch((error: unknown) => {
        throw new Error(`${String(error)}\n${lastStatus}\n${process.output.slice(-2_000)}`);
      });
      expect((await process.terminate()).code).toBe(0);
      await expectWarehouseEqualsSource();
      const verified = await rowseal(['audit', 'verify', '--dir', project.auditDirectory, '--json']);
      expect(verified.code, verified.stdout).toBe(0);
      await expectLogWhole(workload.committed);
    },
  );

  async function binlogEnd(): Promise<{ file: string; offset: number }> {
    const { binlogEnd: sql } = await server.statements();
    const [rows] = (await client.query(sql)) as unknown as [{ File: string; Position: string }[]];
    return { file: rows[0]!.File, offset: Number(rows[0]!.Position) };
  }

  /** Every table, row by row, against the source masked by the reference. */
  async function expectWarehouseEqualsSource(): Promise<void> {
    const mask = new ReferenceMask(project.maskKey);
    const email = (value: string | null): string | null => mask.token('domain:email', value);
    const source = async (sql: string): Promise<(string | null)[][]> => {
      const [rows] = (await client.query({ sql, rowsAsArray: true })) as unknown as [(string | null)[][]];
      return rows.map((row) => row.map((cell) => (cell === null ? null : String(cell))));
    };
    const sorted = (rows: readonly (readonly (string | null)[])[]): string[] =>
      rows.map((row) => JSON.stringify(row)).sort();
    const check = async (name: string, expected: (string | null)[][], sql: string): Promise<void> => {
      const actual = sorted(await queryWarehouse(project.warehouseFile, sql));
      const wanted = sorted(expected);
      const difference = wanted.findIndex((row, i) => row !== actual[i]);
      if (difference >= 0) expect(actual[difference], `${name}, row ${difference}`).toBe(wanted[difference]);
      expect(actual.length, name).toBe(wanted.length);
    };
    await check(
      'people',
      (
        await source(
          "SELECT id, email, phone, bio, CAST(score AS CHAR), DATE_FORMAT(seen, '%Y-%m-%d %H:%i:%s'), ROUND(height + 0e0, 3), nickname FROM people",
        )
      ).map(([id, mail, phone, bio, score, seen, height]) => [
        id!,
        null,
        email(mail!),
        mask.keepLast(2, '*', phone!),
        mask.token('column:shop.people.bio', bio!),
        score!,
        seen!,
        height!,
        null,
      ]),
      "SELECT id, full_name, email, phone, bio, CAST(score AS VARCHAR), strftime(seen, '%Y-%m-%d %H:%M:%S'), round(CAST(height AS DOUBLE), 3), nickname FROM shop.people",
    );
    await check(
      'lines',
      (await source('SELECT order_no, line_no, sku, owner_email, qty, CAST(price AS CHAR) FROM `lines`')).map(
        ([a, b, sku, mail, qty, price]) => [a!, b!, sku!, email(mail!), qty!, price!, null],
      ),
      'SELECT order_no, line_no, sku, owner_email, qty, CAST(price AS VARCHAR), CAST(flags AS VARCHAR) FROM shop.lines',
    );
    await check(
      'slots',
      (await source('SELECT code, holder, n FROM slots')).map(([code, holder, n]) => [
        mask.token('column:shop.slots.code', code!),
        email(holder!),
        n!,
      ]),
      'SELECT code, holder, n FROM shop.slots',
    );
    await check(
      'visits',
      (await source("SELECT DATE_FORMAT(at, '%Y-%m-%d %H:%i:%s.%f'), email, path FROM visits")).map(
        ([at, mail, path]) => [at!, email(mail!), path!],
      ),
      `SELECT strftime("at", '%Y-%m-%d %H:%M:%S.%f'), email, path FROM shop.visits`,
    );
    await check(
      'ledger',
      (await source('SELECT seq FROM ledger')).map(([seq]) => [seq!, null]),
      'SELECT seq, note FROM shop.ledger',
    );
    expect(await queryWarehouse(project.warehouseFile, 'SELECT * FROM _rowseal.dead_letters')).toEqual([]);
  }

  /**
   * Groups without holes, places never back, and every ledger row in the log: copied or created, once each since its
   * table's copy began, and in order where the stream brought it.
   */
  async function expectLogWhole(committed: number): Promise<void> {
    const copied = new Set<number>();
    let streamed: number[] = [];
    let group = 0;
    let place = '';
    for await (const sealed of new GroupReader(new NodeDisk(), project.auditDirectory).read(
      0,
      Number.MAX_SAFE_INTEGER,
    )) {
      expect(sealed.index).toBe(group++);
      if (sealed.position.kind !== 'mysql') throw new Error('another source');
      const now = `${sealed.position.place.file}:${String(sealed.position.place.offset).padStart(12, '0')}`;
      expect(now >= place, `${place} → ${now}`).toBe(true);
      place = now;
      for await (const events of sealed.chunks()) {
        for (const event of events) {
          if (event.kind === 'snapshot' && event.table.name === 'ledger' && event.phase === 'begin') {
            copied.clear();
            streamed = [];
          }
          if (event.kind !== 'rows' || event.run.table.name !== 'ledger') continue;
          for (let row = 0; row < event.run.count; row++) {
            const seq = Number(event.run.cells[row * 2]);
            const op = opLetter[event.run.ops[row]! as Op];
            if (op === 'c') streamed.push(seq);
            else copied.add(seq);
          }
        }
      }
    }
    expect(streamed).toEqual([...streamed].sort((a, b) => a - b));
    expect(new Set(streamed).size).toBe(streamed.length);
    const all = new Set([...copied, ...streamed]);
    expect(all.size).toBe(committed);
  }
});
