import { hash } from 'node:crypto';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { GroupReader } from '../../src/audit/group-reader.ts';
import { generateSigningKeyFile, parseSigningKey } from '../../src/audit/keys.ts';
import { NodeDisk } from '../../src/audit/node-disk.ts';
import { openAuditLog } from '../../src/audit/open.ts';
import { packSegment } from '../../src/audit/packed-segment.ts';
import { verifyAudit } from '../../src/audit/verify/verify.ts';
import { at, begin, column, INT, type Row, rows, table } from '../support/masked.ts';

/**
 * Bytes of the audit log for each change, as written and packed, against the same changes as JSON lines: rows of eight
 * columns and about 190 bytes, three of them tokens (which do not compress), two in three inserts and one an update with
 * both images; groups of four transactions.
 */
const options = await yargs(hideBin(process.argv))
  .option('rows', { type: 'number', default: 200_000 })
  .option('json', { type: 'boolean', default: false })
  .strict()
  .parseAsync();

const TRANSACTIONS = 4;
const ROWS_PER_TRANSACTION = 500;
const people = table('customers', [
  column('id', 1, INT),
  column('full_name', 2),
  column('email', 3),
  column('phone', 4),
  column('amount', 5, { kind: 'decimal', precision: 12, scale: 2 }),
  column('active', 6, { kind: 'boolean' }),
  column('note', 7),
  column('created_at', 8, { kind: 'timestamp', withZone: true }),
]);

const token = (text: string): string => `tok_${hash('sha256', text, 'base64url').slice(0, 22)}`;
const two = (value: number): string => String(value).padStart(2, '0');

function image(id: number, round: number): string[] {
  return [
    String(id),
    token(`name ${id}`),
    token(`email ${id} ${round}`),
    token(`phone ${id}`),
    `${(id * 7919) % 100_000}.${two(id % 100)}`,
    id % 3 === 0 ? 't' : 'f',
    `order ${id % 1000} of ${['Cork', 'Berlin', 'Lyon', 'Porto'][id % 4]} was packed by hand`,
    `2026-${two(1 + (id % 12))}-${two(1 + (id % 28))} ${two(id % 24)}:${two(id % 60)}:00.${String(id % 1_000_000).padStart(6, '0')}+00`,
  ];
}

/** A change as a log of JSON lines would hold it. */
function jsonLine(row: Row, group: number, transaction: number, seq: number): string {
  const named = (cells: readonly unknown[] | undefined): object | null =>
    cells === undefined ? null : Object.fromEntries(people.columns.map(({ name }, i) => [name, cells[i]]));
  return `${JSON.stringify({
    seq,
    op: row.op,
    table: 'public.customers',
    position: `16/${(0xb374d848 + transaction).toString(16).toUpperCase()}`,
    transaction: String(700_000 + transaction),
    commit_time: '2026-11-25T18:00:00.000000Z',
    group,
    before: named('before' in row ? row.before : undefined),
    after: named('after' in row ? row.after : undefined),
  })}\n`;
}

const directory = await mkdtemp(join(tmpdir(), 'rowseal-bench-'));
try {
  const { log } = await openAuditLog({
    directory,
    origin: 'rowseal/bench',
    signer: parseSigningKey(generateSigningKeyFile()),
    segmentMaxBytes: 16 << 20,
  });
  let jsonBytes = 0;
  let count = 0;
  let transaction = 0;
  for (let group = 0; count < options.rows; group++) {
    const open = log.begin();
    for (let t = 0; t < TRANSACTIONS; t++, transaction++) {
      const list = Array.from({ length: ROWS_PER_TRANSACTION }, (): Row => {
        const id = count++;
        const row: Row =
          id % 3 === 2
            ? { op: 'u', before: image(id - 2, 0), after: image(id - 2, 1) }
            : { op: 'c', after: image(id, 0) };
        jsonBytes += Buffer.byteLength(jsonLine(row, group, transaction, id));
        return row;
      });
      await open.append([begin(transaction), rows(people, 0, list)]);
    }
    await open.seal(at(group + 1));
  }
  await log.close();
  const disk = new NodeDisk();
  const folder = join(directory, 'tables', (await readdir(join(directory, 'tables')))[0]!);
  const segments = (await readdir(folder)).filter((name) => name.endsWith('.seg'));
  const sizes = async (kind: string): Promise<number> => {
    let bytes = 0;
    for (const name of segments) if (name.startsWith(kind)) bytes += (await stat(join(folder, name))).size;
    return bytes / count;
  };
  const written = { records: await sizes('records'), rows: await sizes('rows') };
  const started = performance.now();
  for (const name of segments) await packSegment(disk, join(folder, name));
  const packMs = performance.now() - started;
  const packed = { records: await sizes('records'), rows: await sizes('rows') };
  const timed = async (work: () => Promise<unknown>): Promise<number> => {
    const from = performance.now();
    await work();
    return Math.round(count / ((performance.now() - from) / 1000));
  };
  const verifyRate = await timed(() => verifyAudit({ directory }));
  const readRate = await timed(async () => {
    for await (const group of new GroupReader(disk, directory).read(0, Number.MAX_SAFE_INTEGER))
      for await (const _ of group.chunks());
  });
  const json = jsonBytes / count;
  const share = (sizes_: { records: number; rows: number }): number => (sizes_.records + sizes_.rows) / json;
  const result = {
    records: count,
    json_bytes_per_record: Math.round(json),
    written_bytes_per_record: Math.round(written.records + written.rows),
    packed_bytes_per_record: Math.round(packed.records + packed.rows),
    packed_records_bytes: Math.round(packed.records),
    packed_rows_bytes: Math.round(packed.rows),
    written_share_of_json: Number(share(written).toFixed(2)),
    packed_share_of_json: Number(share(packed).toFixed(2)),
    pack_mb_per_s: Math.round((count * (written.records + written.rows)) / 1e3 / packMs),
    verify_packed_records_per_s: verifyRate,
    read_packed_records_per_s: readRate,
  };
  if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else
    for (const [name, value] of Object.entries(result))
      process.stdout.write(`${name.padEnd(28)} ${value.toLocaleString('en')}\n`);
} finally {
  await rm(directory, { recursive: true, force: true });
}
