import { describe, expect, it } from 'vitest';
import { KnownTables } from '../../../connectors/sources/postgres/known-tables.ts';

const T = { namespace: 'public', name: 't' };
const KEY = 'public\0t';

describe('what is known of captured tables', () => {
  it('outlives a connection: a table that is another one, or of other types, is noticed by the next', () => {
    const known = new KnownTables();
    known.learn(new Map([[1, KEY]]));
    expect(known.isRetyped(T, { '1.1': '23 -1' })).toBe(false);
    // Another connection, which finds them so.
    known.learn(new Map([[2, KEY]]));
    expect(known.isReplaced({ ...T, oid: 2 }, true)).toBe(true);
    expect(known.isReplaced({ ...T, oid: 2 }, true)).toBe(false);
    expect(known.isRetyped(T, { '1.1': '20 -1', '1.2': '25 -1' })).toBe(true);
    expect(known.isRetyped(T, { '1.1': '20 -1' })).toBe(false);
    expect(() => known.isReplaced({ namespace: 'public', name: 'u', oid: 2 }, false)).toThrow(
      expect.objectContaining({ code: 'RS-PG-030', detail: 'public.t is now public.u' }),
    );
    known.forget();
    expect(known.isReplaced({ ...T, oid: 3 }, true)).toBe(false);
  });

  it('has a copy due until a position is sealed that says so', () => {
    const known = new KnownTables();
    const other = { namespace: 'public', name: 'other', copied: 'so far' };
    known.again({ ...T }, 10n);
    known.sealed(10n);
    expect(known.due([{ ...T, copied: 'void' }, other])).toEqual([other, T]);
    known.sealed(11n);
    expect(known.due([other])).toEqual([other]);
  });
});
