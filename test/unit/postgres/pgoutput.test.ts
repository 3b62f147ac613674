import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCopyRow } from '../../../connectors/sources/postgres/copy-text.ts';
import { MessageLogs } from '../../../connectors/sources/postgres/messages.ts';
import { PgoutputDecoder } from '../../../connectors/sources/postgres/pgoutput.ts';
import { standbyStatus } from '../../../connectors/sources/postgres/standby-status.ts';
import { columnType } from '../../../connectors/sources/postgres/types.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { type RawCell, UNCHANGED } from '../../../src/model/cell.ts';
import type { TableSchema } from '../../../src/model/table.ts';
import { streamPosition } from '../../support/postgres-position.ts';

function tableOf(width: number): TableSchema {
  const columns = Array.from({ length: width }, (_, i) => ({
    name: `c${i}`,
    type: { kind: 'other' } as const,
    sourceType: 'text',
    id: String(i + 1),
  }));
  return { namespace: 'public', name: 't', columns, key: [0] };
}

/** Message Begin (PostgreSQL manual 53.9). */
function begin(lsn: bigint): Buffer {
  const message = Buffer.alloc(21);
  message.write('B');
  message.writeBigUInt64BE(lsn, 1);
  message.writeBigInt64BE(1_000_000n, 9);
  message.writeUInt32BE(77, 17);
  return message;
}

function tuple(cells: readonly RawCell[]): Buffer {
  const parts: Buffer[] = [Buffer.from([cells.length >> 8, cells.length & 255])];
  for (const cell of cells) {
    if (cell === null) parts.push(Buffer.from('n'));
    else if (cell === UNCHANGED) parts.push(Buffer.from('u'));
    else {
      const bytes = Buffer.from(cell as string, 'utf8');
      const header = Buffer.alloc(5);
      header.write('t');
      header.writeInt32BE(bytes.length, 1);
      parts.push(header, bytes);
    }
  }
  return Buffer.concat(parts);
}

const relation = Buffer.from([0, 0, 0, 9]);
const insert = (cells: readonly RawCell[]): Buffer =>
  Buffer.concat([Buffer.from('I'), relation, Buffer.from('N'), tuple(cells)]);

function decoder(width: number, skipBelow = 0n): PgoutputDecoder {
  const made = new PgoutputDecoder(streamPosition, skipBelow, new MessageLogs([], 'UTF8'));
  made.setTable(9, tableOf(width));
  return made;
}

const decode = (d: PgoutputDecoder, message: Buffer): void => void d.decode(message, 0, message.length);

describe('the pgoutput decoder', () => {
  // Postgres stores no NUL and, as UTF-8, no lone surrogates.
  const text = fc.string({ unit: 'binary', maxLength: 200 }).map((value) => value.replaceAll('\0', ''));
  const cell: fc.Arbitrary<RawCell> = fc.oneof(
    { weight: 6, arbitrary: text },
    { weight: 3, arbitrary: fc.string({ maxLength: 300 }).map((v) => v.replaceAll('\0', '')) },
    fc.constant(null),
    fc.constant(UNCHANGED),
  );

  it('gives back any cells, ASCII or not, of any length', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(cell, { minLength: 3, maxLength: 3 }), { minLength: 1, maxLength: 20 }),
        (rows) => {
          const d = decoder(3);
          decode(d, begin(5n));
          for (const row of rows) decode(d, insert(row));
          const events = d.take();
          expect(events.flatMap((event) => (event.kind === 'rows' ? event.run.cells : []))).toEqual(
            rows.flat(),
          );
        },
      ),
      { numRuns: 500 },
    );
  });

  it('reads a cell of 195 bytes beside one that begins with a continuation-like byte', () => {
    // A length byte of 0xC3 before 'é' looks like UTF-8 to a careless reader.
    const row = ['x'.repeat(195), `${'é'.repeat(97)}a`, 'ÿ'];
    const d = decoder(3);
    decode(d, begin(5n));
    decode(d, insert(row));
    expect(d.take().flatMap((event) => (event.kind === 'rows' ? event.run.cells : []))).toEqual(row);
  });

  it('passes over transactions that were sealed before', () => {
    const d = decoder(1, 100n);
    decode(d, begin(99n));
    decode(d, insert(['old']));
    const commit = Buffer.alloc(26);
    commit.write('C');
    decode(d, commit);
    decode(d, begin(100n));
    decode(d, insert(['new']));
    expect(d.take().flatMap((event) => (event.kind === 'rows' ? event.run.cells : []))).toEqual(['new']);
  });

  it('answers any bytes with rows or with RS-PG-014, and never with a value in it', () => {
    const marked = fc
      .uint8Array({ maxLength: 120 })
      .map((bytes) => Buffer.concat([Buffer.from(bytes), Buffer.from('CANARY-VALUE')]));
    fc.assert(
      fc.property(fc.constantFrom(...'IUDTBCRYOM'), marked, fc.boolean(), (kind, body, known) => {
        const d = decoder(3);
        decode(d, begin(5n));
        try {
          decode(d, Buffer.concat([Buffer.from(kind), known ? relation : Buffer.alloc(0), body]));
        } catch (error) {
          expect(error).toBeInstanceOf(RowsealError);
          expect(`${(error as RowsealError).code} ${(error as RowsealError).message}`).toMatch(
            /^RS-PG-014 (?!.*CANARY)/,
          );
        }
      }),
      { numRuns: 3_000 },
    );
  });
});

describe("COPY's text format", () => {
  const copyEscape = (value: string | null): string =>
    value === null
      ? '\\N'
      : value.replace(
          /[\\\b\f\n\r\t\v]/g,
          (c) => `\\${{ '\\': '\\', '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't', '\v': 'v' }[c]}`,
        );

  it('gives back any row', () => {
    fc.assert(
      fc.property(
        fc.array(fc.option(fc.string({ unit: 'binary' })), { minLength: 1, maxLength: 8 }),
        (row) => {
          const cells: RawCell[] = [];
          expect(parseCopyRow(`${row.map(copyEscape).join('\t')}\n`, cells)).toBe(row.length);
          expect(cells).toEqual(row);
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

describe('types and status messages', () => {
  it('reads numeric type modifiers, negative scales too', () => {
    const typmod = (precision: number, scale: number): number => ((precision << 16) | (scale & 0x7ff)) + 4;
    expect(columnType(1700, typmod(10, 2), new Map())).toEqual({ kind: 'decimal', precision: 10, scale: 2 });
    expect(columnType(1700, typmod(5, -3), new Map())).toEqual({ kind: 'decimal', precision: 5, scale: -3 });
    expect(columnType(1700, -1, new Map())).toEqual({ kind: 'decimal', precision: null, scale: null });
  });

  it('reports as flushed only what was confirmed, in the protocol epoch', () => {
    const message = standbyStatus(500n, 300n, Date.UTC(2000, 0, 1) + 1);
    expect([
      message[0],
      message.readBigUInt64BE(1),
      message.readBigUInt64BE(9),
      message.readBigUInt64BE(17),
      message.readBigInt64BE(25),
      message[33],
    ]).toEqual([0x72, 500n, 300n, 300n, 1000n, 0]);
  });
});
