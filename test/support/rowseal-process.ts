import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Compiled once for hundreds of processes: half the time of a start. */
export const COMPILE_CACHE = join(tmpdir(), 'rowseal-test-compile-cache');
const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A Rowseal command in a process of its own, as a user runs it. Everything it prints is kept. */
export class RowsealProcess {
  readonly child: ChildProcess;
  #stdout = '';
  #stderr = '';
  readonly #exited: Promise<Exit>;

  /** @param under a command to run it under, for example `prlimit --fsize=… --` */
  constructor(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    under: readonly string[] = [],
  ) {
    const [command, ...rest] = [...under, process.execPath, MAIN, ...args] as [string, ...string[]];
    this.child = spawn(command, rest, {
      env: { ...process.env, NODE_COMPILE_CACHE: COMPILE_CACHE, NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
    });
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    this.#exited = once(this.child, 'close').then(([code, signal]) => ({ code, signal }));
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  get output(): string {
    return this.#stdout + this.#stderr;
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  exit(): Promise<Exit> {
    return this.#exited;
  }

  /** SIGKILL: nothing of ours runs any more. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#exited;
  }

  /** Asks to stop and waits for the end. */
  async terminate(): Promise<Exit> {
    this.signal('SIGTERM');
    return this.#exited;
  }
}

/** Runs a command to its end. */
export async function rowseal(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Exit & { readonly stdout: string; readonly stderr: string }> {
  const run = new RowsealProcess(args, env);
  const exit = await run.exit();
  return { ...exit, stdout: run.stdout, stderr: run.stderr };
}
