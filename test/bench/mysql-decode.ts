import { BinlogDecoder } from '../../connectors/sources/mysql/binlog/binlog-decoder.ts';
import { EventType } from '../../connectors/sources/mysql/binlog/event-type.ts';
import type { RawCell } from '../../src/model/cell.ts';
import {
  type BuiltTable,
  buildEvent,
  formatDescription,
  rowsBody,
  tableMapBody,
} from '../support/binlog-builder.ts';
import { bindAll } from '../support/read-binlog.ts';

/**
 * How fast the decoder alone turns rows into canonical cells, from a binlog in memory: one process, one thread, checksums
 * verified. `node test/bench/mysql-decode.ts [million rows]`
 */
const ROWS_A_EVENT = 160; // about 8 KiB, as binlog_row_event_max_size makes them

const table: BuiltTable = {
  id: 7,
  schema: 'shop',
  name: 'orders',
  columns: [
    { name: 'id', code: 8, unsigned: false },
    { name: 'customer', code: 3, unsigned: true },
    { name: 'status', code: 1, unsigned: false },
    { name: 'amount', code: 246, metadata: [10, 2], unsigned: false },
    { name: 'email', code: 15, metadata: [255, 0], collation: 255 },
    { name: 'created', code: 18, metadata: [0] },
    { name: 'city', code: 15, metadata: [80, 0], collation: 255 },
  ],
};

function row(i: number): Buffer[] {
  const id = Buffer.alloc(8);
  id.writeBigInt64LE(BigInt(i) * 7919n);
  const customer = Buffer.alloc(4);
  customer.writeUInt32LE((i * 2654435761) >>> 0);
  const amount = Buffer.alloc(5);
  amount.writeUInt32BE((i * 31) % 99_999_999, 0);
  amount[4] = i % 100;
  amount[0] = amount[0]! | 0x80;
  const day = ((2026 * 13 + 1 + (i % 12)) << 5) | (1 + (i % 28));
  const clock = ((i % 24) << 12) | ((i % 60) << 6) | ((i * 7) % 60);
  const created = Buffer.alloc(5);
  created.writeUIntBE(0x80_0000_0000 + day * 131_072 + clock, 0, 5);
  const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
  return [
    id,
    customer,
    Buffer.from([i % 5]),
    amount,
    text(`user${i}@example.org`),
    created,
    text(`City ${i % 500}`),
  ];
}

function makeBinlog(rows: number): Buffer {
  const parts: Buffer[] = [formatDescription()];
  for (let from = 0; from < rows; from += ROWS_A_EVENT) {
    parts.push(buildEvent(EventType.tableMap, tableMapBody(table)));
    const list = Array.from({ length: ROWS_A_EVENT }, (_, i) => row(from + i));
    parts.push(buildEvent(EventType.writeRows, rowsBody(table, list)));
  }
  return Buffer.concat(parts);
}

interface Sums {
  rows: number;
  cells: number;
  characters: number;
}

function drain(file: Buffer): Sums {
  const decoder = new BinlogDecoder({ flavor: 'mysql' });
  const bind = bindAll();
  const sums: Sums = { rows: 0, cells: 0, characters: 0 };
  const count = (run: { readonly count: number; readonly cells: readonly RawCell[] }): void => {
    sums.rows += run.count;
    sums.cells += run.cells.length;
    // One look at the data, so that it is not optimised away.
    sums.characters += (run.cells[run.cells.length - 1] as string).length;
  };
  for (let at = 0; at < file.length; ) {
    const end = at + file.readUInt32LE(at + 9);
    decoder.decode(file, at, end);
    for (let event = decoder.next(); event !== null; event = decoder.next()) {
      if (event.kind === 'table-map') decoder.bind(event.map, bind(event.map));
      else if (event.kind === 'rows') count(event);
    }
    at = end;
  }
  const last = decoder.flush();
  if (last !== null) count(last);
  return sums;
}

const rows = Number(process.argv[2] ?? 1) * 1e6;
const file = makeBinlog(rows);
const rounds: number[] = [];
for (let round = 0; round < 7; round++) {
  const start = process.cpuUsage();
  const begin = performance.now();
  const sums = drain(file);
  const wall = (performance.now() - begin) / 1000;
  const { user, system } = process.cpuUsage(start);
  // CPU time, garbage collection in other threads included: on a busy machine wall time says little.
  const seconds = (user + system) / 1e6;
  rounds.push(sums.rows / seconds);
  console.log(
    `${sums.rows} rows, ${sums.cells} cells, ${(file.length / 1e6).toFixed(0)} MB in ${seconds.toFixed(3)} s of CPU, ${wall.toFixed(3)} s: ` +
      `${(sums.rows / seconds / 1e6).toFixed(2)} M rows/s`,
  );
}
console.log(
  `median ${(rounds.sort((a, b) => a - b)[3]! / 1e6).toFixed(2)}, best ${(rounds[6]! / 1e6).toFixed(2)} M rows/s`,
);
