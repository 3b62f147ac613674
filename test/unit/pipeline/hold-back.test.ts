import fc from 'fast-check';
import { expect, it } from 'vitest';
import { HoldBack } from '../../../src/pipeline/hold-back.ts';

it('lets two seconds pass at once, and then a twentieth of the time', () => {
  const holdBack = new HoldBack(0);
  expect(holdBack.allowedMs(0)).toBe(2_000);
  holdBack.held(0, 2_000);
  expect(holdBack.allowedMs(2_000)).toBe(0);
  expect(holdBack.allowedMs(3_000)).toBe(50);
  expect(holdBack.allowedMs(1_000_000)).toBe(2_000);
});

it('never holds the source for more, however its groups and sinks come', () => {
  const step = fc.record({ work: fc.nat(500), wish: fc.nat(5_000) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const holdBack = new HoldBack(0);
      let now = 0;
      let held = 0;
      for (const { work, wish } of steps) {
        now += work;
        const wait = Math.min(wish, holdBack.allowedMs(now));
        holdBack.held(now, now + wait);
        now += wait;
        held += wait;
      }
      expect(held).toBeLessThanOrEqual(2_000 + now * 0.05 + 1e-6);
    }),
  );
});
