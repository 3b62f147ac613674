import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDuckdbSink } from '../../connectors/sinks/duckdb/sink.ts';
import { parseSigningKey } from '../../src/audit/keys.ts';
import { openAuditLog } from '../../src/audit/open.ts';
import { tableDirectory } from '../../src/audit/table-directory.ts';
import { MaskKeys } from '../../src/mask/keys.ts';
import { Image, Op } from '../../src/model/change.ts';
import { at, begin } from '../support/masked.ts';
import { keep, policy, schema } from '../support/policies.ts';
import { makeProject, type TestProject } from '../support/project.ts';
import { RowsealProcess } from '../support/rowseal-process.ts';
import { deliver } from '../support/sink/groups.ts';

const people = schema({ id: { kind: 'int', bits: 64, unsigned: false }, name: null }, [0]);
const BY = ['--actor', 'dpo@example.com', '--reason', 'request 17', '--json'];
let project: TestProject;

/** Row 7 is created in a group that the sink has, and deleted in one that it lacks. */
beforeAll(async () => {
  project = await makeProject({
    url: 'postgres://localhost:1/none',
    tables: ['public.people'],
    mask: { tables: { 'public.people': { id: 'keep', name: 'keep' } } },
  });
  const { log } = await openAuditLog({
    directory: project.auditDirectory,
    origin: 'rowseal/test',
    signer: parseSigningKey(await readFile(join(project.directory, 'signing.key'), 'utf8')),
    headIntervalMs: 0,
  });
  const compiled = policy({ id: keep, name: keep }, {}, MaskKeys.parse(project.maskKey, 1));
  compiled.check([people]);
  const masker = compiled.compileMasker(people, 'start');
  for (const [n, op] of [Op.create, Op.delete].entries()) {
    const run = masker.mask({
      table: people,
      count: 1,
      ops: Uint8Array.of(op),
      images: Uint8Array.of(op === Op.create ? Image.after : Image.before),
      cells: ['7', 'canary'],
      firstOrdinal: 0,
      bytes: 7,
    });
    const group = log.begin();
    await group.append([begin(n), { kind: 'rows', run }]);
    await group.seal(at(n * 10 + 5));
  }
  const sink = createDuckdbSink({
    name: 'warehouse',
    path: project.warehouseFile,
    history: 'none',
    proof: true,
    memoryLimitBytes: 40_000_000,
    threads: 1,
    maxDeadLetters: 10,
  });
  await sink.open('test', 1n);
  for await (const group of log.read(0)) {
    await deliver(sink, null, [group]);
    break;
  }
  await sink.close();
  await log.close();
});
afterAll(() => project.remove());

async function audit(command: string, ...args: string[]): Promise<{ code: number | null; output: string }> {
  const running = new RowsealProcess(['audit', command, ...BY, '--config', project.configFile, ...args]);
  const { code } = await running.exit();
  return { code, output: running.output };
}
const erase = (...args: string[]) => audit('erase', '--table', 'public.people', '--key', '7', ...args);

async function rowsText(): Promise<string> {
  const path = join(project.auditDirectory, 'tables', tableDirectory(people));
  const names = (await readdir(path)).filter((name) => name.startsWith('rows-'));
  return (await Promise.all(names.map((name) => readFile(join(path, name), 'latin1')))).join('');
}

describe('what a sink has not had', { timeout: 180_000 }, () => {
  it('is neither erased nor expired by a command', async () => {
    expect((await erase()).output).toContain('"undelivered":1');
    for (const refused of [await erase('--yes'), await audit('expire', '--days', '0', '--yes')]) {
      expect(refused.code).toBe(2);
      expect(refused.output).toContain('RS-AUD-034');
      expect(refused.output).toContain('sink warehouse has groups up to 0');
    }
    expect((await rowsText()).match(/canary/g)).toHaveLength(2);
  });

  it('nor while the sink cannot be asked; with a flag it is', async () => {
    await writeFile(join(project.directory, 'other.duckdb'), 'no database');
    await project.configure({ sinks: { warehouse: { type: 'duckdb', path: 'other.duckdb' } } });
    const refused = await erase('--yes');
    expect([refused.code, refused.output]).toEqual([2, expect.stringContaining('cannot be asked')]);
    expect((await rowsText()).match(/canary/g)).toHaveLength(2);
    const done = await erase('--yes', '--regardless-of-sinks');
    expect([done.code, done.output]).toEqual([0, expect.stringContaining('"erased":2')]);
    expect(await rowsText()).not.toContain('canary');
  });
});
