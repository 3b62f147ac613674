import { describe, expect, it } from 'vitest';
import { rowKeyTag } from '../../../src/mask/key-tagger.ts';
import { Image, Op } from '../../../src/model/change.ts';
import { keep, policy, schema, TEST_KEYS } from '../../support/policies.ts';

describe('the tag of a row by its key', () => {
  it.each([
    ['one column', [0], ['7', 'IE', 'x']],
    ['two columns, in key order', [1, 0], ['7', 'IE', 'x']],
    ['more than ASCII', [2], ['7', 'IE', 'Ó Súilleabháin 𝄞']],
  ])('%s: is the one that the masker writes', (_what, key, cells) => {
    const table = schema({ id: null, country: null, name: null }, key);
    const compiled = policy({ id: keep, country: keep, name: keep });
    compiled.check([table]);
    const run = compiled.compileMasker(table, 'start').mask({
      table,
      count: 1,
      ops: Uint8Array.of(Op.create),
      images: Uint8Array.of(Image.after),
      cells,
      firstOrdinal: 0,
      bytes: 0,
    });
    const values = key.map((index) => cells[index]!);
    expect(rowKeyTag(TEST_KEYS, table, values)).toBe(Buffer.from(run.keyTags).toString('hex'));
  });
});
