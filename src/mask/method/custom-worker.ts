import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { RowsealError } from '../../error/rowseal-error.ts';
import type { CustomAnswer, CustomFunction, CustomHost } from './custom.ts';
import { State, THREAD, Word } from './custom-thread.ts';

/** Starting a thread and compiling a module, in milliseconds. */
const START_MS = 10_000;
/** A function that hangs on this many values of one call is not asked for the rest of them. */
const HANGS_MAX = 3;
/** The thread's heap holds the values of one call, and their answers. */
const CALL_VALUES_MAX = 4096;
const CALL_CHARACTERS_MAX = 1_048_576;
const HEAP_MB = 256;

/**
 * Runs user modules, each in a thread of its own, in a context that has the language and nothing else: no imports, no
 * clock, no randomness, no files, no network, no console, no typed arrays (their memory is outside the thread's limit). A
 * contract, enforced; not a wall against an author who means harm. Calls are synchronous: the thread is waited for, and replaced when it does not answer in time.
 */
export const customWorkers: CustomHost = {
  load: (module, source, exported, timeoutMs) => new WorkerFunction(module, source, exported, timeoutMs),
};

class WorkerFunction implements CustomFunction {
  readonly #module: string;
  readonly #source: string;
  readonly #exported: string;
  readonly #timeoutMs: number;
  #thread: Thread;

  constructor(module: string, source: string, exported: string, timeoutMs: number) {
    this.#module = module;
    this.#source = source;
    this.#exported = exported;
    this.#timeoutMs = timeoutMs;
    this.#thread = this.#start();
  }

  call(values: readonly string[]): readonly CustomAnswer[] {
    const answers: CustomAnswer[] = [];
    let hangs = 0;
    let hung = -1;
    while (answers.length < values.length) {
      const from = answers.length;
      if (from === hung || hangs === 2 * HANGS_MAX || (hangs >= HANGS_MAX && from > hung)) {
        answers.push({ kind: 'timeout' });
        continue;
      }
      // Those before one that hung are asked again: their answers went down with the thread.
      const outcome = this.#thread.ask(
        values.slice(from, hung > from ? hung : endOfCall(values, from)),
        this.#timeoutMs,
      );
      if (outcome.kind === 'answers') {
        for (const answer of outcome.answers) answers.push(answer);
        continue;
      }
      hangs++;
      hung = from + outcome.at;
      this.#thread = this.#start();
    }
    return answers;
  }

  end(): void {
    this.#thread.end();
  }

  #start(): Thread {
    return new Thread(this.#module, this.#source, this.#exported);
  }
}

/** As many values as one call may carry. */
function endOfCall(values: readonly string[], from: number): number {
  let characters = 0;
  let end = from;
  while (end < values.length && end - from < CALL_VALUES_MAX && characters < CALL_CHARACTERS_MAX)
    characters += values[end++]!.length;
  return end;
}

type Outcome =
  | { readonly kind: 'answers'; readonly answers: readonly CustomAnswer[] }
  | { readonly kind: 'hung'; readonly at: number };

class Thread {
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #shared: Int32Array;

  /** @throws RowsealError RS-MASK-011 */
  constructor(module: string, source: string, exported: string) {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#shared = new Int32Array(new SharedArrayBuffer(8));
    this.#worker = new Worker(THREAD, {
      eval: true,
      workerData: { port: port2, shared: this.#shared, source, exported },
      transferList: [port2],
      env: {},
      execArgv: ['--experimental-vm-modules', '--no-warnings'],
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    });
    this.#worker.on('error', () => {});
    this.#worker.unref();
    const loaded = this.#wait(START_MS)
      ? (receiveMessageOnPort(port1)?.message as string | undefined)
      : 'it did not start';
    if (loaded !== 'loaded') {
      this.end();
      throw new RowsealError('RS-MASK-011', { detail: `${module}: ${loaded ?? 'it did not start'}` });
    }
  }

  ask(values: readonly string[], timeoutMs: number): Outcome {
    Atomics.store(this.#shared, Word.progress, 0);
    Atomics.store(this.#shared, Word.state, State.busy);
    this.#port.postMessage(values);
    // The time is one value's: as long as the thread gets on, it is waited for.
    for (let seen = 0; ; ) {
      if (this.#wait(timeoutMs)) {
        const message = receiveMessageOnPort(this.#port)?.message as readonly CustomAnswer[] | undefined;
        if (message !== undefined && message.length > 0 && message.length <= values.length)
          return { kind: 'answers', answers: message };
        this.end();
        return { kind: 'hung', at: 0 };
      }
      const progress = Atomics.load(this.#shared, Word.progress);
      if (progress === seen) {
        this.end();
        return { kind: 'hung', at: progress };
      }
      seen = progress;
    }
  }

  #wait(timeoutMs: number): boolean {
    return Atomics.wait(this.#shared, Word.state, State.busy, timeoutMs) !== 'timed-out';
  }

  end(): void {
    void this.#worker.terminate();
    this.#port.close();
  }
}
