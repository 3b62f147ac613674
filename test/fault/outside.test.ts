import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateSigningKeyFile, parseSigningKey, seedOfPem, verifierKeyOf } from '../../src/audit/keys.ts';
import { formatVerifierKey, SignatureType } from '../../src/audit/note.ts';
import { sealKey } from '../../src/audit/signers/encrypted-key.ts';
import { noPostgres } from '../support/needs.ts';
import { freePort, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { ASKING, makeProject, readStatus, type TestProject, until } from '../support/project.ts';
import { RowsealProcess, rowseal } from '../support/rowseal-process.ts';

let server: TestPostgres;
let client: Client;
let project: TestProject;
let place: string;
const names = ['w1.example', 'w2.example'];
const ports: number[] = [];
const vkeys: string[] = [];

interface Status {
  readonly state: string;
  readonly sealed: { readonly group: number | null };
  readonly sinks: readonly { readonly rows: number }[];
  readonly witnesses: { readonly met: boolean; readonly groups: number | null } | null;
  readonly anchors: readonly { readonly groups: number | null; readonly failures: number }[];
}
const status = async (): Promise<Status | null> => (await readStatus(project)) as unknown as Status | null;
const page = (path: string): Promise<Response> =>
  fetch(`http://127.0.0.1:${project.httpPort}/${path}`, ASKING());

beforeAll(async () => {
  server = await startPostgres(18);
  client = await server.client();
  await client.query('CREATE TABLE people (id bigint PRIMARY KEY, email text)');
  project = await makeProject({
    url: server.url(),
    tables: ['public.people'],
    mask: { tables: { 'public.people': { id: 'keep', email: 'token' } } },
  });
  place = await mkdtemp(join(tmpdir(), 'rowseal-outside-'));
  for (const name of names) {
    const pem = generateSigningKeyFile();
    await writeFile(join(place, `${name}.key`), pem, { mode: 0o600 });
    vkeys.push(formatVerifierKey(name, parseSigningKey(pem).publicKey, SignatureType.cosignature));
    ports.push(await freePort());
  }
}, 120_000);

afterAll(async () => {
  await client?.end();
  await server?.stop();
  await project?.remove();
  if (place !== undefined) await rm(place, { recursive: true, force: true });
});

const outside = (more: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> => ({
  dir: 'audit',
  key: { file: 'signing.key' },
  witnesses: names.map((_, i) => ({ url: `http://127.0.0.1:${ports[i]}`, vkey: vkeys[i] })),
  witness_quorum: 2,
  witness_interval_ms: 200,
  witness_timeout_ms: 1_000,
  witness_late_ms: 2_500,
  anchors: {
    vault: { type: 'directory', dir: join(place, 'heads') },
    gone: { type: 'http', url: 'http://127.0.0.1:1/x' },
  },
  anchor_interval_ms: 300,
  ...more,
});

function serve(i: number, logKeys: readonly string[]): RowsealProcess {
  return new RowsealProcess([
    ...[
      'audit',
      'witness',
      'serve',
      '--dir',
      join(place, `state-${i}`),
      '--key',
      join(place, `${names[i]}.key`),
    ],
    ...['--name', names[i]!, '--port', String(ports[i]), ...logKeys.flatMap((key) => ['--log', key])],
  ]);
}

describe.skipIf(noPostgres(18))('a running pipeline and the world outside', { timeout: 240_000 }, () => {
  it('is witnessed and anchored; without its quorum it seals on, and is not ready', async () => {
    await project.configure({ audit: outside() });
    const logKey = verifierKeyOf(
      parseSigningKey(await readFile(join(project.directory, 'signing.key'), 'utf8')),
      'rowseal/test',
    );
    const one = serve(0, [logKey]);
    let two = serve(1, [logKey]);
    const run = new RowsealProcess(['run', '--config', project.configFile]);
    const write = (id: number) =>
      client.query('INSERT INTO people VALUES ($1, $2)', [id, `p${id}@example.com`]);
    try {
      await until('it runs', async () => (await status())?.state === 'streaming');
      await write(1);
      await until('it is delivered', async () => ((await status())?.sinks[0]?.rows ?? 0) >= 1);
      const groups = ((await status())?.sealed.group ?? 0) + 1;
      await until('the quorum has seen it', async () => {
        const { met, groups: seen } = (await status())?.witnesses ?? {};
        return met === true && (seen ?? 0) >= groups;
      });
      await until(
        'heads are anchored',
        async () => (await readdir(join(place, 'heads')).catch(() => [])).length > 0,
      );
      // On a slow machine a cosignature may be late for a moment.
      await until('it is ready', async () => (await page('readyz')).status === 200);
      await until('the other anchor fails', async () => ((await status())?.anchors[1]?.failures ?? 0) > 1);

      await two.kill();
      await until('the quorum is missing', async () => (await status())?.witnesses?.met === false);
      const ready = await page('readyz');
      expect(ready.status).toBe(503);
      expect(await ready.json()).toMatchObject({ ready: false, reason: { code: 'RS-WIT-006' } });
      const before = (await status())?.sealed.group ?? 0;
      await write(2);
      await until('it seals on', async () => ((await status())?.sealed.group ?? 0) > before);
      const metrics = await (await page('metrics')).text();
      expect(metrics).toMatch(/rowseal_witness_quorum_met\{[^}]*\} 0/);
      expect(metrics).toMatch(/rowseal_witness_failures_total\{[^}]*w2\.example[^}]*\} [1-9]/);
      expect(metrics).toMatch(/rowseal_anchor_failures_total\{[^}]*gone[^}]*RS-WIT-007[^}]*\} [1-9]/);
      expect(await (await page('')).text()).toMatch(/<strong>missing<\/strong>: 2 of 2 witnesses/);
      expect((await rowseal(['status', '--config', project.configFile])).stdout).toMatch(/quorum +missing/);

      two = serve(1, [logKey]);
      await until('it is back', async () => (await page('readyz')).status === 200);
    } finally {
      await run.terminate();
      await one.terminate();
      await two.terminate();
    }
    const checked = await rowseal([
      ...['audit', 'verify', '--dir', project.auditDirectory, '--key', logKey, '--json'],
      ...vkeys.flatMap((vkey) => ['--witness', vkey]),
      ...(await readdir(join(place, 'heads'))).flatMap((name) => ['--head', join(place, 'heads', name)]),
    ]);
    expect(checked.code, checked.stdout).toBe(0);
  });

  it('changes its key: an encrypted one is added, the old one retired, then revoked', async () => {
    const [oldPem, nextPem] = [
      await readFile(join(project.directory, 'signing.key'), 'utf8'),
      generateSigningKeyFile(),
    ];
    const [oldKey, nextKey] = [oldPem, nextPem].map((pem) =>
      verifierKeyOf(parseSigningKey(pem), 'rowseal/test'),
    );
    await writeFile(join(project.directory, 'next.key'), sealKey(seedOfPem(nextPem), 'swordfish', 14), {
      mode: 0o600,
    });
    await writeFile(join(project.directory, 'passphrase'), 'swordfish\n', { mode: 0o600 });
    const next = { file: 'next.key', passphrase_file: 'passphrase' };
    await project.configure({
      audit: outside({ witnesses: [], witness_quorum: 0, anchors: {}, next_key: next }),
    });
    const rotate = (...more: string[]) =>
      rowseal(['audit', 'rotate-key', '--config', project.configFile, '--json', ...more]);
    const rotated = await rotate();
    expect(rotated.code, rotated.stdout + rotated.stderr).toBe(0);
    expect(JSON.parse(rotated.stdout)).toMatchObject({ added: nextKey });
    const stopped = await rowseal(['run', '--config', project.configFile, '--exit-on-halt']);
    expect(stopped.code).toBe(2);
    expect(stopped.stderr).toContain('RS-AUD-007');

    await project.configure({ audit: outside({ witnesses: [], witness_quorum: 0, anchors: {}, key: next }) });
    const run = new RowsealProcess(['run', '--config', project.configFile]);
    await until('it runs under the new key', async () => (await status())?.state === 'streaming');
    await client.query("INSERT INTO people VALUES (3, 'p3@example.com')");
    const before = (await status())?.sealed.group ?? 0;
    await until('it seals', async () => ((await status())?.sealed.group ?? 0) > before);
    expect((await run.terminate()).code).toBe(0);
    const verify = (key: string) =>
      rowseal(['audit', 'verify', '--dir', project.auditDirectory, '--key', key, '--json']);
    for (const key of [oldKey!, nextKey!]) expect((await verify(key)).code).toBe(0);

    expect((await rotate('--retire', 'ffffffff')).code).toBe(2);
    expect((await rotate('--revoke', oldKey!, '--from-group', '0')).code).toBe(0);
    const refused = await verify(oldKey!);
    expect(refused.code).toBe(12);
    expect(refused.stdout).toMatch(/signed only by a key that was revoked/);
  });
});
