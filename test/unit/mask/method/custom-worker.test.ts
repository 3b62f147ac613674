import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CustomFunction } from '../../../../src/mask/method/custom.ts';
import { ANSWER_CHARACTERS_MAX } from '../../../../src/mask/method/custom-thread.ts';
import { customWorkers } from '../../../../src/mask/method/custom-worker.ts';

/** What answers gets the time that a slow machine takes for it. */
const load = (source: string, timeoutMs = 30_000): CustomFunction =>
  customWorkers.load('mask.mjs', source, 'mask', timeoutMs);
const one = (source: string, value = 'v', timeoutMs = 30_000) => load(source, timeoutMs).call([value])[0]!;

/** Tries for a way out: answers `out` where code from text runs, which only the world outside allows. */
const TRY = `const reach = (thing) => { try { return thing.constructor.constructor('return "out"')(); } catch { return 'in'; } };`;

describe('a mask function cannot reach outside its context', () => {
  it.each([
    ['its own realm', `${TRY} export const mask = () => reach({})`],
    ['globalThis', `${TRY} export const mask = () => reach(globalThis)`],
    [
      'the error of an import',
      `${TRY} let found = 'in'; try { await import('node:fs'); } catch (error) { found = reach(error); } export const mask = () => found`,
    ],
    [
      'the promise of an import',
      `${TRY} export const mask = () => { const promise = import('node:fs'); promise.catch(() => {}); return reach(promise); }`,
    ],
    [
      'what a proxy is handed',
      `${TRY} export const mask = new Proxy(() => {}, { apply: (_target, _self, list) => reach(list) })`,
    ],
    [
      'what a bound proxy is handed',
      `${TRY} export const mask = new Proxy(() => {}, { apply: (_target, _self, list) => reach(list) }).bind(null)`,
    ],
    [
      'functions of a stack trace',
      `${TRY} export function mask() {
        Error.prepareStackTrace = (_error, sites) => sites;
        const sites = new Error('x').stack;
        delete Error.prepareStackTrace;
        const things = [sites, ...sites, ...sites.flatMap((site) => [site.getFunction(), site.getThis()])];
        return things.filter(Boolean).map(reach).find((found) => found === 'out') ?? 'in';
      }`,
    ],
    [
      'the error of a stack that is full',
      `${TRY} function deeper() { deeper(); } export const mask = () => { try { deeper(); } catch (error) { return reach(error); } }`,
    ],
    ['this', `${TRY} export const mask = function () { return this === undefined ? 'in' : reach(this); }`],
    ['import.meta', `${TRY} export const mask = () => Object.keys(import.meta).length === 0 ? 'in' : 'out'`],
  ])('by %s', (_way, source) => {
    expect(one(source)).toEqual({ kind: 'value', value: 'in' });
  });

  it('has the language and nothing else', () => {
    const { value } = one('export const mask = () => Object.getOwnPropertyNames(globalThis).join(" ")') as {
      value: string;
    };
    const names = value.split(' ');
    for (const absent of [
      'Date',
      'Intl',
      'console',
      'process',
      'require',
      'fetch',
      'WebAssembly',
      'Atomics',
      'SharedArrayBuffer',
      'ArrayBuffer',
      'Uint8Array',
      'DataView',
      'WeakRef',
      'FinalizationRegistry',
      'Temporal',
      'performance',
      'eval',
    ])
      expect(names).not.toContain(absent);
    expect(names).toContain('Map');
  });

  it('does not spoil what comes after by changing the built-in objects', () => {
    const source =
      'Object.prototype.kind = "value"; Object.prototype.value = "x"; Array.prototype[0] = "x"; String.prototype.toString = () => "x"; export const mask = (v) => v';
    expect(load(source).call(['a', 'b'])).toEqual([
      { kind: 'value', value: 'a' },
      { kind: 'value', value: 'b' },
    ]);
    expect(({} as { kind?: unknown }).kind).toBeUndefined();
  });
});

describe('an answer that is none', () => {
  it.each([
    ['a string object', 'export const mask = () => new String("x")'],
    ['undefined', 'export const mask = () => {}'],
    ['something with a getter', 'export const mask = () => ({ get length() { throw 1; } })'],
    ['a function', 'export const mask = () => () => {}'],
    ['a symbol', 'export const mask = () => Symbol()'],
    [
      'a revoked proxy',
      'export const mask = () => { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return proxy; }',
    ],
    ['a promise that is rejected', 'export const mask = async () => { throw 1; }'],
    ['a thenable', 'export const mask = () => ({ then(done) { done("x"); } })'],
    ['thrown nothing', 'export const mask = () => { throw undefined; }'],
    [
      'thrown something whose name hangs',
      'export const mask = () => { throw { get name() { for (;;); } }; }',
    ],
    ['a text longer than the limit', `export const mask = () => "x".repeat(${ANSWER_CHARACTERS_MAX + 1})`],
  ])('%s fails, and the function goes on', (_what, source) => {
    const loaded = load(source);
    expect(loaded.call(['a'])).toEqual([{ kind: 'failed' }]);
    expect(loaded.call(['a'])).toEqual([{ kind: 'failed' }]);
  });
});

describe('memory and time', () => {
  it.each([
    [
      'an array that fills memory',
      'export function mask(v) { const a = []; for (;;) a.push(v + a.length); }',
    ],
    [
      'one large array',
      'export const mask = () => String(new Array(3e7).fill("x").length + new Array(3e7).fill("y").length)',
    ],
    [
      'one large text',
      'export const mask = () => { let s = "x".repeat(5e8); return String(s.charCodeAt(7)); }',
    ],
    ['a loop', 'export function mask() { for (;;); }'],
    ['a pattern that backtracks', 'export const mask = () => String(/^(a+)+$/.test("a".repeat(40) + "!"))'],
  ])('%s ends the thread, not the process', (_what, source) => {
    expect(one(source, 'v', 300).kind).toBe('timeout');
  });

  it('a loop of promises starves the thread, and the values after it fail', () => {
    const loaded = load(
      'function spin() { Promise.resolve().then(spin); } export const mask = (v) => { spin(); return v; }',
      1_000,
    );
    loaded.call(['a']);
    expect(loaded.call(['b'])).toEqual([{ kind: 'timeout' }]);
  });

  it.each([
    ['a loop', 'for (;;); export const mask = (v) => v', /fails while it is loaded/],
    [
      'a promise that never settles',
      'await new Promise(() => {}); export const mask = (v) => v',
      /did not start/,
    ],
  ])(
    'a module that is %s is refused',
    (_what, source, message) => {
      expect(() => load(source)).toThrow(message);
    },
    120_000,
  );

  it('takes twenty million characters, and answers as long', () => {
    const answer = one('export const mask = (v) => v.toUpperCase()', 'ź'.repeat(20_000_000));
    expect(answer.kind === 'value' && answer.value?.length).toBe(20_000_000);
  }, 180_000);

  it('sends long answers in parts', () => {
    const values = Array.from({ length: 12 }, (_, i) => String(i));
    const answers = load('export const mask = (v) => "x".repeat(9_000_000) + v').call(values);
    expect(answers.map((answer) => answer.kind === 'value' && answer.value?.slice(9_000_000))).toEqual(
      values,
    );
  }, 180_000);

  it('answers many values in their order', () => {
    const values = Array.from({ length: 20_000 }, (_, i) => `v${i}`);
    expect(load('export const mask = (v) => v + "!"').call(values)).toEqual(
      values.map((value) => ({ kind: 'value', value: `${value}!` })),
    );
  });

  it('gives up on a run after three values that hang, and asks the others before them', () => {
    const source = 'export function mask(v) { if (v === "bad") for (;;); return v; }';
    const values = ['a', 'bad', 'b', 'bad', 'c', 'bad', 'd', 'e'];
    const kinds = load(source, 1_000)
      .call(values)
      .map(({ kind }) => kind);
    expect(kinds).toEqual(['value', 'timeout', 'value', 'timeout', 'value', 'timeout', 'timeout', 'timeout']);
  }, 120_000);

  it('does not grow without bound on a function that hangs now and then', () => {
    const source = 'let n = 0; export function mask(v) { if (++n % 4 === 0) for (;;); return v; }';
    const started = performance.now();
    expect(load(source, 50).call(Array.from({ length: 200 }, (_, i) => String(i)))).toHaveLength(200);
    // Six hangs and restarts at most; a restart takes some 50 ms.
    expect(performance.now() - started).toBeLessThan(60_000);
  }, 120_000);
});

describe('what a module says goes nowhere', () => {
  const written: string[] = [];
  const original = process.stderr.write;
  beforeAll(() => {
    process.stderr.write = ((text: string) => written.push(text) > 0) as typeof process.stderr.write;
  });
  afterAll(() => {
    process.stderr.write = original;
  });
  it('neither what it throws nor what it rejects', () => {
    expect(() => load('throw new Error("canary")')).toThrow(
      expect.not.objectContaining({ detail: expect.stringContaining('canary') }),
    );
    load('export const mask = async (v) => { throw new Error(v); }').call(['canary']);
    expect(written.join('')).not.toContain('canary');
  });
});
