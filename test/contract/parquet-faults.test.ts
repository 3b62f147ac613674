import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { pieceRows } from '../../src/deliver/warehouse/piece-collector.ts';
import { column, INT, rows, table } from '../support/masked.ts';
import { FakeS3 } from '../support/sink/fake-s3.ts';
import { deliver, GroupMaker, headOf } from '../support/sink/groups.ts';
import { bag, peopleLater, randomGroups } from '../support/sink/random-groups.ts';
import { ReferenceWarehouse } from '../support/sink/reference-warehouse.ts';
import { S3Target } from '../support/sink/s3-target.ts';
import { expectEqual } from './sink-contract.ts';

let s3: FakeS3;
let endpoint: string;
let target: S3Target;

beforeAll(async () => {
  s3 = new FakeS3();
  endpoint = await s3.listen();
});
afterAll(() => s3.close());
afterEach(async () => {
  s3.beforePut = async () => {};
  s3.refusal = null;
  await target.drop();
});

const groups = randomGroups(5, 8);
async function expectAll(): Promise<void> {
  const model = await new ReferenceWarehouse().apply(groups);
  await expectEqual(target, model, peopleLater);
  await expectEqual(target, model, bag);
}

/** Once, when a manifest is about to be created. */
function beforeManifest(action: () => Promise<void>): void {
  let due = true;
  s3.beforePut = async (key) => {
    if (!due || !key.includes('/manifests/')) return;
    due = false;
    await action();
  };
}

it('a manifest of a writer that slept before the deed is found, with its files, by the one that took over', async () => {
  target = new S3Target(s3, endpoint);
  const [sleeper, heir] = [target.sink(), target.sink()];
  await sleeper.open('p', 1n);
  await deliver(sleeper, null, groups.slice(0, 2));
  beforeManifest(async () => {
    expect(await heir.open('p', 2n)).toBe(1);
  });
  // It looked at the epoch before the heir came, so its groups count.
  expect(await deliver(sleeper, 1, groups.slice(2, 5))).toBe(4);
  await expect(deliver(heir, 1, groups.slice(2, 4))).rejects.toMatchObject({
    code: 'RS-PQT-009',
    kind: 'transient',
  });
  await heir.close();
  expect(await heir.open('p', 2n)).toBe(4);
  expect(await heir.head()).toBe(headOf(4));
  await deliver(heir, 4, groups.slice(5));
  await expect(deliver(sleeper, 4, groups.slice(5))).rejects.toMatchObject({ code: 'RS-PQT-004' });
  await Promise.all([sleeper.close(), heir.close()]);
  await expectAll();
});

it('a writer that slept cannot commit once the one that took over has moved on, rows or not', async () => {
  target = new S3Target(s3, endpoint);
  const maker = new GroupMaker();
  const t = table('t', [column('id', 1, INT)]);
  const row = (id: number) => rows(t, 0, [{ op: 'c', after: [String(id)] }]);
  const made = [maker.seal([row(1)]), maker.seal([]), maker.seal([row(2)]), maker.seal([row(3)])];
  const [sleeper, heir] = [target.sink(), target.sink()];
  await sleeper.open('p', 1n);
  await deliver(sleeper, null, made.slice(0, 1));
  beforeManifest(async () => {
    await heir.open('p', 2n);
    // Nothing to write, and then something.
    await deliver(heir, 0, made.slice(1, 2));
    await deliver(heir, 1, made.slice(2));
  });
  await expect(deliver(sleeper, 0, made.slice(1, 3))).rejects.toMatchObject({ code: 'RS-PQT-004' });
  await Promise.all([sleeper.close(), heir.close()]);
  await expectEqual(target, await new ReferenceWarehouse().apply(made), t);
});

it('a manifest whose request arrives after the next opening is found too', async () => {
  target = new S3Target(s3, endpoint);
  const sink = target.sink();
  await sink.open('p', 1n);
  await deliver(sink, null, groups.slice(0, 2));
  const held = { let: () => {}, arrived: () => {} };
  const arrived = new Promise<void>((resolve) => {
    held.arrived = resolve;
  });
  beforeManifest(() => {
    held.arrived();
    return new Promise<void>((resolve) => {
      held.let = resolve;
    });
  });
  const lost = deliver(sink, 1, groups.slice(2, 6)).catch(() => {});
  await arrived;
  const again = target.sink();
  expect(await again.open('p', 2n)).toBe(1);
  held.let();
  await lost;
  await sink.close();
  await expect(deliver(again, 1, groups.slice(2, 4))).rejects.toMatchObject({ code: 'RS-PQT-009' });
  await again.close();
  expect(await again.open('p', 2n)).toBe(5);
  await deliver(again, 5, groups.slice(6));
  await again.close();
  await expectAll();
});

it('a bucket that is not there, or elsewhere, is a matter of the configuration', async () => {
  target = new S3Target(s3, endpoint);
  for (const [status, code, expected] of [
    [404, 'NoSuchBucket', 'RS-PQT-001'],
    [301, 'PermanentRedirect', 'RS-PQT-001'],
    [403, 'AccessDenied', 'RS-PQT-008'],
    [503, 'SlowDown', 'RS-PQT-006'],
  ] as const) {
    s3.refusal = { status, code };
    const sink = target.sink();
    await expect(sink.open('p', 1n), code).rejects.toMatchObject({ code: expected });
    await sink.close();
  }
});

it('a file that is larger than the buffer is streamed, and large values are staged as they come', async () => {
  target = new S3Target(s3, endpoint);
  const t = table('t', [column('id', 1, INT), column('v', 2)]);
  const maker = new GroupMaker();
  // Random text does not get smaller by compression; fewer rows than a piece has, and more bytes.
  const some = Array.from({ length: 40 }, (_, n) => ({
    id: String(n),
    text: randomBytes(300_000).toString('base64'),
  }));
  expect(some.length).toBeLessThan(pieceRows(2));
  const group = maker.seal(some.map(({ id, text }, n) => rows(t, n, [{ op: 'c', after: [id, text] }])));
  const sink = target.sink();
  await sink.open('p', 1n);
  await deliver(sink, null, [group]);
  await sink.close();
  expect(Math.max(...[...s3.objects.values()].map(({ length }) => length))).toBeGreaterThan(8 * 1024 * 1024);
  await expectEqual(target, await new ReferenceWarehouse().apply([group]), t);
});
