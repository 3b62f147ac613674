import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { idleMark, type StreamReach } from '../../../connectors/sources/postgres/idle-mark.ts';

const at: StreamReach = { received: 0n, passed: 0n, confirmed: 0n, marked: 0n, awaited: null, due: true };

describe('marks of idle progress', () => {
  it('follows keepalives beyond what was handed on, when it is due', () => {
    expect(idleMark({ ...at, received: 20n, passed: 10n })).toBe(20n);
    expect(idleMark({ ...at, received: 20n, passed: 10n, due: false })).toBeNull();
    expect(idleMark({ ...at, received: 20n, passed: 10n, marked: 20n })).toBeNull();
    expect(idleMark({ ...at, received: 20n, passed: 10n, confirmed: 20n })).toBeNull();
    expect(idleMark({ ...at, received: 20n, passed: 20n })).toBe(20n);
  });

  it('is no step back behind a transaction that came after the keepalive', () => {
    expect(idleMark({ ...at, received: 10n, passed: 20n })).toBeNull();
    expect(idleMark({ ...at, received: 10n, passed: 20n, awaited: 15n })).toBe(20n);
  });

  it('tells an awaited place at once', () => {
    expect(idleMark({ ...at, received: 20n, awaited: 20n, marked: 20n, due: false })).toBe(20n);
    expect(idleMark({ ...at, received: 19n, awaited: 20n, due: false })).toBeNull();
  });

  it('never lies before what was handed on', () => {
    const lsn = fc.bigInt({ min: 0n, max: 30n });
    const reach = fc.record({
      received: lsn,
      passed: lsn,
      confirmed: lsn,
      marked: lsn,
      awaited: fc.option(lsn),
      due: fc.boolean(),
    });
    fc.assert(
      fc.property(reach, (state) => {
        expect((idleMark(state) ?? state.passed) >= state.passed).toBe(true);
      }),
    );
  });
});
