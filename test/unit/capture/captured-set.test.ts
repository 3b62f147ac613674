import { describe, expect, it } from 'vitest';
import { compareCapturedSet } from '../../../src/capture/captured-set.ts';
import type { Position, PostgresPosition } from '../../../src/model/position.ts';

const [a, b, c] = ['a', 'b', 'c'].map((name) => ({ namespace: 'shop', name })) as [Name, Name, Name];
type Name = { readonly namespace: string; readonly name: string };

const streaming: PostgresPosition = {
  kind: 'postgres',
  systemId: '1',
  timeline: 1,
  slot: 's',
  lsn: 9n,
  phase: 'stream',
};

function change(position: Position, known: readonly Name[], captured: readonly Name[], copies = true) {
  const set = compareCapturedSet(position, known, captured, copies);
  return set === null
    ? null
    : {
        copying: (set.position.copying ?? []).map(({ name }) => name).join(),
        outside: (set.position.outside ?? []).map(({ name }) => name).join(),
        entered: set.entered.map(({ name }) => name).join(),
        left: set.left.map(({ name }) => name).join(),
      };
}

describe('the captured set at a start', () => {
  it('is nothing to seal when it is as before', () => {
    expect(change(streaming, [a, b], [b, a])).toBeNull();
    expect(change({ ...streaming, outside: [a] }, [a, b], [b])).toBeNull();
    expect(change({ ...streaming, copying: [c], outside: [c] }, [a], [a, c])).toBeNull();
    expect(change({ ...streaming, copying: [a] }, [a], [a])).toBeNull();
  });

  it('has a new table copied first, and outside until then', () => {
    expect(change(streaming, [a], [a, b])).toEqual({ copying: 'b', outside: 'b', entered: 'b', left: '' });
    // Behind what is being copied, whose first table has a place in the position.
    expect(change({ ...streaming, copying: [a] }, [a], [c, a])).toMatchObject({
      copying: 'a,c',
      outside: 'c',
    });
  });

  it('remembers a table that is left out, and has it copied when it comes back', () => {
    expect(change(streaming, [a, b], [a])).toEqual({ copying: '', outside: 'b', entered: '', left: 'b' });
    expect(change({ ...streaming, outside: [b] }, [a, b], [a, b])).toEqual({
      copying: 'b',
      outside: 'b',
      entered: 'b',
      left: '',
    });
    // Left out before its copy was finished.
    expect(change({ ...streaming, copying: [b] }, [a, b], [a])).toMatchObject({ copying: 'b', outside: 'b' });
    // A table leaves while another is on its way in.
    expect(change({ ...streaming, copying: [c], outside: [c] }, [a, b], [a, c])).toMatchObject({
      copying: 'c',
      outside: 'b,c',
    });
  });

  it('copies nothing where nothing is ever copied, but says that the set changed', () => {
    expect(change(streaming, [a], [a, b], false)).toBeNull();
    expect(change({ ...streaming, outside: [b] }, [a, b], [a, b], false)).toMatchObject({
      copying: '',
      outside: '',
    });
  });

  it('leaves an unfinished first copy alone: of Postgres all begins again, of MySQL the table joins it', () => {
    expect(change({ ...streaming, phase: 'snapshot' }, [a], [a, b])).toBeNull();
    const mysql: Position = {
      kind: 'mysql',
      flavor: 'mysql',
      server: 's',
      gtidSet: null,
      place: { file: 'b.1', offset: 4 },
      fileBegan: null,
      prepared: [],
      copied: 'p1.1.x',
      phase: 'snapshot',
      copying: [a],
    };
    expect(change(mysql, [a], [a, b])).toMatchObject({ copying: 'a,b' });
  });
});
