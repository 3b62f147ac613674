import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAccessLog } from '../../src/audit/access-log.ts';
import { parseSigningKey } from '../../src/audit/keys.ts';
import { lockDirectory } from '../../src/audit/lock.ts';
import { NodeDisk } from '../../src/audit/node-disk.ts';
import { openAuditLog } from '../../src/audit/open.ts';
import { tableDirectory } from '../../src/audit/table-directory.ts';
import { generateMaskKeyFile, MaskKeys } from '../../src/mask/keys.ts';
import { Image, Op } from '../../src/model/change.ts';
import { at, begin } from '../support/masked.ts';
import { keep, policy, schema, token } from '../support/policies.ts';
import { makeProject, type TestProject } from '../support/project.ts';
import { RowsealProcess } from '../support/rowseal-process.ts';

const ORIGIN = 'rowseal/test';
const people = schema({ country: null, id: { kind: 'int', bits: 64, unsigned: false }, email: null }, [0, 1]);
const ERASE = ['audit', 'erase', '--actor', 'dpo@example.com', '--reason', 'request 17', '--json'];
let project: TestProject;

/** A log as the pipeline writes it, its key rotated in between: no database is needed to erase. */
beforeAll(async () => {
  project = await makeProject({
    url: 'postgres://localhost:1/none',
    tables: ['public.people'],
    mask: { tables: { 'public.people': { country: 'keep', id: 'keep', email: 'token' } } },
  });
  const { log } = await openAuditLog({
    directory: project.auditDirectory,
    origin: ORIGIN,
    signer: await signer(),
  });
  for (const epoch of [1, 2]) {
    const keys = MaskKeys.parse(project.maskKey, epoch);
    const compiled = policy({ country: keep, id: keep, email: token }, { keyEpoch: epoch }, keys);
    compiled.check([people]);
    const run = compiled.compileMasker(people, 'start').mask({
      table: people,
      count: 2,
      ops: Uint8Array.of(Op.create, Op.create),
      images: Uint8Array.of(Image.after, Image.after),
      cells: ['IE', '7', `canary-${epoch}`, 'FR', '7', `other-${epoch}`],
      firstOrdinal: 0,
      bytes: 20,
    });
    const group = log.begin();
    await group.append([begin(epoch), { kind: 'rows', run }]);
    await group.seal(at(epoch * 10));
  }
  await log.close();
});
afterAll(() => project.remove());

async function signer(): Promise<ReturnType<typeof parseSigningKey>> {
  return parseSigningKey(await readFile(join(project.directory, 'signing.key'), 'utf8'));
}

async function rowseal(...args: string[]): Promise<{ code: number | null; output: string; json: unknown[] }> {
  const command = new RowsealProcess(args);
  const { code } = await command.exit();
  const json = command.stdout.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []));
  return { code, output: command.output, json };
}

const erase = (...args: string[]) =>
  rowseal(...ERASE, '--config', project.configFile, '--table', 'public.people', ...args);

async function rowsText(): Promise<string> {
  const folder = join(project.auditDirectory, 'tables', tableDirectory(people));
  const names = (await readdir(folder)).filter((name) => name.startsWith('rows-'));
  return (await Promise.all(names.map((name) => readFile(join(folder, name), 'latin1')))).join('');
}

describe('audit erase', { timeout: 180_000 }, () => {
  it('refuses a key of another width, an unknown row, table, and a missing reason', async () => {
    const narrow = await erase('--key', 'IE');
    expect([narrow.code, narrow.output]).toEqual([2, expect.stringContaining('country, id')]);
    const unknown = await erase('--key', 'IE', '--key', '8', '--yes');
    expect([unknown.code, unknown.output]).toEqual([1, expect.stringContaining('RS-AUD-011')]);
    const elsewhere = await rowseal(
      ...[...ERASE, '--config', project.configFile, '--table', 'public.nobody', '--key', '1'],
    );
    expect([elsewhere.code, elsewhere.output]).toEqual([1, expect.stringContaining('RS-AUD-011')]);
    const twice = await erase('--key', 'IE', '--key', '7', '--reason', 'another');
    expect([twice.code, twice.output]).toEqual([2, expect.stringContaining('--reason must be given once')]);
    for (const { output } of [unknown, narrow]) expect(output).not.toMatch(/canary|\bIE\b/);
  });

  it('refuses another mask key: it would look for other tags and find nothing', async () => {
    await project.configure({
      mask: {
        key: { env: 'OTHER' },
        tables: { 'public.people': { country: 'keep', id: 'keep', email: 'token' } },
      },
    });
    const other = new RowsealProcess(
      [...ERASE, '--config', project.configFile, '--table', 'public.people', '--key', 'IE', '--key', '7'],
      { OTHER: generateMaskKeyFile().trim() },
    );
    expect((await other.exit()).code).toBe(1);
    expect(other.output).toContain('masked under the key');
    await project.configure({});
  });

  it('while the pipeline runs says who holds the directory', async () => {
    const { log } = await openAuditLog({
      directory: project.auditDirectory,
      origin: ORIGIN,
      signer: await signer(),
    });
    const { code, output } = await erase('--key', 'IE', '--key', '7', '--yes');
    await log.close();
    expect([code, output]).toEqual([2, expect.stringContaining(`held by process ${process.pid}`)]);
  });

  it('says what would go, then does it under every key epoch, then has nothing left to do', async () => {
    const before = await rowsText();
    const plan = await erase('--key', 'IE', '--key', '7');
    expect([plan.code, plan.json[0]]).toEqual([
      2,
      expect.objectContaining({ images: 2, alive: true, erased: 0 }),
    ]);
    expect(await rowsText()).toBe(before);
    const done = await erase('--key', 'IE', '--key', '7', '--yes');
    expect([done.code, done.json[0]]).toEqual([0, expect.objectContaining({ erased: 2, recorded: true })]);
    const again = await erase('--key', 'IE', '--key', '7', '--yes');
    expect([again.code, again.json[0]]).toEqual([0, expect.objectContaining({ erased: 0, recorded: false })]);
    expect(await rowsText()).not.toContain('IE');
    expect((await rowsText()).match(/FR/g)).toHaveLength(2);
  });

  it('is said by verify, and by show in place of the rows', async () => {
    const verified = await rowseal('audit', 'verify', '--dir', project.auditDirectory);
    expect([verified.code, verified.output]).toEqual([
      0,
      expect.stringContaining('erased: 2 row images, by 1 signed erasure records'),
    ]);
    const shown = await rowseal('audit', 'show', '--dir', project.auditDirectory, '--json');
    expect(shown.json.filter((line) => 'erased' in (line as object))).toEqual([
      { group: 0, erased: 1 },
      { group: 1, erased: 1 },
    ]);
    expect(shown.json).toHaveLength(4);
  });
});

describe('audit show --access', { timeout: 180_000 }, () => {
  it('prints requests; what an actor wrote cannot steer the terminal', async () => {
    const log = await openAccessLog(
      new NodeDisk(),
      project.auditDirectory,
      ORIGIN,
      await signer(),
      lockDirectory,
    );
    await log.append({
      time_us: '1700000000000000',
      actor: 'ann@example.com',
      reason: 'ticket \u001b[2J 4',
      space: 'domain:email',
      method: 'reversible',
      key_epoch: 1,
      outcome: 'granted',
      tokens: ['t1.1.abc'],
    });
    await log.close();
    const shown = await rowseal('audit', 'show', '--access', '--dir', project.auditDirectory);
    expect(shown.output).toContain(
      '2023-11-14T22:13:20.000Z  "ann@example.com"  granted  1 tokens of domain:email',
    );
    expect(shown.output).not.toContain('\u001b');
    const json = await rowseal('audit', 'show', '--access', '--json', '--dir', project.auditDirectory);
    expect(json.json).toEqual([expect.objectContaining({ space: 'domain:email', tokens: ['t1.1.abc'] })]);
  });
});
