import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeLeaf, encodeLeaf, type JournalLeaf } from '../../../src/audit/journal-leaf.ts';
import { generateSigningKeyFile, parseSigningKey, verifierKeyOf } from '../../../src/audit/keys.ts';
import { openAuditLog } from '../../../src/audit/open.ts';
import type { VerifyReport } from '../../../src/audit/verify/report.ts';
import { verifyAudit } from '../../../src/audit/verify/verify.ts';
import type { Gap, MaskedEvent } from '../../../src/model/masked.ts';
import { describePlace, type PostgresPosition } from '../../../src/model/position.ts';
import { at, begin, column, rows, table } from '../../support/masked.ts';

const signer = parseSigningKey(generateSigningKeyFile());
const origin = 'rowseal/gap';
const t = table('t', [column('id', 1)]);
const before = at(5) as PostgresPosition;
/** Another server, and further back than what is sealed. */
const restart: PostgresPosition = { ...before, systemId: '99', lsn: 2n, phase: 'snapshot' };
const gap: Gap = {
  cause: 'RS-PG-010',
  from: describePlace(before),
  to: describePlace(restart),
  tables: [{ namespace: 'public', name: 't' }],
  copied: true,
  actor: 'ops',
  reason: 'a restore',
};

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rowseal-gap-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

/** A log with one group of a row, then one with these events. */
async function sealed(events: readonly MaskedEvent[]): Promise<VerifyReport> {
  const { log } = await openAuditLog({ directory, origin, signer });
  const first = log.begin();
  await first.append([begin(1), rows(t, 0, [{ op: 'c', after: ['1'] }])]);
  await first.seal(before);
  const second = log.begin();
  await second.append(events);
  await second.seal(restart);
  await log.close();
  return verifyAudit({ directory, key: verifierKeyOf(signer, origin) });
}

describe('a gap on record', () => {
  it('is told by verify, and read back', async () => {
    const report = await sealed([{ kind: 'gap', gap }]);
    expect(report.problems).toEqual([]);
    expect(report.gaps).toEqual([{ ...gap, group: 1, sealed_at_us: expect.stringMatching(/^\d+$/) }]);
    const { log } = await openAuditLog({ directory, origin, signer });
    const read: unknown[] = [];
    for await (const group of log.read(1)) for await (const events of group.chunks()) read.push(...events);
    await log.close();
    expect(read).toEqual([{ kind: 'gap', gap }]);
  });

  it.each([
    ['that begins elsewhere', [{ kind: 'gap', gap: { ...gap, from: '0/4' } }], /does not span/],
    ['that ends elsewhere', [{ kind: 'gap', gap: { ...gap, to: '0/3' } }], /does not span/],
    [
      'beside another',
      [
        { kind: 'gap', gap },
        { kind: 'gap', gap },
      ],
      /where none can be/,
    ],
    [
      'among rows',
      [begin(7), rows(t, 0, [{ op: 'c', after: ['2'] }]), { kind: 'gap', gap }],
      /where none can be/,
    ],
    ['that is not there', [], /without a gap on record/],
  ] as const)('%s is a defect of the log', async (_, events, what) => {
    const report = await sealed(events as readonly MaskedEvent[]);
    expect(report.problems).toEqual([
      expect.objectContaining({ code: 'RS-AUD-021', what: expect.stringMatching(what), group: 1 }),
    ]);
  });

  it('has one form in a leaf', () => {
    const leaf: JournalLeaf = {
      group: 1,
      position: { ...restart, outside: [{ namespace: 'public', name: 'old' }] },
      sealedAtUs: 1n,
      commitTimeUs: null,
      transactions: 0,
      rows: 0,
      bytes: 0,
      gaps: [gap],
      tables: [],
      keys: [],
    };
    expect(decodeLeaf(encodeLeaf(leaf))).toEqual(leaf);
    const text = encodeLeaf(leaf).toString('utf8');
    for (const [from, to] of [
      ['"copied":true', '"copied":1'],
      ['"actor":"ops"', '"actor":7'],
      ['["public","t"]', '["public","t","u"]'],
      ['"outside":[["public","old"]]', '"outside":[]'],
      ['"reason":"a restore"}', '"reason":"a restore","more":1}'],
    ] as const) {
      expect(text).toContain(from);
      expect(() => decodeLeaf(Buffer.from(text.replace(from, to))), to).toThrow();
    }
  });
});
