import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditLog, NeedFrom } from '../../src/audit/audit-log.ts';
import { eraseRow } from '../../src/audit/erase.ts';
import type { ImageAge } from '../../src/audit/expire.ts';
import { expireImages } from '../../src/audit/expire-images.ts';
import { generateSigningKeyFile, parseSigningKey, verifierKeyOf } from '../../src/audit/keys.ts';
import { NodeDisk } from '../../src/audit/node-disk.ts';
import { openAuditLog } from '../../src/audit/open.ts';
import { tableDirectory } from '../../src/audit/table-directory.ts';
import { verifyAudit } from '../../src/audit/verify/verify.ts';
import { Delivery } from '../../src/deliver/delivery.ts';
import { GroupMemory } from '../../src/deliver/group-memory.ts';
import { needOf } from '../../src/deliver/need.ts';
import type { Sink } from '../../src/deliver/sink.ts';
import { RowsealError } from '../../src/error/rowseal-error.ts';
import { at, begin, column, INT, rows, table } from '../support/masked.ts';
import { DuckdbTarget } from '../support/sink/duckdb-target.ts';
import { queryWarehouse } from '../support/warehouse.ts';

const people = table('people', [column('id', 1, INT), column('name', 2)]);
const folder = tableDirectory(people);
const DAY_US = 86_400_000_000n;
const START_US = 1_700_000_000_000_000n;
const oneDay: ImageAge = { of: () => DAY_US, shortestUs: DAY_US };
const ORIGIN = 'rowseal/undelivered';
const signer = parseSigningKey(generateSigningKeyFile());

let root: string;
let logs = 0;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'rowseal-undelivered-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A log and one sink, as the pipeline ties them together. */
class Room {
  readonly directory = join(root, `log-${logs++}`);
  readonly target = new DuckdbTarget();
  log: AuditLog = undefined as never;
  #idle: () => Promise<void> = async () => {};
  #delivery: Delivery | null = null;
  readonly failures: RowsealError[] = [];
  readonly held: NeedFrom[] = [];

  async open(day: number, age: ImageAge | null = null): Promise<void> {
    const { log, settled } = await openAuditLog({
      directory: this.directory,
      origin: ORIGIN,
      signer,
      segmentMaxBytes: 1_000,
      residentGroupBytes: 0,
      nowUs: () => START_US + BigInt(day) * DAY_US,
      storage: {
        imageAge: age,
        sinkNeed: () => needOf(this.#delivery === null ? [] : [this.#delivery]),
        onHeld: (need) => this.held.push(need),
      },
    });
    this.log = log;
    this.#idle = settled;
  }

  async seal(n: number, ...events: Parameters<ReturnType<AuditLog['begin']>['append']>[0]): Promise<void> {
    const group = this.log.begin();
    await group.append([begin(n), ...events]);
    await group.seal(at(n * 10 + 5));
    await this.#idle();
  }

  /** Delivers what is sealed, or fails. */
  async deliver(sink: Sink = this.target.sink()): Promise<void> {
    const soon = { firstMs: 1, maxMs: 2 };
    const memory = new GroupMemory(1_000_000, 1);
    const options = { pipeline: 'p', epoch: 1n, batchBytes: 1_000, retry: soon, pauses: soon };
    this.#delivery = new Delivery(sink, this.log, memory, options, {
      reached: () => {},
      delivered: () => {},
      failed: (_, error) => this.failures.push(error),
    });
    const drain = new AbortController();
    drain.abort();
    const never = new AbortController().signal;
    await this.#delivery.run(never, drain.signal, never);
  }

  mirror(): Promise<readonly (readonly (string | null)[])[]> {
    return queryWarehouse(this.target.path, 'SELECT id, name FROM public.people ORDER BY id');
  }

  async expired(): Promise<number> {
    const key = verifierKeyOf(signer, ORIGIN);
    return (await verifyAudit({ directory: this.directory, key })).expired;
  }

  async close(): Promise<void> {
    await this.log.close();
    await this.target.drop();
  }
}

/** Rows 1 to 3 are in the sink; then, while it is down, 1 is changed, 2 deleted and 4 added. */
async function behind(room: Room, age: ImageAge | null): Promise<void> {
  await room.open(0, age);
  await room.seal(
    0,
    rows(people, 0, [
      { op: 'c', after: ['1', 'one'] },
      { op: 'c', after: ['2', 'two'] },
      { op: 'c', after: ['3', 'three'] },
    ]),
  );
  await room.deliver();
  await room.seal(
    1,
    rows(people, 0, [
      { op: 'u', after: ['1', 'uno'] },
      { op: 'd', before: ['2', 'two'] },
      { op: 'c', after: ['4', 'four'] },
    ]),
  );
  await room.log.close();
}

const AFTER = [
  ['1', 'uno'],
  ['3', 'three'],
  ['4', 'four'],
];

const down = (sink: Sink, error = new Error('down')): Sink =>
  Object.assign(Object.create(sink), {
    name: sink.name,
    open: async () => {
      throw error;
    },
  });

describe('a sink that was down for longer than row images are kept', () => {
  it('gets every change when it is mended', async () => {
    const room = new Room();
    await behind(room, oneDay);
    await room.open(3, oneDay);
    await room.deliver(down(room.target.sink()));
    // The first looks for what is old enough, the second would record it.
    for (let n = 2; n < 4; n++) await room.seal(n, rows(people, 0, [{ op: 'c', after: [`1${n}`, 'later'] }]));
    await room.deliver();
    expect((await room.mirror()).slice(0, 3)).toEqual(AFTER);
    expect(room.held).toEqual([{ kind: 'from', group: 0, sink: 'w', silent: true }]);
    await room.close();
  });

  it('costs no day of the retention, nor a warning, when it is reached soon after a start', async () => {
    const room = new Room();
    await behind(room, oneDay);
    await room.open(3, oneDay);
    await room.deliver(down(room.target.sink(), new RowsealError('RS-PGS-001')));
    await room.seal(2, rows(people, 0, [{ op: 'c', after: ['12', 'later'] }]));
    expect(await room.expired()).toBe(0);
    await room.deliver();
    for (let n = 3; n < 5; n++) await room.seal(n, rows(people, 0, [{ op: 'c', after: [`1${n}`, 'later'] }]));
    expect(await room.expired()).toBe(6);
    expect(room.held).toEqual([]);
    await room.close();
  });

  it('is halted where the images went all the same, until the table is copied again', async () => {
    const room = new Room();
    await behind(room, null);
    await room.open(3);
    const nowUs = START_US + 3n * DAY_US;
    const by = { actor: 'a', reason: 'r' };
    expect(await expireImages(new NodeDisk(), room.directory, room.log, oneDay, nowUs, by)).toMatchObject({
      gone: 6,
    });
    await room.deliver();
    expect(room.failures).toMatchObject([
      { code: 'RS-AUD-035', kind: 'data', detail: 'table public.people, group 1' },
    ]);
    expect(await room.mirror()).toHaveLength(3);
    await room.seal(
      5,
      { kind: 'snapshot', table: people, phase: 'begin' },
      rows(people, 1, [
        { op: 'r', after: ['1', 'uno'] },
        { op: 'r', after: ['3', 'three'] },
        { op: 'r', after: ['4', 'four'] },
      ]),
      { kind: 'snapshot', table: people, phase: 'end' },
    );
    await room.deliver();
    expect(room.failures).toHaveLength(1);
    expect(await room.mirror()).toEqual(AFTER);
    // And a new one, which meets all that is gone.
    const other = new DuckdbTarget();
    await room.deliver(other.sink());
    expect(room.failures).toHaveLength(1);
    expect(await queryWarehouse(other.path, 'SELECT id, name FROM public.people ORDER BY id')).toEqual(AFTER);
    await other.drop();
    await room.close();
  });
});

describe('an erasure', () => {
  const tag = Buffer.from('2'.padEnd(16), 'latin1').toString('hex');
  const request = { table: folder, tags: [tag], actor: 'a', reason: 'r' };

  it('is refused while a sink lacks the deletion of the row, and halts no new sink', async () => {
    const room = new Room();
    await behind(room, null);
    await room.open(1);
    const need = { kind: 'from', group: 1, sink: 'warehouse' } as const;
    await expect(eraseRow(new NodeDisk(), room.directory, room.log, request, need)).rejects.toMatchObject({
      code: 'RS-AUD-034',
    });
    await room.deliver();
    expect(await room.mirror()).toEqual(AFTER);
    const all = { kind: 'from', group: 2, sink: 'warehouse' } as const;
    expect(await eraseRow(new NodeDisk(), room.directory, room.log, request, all)).toMatchObject({
      erased: 2,
      undelivered: 0,
    });
    const other = new DuckdbTarget();
    await room.deliver(other.sink());
    expect(room.failures).toEqual([]);
    expect(await queryWarehouse(other.path, 'SELECT id, name FROM public.people ORDER BY id')).toEqual(AFTER);
    await other.drop();
    await room.close();
  });
});
