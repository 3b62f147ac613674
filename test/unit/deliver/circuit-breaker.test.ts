import { expect, it } from 'vitest';
import { CircuitBreaker, defaultPauses } from '../../../src/deliver/circuit-breaker.ts';
import { backoffMs, defaultRetry } from '../../../src/deliver/retry.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';

const breaker = () => new CircuitBreaker(defaultRetry, defaultPauses);

it('waits shortly for what passes by itself, and stays closed', () => {
  const one = breaker();
  expect(one.failed(new RowsealError('RS-PGS-001'), 0)).toEqual({ kind: 'retry', inMs: 125 });
  expect(one.failed(new RowsealError('RS-PGS-001'), 0)).toEqual({ kind: 'retry', inMs: 250 });
  expect(one.state).toBe('closed');
  one.worked();
  expect(one.failed(new RowsealError('RS-PGS-001'), 0)).toEqual({ kind: 'retry', inMs: 125 });
});

it('opens for the rest, with pauses that grow up to a quarter of an hour', () => {
  const one = breaker();
  const pauses = Array.from({ length: 9 }, () => one.failed(new RowsealError('RS-PGS-002'), 0));
  expect(pauses.slice(0, 3)).toEqual(
    [7_500, 15_000, 30_000].map((retryInMs) => ({ kind: 'halt', retryInMs })),
  );
  expect(pauses.at(-1)).toEqual({ kind: 'halt', retryInMs: 450_000 });
  expect(one.state).toBe('open');
  one.tries();
  expect(one.state).toBe('half-open');
  // A trial that the network spoils is still a trial.
  one.failed(new RowsealError('RS-PGS-001'), 0);
  expect(one.state).toBe('half-open');
  one.worked();
  expect(one.state).toBe('closed');
  expect(one.failed(new RowsealError('RS-PGS-002'), 0)).toEqual({ kind: 'halt', retryInMs: 7_500 });
});

it('tries again what somebody may mend outside, and nothing that takes another configuration', () => {
  const pause = (code: ConstructorParameters<typeof RowsealError>[0]): number | null => {
    const verdict = breaker().failed(new RowsealError(code), 0.5);
    return verdict.kind === 'halt' ? verdict.retryInMs : Number.NaN;
  };
  for (const code of ['RS-PGS-002', 'RS-PGS-010', 'RS-SINK-001', 'RS-PGS-007', 'RS-RUN-000'] as const)
    expect(pause(code), code).toBeGreaterThan(0);
  for (const code of ['RS-PGS-003', 'RS-PGS-004', 'RS-DUCK-004', 'RS-MASK-010'] as const)
    expect(pause(code), code).toBeNull();
});

it('doubles a wait up to its maximum and never falls below half a step', () => {
  const policy = { firstMs: 100, maxMs: 1_000 };
  expect([1, 2, 3, 9].map((n) => backoffMs(policy, n, 0))).toEqual([50, 100, 200, 500]);
  expect(backoffMs(policy, 1, 0.999)).toBe(100);
  expect(backoffMs(policy, 5_000, 0.999)).toBeLessThanOrEqual(1_000);
});
