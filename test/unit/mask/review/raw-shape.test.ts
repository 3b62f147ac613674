import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lengthClass, rawShape } from '../../../../src/mask/review/raw-shape.ts';
import type { ColumnType } from '../../../../src/model/type.ts';

const TEXT: ColumnType = { kind: 'text', maxLength: null, padded: false };

describe('the shape of a value', () => {
  it.each([
    ['Ada Abara', 'Aaa Aaaaa'],
    ['123-45-6789', '999-99-9999'],
    ['ada.b@example.com', 'aaa.a@aaaaaaa.aaa'],
    ['Zoë Ångström', 'Aaa Aaaaaaaa'],
    ['名前 ١٢', 'xx 99'],
    ['a\tb\u0007', 'a a·'],
    ['😀', '·'],
    ['', ''],
    ['x'.repeat(32), 'a'.repeat(32)],
    ['x'.repeat(33), `${'a'.repeat(16)}… (33 to 64 characters)`],
  ])('of %j is %j', (value, shape) => expect(rawShape(value, TEXT)).toBe(shape));

  it('of documents and bytes is a class of length', () => {
    expect(rawShape('{"a":1}', { kind: 'json' })).toBe('(json, up to 16 characters)');
    expect(rawShape(`\\x${'00'.repeat(40)}`, { kind: 'bytes' })).toBe('(bytes, 65 to 128 characters)');
  });

  it('has no letter and no digit of the value', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), (value) => {
        const shape = rawShape(value, TEXT).replace(/… \(.*\)$/, '');
        expect(shape.match(/[\p{L}\p{N}]/gu)?.every((character) => 'Aa9x'.includes(character)) ?? true).toBe(
          true,
        );
        expect(shape).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/);
      }),
    );
  });

  it('counts long values by class', () => {
    expect([0, 16, 17, 4097, 2_000_000].map(lengthClass)).toEqual([
      'up to 16 characters',
      'up to 16 characters',
      '17 to 32 characters',
      '4097 to 65536 characters',
      'over 1048576 characters',
    ]);
  });
});
