import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Disk } from '../../../src/audit/disk.ts';
import { LeafPlaces, readLeaves } from '../../../src/audit/journal-reader.ts';
import { generateSigningKeyFile, parseSigningKey } from '../../../src/audit/keys.ts';
import { NodeDisk } from '../../../src/audit/node-disk.ts';
import { openAuditLog } from '../../../src/audit/open.ts';
import { at } from '../../support/masked.ts';

it.each([65_536, 1 << 26])(
  'a reader goes on where it left off, in segments of %i bytes',
  async (segmentMaxBytes) => {
    const directory = await mkdtemp(join(tmpdir(), 'rowseal-places-'));
    try {
      const signer = parseSigningKey(generateSigningKeyFile());
      const { log } = await openAuditLog({
        directory,
        origin: 'rowseal/places',
        signer,
        segmentMaxBytes,
      });
      for (let i = 0; i < 400; i++) await log.begin().seal(at(i + 1));
      const readings: number[] = [];
      const real = new NodeDisk();
      let bytes = 0;
      const disk = new Proxy(real, {
        get: (target, name) =>
          name === 'read'
            ? async (...args: Parameters<Disk['read']>) => {
                const found = await target.read(...args);
                bytes += found.length;
                return found;
              }
            : (Reflect.get(target, name) as () => unknown).bind(target),
      }) as Disk;
      const places = new LeafPlaces();
      const read = async (from: number, to: number): Promise<number[]> => {
        const groups: number[] = [];
        bytes = 0;
        for await (const { leaf } of readLeaves(disk, directory, from, to, places)) groups.push(leaf.group);
        readings.push(bytes);
        return groups;
      };
      const all: number[] = [];
      for (let from = 0; from < 400; from += 20) all.push(...(await read(from, from + 19)));
      expect(all).toEqual(Array.from({ length: 400 }, (_, i) => i));
      // It looks at the segment and reads ahead, and nothing of what lies before.
      expect(readings.at(-1)).toBeLessThan(30_000);
      // A group that was appended since, and one that nobody knows the place of.
      await log.begin().seal(at(401));
      expect(await read(400, 500)).toEqual([400]);
      expect(await read(401, 500)).toEqual([]);
      expect(await read(37, 39)).toEqual([37, 38, 39]);
      await log.close();
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
);
