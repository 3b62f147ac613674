import { spawnSync } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cosign } from '../../src/audit/cosignature.ts';
import { generateSigningKeyFile, parseSigningKey } from '../../src/audit/keys.ts';
import {
  formatNote,
  formatVerifierKey,
  type NoteSignature,
  parseSignedHead,
  SignatureType,
} from '../../src/audit/note.ts';
import { openAuditLog } from '../../src/audit/open.ts';
import { MaskKeys } from '../../src/mask/keys.ts';
import { Image, Op } from '../../src/model/change.ts';
import { at, begin } from '../support/masked.ts';
import { keep, policy, schema, token } from '../support/policies.ts';
import { makeProject, type TestProject } from '../support/project.ts';
import { COMPILE_CACHE, RowsealProcess } from '../support/rowseal-process.ts';

const people = schema({ id: { kind: 'int', bits: 64, unsigned: false }, email: null, city: null }, [0]);
let project: TestProject;
let vkey: string;
let proof: string;

/** A log as the pipeline writes it, its key rotated in between: no database is needed to prove. */
beforeAll(async () => {
  project = await makeProject({
    url: 'postgres://localhost:1/none',
    tables: ['public.people'],
    mask: { tables: { 'public.people': { id: 'keep', email: 'token', city: 'keep' } } },
  });
  proof = join(project.directory, 'row.proof.json');
  vkey = join(project.auditDirectory, 'log.vkey');
  const { log } = await openAuditLog({
    directory: project.auditDirectory,
    origin: 'rowseal/test',
    signer: parseSigningKey(await readFile(join(project.directory, 'signing.key'), 'utf8')),
    disclosure: () => 'column',
  });
  for (const epoch of [1, 2]) {
    const keys = MaskKeys.parse(project.maskKey, epoch);
    const compiled = policy({ id: keep, email: token, city: keep }, { keyEpoch: epoch }, keys);
    compiled.check([people]);
    const run = compiled.compileMasker(people, 'start').mask({
      table: people,
      count: 2,
      ops: Uint8Array.of(Op.create, Op.create),
      images: Uint8Array.of(Image.after, Image.after),
      cells: ['7', 'canary@example.com', epoch === 1 ? 'Cork' : 'Galway', '8', 'other@example.com', 'Cork'],
      firstOrdinal: 0,
      bytes: 20,
    });
    const group = log.begin();
    await group.append([begin(epoch * 1_000_000), { kind: 'rows', run }]);
    await group.seal(at(epoch * 2_000_000));
  }
  await log.close();
});
afterAll(() => project.remove());

interface Ran {
  readonly code: number | null;
  readonly output: string;
  readonly json: Record<string, unknown>;
}

async function audit(...args: string[]): Promise<Ran> {
  const command = new RowsealProcess(['audit', ...args]);
  const { code } = await command.exit();
  const line = command.stdout.split('\n').find((text) => text.startsWith('{'));
  return { code, output: command.output, json: line === undefined ? {} : JSON.parse(line) };
}

const configured = (...args: string[]): string[] => [
  ...args,
  '--config',
  project.configFile,
  '--table',
  'public.people',
];

describe('audit prove and verify-proof', { timeout: 240_000 }, () => {
  it('prove a row by its raw key, over a rotation, and write neither key nor raw value', async () => {
    const made = await audit(...configured('prove', '--key', '7', '--out', proof, '--json'));
    expect(made.output).not.toMatch(/canary/);
    expect([made.code, made.json['complete']]).toEqual([0, true]);
    // Two epochs: two tags.
    expect(made.json['tags']).toHaveLength(2);
    expect(await readFile(proof, 'utf8')).not.toMatch(/canary/);
    const checked = await audit('verify-proof', proof, '--key', vkey, '--json');
    expect([checked.code, checked.json['complete']]).toEqual([0, true]);
    expect(checked.json['records']).toHaveLength(2);
    const shown = await audit('verify-proof', proof, '--key', vkey);
    expect(shown.output).toMatch(
      /Cork[\s\S]*Cork → Galway[\s\S]*proven: these are all the records of the row/,
    );
  });

  it('say what is wrong, by exit code', async () => {
    const text = await readFile(proof, 'utf8');
    const other = join(project.directory, 'other.json');
    const code = async (content: string, key = vkey): Promise<number | null> => {
      await writeFile(other, content);
      return (await audit('verify-proof', other, '--key', key)).code;
    };
    expect(await code(text.replace(/"leaf":"(.)/, (_, c) => `"leaf":"${c === 'A' ? 'B' : 'A'}`))).toBe(10);
    expect(await code(text.slice(0, 500))).toBe(11);
    expect(await code(text, (await readFile(vkey, 'utf8')).replace(/\+.*/s, '+00000000+AAAA'))).toBe(2);
    expect((await audit('verify-proof', join(project.directory, 'none'), '--key', vkey)).code).toBe(2);
    expect((await audit('verify-proof', proof, '--key', project.directory)).output).toContain('RS-CLI-001');
    const stranger = await makeProject({
      url: 'postgres://localhost:1/none',
      tables: ['public.people'],
      mask: { tables: { 'public.people': { id: 'keep' } } },
    });
    const key = (await import('../../src/audit/keys.ts')).verifierKeyOf(
      parseSigningKey(await readFile(join(stranger.directory, 'signing.key'), 'utf8')),
      'rowseal/test',
    );
    expect(await code(text, key)).toBe(12);
    await stranger.remove();
  });

  it('prove single columns, a record, a masked key, a tag, a moment', async () => {
    const out = ['--out', join(project.directory, 'other.json'), '--json'];
    const columns = await audit(...configured('prove', '--key', '7', '--columns', 'city', ...out));
    expect(columns.code).toBe(0);
    expect(columns.output).toMatch(/"kind":"hidden"/);
    const bare = ['--dir', project.auditDirectory, '--table', 'public.people', ...out];
    const record = await audit('prove', '--seq', '4', ...bare);
    expect([record.code, record.json['complete']]).toEqual([0, false]);
    const masked = await audit('prove', '--masked-key', '7', ...bare);
    expect([masked.code, (masked.json['tags'] as string[]).length]).toEqual([0, 2]);
    const tag = (masked.json['tags'] as string[])[0]!;
    expect((await audit('prove', '--tag', tag, ...bare)).json['complete']).toBe(true);
    const moment = await audit(
      ...configured('prove', '--key', '7', '--at', '2023-11-14T22:13:21.5Z', ...out),
    );
    expect(moment.json['at']).toMatchObject({ seq: 3 });
    const none = await audit(...configured('prove', '--key', '99', ...out));
    expect([none.code, none.json['complete'], none.json['records']]).toEqual([0, true, []]);
    for (const wrong of [
      ['--seq', '4', '--tag', 'f'.repeat(32)],
      ['--seq', '99'],
      ['--tag', 'x'],
      ['--at', 'noon', '--seq', '1'],
      [],
    ])
      expect((await audit('prove', ...wrong, ...bare)).code, wrong.join(' ')).toBe(2);
  });

  it('refuse to hand out a proof of a log that does not hold', async () => {
    const folder = join(project.auditDirectory, 'tables');
    const { readdir } = await import('node:fs/promises');
    const file = join(folder, (await readdir(folder))[0]!, 'rows-00000000.seg');
    const bytes = await readFile(file);
    const edited = Buffer.from(bytes);
    edited[edited.indexOf('Galway')] = 'B'.charCodeAt(0);
    await writeFile(file, edited);
    const out = join(project.directory, 'none.json');
    const refused = await audit(...configured('prove', '--key', '7', '--out', out));
    await writeFile(file, bytes);
    expect(refused.code).toBe(10);
    await expect(readFile(out)).rejects.toThrow();
  });
});

describe('audit verify-proof with witnesses', { timeout: 240_000 }, () => {
  const COSIGNED_S = 1_764_000_000;
  const witnesses = ['witness.example/w1', 'witness.example/w2', 'witness.example/w3'].map((name) => {
    const signer = parseSigningKey(generateSigningKeyFile());
    return { name, signer, vkey: formatVerifierKey(name, signer.publicKey, SignatureType.cosignature) };
  });
  const [one, two, stranger] = witnesses.map(({ vkey: key }) => ['--witness', key]) as [
    string[],
    string[],
    string[],
  ];
  let cosigned: string;
  let head: ReturnType<typeof parseSignedHead>;

  /** A proof of the log under a head with these cosignatures, as `run` keeps it beside the journal. */
  async function proofUnder(cosignatures: readonly NoteSignature[]): Promise<string> {
    const kept = join(project.auditDirectory, 'journal', 'cosigned');
    await writeFile(kept, formatNote(head!.body, [...head!.signatures, ...cosignatures]));
    const out = join(project.directory, 'cosigned.json');
    const made = await audit(...configured('prove', '--key', '7', '--out', out));
    await rm(kept);
    expect(made.code, made.output).toBe(0);
    return out;
  }

  const check = (file: string, ...asked: string[]): Promise<Ran> =>
    audit('verify-proof', file, '--key', vkey, ...asked, '--json');
  const sign = (n: number): Promise<NoteSignature> =>
    cosign(head!.body, COSIGNED_S, witnesses[n]!.name, witnesses[n]!.signer);

  beforeAll(async () => {
    head = parseSignedHead(await readFile(join(project.auditDirectory, 'journal', 'head'), 'utf8'));
    cosigned = await proofUnder([await sign(0), await sign(1)]);
  });

  it('proves under a quorum that is met, and names who is checked and who only claims', async () => {
    const [unasked, all, most, oneOfTwo] = await Promise.all([
      check(cosigned),
      check(cosigned, ...one, ...two),
      check(cosigned, ...one, ...two, ...stranger, '--quorum', '2'),
      check(cosigned, ...one, ...stranger, '--quorum', '1'),
    ]);
    const seen = (n: number): string => `cosigned by ${witnesses[n]!.name} at 2025-11-24T16:00:00.000Z`;
    expect(unasked).toMatchObject({
      code: 0,
      json: { exit: 0, cosigners: [witnesses[0]!.name, witnesses[1]!.name], problems: [] },
    });
    for (const met of [all, most])
      expect(met).toMatchObject({
        code: 0,
        json: { exit: 0, complete: true, cosigners: [], notes: expect.arrayContaining([seen(0), seen(1)]) },
      });
    expect(oneOfTwo).toMatchObject({ code: 0, json: { cosigners: [witnesses[1]!.name] } });
    expect(oneOfTwo!.json['notes']).toContain(seen(0));
    expect(oneOfTwo!.json['notes']).not.toContain(seen(1));
  });

  it('does not prove under one that is not met, of an unknown witness, or with a wrong cosignature', async () => {
    const [uncosigned, missing, unknown] = await Promise.all([
      check(proof, ...one, ...two, '--quorum', '1'),
      check(cosigned, ...one, ...two, ...stranger),
      check(cosigned, ...stranger, '--quorum', '1'),
    ]);
    // It signs another head than the one it stands on.
    const lie = await cosign(`${head!.body}x\n`, COSIGNED_S, witnesses[0]!.name, witnesses[0]!.signer);
    const wrong = await check(await proofUnder([lie, await sign(1)]), ...one, ...two, '--quorum', '1');
    // Nothing of the row is shown by a proof that proves nothing.
    for (const [ran, said] of [
      [uncosigned, /cosigned by 0 of them/],
      [missing, /cosigned by 2 of them/],
      [unknown, /cosigned by 0 of them/],
      [wrong, /does not verify/],
    ] as const)
      expect(ran).toMatchObject({
        code: 12,
        json: {
          exit: 12,
          complete: false,
          records: [],
          problems: [{ code: 'RS-AUD-032', what: expect.stringMatching(said) }],
        },
      });
  });

  it.each<[string, () => readonly string[]]>([
    ['a quorum above the number of witnesses', () => [...one, '--quorum', '2']],
    ['a quorum of nobody', () => ['--quorum', '1']],
    ['a witness named twice', () => [...one, ...one]],
    ['a signing key for a witness', () => ['--witness', 'canary+00000000+AAAA']],
  ])('refuses %s', async (_what, asked) => {
    const refused = await check(proof, ...asked());
    expect(refused).toMatchObject({ code: 2, json: { error: { code: 'RS-CLI-001' } } });
    expect(refused.output).not.toMatch(/canary/);
  });
});

describe('audit history and match', { timeout: 240_000 }, () => {
  it('show the life of a row, also as a page', async () => {
    const shown = await audit(...configured('history', '--key', '7'));
    expect([shown.code, shown.output]).toEqual([0, expect.stringMatching(/created[\s\S]*city +Cork/)]);
    const page = join(project.directory, 'row.html');
    expect((await audit(...configured('history', '--key', '7', '--html', page))).code).toBe(0);
    const html = await readFile(page, 'utf8');
    expect(html).toMatch(/Content-Security-Policy[\s\S]*public\.people[\s\S]*Galway/);
    expect(html).not.toMatch(/canary|<script|https?:/);
    await rm(page);
  });

  it('tell whether a raw row is the one behind a record, and print no value', async () => {
    const match = (input: string, ...args: string[]) =>
      spawnSync(process.execPath, ['src/cli/main.ts', 'audit', ...configured('match', ...args)], {
        input,
        encoding: 'utf8',
        env: { ...process.env, NODE_COMPILE_CACHE: COMPILE_CACHE },
        cwd: new URL('../../', import.meta.url),
      });
    // The configuration is of epoch 1; the newest record is of epoch 2, which comes of the same secret.
    const good = match('{"id": 7, "email": "canary@example.com", "city": "Galway"}', '--json');
    expect(good.stderr).toBe('');
    expect(good.status).toBe(0);
    expect(JSON.parse(good.stdout)).toMatchObject({
      match: true,
      columns: [{ match: 'match' }, { match: 'match' }, { match: 'match' }],
    });
    const csv = match('id,email,city\r\n7,"canary@example.com",Cork\r\n', '--format', 'csv', '--seq', '3');
    expect([csv.status, csv.stdout]).toEqual([
      0,
      expect.stringMatching(/the one behind the record \(3 columns/),
    ]);
    const bad = match('{"id": "7", "email": "somebody@example.com"}');
    expect([bad.status, bad.stdout]).toEqual([
      1,
      expect.stringMatching(/email +differs[\s\S]*city +not given/),
    ]);
    for (const { stdout, stderr } of [good, csv, bad])
      expect(stdout + stderr).not.toMatch(/canary|somebody|tok_|Galway/);
    expect(match('[1]').status).toBe(2);
    expect(match('{"email": "x"}').status).toBe(2);
  });

  it('takes the raw row from a file, and says by code what is wrong with it, never what is in it', async () => {
    const file = async (name: string, text: string): Promise<string> => {
      const path = join(project.directory, name);
      await writeFile(path, text, { mode: 0o600 });
      return path;
    };
    const folder = join(project.directory, 'folder');
    await mkdir(folder);
    const match = (path: string, ...args: string[]): Promise<Ran> =>
      audit(...configured('match', '--file', path, '--json', ...args));
    const row = { id: 7, email: 'canary@example.com', city: 'Galway' };
    const [same, changed, other, stranger] = await Promise.all([
      match(await file('same.json', JSON.stringify(row))),
      match(await file('changed.json', JSON.stringify({ ...row, email: 'canary2@example.com' }))),
      // Of record 3, of the epoch before: then the city was another.
      match(await file('then.json', JSON.stringify(row)), '--seq', '3'),
      match(await file('stranger.json', JSON.stringify({ ...row, id: 99 }))),
    ]);
    const verdict = (email: string, city: string): unknown => ({
      table: 'public.people',
      columns: [
        { name: 'id', match: 'match' },
        { name: 'email', match: email },
        { name: 'city', match: city },
      ],
    });
    expect(same).toMatchObject({ code: 0, json: { match: true, ...Object(verdict('match', 'match')) } });
    expect(changed).toMatchObject({
      code: 1,
      json: { match: false, ...Object(verdict('differs', 'match')) },
    });
    expect(other).toMatchObject({
      code: 1,
      json: { seq: 3, match: false, ...Object(verdict('match', 'differs')) },
    });
    expect(stranger).toMatchObject({ code: 1, json: { error: { code: 'RS-AUD-011' } } });
    const text = JSON.stringify(row);
    const refused = await Promise.all([
      match(join(project.directory, 'canary-none.json')),
      match(folder),
      match(await file('same.json', text), '--seq', '-1'),
      match(await file('cut.json', text.slice(0, -3))),
      match(await file('nested.json', JSON.stringify({ ...row, city: { name: 'Galway' } }))),
      match(await file('keyless.json', JSON.stringify({ email: row.email }))),
      match(await file('short.csv', 'id,email,city\n7,canary@example.com\n'), '--format', 'csv'),
    ]);
    for (const ran of refused)
      expect(ran).toMatchObject({ code: 2, json: { error: { code: 'RS-CLI-001' } } });
    expect(refused[0]!.output).toMatch(/--file: .*canary-none\.json cannot be read/);
    for (const ran of [same, changed, other, stranger, ...refused])
      expect(ran!.output).not.toMatch(/@example|Galway|tok_/);
  });
});
