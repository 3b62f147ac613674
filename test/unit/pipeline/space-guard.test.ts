import { expect, it } from 'vitest';
import { SpaceGuard } from '../../../src/pipeline/space-guard.ts';

const MIB = 1 << 20;

it('asks once a second, and before much is written', async () => {
  let asked = 0;
  const guard = new SpaceGuard(async () => {
    asked++;
    return 1_000 * MIB;
  }, 256 * MIB);
  expect(await guard.allows(MIB, 0)).toBe(true);
  for (let i = 1; i <= 7; i++) expect(await guard.allows(MIB, i)).toBe(true);
  expect(asked).toBe(1);
  expect(await guard.allows(MIB, 8)).toBe(true);
  expect(asked).toBe(2);
  expect(await guard.allows(1, 1_009)).toBe(true);
  expect(asked).toBe(3);
});

it('leaves the floor, counting what it granted since', async () => {
  let free: number | null = 260 * MIB;
  const guard = new SpaceGuard(async () => free, 256 * MIB);
  expect(await guard.allows(3 * MIB, 0)).toBe(true);
  expect(await guard.allows(2 * MIB, 1)).toBe(false);
  // Refused once, it looks again whenever it is asked.
  free = 300 * MIB;
  expect(await guard.allows(2 * MIB, 2)).toBe(true);
  free = null;
  expect(await guard.allows(20 * MIB, 3)).toBe(true);
});
