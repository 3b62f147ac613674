import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type {
  BinlogEvent,
  ColumnHint,
  Flavor,
} from '../../../../connectors/sources/mysql/binlog/binlog-event.ts';
import { float32Text, float64Text } from '../../../../connectors/sources/mysql/binlog/float-text.ts';
import type { RawCell } from '../../../../src/model/cell.ts';
import type { OracleForm } from '../../../support/binlog-scenes.ts';
import type { Golden } from '../../../support/make-binlog-fixtures.ts';
import { bindAll, readBinlog, tableRows } from '../../../support/read-binlog.ts';

/**
 * Binlogs of real servers (test/support/make-binlog-fixtures.ts), every type at its extremes, against what the same
 * server's SELECT said. `canonical` is the whole list of where our text differs from the server's on purpose.
 */
const folder = fileURLToPath(new URL('../../../golden/mysql/', import.meta.url));
const releases = readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() ? [entry.name] : [],
);
const HINTS: Readonly<Record<string, ColumnHint>> = { u: 'uuid', i6: 'inet6', i4: 'inet4', vec: 'vector' };

function canonical(text: string | null, form: OracleForm): string | null {
  if (text === null) return null;
  switch (form) {
    case 'plain':
      return text;
    // SELECT gives six digits of a FLOAT and other exponents; ours is the shortest that reads back, as Postgres prints it.
    case 'float32':
      return float32Text(Math.fround(Number(text)));
    case 'float64':
      return float64Text(Number(text));
    // Postgres leaves out zeros at the end of a fraction.
    case 'time':
    case 'datetime':
      return trimFraction(text);
    // The session's zone is UTC, and a timestamp with a zone says so, but for the zero date, which is no moment.
    case 'timestamp':
      return text.startsWith('0000-00-00') ? trimFraction(text) : `${trimFraction(text)}+00`;
    case 'bytes':
      return `\\x${text.toLowerCase()}`;
    case 'text':
      return Buffer.from(text, 'hex').toString('utf8');
    case 'geometry': {
      const srid = text.slice(0, 8);
      const wkb = text.slice(8);
      return srid === '00000000'
        ? wkb
        : `${wkb.slice(0, 8)}20${srid}${wkb.slice(10)}`.replace(/^(.{2})(.{6})/, '$1$2');
    }
    case 'vector': {
      const bytes = Buffer.from(text, 'hex');
      const floats = Array.from({ length: bytes.length / 4 }, (_, i) =>
        float32Text(bytes.readFloatLE(i * 4)),
      );
      return `[${floats.join(',')}]`;
    }
  }
}

const trimFraction = (text: string): string => text.replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, '');

function load(release: string, scene: string): { events: readonly BinlogEvent[]; golden: Golden } {
  const golden = JSON.parse(readFileSync(`${folder}${release}/${scene}.jsonl`, 'utf8')) as Golden;
  const flavor: Flavor = release.startsWith('mariadb') ? 'mariadb' : 'mysql';
  const events = readBinlog(
    readFileSync(`${folder}${release}/${scene}.binlog`),
    { flavor, statements: true },
    bindAll(HINTS),
  );
  return { events, golden };
}

describe.each(releases)('binlogs of %s', (release) => {
  const scenes = readdirSync(`${folder}${release}`)
    .filter((name) => name.endsWith('.jsonl'))
    .map((name) => name.slice(0, -6))
    .filter((scene) => Object.keys(load(release, scene).golden.tables).length > 0);

  describe.each(scenes)('%s', (scene) => {
    const { events, golden } = load(release, scene);

    it.each(Object.keys(golden.tables))('%s: every cell is what SELECT says', (table) => {
      const { columns, rows } = golden.tables[table]!;
      const decoded = tableRows(events, table).filter(({ before }) => before === null);
      expect(decoded.length).toBe(rows.length);
      const differences: string[] = [];
      decoded.forEach(({ after }, r) => {
        columns.forEach((column, c) => {
          const want = canonical(rows[r]![c]!, column.form);
          const got: RawCell = after![c]!;
          if (got !== want)
            differences.push(`row ${r + 1} ${column.name} ${column.ddl}: ${String(got)} not ${want}`);
        });
      });
      expect(differences).toEqual([]);
    });
  });
});
