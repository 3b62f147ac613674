import { expect, it } from 'vitest';
import { Silence } from '../../../src/capture/silence.ts';

it('is death when it is found twice in a row', () => {
  const silence = new Silence(100);
  expect([50, 101, 150, 200].map((ms) => silence.isDeath(ms))).toEqual([false, false, true, true]);
});

it('is none after a pause of this process, when the words that had come are looked at then', () => {
  const silence = new Silence(100);
  expect([5_000, 3, 5_000, 100, 101].map((ms) => silence.isDeath(ms))).toEqual([
    false,
    false,
    false,
    false,
    false,
  ]);
});
