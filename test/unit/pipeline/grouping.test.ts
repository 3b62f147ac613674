import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideGrouping, type GroupingState } from '../../../src/pipeline/grouping.ts';

const limits = { maxBytes: 1_000_000, maxAgeMs: 20 };
const quiet: GroupingState = {
  bytes: 100,
  ageMs: 0,
  midTransaction: false,
  sealing: false,
  sourceIdle: true,
  previousBytes: 0,
};

describe('when a group is sealed', () => {
  it('seals every transaction at once when the stream is quiet', () => {
    expect(decideGrouping(limits, quiet)).toBe('seal');
  });

  it('collects while the source has more to give', () => {
    expect(decideGrouping(limits, { ...quiet, sourceIdle: false })).toBe('collect');
  });

  it('collects through short pauses of a busy stream, until the group is old enough', () => {
    const busy = { ...quiet, previousBytes: 500_000 };
    expect(decideGrouping(limits, busy)).toBe('collect');
    expect(decideGrouping(limits, { ...busy, ageMs: 20 })).toBe('seal');
  });

  it('seals a full group, or waits for the seal in flight', () => {
    const full = { ...quiet, sourceIdle: false, bytes: 1_000_000 };
    expect(decideGrouping(limits, full)).toBe('seal');
    expect(decideGrouping(limits, { ...full, sealing: true })).toBe('wait-for-seal');
  });

  it('never seals inside a transaction, nothing, or two at a time', () => {
    const state = fc.record({
      bytes: fc.nat(2_000_000),
      ageMs: fc.nat(100),
      midTransaction: fc.boolean(),
      sealing: fc.boolean(),
      sourceIdle: fc.boolean(),
      previousBytes: fc.nat(2_000_000),
    });
    fc.assert(
      fc.property(state, (s) => {
        const decision = decideGrouping(limits, s);
        if (s.midTransaction || s.bytes === 0) expect(decision).toBe('collect');
        if (s.sealing) expect(decision).not.toBe('seal');
      }),
    );
  });
});
