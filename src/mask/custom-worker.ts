import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { RowsealError } from '../error/rowseal-error.ts';
import type { CustomAnswer, CustomFunction, CustomHost } from './custom.ts';

/** Starting a thread and compiling a module, in milliseconds. */
const START_MS = 10_000;
/** A function that hangs on this many values of one call is not asked for the rest of them. */
const HANGS_MAX = 3;
const HEAP_MB = 128;

/** Words shared with the thread. */
const Word = { state: 0, progress: 1 } as const;
const State = { busy: 0, ready: 1 } as const;

/**
 * Runs user modules, each in a thread of its own, in a context that has the language and nothing else: no imports, no
 * clock, no randomness, no files, no network, no console. A contract, enforced; not a wall against an author who means
 * harm. Calls are synchronous: the thread is waited for, and replaced when it does not answer in time.
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
    while (answers.length < values.length) {
      if (hangs === HANGS_MAX) {
        while (answers.length < values.length) answers.push({ kind: 'timeout' });
        break;
      }
      const rest = values.slice(answers.length);
      const outcome = this.#thread.ask(rest, this.#timeoutMs);
      if (outcome.kind === 'answers') {
        answers.push(...outcome.answers);
        continue;
      }
      hangs++;
      this.#thread = this.#start();
      // Those before the one that hung are asked again: their answers went down with the thread.
      if (outcome.at > 0) answers.push(...this.call(rest.slice(0, outcome.at)));
      answers.push({ kind: 'timeout' });
    }
    return answers;
  }

  #start(): Thread {
    return new Thread(this.#module, this.#source, this.#exported);
  }
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
      this.#end();
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
        if (message !== undefined && message.length === values.length)
          return { kind: 'answers', answers: message };
        this.#end();
        return { kind: 'hung', at: 0 };
      }
      const progress = Atomics.load(this.#shared, Word.progress);
      if (progress === seen) {
        this.#end();
        return { kind: 'hung', at: progress };
      }
      seen = progress;
    }
  }

  #wait(timeoutMs: number): boolean {
    return Atomics.wait(this.#shared, Word.state, State.busy, timeoutMs) !== 'timed-out';
  }

  #end(): void {
    void this.#worker.terminate();
    this.#port.close();
  }
}

/** The thread. Errors of the module are answered without their message, which may quote a value. */
const THREAD = `
const { workerData } = require('node:worker_threads');
const vm = require('node:vm');
const { port, shared, source, exported } = workerData;
const answer = (message) => {
  port.postMessage(message);
  Atomics.store(shared, 0, 1);
  Atomics.notify(shared, 0);
};
const context = vm.createContext(Object.create(null), { codeGeneration: { strings: false, wasm: false } });
vm.runInContext(\`
  for (const name of ['Date', 'WebAssembly', 'SharedArrayBuffer', 'Atomics', 'WeakRef', 'FinalizationRegistry']) delete globalThis[name];
  delete Math.random;
\`, context);
(async () => {
  let called;
  try {
    const module = new vm.SourceTextModule(source, { context });
    await module.link(() => { throw new Error('import'); });
    await module.evaluate({ timeout: 5000 });
    called = module.namespace[exported];
  } catch (error) {
    return answer(error instanceof SyntaxError || error?.name === 'SyntaxError' ? 'it has a syntax error' : error?.message === 'import' ? 'it imports another module; a mask function stands alone' : 'it fails while it is loaded');
  }
  if (typeof called !== 'function') return answer('it exports no such function');
  const one = (value) => {
    try {
      const result = called(value);
      if (typeof result === 'string' || result === null) return { kind: 'value', value: result };
    } catch {}
    return { kind: 'failed' };
  };
  port.on('message', (values) => {
    const answers = [];
    for (let i = 0; i < values.length; i++) {
      Atomics.store(shared, 1, i);
      answers.push(one(values[i]));
    }
    // Asked twice, a pure function answers the same.
    const again = values.length === 0 ? null : one(values[0]);
    if (again !== null && again.kind === 'value' && again.value !== answers[0].value) answers.fill({ kind: 'failed' });
    answer(answers);
  });
  answer('loaded');
})();
`;
