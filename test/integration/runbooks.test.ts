import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseLsn } from '../../src/model/position.ts';
import { noPostgres } from '../support/needs.ts';
import { freePort, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { until } from '../support/project.ts';
import { COMPILE_CACHE, RowsealProcess, rowseal } from '../support/rowseal-process.ts';
import { applyDiff, type Step, stepsOf } from '../support/runbook.ts';

const page = readFileSync(new URL('../../docs/runbooks.md', import.meta.url), 'utf8');
const steps = stepsOf(page);
const sections = [...new Set(steps.map(({ section }) => section))];

/** Each section goes on where the one before ended, as the page reads. */
describe.skipIf(noPostgres(18))('docs/runbooks.md', () => {
  let server: TestPostgres;
  let client: Client;
  let directory: string;
  let port: number;
  let secrets: Readonly<Record<string, string>> = {};
  let run: RowsealProcess | null = null;

  beforeAll(async () => {
    server = await startPostgres(18);
    await server.createDatabase('shop');
    client = await server.client('shop');
    await client.query(`CREATE TABLE customers (id bigint PRIMARY KEY, full_name text, email text, city text, created_at timestamptz DEFAULT now());
      CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL REFERENCES customers, total numeric(10,2));
      INSERT INTO customers SELECT g, 'Ada Number ' || g, 'a' || g || '@example.com', 'Cork' FROM generate_series(1, 300) g;
      INSERT INTO orders SELECT g, 1 + g % 300, g * 1.5 FROM generate_series(1, 600) g`);
    secrets = { ROWSEAL_SOURCE_PASSWORD: server.password };
    directory = mkdtempSync(join(tmpdir(), 'rowseal-runbook-'));
    mkdirSync(join(directory, 'bin'));
    const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
    const shim = join(directory, 'bin', 'rowseal');
    writeFileSync(shim, `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`);
    chmodSync(shim, 0o755);
    const made = await rowseal([
      'init',
      ...['--url', server.url('shop'), '--config', join(directory, 'rowseal.yaml')],
      ...['--keys-dir', join(directory, 'keys'), '--sink', `duckdb:${join(directory, 'warehouse.duckdb')}`],
      ...['--pipeline', 'shop'],
    ]);
    expect(made.code, made.stderr).toBe(0);
    port = await freePort();
    const config = readFileSync(join(directory, 'rowseal.yaml'), 'utf8');
    writeFileSync(join(directory, 'rowseal.yaml'), `${config}http: { port: ${port} }\n`);
  }, 300_000);

  afterAll(async () => {
    if (run?.running === true) await run.kill();
    await client?.end();
    await server?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const status = async (): Promise<{
    state: string;
    source: { position: string | null };
    sinks: { behind_groups: number }[];
  } | null> => {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/status.json`, {
        signal: AbortSignal.timeout(10_000),
      });
      return (await response.json()) as never;
    } catch {
      return null;
    }
  };

  /** What was committed so far is in the warehouse. */
  async function caughtUp(): Promise<void> {
    const { rows } = await client.query<{ lsn: string }>('SELECT pg_current_wal_lsn()::text AS lsn');
    const end = parseLsn(rows[0]!.lsn)!;
    await until('the warehouse has caught up', async () => {
      if (run?.running !== true) throw new Error(`the process ended:\n${run?.output.slice(-3_000)}`);
      const now = await status();
      if (now?.state !== 'streaming') return false;
      const position = parseLsn(now.source.position?.split(' ')[0] ?? '');
      return position !== null && position >= end && now.sinks.every((sink) => sink.behind_groups === 0);
    });
  }

  function shell(
    line: string,
  ): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
    const path = `${join(directory, 'bin')}:${process.env['PATH']}`;
    const env = {
      ...process.env,
      ...secrets,
      PATH: path,
      NO_COLOR: '1',
      NODE_COMPILE_CACHE: COMPILE_CACHE,
    };
    return new Promise((resolve) => {
      execFile('sh', ['-c', line], { cwd: directory, env }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
      });
    });
  }

  async function take(step: Step): Promise<void> {
    switch (step.kind) {
      case 'run':
        if (step.wanted === 'started' && run === null) {
          run = new RowsealProcess(['run', '--config', join(directory, 'rowseal.yaml')], secrets);
          await caughtUp();
        }
        if (step.wanted === 'stopped' && run !== null) {
          const { code } = await run.terminate();
          expect(code, run.output.slice(-3_000)).toBe(0);
          run = null;
          // The server notices a moment later; a person is not as quick to go on.
          await until('the slot is free', async () => {
            const { rowCount } = await client.query('SELECT 1 FROM pg_replication_slots WHERE active');
            return rowCount === 0;
          });
        }
        return;
      case 'sql':
        await client.query(step.text);
        if (run !== null) await caughtUp();
        return;
      case 'edit': {
        const file = join(directory, 'rowseal.yaml');
        writeFileSync(file, applyDiff(readFileSync(file, 'utf8'), step.diff));
        return;
      }
      case 'sh': {
        const { code, stdout, stderr } = await shell(step.line);
        expect(code, `${step.line}\n${stdout}\n${stderr}`).toBe(step.exitCode);
        return;
      }
    }
  }

  it.each(sections)('%s', { timeout: 300_000 }, async (section) => {
    for (const step of steps.filter((one) => one.section === section)) await take(step);
  });
});
