import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { generateSigningKeyFile, parseSigningKey, verifierKeyOf } from '../../../src/audit/keys.ts';
import { openAuditLog } from '../../../src/audit/open.ts';
import { verifyAudit } from '../../../src/audit/verify/verify.ts';
import { at, begin, column, rows, table } from '../../support/masked.ts';

it('a finding of the leak guard is sealed among the rows, verified, recovered, and not delivered', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'rowseal-finding-'));
  const origin = 'rowseal/finding';
  const signer = parseSigningKey(generateSigningKeyFile());
  const notes = table('notes', [column('id', 1), column('text', 2)]);
  const columns = [{ column: 'text', kind: 'email', count: 2 }];
  try {
    for (const life of [0, 1]) {
      const { log } = await openAuditLog({ directory, origin, signer });
      const group = log.begin();
      await group.append([
        begin(life),
        rows(notes, 0, [{ op: 'c', after: [`a${life}`, 'x'] }]),
        { kind: 'finding', table: notes, finding: { action: 'alert', columns } },
        rows(notes, 1, [{ op: 'c', after: [`b${life}`, 'y'] }]),
      ]);
      await group.seal(at(life * 10 + 5));
      await log.close();
    }
    const report = await verifyAudit({ directory, key: verifierKeyOf(signer, origin) });
    expect(report.problems).toEqual([]);
    // Genesis, schema, policy, four rows, two findings.
    expect(report.records).toBe(9);
    const { log } = await openAuditLog({ directory, origin, signer, residentGroupBytes: 0 });
    const read: unknown[] = [];
    for await (const group of log.read(0))
      for await (const events of group.chunks())
        for (const event of events) if (event.kind === 'rows') read.push(...event.run.cells);
    await log.close();
    expect(read).toEqual(['a0', 'x', 'b0', 'y', 'a1', 'x', 'b1', 'y']);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
