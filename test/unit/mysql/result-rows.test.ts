import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import type { Session } from '../../../connectors/sources/mysql/connection.ts';
import { keyParts } from '../../../connectors/sources/mysql/key-cursor.ts';
import { ResultRows } from '../../../connectors/sources/mysql/result-rows.ts';
import { type SelectedColumn, selectedColumn } from '../../../connectors/sources/mysql/select-cell.ts';
import type { RawCell } from '../../../src/model/cell.ts';
import { schema } from '../../support/policies.ts';

const table = schema({ id: { kind: 'int', bits: 32, unsigned: false }, v: null }, [1]);

function selected(invalidText: 'error' | 'hex'): readonly SelectedColumn[] {
  return table.columns.map((column) =>
    selectedColumn(column, false, { zeroDates: 'text', invalidText }, 'shop.t'),
  );
}

/** One row of the text protocol, each cell behind its length. */
function cells(columns: readonly SelectedColumn[], ...values: readonly Buffer[]): RawCell[] {
  const connection = Object.assign(new EventEmitter(), { addCommand: () => {} });
  const rows = new ResultRows({ connection } as unknown as Session, 'SELECT', columns, 1 << 16);
  const buffer = Buffer.concat(values.flatMap((value) => [Buffer.from([value.length]), value]));
  const into: RawCell[] = [];
  rows.cells({ buffer, start: 0, end: buffer.length }, into);
  return into;
}

const id = Buffer.from('1');
const broken = Buffer.from('secret\xff', 'latin1');

it('bytes that are no text follow the rule, as in the stream', () => {
  expect(cells(selected('hex'), id, broken)).toEqual(['1', '\\x736563726574ff']);
  expect(() => cells(selected('error'), id, broken)).toThrowError(
    expect.objectContaining({ code: 'RS-MY-059', detail: 'column shop.t.v' }),
  );
  // In the midst of texts that are.
  for (const text of ['plain', 'zoë 名', '\ufffd'])
    expect(cells(selected('error'), id, Buffer.from(text))).toEqual(['1', text]);
});

it('a key that is no text cannot be walked', () => {
  const parts = keyParts(table).map((part) => part.selected);
  expect(() => cells(parts, broken)).toThrowError(expect.objectContaining({ code: 'RS-MY-059' }));
  expect(cells(parts, Buffer.from('é'))).toEqual(['é']);
});
