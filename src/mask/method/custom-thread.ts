/** What a mask function has: the language. No clock, chance, place, memory outside the heap, or code from text. */
const GLOBALS = `
  Object Function Array Number parseFloat parseInt Infinity NaN undefined Boolean String Symbol Promise RegExp Error
  AggregateError EvalError RangeError ReferenceError SyntaxError TypeError URIError globalThis JSON Math Map BigInt Set
  Iterator WeakMap WeakSet Proxy Reflect decodeURI decodeURIComponent encodeURI encodeURIComponent isFinite isNaN`;

/** Evaluating a module, in milliseconds. */
const LOAD_MS = 5000;
/** A longer answer is none, and so much is sent at once at most: copying it between threads could take more memory than the process has. */
export const ANSWER_CHARACTERS_MAX = 33_554_432;

/** Words shared with the thread: whether it is at work, and at which value. */
export const Word = { state: 0, progress: 1 } as const;
export const State = { busy: 0, ready: 1 } as const;

/**
 * The source of the thread that runs one module. Four things keep the module inside its context: it is called from
 * inside, for what a call hands to a proxy belongs to the caller's world; errors of `import()` are made inside; this
 * source is strict, because sloppy functions can be had from a stack trace; and the world outside is emptied.
 * What the module throws is answered without its message, which may quote a value.
 */
export const THREAD = `'use strict';
(() => {
const { workerData } = require('node:worker_threads');
const vm = require('node:vm');
const { port, shared, source, exported } = workerData;
// A rejected promise of the module is its own affair: it must not end the thread.
process.on('unhandledRejection', () => {});
const answer = (message) => {
  port.postMessage(message);
  Atomics.store(shared, ${Word.state}, ${State.ready});
  Atomics.notify(shared, ${Word.state});
};
const context = vm.createContext(Object.create(null), { codeGeneration: { strings: false, wasm: false } });
const [call, refuse] = vm.runInContext(\`
  'use strict';
  const known = new Set(${JSON.stringify(GLOBALS.trim().split(/\s+/))});
  for (const name of Reflect.ownKeys(globalThis)) if (!known.has(name)) delete globalThis[name];
  delete Math.random;
  const refused = Object.freeze(new TypeError('a mask function stands alone'));
  [(f, value) => f(value), () => { throw refused; }];
\`, context);
for (const name of ['process', 'require', 'module', 'global', 'Buffer', 'fetch']) delete globalThis[name];
(async () => {
  let called;
  try {
    const module = new vm.SourceTextModule(source, { context, importModuleDynamically: () => refuse() });
    await module.link(() => { throw new Error('import'); });
    await module.evaluate({ timeout: ${LOAD_MS} });
    called = module.namespace[exported];
  } catch (error) {
    return answer(error instanceof SyntaxError || error?.name === 'SyntaxError' ? 'it has a syntax error' : error?.message === 'import' ? 'it imports another module; a mask function stands alone' : 'it fails while it is loaded');
  }
  if (typeof called !== 'function') return answer('it exports no such function');
  const one = (value) => {
    try {
      const result = call(called, value);
      if (result === null || (typeof result === 'string' && result.length <= ${ANSWER_CHARACTERS_MAX})) return { kind: 'value', value: result };
    } catch {}
    return { kind: 'failed' };
  };
  port.on('message', (values) => {
    const answers = [];
    // Fewer answers than values when they are long: the rest is asked for again.
    for (let i = 0, characters = 0; i < values.length; i++) {
      Atomics.store(shared, ${Word.progress}, i);
      const answered = one(values[i]);
      characters += answered.value?.length ?? 0;
      if (i > 0 && characters > ${ANSWER_CHARACTERS_MAX}) break;
      answers.push(answered);
    }
    // Asked twice, a pure function answers the same.
    const again = values.length === 0 ? null : one(values[0]);
    if (again !== null && again.kind === 'value' && again.value !== answers[0].value) answers.fill({ kind: 'failed' });
    answer(answers);
  });
  answer('loaded');
})();
})();
`;
