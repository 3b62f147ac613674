import { expect, it } from 'vitest';
import { ExpiryClock } from '../../../src/audit/expiry-clock.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const START_US = 1_700_000_000_000_000n;

/** What a clock says after so many real milliseconds when it is off by others. */
const wall = (realMs: number, offMs = 0): bigint => START_US + BigInt(realMs + offMs) * 1000n;

it('looks at the start, then once a day, whatever the wall clock says', () => {
  const clock = new ExpiryClock();
  expect(clock.isTime(wall(0), 0)).toBe(true);
  expect(clock.isTime(wall(HOUR_MS), HOUR_MS)).toBe(false);
  expect(clock.isTime(wall(HOUR_MS, 9 * DAY_MS), HOUR_MS)).toBe(false);
  expect(clock.isTime(wall(DAY_MS, 30_000), DAY_MS)).toBe(true);
  expect(clock.isTime(wall(2 * DAY_MS, -30_000), 2 * DAY_MS)).toBe(true);
});

it('believes a clock that was set only after a day', () => {
  const clock = new ExpiryClock();
  expect(clock.isTime(wall(0), 0)).toBe(true);
  // Ten years ahead: nothing goes that day.
  const ahead = 3_650 * DAY_MS;
  expect(clock.isTime(wall(DAY_MS, ahead), DAY_MS)).toBe(false);
  // Set right within the day: that is a step too.
  expect(clock.isTime(wall(2 * DAY_MS), 2 * DAY_MS)).toBe(false);
  expect(clock.isTime(wall(3 * DAY_MS), 3 * DAY_MS)).toBe(true);
  // Left so for a day: it is meant.
  expect(clock.isTime(wall(4 * DAY_MS, 5 * DAY_MS), 4 * DAY_MS)).toBe(false);
  expect(clock.isTime(wall(5 * DAY_MS, 5 * DAY_MS), 5 * DAY_MS)).toBe(true);
});
