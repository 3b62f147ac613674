import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { noPostgres } from '../support/needs.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { until } from '../support/project.ts';
import { rowseal } from '../support/rowseal-process.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
/** util-linux: gives a command a terminal. */
const hasScript = spawnSync('script', ['--version'], { stdio: 'ignore' }).status === 0;
if (!hasScript)
  console.error(
    '\n!! No `script` (util-linux) here.\n!! THE TESTS OF QUESTIONS ON A TERMINAL ARE SKIPPED.\n',
  );

let server: TestPostgres;
let directory: string;

/** A command on a terminal, and somebody who types. */
class OnTerminal {
  readonly #child;
  readonly #exited: Promise<number>;
  #output = '';

  constructor(args: readonly string[]) {
    const command = [process.execPath, MAIN, ...args].map((word) => `'${word}'`).join(' ');
    this.#child = spawn('script', ['-qefc', command, '/dev/null'], {
      cwd: directory,
      env: { ...process.env, NO_COLOR: '1', ROWSEAL_SOURCE_PASSWORD: '' },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#output += text;
    });
    this.#exited = once(this.#child, 'close').then(([code]) => code as number);
  }

  get output(): string {
    return this.#output;
  }

  /** Waits for a question and types the answer. */
  async answer(question: string, text: string): Promise<void> {
    const before = this.#output.length;
    await until(question, () => this.#output.includes(question)).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${this.#output.slice(-500)} (${before})`);
    });
    // The rest of the line: readline has set the terminal when it has drawn the prompt.
    await new Promise((resolve) => setTimeout(resolve, 150));
    this.#child.stdin.write(`${text}\r`);
  }

  type(text: string): void {
    this.#child.stdin.write(text);
  }

  exit(): Promise<number> {
    return this.#exited;
  }
}

describe.skipIf(!hasScript || noPostgres(18))('rowseal init on a terminal', () => {
  beforeAll(async () => {
    server = await startPostgres(18);
    await server.createDatabase('shop');
    const client = await server.client('shop');
    await client.query(
      `CREATE TABLE customers (id int PRIMARY KEY, email text);
       CREATE TABLE request_log (id int PRIMARY KEY, line text);
       INSERT INTO customers SELECT n, 'c' || n || '@example.com' FROM generate_series(1, 50) n;
       CREATE ROLE reader LOGIN PASSWORD 'pass word' REPLICATION;
       GRANT SELECT ON customers, request_log TO reader`,
    );
    await client.end();
  });

  afterAll(() => server?.stop());

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'rowseal-init-'));
  });

  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('asks for what it needs, again where the answer is none, and writes what was answered', async () => {
    const init = new OnTerminal(['init']);
    await init.answer('database (', 'shop');
    await init.answer('it begins with postgres://', `postgres://reader@127.0.0.1:${server.port}/shop`);
    await init.answer('rules (', 'hipa');
    await init.answer('one of gdpr', '');
    await init.answer('DuckDB file', 'shop.duckdb');
    await init.answer('password of reader', 'pass word');
    await init.answer('leave out', '*_logs');
    await init.answer('matches no table', '*_log');
    expect(await init.exit()).toBe(0);
    expect(init.output).toContain('public.request_log');
    expect(init.output).toMatch(/✔ rowseal\.yaml: 1 tables, 2 columns, all decided/);
    // The password is neither shown nor written.
    expect(init.output).not.toContain('pass word');
    const written = await readFile(join(directory, 'rowseal.yaml'), 'utf8');
    expect(written).toContain('preset gdpr');
    expect(written).toContain('shop.duckdb');
    expect(written).not.toMatch(/pass word|request_log/);
    const check = await rowseal(['check', '--config', join(directory, 'rowseal.yaml')], {
      ROWSEAL_SOURCE_PASSWORD: 'pass word',
    });
    expect(check.stdout).toContain('2/2 columns decided');
    // A role that only reads is told what its owner must do, with the statement.
    expect(check.stdout).toMatch(/RS-PG-040.*lacks CREATE.*does not own public\.customers/);
    const fix = /as their owner: (CREATE PUBLICATION .*;)/.exec(check.stdout)![1]!;
    const owner = await server.client('shop');
    await owner.query(fix);
    await owner.end();
    const again = await rowseal(['check', '--config', join(directory, 'rowseal.yaml')], {
      ROWSEAL_SOURCE_PASSWORD: 'pass word',
    });
    expect([again.code, again.stdout.includes('0 errors')]).toEqual([0, true]);
  }, 300_000);

  it.each([
    ['Ctrl-C', '\u0003'],
    ['the end of the input', '\u0004'],
  ])('ends at %s and writes nothing', async (_, key) => {
    const init = new OnTerminal(['init']);
    await until('the question', () => init.output.includes('database ('));
    await new Promise((resolve) => setTimeout(resolve, 300));
    init.type(key);
    expect(await init.exit()).toBe(2);
    expect(init.output).toContain('RS-CLI-003');
    expect(existsSync(join(directory, 'rowseal.yaml'))).toBe(false);
  });

  it('asks nobody where nobody is', async () => {
    const init = await rowseal(['init', '--config', join(directory, 'rowseal.yaml')]);
    expect([init.code, init.stderr.includes('--url is needed')]).toEqual([2, true]);
  });
});
