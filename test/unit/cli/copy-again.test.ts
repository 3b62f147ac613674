import { describe, expect, it } from 'vitest';
import { chooseDue, decideEpoch, type SealedState } from '../../../src/cli/copy-again.ts';
import type { MaskedTable } from '../../../src/model/masked.ts';
import type { PostgresPosition } from '../../../src/model/position.ts';

const position: PostgresPosition = {
  kind: 'postgres',
  systemId: '7',
  timeline: 1,
  slot: 's',
  lsn: 9n,
  phase: 'stream',
};

const table = (name: string, keyEpoch: number, keyFingerprint = 'old'): MaskedTable => ({
  namespace: 'public',
  name,
  columns: [],
  key: [],
  policy: '[]',
  keyEpoch,
  keyFingerprint,
});

const named = (name: string) => ({ namespace: 'public', name });

function sealed(tables: readonly MaskedTable[], copying: readonly string[] = []): SealedState {
  return {
    position: copying.length === 0 ? position : { ...position, copying: copying.map(named) },
    tables,
  };
}

describe('the epoch of a rotation', () => {
  const old = { epoch: 1, fingerprint: 'old' };

  it('is raised when the configuration still names the one in the log', () => {
    expect(decideEpoch(sealed([table('a', 1), table('b', 1)]), old)).toEqual({ kind: 'raise', to: 2 });
  });

  it('is the configured one when that is newer, whatever the secret', () => {
    expect(decideEpoch(sealed([table('a', 1)]), { epoch: 2, fingerprint: 'new' })).toEqual({
      kind: 'configured',
    });
  });

  it('stays while an earlier rotation is unfinished, and goes up after it was broken off before it began', () => {
    const next = { epoch: 2, fingerprint: 'new' };
    expect(decideEpoch(sealed([table('a', 2, 'new'), table('b', 1)], ['a', 'b']), next)).toEqual({
      kind: 'configured',
    });
    expect(decideEpoch(sealed([table('a', 1), table('b', 1)], ['a', 'b']), old)).toEqual({
      kind: 'raise',
      to: 2,
    });
  });

  it('does not look at what was sealed under older epochs', () => {
    const tables = [table('a', 2, 'new'), table('never changed since', 1)];
    expect(decideEpoch(sealed(tables), { epoch: 2, fingerprint: 'new' })).toEqual({ kind: 'raise', to: 3 });
  });

  it('refuses to go back, and another secret under the same epoch', () => {
    expect(decideEpoch(sealed([table('a', 2)]), old)).toMatchObject({ kind: 'refused' });
    expect(decideEpoch(sealed([table('a', 1)]), { epoch: 1, fingerprint: 'new' })).toMatchObject({
      kind: 'refused',
    });
  });
});

it('tables due are those left unfinished, then the chosen ones, each once', () => {
  const due = chooseDue(
    [
      { table: table('a', 1), why: 'key' },
      { table: table('b', 1), why: 'key' },
      { table: table('b', 1), why: 'asked' },
    ],
    sealed([], ['a']).position,
  );
  expect(due).toEqual([
    { table: named('a'), why: 'unfinished' },
    { table: named('b'), why: 'key' },
  ]);
});
