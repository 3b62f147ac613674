import { expect, it } from 'vitest';
import type { DeadLetter } from '../../../connectors/sinks/bigquery/dead-letters.ts';
import { RowReader } from '../../../connectors/sinks/bigquery/row-reader.ts';
import { SetAside } from '../../../connectors/sinks/bigquery/set-aside.ts';
import { createTarget } from '../../../connectors/sinks/bigquery/target.ts';
import { column, INT, rows, table, UNCHANGED } from '../../support/masked.ts';

const t = table('t', [column('id', 1, INT), column('day', 2, { kind: 'date' }), column('v', 3)], [1, 0]);

function leftOut(cells: readonly (string | null | typeof UNCHANGED)[]): readonly DeadLetter[] {
  const types = { json: 'string', arrays: 'string', unboundedNumeric: 'string' } as const;
  const allocation = { types, taken: () => false, name: 't', mode: 'merge', history: false } as const;
  const { columns } = createTarget(t, 0, allocation).mirror;
  const reader = new RowReader(columns);
  reader.use(t);
  const letters: DeadLetter[] = [];
  const aside = new SetAside('public.t', columns, reader, (letter) => letters.push(letter));
  const event = rows(t, 0, [{ op: 'c', after: cells }]);
  if (event.kind !== 'rows') throw new Error('rows');
  const proof = { op: 'c', group: 1, seq: 5, commitTimeUs: 0n };
  expect(aside.key(event.run, 0, [1, 0], proof)).toBeNull();
  return letters;
}

const of = { group: 1, seq: 5, table: 'public.t' };

it('a row that cannot be held is one dead letter, under its key, as JSON', () => {
  expect(leftOut(['7', '0000-00-00', UNCHANGED])).toEqual([
    {
      ...of,
      key: '0000-00-00,7',
      column: '',
      value: JSON.stringify({ id: '7', day: '0000-00-00', v: null }),
      reason: 'row left out: the key does not fit',
    },
  ]);
  expect(leftOut(['7', null, 'x'])).toMatchObject([
    { key: ',7', column: '', reason: 'row left out: a column of the key is null' },
  ]);
});

it('of a row that is too long for one value nothing is lost', () => {
  const long = 'x'.repeat(8_999_990);
  const letters = leftOut(['7', '0000-00-00', long]);
  expect(letters.map(({ key, column: name, value }) => [key, name, value?.length ?? null])).toEqual([
    ['0000-00-00,7', '', null],
    ['0000-00-00,7', 'id', 1],
    ['0000-00-00,7', 'day', 10],
    ['0000-00-00,7', 'v', long.length],
  ]);
});
