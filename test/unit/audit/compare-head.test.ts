import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { generateSigningKeyFile, parseSigningKey } from '../../../src/audit/keys.ts';
import { openAuditLog } from '../../../src/audit/open.ts';
import { at, begin, column, rows, table } from '../../support/masked.ts';

const notes = table('notes', [column('id', 1), column('text', 2)]);
const origin = 'rowseal/heads';

it('knows its own heads, and tells a smaller, another or a foreign log from them', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'rowseal-head-'));
  const signer = parseSigningKey(generateSigningKeyFile());
  const [first, older] = [join(directory, 'first'), join(directory, 'older')];
  /** Seals groups and returns their heads. */
  const write = async (where: string, texts: readonly string[]): Promise<string[]> => {
    const { log } = await openAuditLog({ directory: where, origin, signer });
    const heads: string[] = [];
    for (const text of texts) {
      const group = log.begin();
      await group.append([begin(1), rows(notes, 0, [{ op: 'c', after: [text, text] }])]);
      heads.push((await group.seal(at(heads.length + 1))).head);
    }
    await log.close();
    return heads;
  };
  try {
    const heads = await write(first, ['a', 'b']);
    await cp(first, older, { recursive: true });
    heads.push(...(await write(first, ['c', 'd'])));

    const { log } = await openAuditLog({ directory: first, origin, signer, segmentMaxBytes: 65_536 });
    for (const head of heads) expect(await log.compareHead(head)).toEqual({ kind: 'known' });
    const read: string[] = [];
    for await (const group of log.read(0)) read.push(group.head);
    expect(read).toEqual(heads);
    expect(await log.compareHead('rowseal/heads\n3\n')).toEqual({ kind: 'malformed' });
    expect(await log.compareHead(heads[0]!.replaceAll(origin, 'rowseal/other'))).toEqual({
      kind: 'foreign',
      origin: 'rowseal/other',
    });
    await log.close();

    // A backup: smaller than what was delivered.
    const restored = await openAuditLog({ directory: older, origin, signer });
    expect(await restored.log.compareHead(heads[3]!)).toEqual({ kind: 'ahead', size: 4, ownSize: 2 });
    expect(await restored.log.compareHead(heads[1]!)).toEqual({ kind: 'known' });
    await restored.log.close();
    // And as large again, but other groups.
    await write(older, ['e', 'f', 'g']);
    const grown = await openAuditLog({ directory: older, origin, signer });
    expect(await grown.log.compareHead(heads[3]!)).toEqual({ kind: 'forked', size: 4 });
    await grown.log.close();
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
