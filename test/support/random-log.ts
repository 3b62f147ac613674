import type { AuditLog } from '../../src/audit/audit-log.ts';
import { generateSigningKeyFile, parseSigningKey, verifierKeyOf } from '../../src/audit/keys.ts';
import { openAuditLog } from '../../src/audit/open.ts';
import type { MaskedEvent } from '../../src/model/masked.ts';
import { at, begin, column, INT, type Row, rows, TEXT, table } from './masked.ts';
import { randomGroups, randomNumbers } from './sink/random-groups.ts';

export const RANDOM_ORIGIN = 'rowseal/random';
const signer = parseSigningKey(generateSigningKeyFile());
export const randomKey = verifierKeyOf(signer, RANDOM_ORIGIN);

/** Values that warehouses cannot hold are among its rows; half-way two columns get other types. */
export const typed = table('typed', [
  column('id', 1, INT),
  column('amount', 2, { kind: 'decimal', precision: 10, scale: 2 }),
  column('day', 3, { kind: 'date' }),
  column('doc', 4, { kind: 'json' }),
  column('ok', 5, { kind: 'boolean' }),
  column('at', 6, { kind: 'timestamp', withZone: true }),
  column('raw', 7, { kind: 'bytes' }),
  column('code', 8),
]);
export const typedLater = table('typed', [
  ...typed.columns.slice(0, 7),
  column('code', 8, { kind: 'int', bits: 32, unsigned: false }),
  column('extra', 9, { kind: 'array', element: TEXT }),
]);

/** @param pack full segments; nothing else may change the files meanwhile */
export async function openRandomLog(directory: string, pack = false): Promise<AuditLog> {
  const { log } = await openAuditLog({
    directory,
    origin: RANDOM_ORIGIN,
    signer,
    segmentMaxBytes: 20_000,
    storage: { pack, imageAge: null, onFailure: () => {} },
  });
  return log;
}

/** A log of random changes: schema changes, new keys, truncates, rows without a key, values that do not fit. */
export async function writeRandomLog(directory: string, seed: number, groups: number): Promise<void> {
  const random = randomNumbers(seed ^ 0x5eed);
  const known = new Set<number>();
  const log = await openRandomLog(directory, true);
  let index = 0;
  for (const sealed of randomGroups(seed, groups)) {
    const events: MaskedEvent[] = [];
    for await (const chunk of sealed.chunks())
      for (const event of chunk) if (event.kind === 'rows' || event.kind === 'truncate') events.push(event);
    const group = log.begin();
    await group.append([begin(index), ...events]);
    await group.append([
      begin(1_000_000 + index),
      rows(index < groups / 2 ? typed : typedLater, 0, typedRows(random, known, index >= groups / 2)),
    ]);
    await group.seal(at(index++));
  }
  await log.close();
}

function typedRows(random: (bound: number) => number, known: Set<number>, later: boolean): Row[] {
  const image = (id: number): (string | null)[] => [
    String(id),
    pick(random, ['1.50', '0.00', '-12345678.90', 'NaN', null]),
    pick(random, ['2024-02-29', '0044-03-15 BC', '9999-12-31', 'infinity', null]),
    pick(random, ['{"b": 1, "a": [1.50, null]}', '"x"', 'null', null]),
    pick(random, ['t', 'f', null]),
    pick(random, ['2024-05-06 07:08:09.123456+00', '1970-01-01 00:00:00+00', null]),
    pick(random, ['\\x00ff', '\\x', null]),
    later ? pick(random, ['7', '-2147483648', null]) : pick(random, ['12', 'zwölf', '007', '', null]),
    ...(later ? [pick(random, ['{a,NULL,"b c"}', '{}', null])] : []),
  ];
  return Array.from({ length: 1 + random(4) }, (): Row => {
    const id = random(60);
    if (!known.has(id)) {
      known.add(id);
      return { op: 'c', after: image(id) };
    }
    if (random(4) > 0) return { op: 'u', after: image(id) };
    known.delete(id);
    return { op: 'd', before: image(id) };
  });
}

function pick<T>(random: (bound: number) => number, list: readonly T[]): T {
  return list[random(list.length)]!;
}
