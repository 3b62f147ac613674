import { spawnSync } from 'node:child_process';
import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateSigningKeyFile, parseSigningKey } from '../../src/audit/keys.ts';
import { openAuditLog } from '../../src/audit/open.ts';
import { loadConfig } from '../../src/config/load.ts';
import { generateMaskKeyFile, MaskKeys } from '../../src/mask/keys.ts';
import { noCustomFunctions } from '../../src/mask/method/custom.ts';
import { CompiledPolicy } from '../../src/mask/policy.ts';
import { Image, Op } from '../../src/model/change.ts';
import type { MaskedRun } from '../../src/model/masked.ts';
import type { TableSchema } from '../../src/model/table.ts';
import { at, begin } from '../support/masked.ts';
import { schema } from '../support/policies.ts';
import { makeProject, type TestProject } from '../support/project.ts';
import { rowseal } from '../support/rowseal-process.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const people = schema(
  {
    id: { kind: 'int', bits: 64, unsigned: false },
    email: null,
    card: null,
    login: null,
    phones: { kind: 'array', element: { kind: 'text', maxLength: null, padded: false } },
    profile: { kind: 'json' },
    account: { kind: 'int', bits: 64, unsigned: false },
  },
  [0],
);
const BIGINT = { kind: 'int', bits: 64, unsigned: false } as const;
const customers = schema({ id: BIGINT }, [0], 'customers');
const plainOrders = schema({ id: BIGINT, customer_id: BIGINT }, [0], 'orders');
/** The run knows the foreign key from the source; the log has no word of it. */
const orders: TableSchema = {
  ...plainOrders,
  columns: plainOrders.columns.map((column) =>
    column.name === 'customer_id'
      ? { ...column, references: { namespace: 'public', name: 'customers', column: 'id' } }
      : column,
  ),
};
const files = schema({ id: BIGINT, profile: { kind: 'json' } }, [0], 'files');
const ASIDE = {
  customer_id: '40900123',
  profile: '{"ssn":"536-22-8726"}',
};
const RAW = {
  id: '4711',
  email: 'canary.ann@example.com',
  card: '4111111111111111',
  login: 'canary-ann',
  phones: '{+12025550143,NULL}',
  profile: '{"contact":{"mail":"canary.json@example.com"}}',
  account: '9007199254740993',
};
const MASK = {
  domains: {
    mail: { method: 'reversible' },
    docs: { method: 'json', paths: { '$.ssn': 'us_ssn' } },
  },
  tables: {
    'public.people': {
      id: 'keep',
      email: { domain: 'mail' },
      card: 'pan',
      login: 'token',
      phones: 'phone',
      profile: { method: 'json', paths: { '$.contact.mail': { domain: 'mail' } } },
      account: { method: 'fpe', min: 0 },
    },
    'public.customers': { id: { method: 'fpe', min: 0 } },
    'public.orders': { id: 'keep', customer_id: { method: 'fpe', min: 0 } },
    'public.files': { id: 'keep', profile: { domain: 'docs' } },
  },
};
let project: TestProject;
let masked: Record<keyof typeof RAW, string>;
let aside: Record<keyof typeof ASIDE, string>;

function rowOf(
  policy: CompiledPolicy,
  table: TableSchema,
  firstOrdinal: number,
  cells: readonly string[],
): MaskedRun {
  return policy.compileMasker(table, 'start').mask({
    table,
    count: 1,
    ops: Uint8Array.of(Op.create),
    images: Uint8Array.of(Image.after),
    cells,
    firstOrdinal,
    bytes: 100,
  });
}

/** A log as the pipeline writes it; no database is needed to ask it. */
beforeAll(async () => {
  project = await makeProject({
    url: 'postgres://localhost:1/none',
    tables: Object.keys(MASK.tables),
    mask: MASK,
  });
  const { policy } = loadConfig(project.configFile, {}).mask;
  const compiled = new CompiledPolicy(policy, MaskKeys.parse(project.maskKey, 1), noCustomFunctions);
  compiled.check([people, customers, orders, files]);
  const run = rowOf(compiled, people, 0, Object.values(RAW));
  masked = Object.fromEntries(Object.keys(RAW).map((name, i) => [name, run.cells[i]])) as typeof masked;
  const others = [
    rowOf(compiled, customers, 1, [ASIDE.customer_id]),
    rowOf(compiled, orders, 2, ['1', ASIDE.customer_id]),
    rowOf(compiled, files, 3, ['1', ASIDE.profile]),
  ];
  aside = { customer_id: others[1]!.cells[1] as string, profile: others[2]!.cells[1] as string };
  const { log } = await openAuditLog({
    directory: project.auditDirectory,
    origin: 'rowseal/test',
    signer: parseSigningKey(await readFile(join(project.directory, 'signing.key'), 'utf8')),
  });
  const group = log.begin();
  await group.append([begin(1), ...[run, ...others].map((each) => ({ kind: 'rows', run: each }) as const)]);
  await group.seal(at(10));
  await log.close();
});
afterAll(() => project.remove());

const WHO = ['--actor', 'dpo@example.com', '--reason', 'case 17'];

const detokenize = (...args: string[]) =>
  rowseal(['mask', 'detokenize', '--config', project.configFile, '--json', ...WHO, ...args]);

async function accesses(): Promise<Record<string, unknown>[]> {
  const shown = await rowseal(['audit', 'show', '--dir', project.auditDirectory, '--access', '--json']);
  return shown.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('mask detokenize', { timeout: 180_000 }, () => {
  it('turns tokens of a domain back, after the request was signed', async () => {
    const mail = /"mail":"([^"]+)"/.exec(masked.profile)![1]!;
    const done = await detokenize('--domain', 'mail', masked.email, mail);
    expect(done.code, done.stdout + done.stderr).toBe(0);
    expect(JSON.parse(done.stdout)).toEqual({
      results: [
        { token: masked.email, value: RAW.email },
        { token: mail, value: 'canary.json@example.com' },
      ],
    });
    expect((await accesses()).at(-1)).toMatchObject({
      actor: 'dpo@example.com',
      reason: 'case 17',
      space: 'domain:mail',
      method: 'reversible',
      key_epoch: 1,
      outcome: 'granted',
      tokens: [masked.email, mail],
    });
  });

  it('turns back what keeps its format, by column: card, phone numbers of an array, integer, place in JSON', async () => {
    for (const column of ['card', 'phones', 'account'] as const) {
      const done = await detokenize('--column', `public.people.${column}`, masked[column]);
      expect(JSON.parse(done.stdout), column).toEqual({
        results: [{ token: masked[column], value: RAW[column] }],
      });
    }
    const mail = /"mail":"([^"]+)"/.exec(masked.profile)![1]!;
    const inside = await detokenize('--column', 'public.people.profile', '--path', '$.contact.mail', mail);
    expect(JSON.parse(inside.stdout)).toMatchObject({ results: [{ value: 'canary.json@example.com' }] });
  });

  it('asks the log in which space a value was masked: of a foreign key, of a place in a document of a domain', async () => {
    const ssn = /"ssn":"([^"]+)"/.exec(aside.profile)![1]!;
    for (const [args, token, value, space] of [
      [['public.orders.customer_id'], aside.customer_id, ASIDE.customer_id, 'column:public.customers.id'],
      [['public.files.profile', '--path', '$.ssn'], ssn, '536-22-8726', 'place:docs:$.ssn'],
    ] as const) {
      const done = await detokenize('--column', ...args, token);
      expect(JSON.parse(done.stdout), args[0]).toEqual({ results: [{ token, value }] });
      expect((await accesses()).at(-1), args[0]).toMatchObject({
        space,
        outcome: 'granted',
        tokens: [token],
      });
    }
  });

  it('refuses a rule that made nothing of what the log has', async () => {
    const changed = {
      ...MASK.tables,
      'public.orders': { id: 'keep', customer_id: { method: 'fpe', min: 7 } },
    };
    await project.configure({ mask: { key: { file: 'mask.key' }, ...MASK, tables: changed } });
    const refused = await detokenize('--column', 'public.orders.customer_id', aside.customer_id);
    await project.configure({});
    expect([refused.code, refused.stdout]).toEqual([1, expect.stringContaining('RS-MASK-017')]);
    expect(refused.stdout).not.toContain('results');
    expect((await accesses()).at(-1)).toMatchObject({ outcome: 'refused', tokens: [aside.customer_id] });
  });

  it('reads tokens from standard input', () => {
    const piped = spawnSync(
      process.execPath,
      [MAIN, 'mask', 'detokenize', '--config', project.configFile, ...WHO, '--domain', 'mail'],
      { input: `${masked.email}\n`, encoding: 'utf8' },
    );
    expect([piped.status, piped.stdout]).toEqual([0, `${masked.email}  ${RAW.email}\n`]);
  });

  it('answers nothing for a token that was changed, or of another domain', async () => {
    const forged = `${masked.email.slice(0, -2)}AA`;
    const done = await detokenize('--domain', 'mail', forged, masked.card);
    expect(done.code).toBe(1);
    expect(JSON.parse(done.stdout)).toEqual({
      results: [
        { token: forged, value: null },
        { token: masked.card, value: null },
      ],
    });
  });

  it('refuses what has no way back, and records that it was asked', async () => {
    const before = (await accesses()).length;
    const done = await detokenize('--column', 'public.people.login', masked.login);
    expect([done.code, done.stdout]).toEqual([1, expect.stringContaining('RS-MASK-017')]);
    const after = await accesses();
    expect(after.length).toBe(before + 1);
    expect(after.at(-1)).toMatchObject({ outcome: 'refused', method: 'token', tokens: [masked.login] });
  });

  it('refuses another key, an unknown epoch, and answers nothing without a key', async () => {
    const key = join(project.directory, 'mask.key');
    await rename(key, `${key}.away`);
    const none = await detokenize('--domain', 'mail', masked.email);
    expect([none.code, none.stdout]).toEqual([2, expect.stringContaining('RS-CFG-006')]);
    await writeFile(key, generateMaskKeyFile(), { mode: 0o600 });
    const other = await detokenize('--domain', 'mail', masked.email);
    expect([other.code, other.stdout]).toEqual([1, expect.stringContaining('RS-MASK-017')]);
    expect(other.stdout).not.toContain('canary');
    expect((await accesses()).at(-1)).toMatchObject({ outcome: 'refused' });
    await rename(`${key}.away`, key);
    const epoch = await detokenize('--domain', 'mail', '--epoch', '7', masked.email);
    expect([epoch.code, epoch.stdout]).toEqual([1, expect.stringContaining('epoch 7')]);
  });

  it('says what is wrong with a request: no actor, no domain, unknown names, no tokens', async () => {
    const plain = (...args: string[]) =>
      rowseal(['mask', 'detokenize', '--config', project.configFile, '--json', ...args]);
    for (const [args, code] of [
      [['--reason', 'r', '--domain', 'mail', 't'], 'RS-CLI-001'],
      [['--actor', ' ', '--reason', 'r', '--domain', 'mail', 't'], 'RS-CLI-001'],
      [[...WHO, 't'], 'RS-CLI-001'],
      [[...WHO, '--domain', 'mial', 't'], 'RS-MASK-003'],
      [[...WHO, '--column', 'people.email', 't'], 'RS-CLI-001'],
      [[...WHO, '--column', 'public.people.nothing', 't'], 'RS-CLI-001'],
      [[...WHO, '--column', 'public.people.profile', '--path', '$.x', 't'], 'RS-MASK-002'],
      [[...WHO, '--column', 'public.nobody.email', 't'], 'RS-AUD-011'],
      [[...WHO, '--domain', 'mail'], 'RS-CLI-001'],
    ] as const) {
      const refused = await plain(...args);
      expect(refused.stdout, args.join(' ')).toContain(code);
      expect(refused.code, args.join(' ')).not.toBe(0);
    }
  });

  it('goes on after the signing key was changed, by the new key alone', async () => {
    const next = join(project.directory, 'next.key');
    await writeFile(next, generateSigningKeyFile(), { mode: 0o600 });
    const rotate = (...args: string[]) =>
      rowseal(['audit', 'rotate-key', '--config', project.configFile, '--json', ...args]);
    const overlap = await rotate('--new-key', next, '--overlap');
    expect(JSON.parse(overlap.stdout)).toMatchObject({ group: 1, retired_in_group: null });
    // Ended here, the same again completes it.
    const completed = await rotate('--new-key', next);
    expect(JSON.parse(completed.stdout)).toMatchObject({ group: null, retired_in_group: 2 });
    const retired = await detokenize('--domain', 'mail', masked.email);
    expect([retired.code, retired.stdout]).toEqual([2, expect.stringContaining('RS-AUD-007')]);
    await rename(next, join(project.directory, 'signing.key'));
    const done = await detokenize('--domain', 'mail', masked.email);
    expect(JSON.parse(done.stdout)).toMatchObject({ results: [{ value: RAW.email }] });
  });

  it('leaves records that verify, and no value in the log', async () => {
    const report = await rowseal(['audit', 'verify', '--dir', project.auditDirectory, '--json']);
    expect(report.code, report.stdout).toBe(0);
    expect((JSON.parse(report.stdout) as { accesses: number }).accesses).toBe((await accesses()).length);
    for (const entry of await readdir(project.auditDirectory, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const text = await readFile(join(entry.parentPath, entry.name), 'latin1');
      for (const raw of ['canary', RAW.card, RAW.account, ASIDE.customer_id, '536-22-8726'])
        expect(text, entry.name).not.toContain(raw);
    }
  });
});
