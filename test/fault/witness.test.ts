import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseWitnessKey } from '../../src/audit/cosignature.ts';
import { generateSigningKeyFile, parseSigningKey, verifierKeyOf } from '../../src/audit/keys.ts';
import { NodeDisk } from '../../src/audit/node-disk.ts';
import { formatVerifierKey, parseCheckpoint, SignatureType } from '../../src/audit/note.ts';
import { WitnessClient } from '../../src/witness/client.ts';
import { originHash, WitnessStore } from '../../src/witness/store.ts';
import { Submitter } from '../../src/witness/submitter.ts';
import { writeGroups } from '../support/audit-log.ts';
import { until } from '../support/project.ts';
import { RowsealProcess, rowseal } from '../support/rowseal-process.ts';

const origin = 'rowseal/witnessed';
const signer = parseSigningKey(generateSigningKeyFile());
const logKey = verifierKeyOf(signer, origin);
const CHILD = fileURLToPath(new URL('../support/witness-child.ts', import.meta.url));

interface TestWitness {
  readonly name: string;
  readonly vkey: string;
  readonly keyFile: string;
  readonly directory: string;
}

let root: string;
let log: string;
let witnesses: readonly TestWitness[];
const processes: RowsealProcess[] = [];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'rowseal-witnessed-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

let runs = 0;
beforeEach(async () => {
  const place = join(root, String(runs++));
  log = join(place, 'log');
  await writeGroups({ directory: log, origin, signer, from: 0, to: 5 });
  witnesses = await Promise.all(
    [1, 2].map(async (n) => {
      const name = `witness.example/w${n}`;
      const keyFile = join(place, `w${n}.key`);
      const pem = generateSigningKeyFile();
      await writeFile(keyFile, pem, { mode: 0o600 });
      const vkey = formatVerifierKey(name, parseSigningKey(pem).publicKey, SignatureType.cosignature);
      return { name, vkey, keyFile, directory: join(place, `w${n}`) };
    }),
  );
  for (const { directory } of witnesses) await new WitnessStore(new NodeDisk(), directory).open();
});
afterEach(async () => {
  for (const process of processes.splice(0)) await process.terminate();
});

/** A witness as people run it. @returns its address */
async function serve(witness: TestWitness): Promise<string> {
  const { directory, keyFile, name } = witness;
  const process = new RowsealProcess([
    ...['audit', 'witness', 'serve', '--dir', directory, '--key', keyFile, '--name', name],
    ...['--log', logKey, '--port', '0'],
  ]);
  processes.push(process);
  let address = '';
  await until('the witness listens', () => {
    address = /http:\/\/127\.0\.0\.1:\d+/.exec(process.stderr)?.[0] ?? '';
    return address !== '';
  });
  return address;
}

const client = (witness: TestWitness, address: string, timeoutMs = 30_000): WitnessClient =>
  new WitnessClient(address, parseWitnessKey(witness.vkey)!, timeoutMs);

function submitter(
  clients: readonly WitnessClient[],
  options: { directory?: string; quorum?: number; lateMs?: number; nowMs?: () => number } = {},
): Submitter {
  return new Submitter({
    disk: new NodeDisk(),
    directory: options.directory ?? log,
    witnesses: clients,
    quorum: options.quorum ?? clients.length,
    intervalMs: 50,
    lateMs: options.lateMs ?? 60_000,
    observer: { cosigned: () => {}, failed: () => {} },
    ...(options.nowMs === undefined ? {} : { nowMs: options.nowMs }),
  });
}

const verify = (...more: string[]) =>
  rowseal(['audit', 'verify', '--dir', log, '--key', logKey, '--json', ...more]);
const cosigned = async (): Promise<number> =>
  parseCheckpoint(await readFile(join(log, 'journal', 'cosigned'), 'utf8'))!.head.size;

describe('two witnesses in processes of their own', { timeout: 240_000 }, () => {
  it('cosign a log as it grows; verify asks for both, and finds a third missing', async () => {
    const [one, two] = witnesses as [TestWitness, TestWitness];
    const clients = [client(one, await serve(one)), client(two, await serve(two))];
    const first = submitter(clients);
    for (const to of [5, 6, 40]) {
      if (to > 5) await writeGroups({ directory: log, origin, signer, from: to === 6 ? 5 : 6, to });
      await first.submitNewest();
      expect(first.state()).toMatchObject({ met: true, groups: to });
      expect(await cosigned()).toBe(to);
    }
    // A process that knows nothing of the witnesses asks them what they have seen.
    await writeGroups({ directory: log, origin, signer, from: 40, to: 45, segmentMaxBytes: 65_536 });
    const second = submitter(clients);
    await second.submitNewest();
    expect(second.state().witnesses.map(({ groups, error }) => [groups, error])).toEqual([
      [45, null],
      [45, null],
    ]);

    const both = ['--witness', one.vkey, '--witness', two.vkey];
    const good = await verify(...both);
    expect(good.code).toBe(0);
    expect(JSON.parse(good.stdout).cosigned).toMatchObject({ size: 45 });
    const third = formatVerifierKey(
      'w3.example',
      parseSigningKey(generateSigningKeyFile()).publicKey,
      SignatureType.cosignature,
    );
    expect((await verify(...both, '--witness', third, '--quorum', '2')).code).toBe(0);
    const missing = await verify(...both, '--witness', third);
    expect(missing.code).toBe(12);
    expect(missing.stdout).toContain('RS-AUD-032');
    const policy = join(root, 'policy');
    await writeFile(
      policy,
      `# two of three\nlog ${logKey}\nwitness a ${one.vkey}\nwitness b ${two.vkey}\nwitness c ${third}\ngroup all 2 a b c\nquorum all\n`,
    );
    expect((await verify('--policy', policy)).code).toBe(0);
    // The policy names the key of the log, so that nothing else needs to be given.
    const pinned = await rowseal(['audit', 'verify', '--dir', log, '--policy', policy, '--json']);
    expect([pinned.code, JSON.parse(pinned.stdout).keyPinned]).toEqual([0, true]);
    await writeFile(policy, `witness c ${third}\nquorum c\n`);
    expect((await verify('--policy', policy)).code).toBe(12);
    // A cosignature that was tampered with spoils the head.
    const file = join(log, 'journal', 'cosigned');
    const note = await readFile(file, 'utf8');
    const lines = note.split('\n');
    lines[lines.length - 2] = lines.at(-2)!.replace(/.{8}(?==*$)/, 'AAAAAAAA');
    await writeFile(file, lines.join('\n'));
    expect((await verify(...both)).code).toBe(12);
  });

  it('a rolled back log and a forked one are refused, and told apart', async () => {
    const [one] = witnesses as [TestWitness];
    const address = await serve(one);
    const older = `${log}-older`;
    await cp(log, older, { recursive: true });
    await writeGroups({ directory: log, origin, signer, from: 5, to: 9 });
    await submitter([client(one, address)]).submitNewest();
    // What was cosigned is a promise like any head: less than it is never signed again.
    const short = `${log}-short`;
    await cp(older, short, { recursive: true });
    await cp(join(log, 'journal', 'cosigned'), join(short, 'journal', 'cosigned'));
    await expect(writeGroups({ directory: short, origin, signer, from: 5, to: 6 })).rejects.toMatchObject({
      code: 'RS-AUD-003',
    });
    const rolledBack = submitter([client(one, address)], { directory: older });
    await rolledBack.submitNewest();
    expect(rolledBack.state().witnesses[0]?.error?.code).toBe('RS-WIT-004');
    await writeGroups({ directory: older, origin, signer, from: 5, to: 12, word: 'fork' });
    // As the specification has it: 409 while the fork thinks of the old size, 422 once it tries to prove.
    const head = await readFile(join(older, 'journal', 'head'), 'utf8');
    expect(await client(one, address).submit(5, [], head)).toEqual({ kind: 'conflict', size: 9 });
    const forked = submitter([client(one, address)], { directory: older });
    await forked.submitNewest();
    expect(forked.state().witnesses[0]?.error?.code).toBe('RS-WIT-005');
    const kept = await (await fetch(`${address}/${originHash(origin)}/checkpoint`)).text();
    expect(parseCheckpoint(kept)?.head.size).toBe(9);
    const file = join(root, 'kept.head');
    await writeFile(file, kept);
    const verdict = await rowseal(['audit', 'verify', '--dir', older, '--key', logKey, '--head', file]);
    expect(verdict.code).toBe(10);
    expect(verdict.stdout).toMatch(/forked/);
  });

  it.each(['before-rename', 'after-rename'])('killed -9 %s of what it must remember', async (step) => {
    const [one] = witnesses as [TestWitness];
    const checkpoints = join(one.directory, 'checkpoints');
    const child = spawn(
      process.execPath,
      [CHILD, checkpoints, await readFile(one.keyFile, 'utf8'), one.name, logKey, step],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const dying = submitter([client(one, line.toString().trim())]);
    await dying.submitNewest();
    expect(dying.state().groups).toBe(5);
    await writeGroups({ directory: log, origin, signer, from: 5, to: 8 });
    const exited = once(child, 'exit');
    await dying.submitNewest();
    expect(await exited).toEqual([null, 'SIGKILL']);
    expect(dying.state().witnesses[0]).toMatchObject({ groups: 5, failures: 1 });
    // Nothing was answered, so nobody holds a cosignature that the witness does not remember.
    const remembered = await new WitnessStore(new NodeDisk(), checkpoints).load(origin);
    expect(remembered?.head.head.size).toBe(step === 'before-rename' ? 5 : 8);
    const again = submitter([client(one, await serve(one))]);
    await again.submitNewest();
    expect(again.state()).toMatchObject({ met: true, groups: 8 });
    expect((await verify('--witness', one.vkey)).code).toBe(0);
  });
});

describe('a witness that does not do its part', { timeout: 240_000 }, () => {
  let server: Server;
  let address: string;
  let answer: (body: string) => { status: number; body: string } | null;

  beforeEach(async () => {
    server = createServer(async (request, response) => {
      const pieces: Buffer[] = [];
      for await (const piece of request) pieces.push(piece as Buffer);
      const reply = answer(Buffer.concat(pieces).toString('utf8'));
      if (reply !== null) response.writeHead(reply.status).end(reply.body);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  it.each<[string, () => { status: number; body: string } | null, RegExp]>([
    ['says nothing', () => null, /TimeoutError/],
    [
      'says yes without a signature',
      () => ({ status: 200, body: '' }),
      /no cosignature by the configured key/,
    ],
    ['signs with another key', () => ({ status: 200, body: '— w AAAAAAAA\n' }), /no cosignature/],
    ['answers in prose', () => ({ status: 200, body: '<html>' }), /not made of signature lines/],
    ['sends without end', () => ({ status: 200, body: 'x'.repeat(1_000_000) }), /too large/],
    ['conflicts with nothing', () => ({ status: 409, body: 'x' }), /409 without a size/],
    ['conflicts for ever', () => ({ status: 409, body: '3\n' }), /changes from one request/],
    ['forbids', () => ({ status: 403, body: '' }), /HTTP 403/],
    ['fails', () => ({ status: 500, body: '' }), /HTTP 500/],
    ['leads elsewhere', () => ({ status: 302, body: '' }), /HTTP 302|TypeError/],
  ])('it %s', async (_what, act, said) => {
    answer = act;
    const [one] = witnesses as [TestWitness];
    // Whoever answers gets the time that a slow machine takes for it.
    const under = submitter([client(one, address, act() === null ? 300 : 30_000)]);
    await under.submitNewest();
    expect(under.state().witnesses[0]).toMatchObject({ failures: 1, groups: null });
    expect(under.state().witnesses[0]?.error?.message).toMatch(said);
    await expect(readFile(join(log, 'journal', 'cosigned'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('the quorum is missing only when that lasts', async () => {
    answer = () => ({ status: 500, body: '' });
    const [one] = witnesses as [TestWitness];
    let now = 1_000_000;
    const late = submitter([client(one, address)], { lateMs: 10_000, nowMs: () => now });
    await late.submitNewest();
    expect(late.state().met).toBe(true);
    now += 10_001;
    expect(late.state().met).toBe(false);
  });

  it('one that is down does not keep the other from cosigning', async () => {
    answer = () => null;
    const [one, two] = witnesses as [TestWitness, TestWitness];
    const mixed = submitter([client(one, address, 200), client(two, await serve(two))], { quorum: 1 });
    const stop = new AbortController();
    const running = mixed.run(stop.signal);
    await writeGroups({ directory: log, origin, signer, from: 5, to: 9 });
    await until('the head is cosigned', () => mixed.state().groups === 9);
    stop.abort();
    await running;
    expect(mixed.state().met).toBe(true);
    expect((await verify('--witness', one.vkey, '--witness', two.vkey, '--quorum', '1')).code).toBe(0);
  });
});
