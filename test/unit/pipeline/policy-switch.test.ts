import { expect, it } from 'vitest';
import type { CompiledPolicy } from '../../../src/mask/policy.ts';
import { type PolicyChange, PolicySwitch } from '../../../src/pipeline/policy-switch.ts';
import { column, table } from '../../support/masked.ts';

const T = table('t', [column('id', 1)]);

/** A policy of which nothing is seen but that it ends. */
function policies() {
  const ended: string[] = [];
  const policy = (name: string): CompiledPolicy =>
    ({ end: () => ended.push(name) }) as unknown as CompiledPolicy;
  const change = (name: string): PolicyChange => ({ policy: policy(name), tables: [T] });
  return { ended, first: new PolicySwitch(policy('first')), change };
}

it('makes a change when it is told to, once, and ends what it followed', async () => {
  const { ended, first, change } = policies();
  const before = first.current;
  let woken = 0;
  first.whenAsked(() => woken++);
  let inForce = false;
  const asked = first.ask(change('second')).then(() => {
    inForce = true;
  });
  expect([first.pending, woken, first.current]).toEqual([true, 1, before]);
  const sealed: unknown[] = [];
  await first.make(async (tables) => {
    // Already the new one: what is sealed from here on is masked by it.
    expect(first.current).not.toBe(before);
    expect([ended, inForce]).toEqual([[], false]);
    sealed.push(...tables);
  });
  await asked;
  expect([sealed, first.pending, ended]).toEqual([[T], false, ['first']]);
  await first.make(async () => {
    throw new Error('nothing was asked for');
  });
});

it('makes the newest of several, and never the others', async () => {
  const { ended, first, change } = policies();
  const told: string[] = [];
  void first.ask(change('second')).then(() => told.push('second'));
  const asked = first.ask(change('third')).then(() => told.push('third'));
  expect(ended).toEqual(['second']);
  await first.make(async () => {});
  await asked;
  expect([told, ended]).toEqual([['third'], ['second', 'first']]);
});
