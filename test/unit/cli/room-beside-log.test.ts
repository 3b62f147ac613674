import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import { roomBesideLog } from '../../../src/cli/room-beside-log.ts';

it('leaves the floor of the log to the log, whatever else is written beside it', async () => {
  const directory = tmpdir();
  const none = roomBesideLog({ directory, minFreeBytes: 0 });
  expect(await none(1)).toBeNull();
  expect(await none(Number.MAX_SAFE_INTEGER)).toMatch(/^\d+ bytes are free, audit\.min_free_bytes is 0$/);
  const high = roomBesideLog({ directory, minFreeBytes: Number.MAX_SAFE_INTEGER });
  expect(await high(1)).toMatch(/^\d+ bytes are free, audit\.min_free_bytes is 9007199254740991$/);
  // What cannot be asked is taken for room enough, as for the log.
  expect(await roomBesideLog({ directory: '/missing', minFreeBytes: 1 })(1)).toBeNull();
  expect(await roomBesideLog(undefined)(1)).toBeNull();
});
