import { spawn } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Problem, VerifyReport } from '../audit/verify/report.ts';
import type { Verdict } from '../ops/ops-room.ts';
import { describeProblem } from './commands/audit.ts';

/** A larger log is not read beside a running pipeline for a click. */
const MAX_BYTES = 512 * 1024 * 1024;
const MAX_MS = 60_000;

/**
 * Verifies the log in a process of its own, which reads only: the pipeline's event loop and memory are left alone. Bounded
 * in bytes and time; where that does not do, it says how to verify elsewhere. Who asks while one runs gets its answer.
 */
export class LogVerification {
  readonly #directory: string;
  #running: Promise<Verdict> | null = null;

  constructor(directory: string) {
    this.#directory = directory;
  }

  verify(): Promise<Verdict> {
    this.#running ??= this.#verify().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #verify(): Promise<Verdict> {
    const bytes = await sizeOf(this.#directory);
    if (bytes > MAX_BYTES)
      return this.#elsewhere(
        `the log has ${(bytes / 1e9).toFixed(1)} GB, too much to read beside a running pipeline`,
      );
    const report = await this.#inChild();
    if (report === null) return this.#elsewhere(`it was not done within ${MAX_MS / 1000} s`);
    const [first] = report.problems as readonly Problem[];
    return {
      kind: 'verified',
      at: new Date().toISOString(),
      groups: report.groups,
      records: report.records,
      signatures: report.signatures,
      problems: report.problems.length,
      first: first === undefined ? null : describeProblem(first),
    };
  }

  #elsewhere(why: string): Verdict {
    return { kind: 'elsewhere', why, command: `rowseal audit verify --dir ${this.#directory}` };
  }

  /** null: it did not come to an end, or gave no report. */
  #inChild(): Promise<VerifyReport | null> {
    const child = spawn(
      process.execPath,
      ['--max-old-space-size=256', process.argv[1]!, 'audit', 'verify', '--dir', this.#directory, '--json'],
      { stdio: ['ignore', 'pipe', 'ignore'], timeout: MAX_MS, killSignal: 'SIGKILL' },
    );
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    return new Promise((resolve) => {
      child.once('error', () => resolve(null));
      child.once('close', () => {
        try {
          const report = JSON.parse(output) as Partial<VerifyReport>;
          resolve(Array.isArray(report.problems) ? (report as VerifyReport) : null);
        } catch {
          resolve(null);
        }
      });
    });
  }
}

async function sizeOf(directory: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => [])) {
    if (!entry.isFile()) continue;
    // A file may go while it is counted.
    bytes += await stat(join(entry.parentPath, entry.name)).then(
      ({ size }) => size,
      () => 0,
    );
  }
  return bytes;
}
