import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { BinlogDecoder } from '../../connectors/sources/mysql/binlog/binlog-decoder.ts';
import type { Flavor } from '../../connectors/sources/mysql/binlog/binlog-event.ts';
import { isRowsealError } from '../../src/error/rowseal-error.ts';
import { bindAll, eventBounds } from '../support/read-binlog.ts';

/**
 * Binlogs of real servers with bytes changed, checksums made right again: the decoder may refuse them with an error
 * of its own or read something else in them, but never crash, hang, or hand out rows that the bytes have no room
 * for. ROWSEAL_FUZZ_ROUNDS sets how long.
 */
const folder = fileURLToPath(new URL('../golden/mysql/', import.meta.url));
const rounds = Number(process.env['ROWSEAL_FUZZ_ROUNDS'] ?? 20);

/** xorshift32: the same changes at every run. */
function randomOf(seed: number): () => number {
  let state = seed || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

const INTERESTING = [0, 1, 0x7f, 0x80, 0xfb, 0xfc, 0xfd, 0xfe, 0xff];

function damage(event: Buffer, random: () => number): Buffer {
  let out = Buffer.from(event);
  for (let edits = 1 + (random() % 3); edits > 0; edits--) {
    // Mostly in the body: a damaged header is refused early.
    const from = random() % 8 === 0 ? 4 : 19;
    const at = from + (random() % Math.max(1, out.length - 4 - from));
    switch (random() % 5) {
      case 0:
        out[at] = random();
        break;
      case 1:
        out[at] = INTERESTING[random() % INTERESTING.length]!;
        break;
      case 2:
        out[at] = out[at]! ^ (1 << (random() % 8));
        break;
      case 3:
        // Cut a piece out.
        out = Buffer.concat([
          out.subarray(0, at),
          out.subarray(Math.min(out.length, at + 1 + (random() % 9))),
        ]);
        break;
      case 4:
        // Say a piece twice.
        out = Buffer.concat([out.subarray(0, at), out.subarray(Math.max(0, at - (random() % 9)))]);
        break;
    }
    if (out.length < 24) return Buffer.from(event);
  }
  out.writeUInt32LE(out.length, 9);
  out.writeUInt32LE(crc32(out.subarray(0, out.length - 4)), out.length - 4);
  return out;
}

/** @returns how the file ended: null, or the code of the error */
function decodeAll(events: readonly Buffer[], flavor: Flavor): string | null {
  const decoder = new BinlogDecoder({ flavor, maxUnpackedBytes: 1 << 20 });
  const bind = bindAll();
  let bytes = 0;
  let rows = 0;
  try {
    for (const event of events) {
      decoder.decode(event, 0, event.length);
      // What a payload or a compressed event unpacks to counts with its own limit.
      bytes += event.length;
      for (let found = decoder.next(); found !== null; found = decoder.next()) {
        if (found.kind === 'table-map') decoder.bind(found.map, bind(found.map));
        if (found.kind !== 'rows') continue;
        rows += found.count;
        const width = found.table.columns.length;
        const images = found.images.reduce((sum, image) => sum + (image === 3 ? 2 : 1), 0);
        expect(found.cells.length).toBe(images * width);
        expect(found.bytes).toBeGreaterThanOrEqual(found.count);
        for (const cell of found.cells) expect(cell === undefined).toBe(false);
      }
    }
    rows += decoder.flush()?.count ?? 0;
    expect(rows).toBeLessThanOrEqual(bytes + (1 << 20));
    return null;
  } catch (error) {
    if (isRowsealError(error)) {
      expect(error.code).toMatch(/^RS-MY-0[56]\d$/);
      return error.code;
    }
    throw error;
  }
}

describe.each(readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory()))(
  'damaged binlogs of $name',
  ({ name: release }) => {
    const flavor: Flavor = release.startsWith('mariadb') ? 'mariadb' : 'mysql';
    const files = readdirSync(`${folder}${release}`).filter((name) => name.endsWith('.binlog'));

    it.each(files)('%s', (name) => {
      const file = readFileSync(`${folder}${release}/${name}`);
      const events = eventBounds(file).map(([start, end]) => file.subarray(start, end));
      const random = randomOf(file.length * 7919 + name.length);
      const sizes = events.reduce((sum, event) => sum + event.length, 0);
      const ends = new Map<string | null, number>();
      const start = process.cpuUsage();
      // Large files take fewer rounds: every round reads all of the file.
      for (let round = 0; round < rounds * Math.max(1, Math.ceil(200_000 / (sizes + 4000))); round++) {
        const at = 1 + (random() % (events.length - 1));
        const changed = events.map((event, i) =>
          i === at || random() % events.length === 0 ? damage(event, random) : event,
        );
        const end = decodeAll([events[0]!, ...changed.slice(1)], flavor);
        ends.set(end, (ends.get(end) ?? 0) + 1);
      }
      // Of this process: what else a machine does is nothing to it.
      const { user, system } = process.cpuUsage(start);
      expect((user + system) / 1e6).toBeLessThan(50);
      // The changes do reach the decoder: they are not all refused, nor all harmless.
      expect(ends.size).toBeGreaterThan(1);
    });
  },
);
