import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, cp, lstat, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { findContainerEngine } from '../support/container-engine.ts';
import { noPostgres } from '../support/needs.ts';
import { freePort, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { until } from '../support/project.ts';
import { slow } from '../support/slow.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TOKEN = 'a-token-of-enough-characters';
const SUITE = `rowseal-test-${randomUUID().slice(0, 8)}`;
const BUILD_MS = 1_200_000;

const engine = findContainerEngine();

/** As the manifests in examples/ run it: no root, no capability, nothing to write but the volumes, not even /tmp. */
const LOCKED_DOWN = [
  '--network=host',
  '--read-only',
  '--cap-drop=ALL',
  '--security-opt=no-new-privileges',
  ...(engine?.command === 'podman' ? ['--read-only-tmpfs=false'] : []),
];

let server: TestPostgres;
let client: Client;
let directory: string;
let port: number;
let image: string;

const volumes = ['-v', `${SUITE}-keys:/keys:ro`, '-v', `${SUITE}-data:/var/lib/rowseal`];

/** `ROWSEAL_TEST_IMAGE=name` tests an image that is there already. */
const READY_IMAGE = process.env['ROWSEAL_TEST_IMAGE'];

function build(): string {
  if (READY_IMAGE !== undefined) return READY_IMAGE;
  // The format that keeps the health check; one layer a stage, since some storage drivers copy every one.
  const more = engine!.command === 'podman' ? ['--format=docker', '--layers=false'] : [];
  engine!.run(['build', '-q', ...more, '-t', SUITE, ROOT], BUILD_MS);
  return SUITE;
}

/** Keys as Kubernetes hands secrets out: files of root, which the group of the process may read. */
function makeKeys(): void {
  engine!.run([
    'run',
    '--rm',
    '--user=0',
    '-v',
    `${SUITE}-keys:/keys`,
    '--entrypoint=sh',
    image,
    '-c',
    'rowseal keys generate --dir /keys && chown root:1000 /keys/* && chmod 440 /keys/*',
  ]);
}

async function writeConfig(): Promise<string> {
  const file = join(directory, 'rowseal.yaml');
  const config = {
    pipeline: 'container',
    source: { type: 'postgres', url: server.url('shop'), tables: ['public.customers'] },
    mask: {
      key: { file: '/keys/rowseal-mask.key' },
      tables: { 'public.customers': { id: 'keep', email: { method: 'token' } } },
    },
    audit: { dir: '/var/lib/rowseal/audit', key: { file: '/keys/rowseal-signing.key' } },
    sinks: {
      warehouse: { type: 'duckdb', path: '/var/lib/rowseal/warehouse.duckdb' },
      lake: { type: 'parquet', dir: '/var/lib/rowseal/lake', batch_interval_ms: 200 },
    },
    http: { host: '0.0.0.0', port, token: { env: 'ROWSEAL_HTTP_TOKEN' } },
  };
  await writeFile(file, stringify(config));
  await chmod(file, 0o644);
  return file;
}

/** Starts a container and waits until it has delivered `rows` to the warehouse. */
async function start(name: string, rows: number): Promise<void> {
  const config = join(directory, 'rowseal.yaml');
  engine!.run([
    'run',
    '-d',
    '--name',
    name,
    ...LOCKED_DOWN,
    ...volumes,
    '-v',
    `${config}:/etc/rowseal/rowseal.yaml:ro`,
    '-e',
    `ROWSEAL_HTTP_TOKEN=${TOKEN}`,
    image,
  ]);
  await until(`${rows} rows`, async () => (await delivered()) >= rows, 120_000).catch((error: unknown) => {
    const { stdout, stderr } = spawnSync(engine!.command, ['logs', name], { encoding: 'utf8' });
    throw new Error(`${error instanceof Error ? error.message : 'failed'}\n${stdout}${stderr}`);
  });
}

async function delivered(): Promise<number> {
  const answer = await get('/status.json', TOKEN).catch(() => null);
  if (answer === null || !answer.ok) return -1;
  const { state, sinks } = (await answer.json()) as { state: string; sinks: { rows: number }[] };
  // While it copies there is more to come.
  if (state !== 'streaming') return -1;
  return Math.min(...sinks.map((sink) => sink.rows));
}

function get(path: string, token: string | null): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}${path}`, {
    headers: token === null ? {} : { authorization: `Bearer ${token}` },
  });
}

describe.skipIf(engine === null || noPostgres(18))('the container image', () => {
  beforeAll(async () => {
    image = build();
    server = await startPostgres(18);
    await server.createDatabase('shop');
    client = await server.client('shop');
    await client.query('CREATE TABLE customers (id int PRIMARY KEY, email text)');
    await client.query(
      "INSERT INTO customers SELECT n, 'c' || n || '@example.com' FROM generate_series(1, 500) n",
    );
    directory = await mkdtemp(join(tmpdir(), 'rowseal-container-'));
    await chmod(directory, 0o755);
    port = await freePort();
    makeKeys();
    await writeConfig();
  }, BUILD_MS + 120_000);

  afterAll(async () => {
    await client?.end();
    await server?.stop();
    for (const name of [`${SUITE}-1`, `${SUITE}-2`]) engine!.succeeds(['rm', '-f', name]);
    for (const name of ['keys', 'data']) engine!.succeeds(['volume', 'rm', '-f', `${SUITE}-${name}`]);
    engine!.succeeds(['rmi', '-f', SUITE]);
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  }, 300_000);

  it('has what it needs to run and no more', () => {
    const look = engine!.run([
      'run',
      '--rm',
      '--entrypoint=sh',
      image,
      '-c',
      'id -u; ls /app/node_modules | grep -c -x -e vitest -e typescript -e testcontainers; which npm npx corepack yarn; find /app -name "*.map" -o -name "*.d.ts" | head -3; du -sm /app | cut -f1',
    ]);
    const [uid, developers, megabytes, ...rest] = look.split('\n');
    expect({ uid, developers, rest }).toEqual({ uid: '1000', developers: '0', rest: [] });
    expect(Number(megabytes)).toBeLessThan(150);
    const [inspected] = JSON.parse(engine!.run(['image', 'inspect', image])) as [
      { Config: Record<string, unknown>; Healthcheck?: unknown },
    ];
    expect(inspected.Config).toMatchObject({
      User: 'node',
      StopSignal: expect.stringMatching(/^(SIGTERM|15)$/),
    });
    // Podman has it beside the configuration.
    expect(inspected.Config['Healthcheck'] ?? inspected.Healthcheck).toMatchObject({
      Test: ['CMD', 'rowseal', 'health'],
    });
  }, 300_000);

  it('copies, follows and seals on a read-only root file system, answers for its health, and stops in order', async () => {
    const name = `${SUITE}-1`;
    await start(name, 500);
    await client.query("UPDATE customers SET email = 'changed@example.com' WHERE id = 7");
    await until('the change', async () => (await delivered()) >= 501);
    expect(
      engine!.succeeds(['exec', name, 'sh', '-c', 'touch /app/x || touch /tmp/x || touch /etc/rowseal/x']),
    ).toBe(false);
    expect(engine!.run(['exec', name, 'rowseal', 'health'])).toBe('ok');
    expect(engine!.run(['exec', name, 'rowseal', 'health', '--ready'])).toContain('"streaming"');
    expect(engine!.run(['exec', name, 'rowseal', 'status'])).toMatch(/^container: streaming/);
    // Probes are let in, nobody else without the token.
    expect((await get('/healthz', null)).status).toBe(200);
    expect((await get('/metrics', null)).status).toBe(401);
    expect((await get('/metrics', TOKEN)).status).toBe(200);
    const stopped = Date.now();
    engine!.run(['stop', '-t', '25', name]);
    expect(Date.now() - stopped).toBeLessThan(25_000);
    expect(engine!.run(['inspect', '--format', '{{.State.ExitCode}}', name])).toBe('0');
    const { stdout, stderr } = spawnSync(engine!.command, ['logs', name], { encoding: 'utf8' });
    const lines = `${stdout}${stderr}`.trim().split('\n');
    // JSON on every line, and nothing of a row in it.
    expect(lines.map((line) => (JSON.parse(line) as { level: string }).level)).not.toContain('error');
    expect(lines.join()).not.toContain('@example.com');
  }, 300_000);

  it('goes on in a new container where the old one was', async () => {
    await client.query("INSERT INTO customers VALUES (900, 'late@example.com')");
    const name = `${SUITE}-2`;
    await start(name, 1);
    const verified = engine!.run([
      'exec',
      name,
      'rowseal',
      'audit',
      'verify',
      '--dir',
      '/var/lib/rowseal/audit',
    ]);
    expect(verified).toContain('0 problems');
    engine!.run(['stop', '-t', '25', name]);
  }, 300_000);
});

/** What the build reads, as .dockerignore lets it in, and what says how. */
const CONTEXT = [
  ...['Dockerfile', '.dockerignore', '.npmrc', 'package.json', 'package-lock.json'],
  ...['tsconfig.json', 'tsconfig.build.json', 'src', 'connectors'],
];
const reproducible = slow && engine?.command === 'podman';
if (engine !== null && !reproducible)
  console.error(
    `\n!! WHETHER TWO BUILDS GIVE ONE IMAGE IS NOT COMPARED: that takes ${slow ? 'podman, here docker answers' : '`npm run test:slow`'}.\n`,
  );

describe.skipIf(!reproducible)('the container image, built twice', () => {
  const images = ['early', 'late'].map((word) => `${SUITE}-${word}`);
  let place: string;

  beforeAll(async () => {
    place = await mkdtemp(join(tmpdir(), 'rowseal-image-'));
  });
  afterAll(async () => {
    for (const name of images) engine!.succeeds(['rmi', '-f', name]);
    await rm(place, { recursive: true, force: true });
  }, 120_000);

  /** A checkout of somebody whose umask is another. */
  async function checkout(name: string, umask: number): Promise<string> {
    const directory = join(place, name);
    await mkdir(directory);
    for (const part of CONTEXT) await cp(join(ROOT, part), join(directory, part), { recursive: true });
    for (const path of await readdir(directory, { recursive: true })) {
      const file = join(directory, path);
      await chmod(file, ((await lstat(file)).isDirectory() ? 0o777 : 0o666) & ~umask);
    }
    return directory;
  }

  function buildAnew(directory: string, name: string): void {
    engine!.run(
      // Docker's format would hold the random host name of the container that built it.
      [
        'build',
        '-q',
        '--format=oci',
        '--no-cache',
        '--layers=false',
        '--identity-label=false',
        '--timestamp=1764000000',
        '-t',
        name,
        directory,
      ],
      BUILD_MS,
    );
  }

  /** Every file of ours with mode, owner, time and digest: where images differ, this says where. */
  const listing = (name: string): readonly string[] =>
    engine!
      .run([
        'run',
        '--rm',
        '--user=0',
        '--network=none',
        '--entrypoint=sh',
        name,
        '-c',
        'cd / && find app etc/rowseal usr/local/bin var/lib/rowseal -printf "%M %U:%G %T@ %p %l\\n" | sort -k4 && find app usr/local/bin -type f -exec sha256sum {} + | sort -k2',
      ])
      .split('\n');

  it('is the same, whoever builds it and when', { timeout: 3 * BUILD_MS }, async () => {
    const [early, late] = images as [string, string];
    // Both at once: who works on the sources meanwhile changes neither.
    const checkouts = await Promise.all([checkout('early', 0o022), checkout('late', 0o077)]);
    buildAnew(checkouts[0], early);
    buildAnew(checkouts[1], late);
    const seen = listing(early);
    expect(listing(late).filter((line, i) => line !== seen[i])).toEqual([]);
    const identity = (name: string): string =>
      engine!.run(['image', 'inspect', '--format', '{{.Id}} {{.RootFS.Layers}}', name]);
    expect(identity(late)).toBe(identity(early));
    // Whoever cloned with a strict umask: the process, which is not root, can read itself.
    const run = ['run', '--rm', '--network=none', ...LOCKED_DOWN.slice(1), late, '--version'];
    expect(engine!.run(run)).toMatch(/^\d+\.\d+\.\d+/);
  });
});
