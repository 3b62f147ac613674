import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HmacSha256 } from '../../../../src/mask/cipher/hmac.ts';
import { INPUT_BYTES } from '../../../../src/sha256/sha256-lanes.ts';

const key = Buffer.alloc(32, 7);

/** Many together, and each by itself with Node's. */
function expectAlike(hmac: HmacSha256, texts: readonly string[], bytes: number): void {
  const expected = texts.map((text) =>
    createHmac('sha256', key).update(text, 'utf8').digest().subarray(0, bytes),
  );
  expect(hmac.texts(texts, bytes).equals(Buffer.concat(expected))).toBe(true);
}

describe('HMAC-SHA-256', () => {
  // RFC 4231, test cases 1, 2, 3, 4 (keys of at most one block).
  it.each([
    [
      '0b'.repeat(20),
      Buffer.from('Hi There').toString('hex'),
      'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
    ],
    [
      Buffer.from('Jefe').toString('hex'),
      Buffer.from('what do ya want for nothing?').toString('hex'),
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    ],
    ['aa'.repeat(20), 'dd'.repeat(50), '773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe'],
    [
      '0102030405060708090a0b0c0d0e0f10111213141516171819',
      'cd'.repeat(50),
      '82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b',
    ],
  ])('RFC 4231: key %s', (key, message, digest) => {
    expect(new HmacSha256(Buffer.from(key, 'hex')).digest(Buffer.from(message, 'hex'), 'hex')).toBe(digest);
  });

  it('agrees with createHmac for every text, short and long, in any order', () => {
    const hmac = new HmacSha256(key);
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 20_000 }), (text) => {
        expect(hmac.text(text, 'base64url')).toBe(
          createHmac('sha256', key).update(text, 'utf8').digest('base64url'),
        );
      }),
      { numRuns: 300 },
    );
  });

  it('many together agree with createHmac: any lengths side by side, any part of the digest', () => {
    const hmac = new HmacSha256(key);
    const text = fc.oneof(
      { weight: 4, arbitrary: fc.string({ unit: 'binary-ascii', maxLength: 200 }) },
      // Surrogates alone too: two of them side by side in two texts must not become one character.
      fc
        .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 60 })
        .map((units) => String.fromCharCode(...units)),
    );
    fc.assert(
      fc.property(fc.array(text, { maxLength: 40 }), fc.integer({ min: 1, max: 32 }), (texts, bytes) =>
        expectAlike(hmac, texts, bytes),
      ),
      { numRuns: 500 },
    );
    // Every length around the ends of blocks, each beside others.
    const ascii = Array.from({ length: 300 }, (_, length) => 'a'.repeat(length));
    expectAlike(hmac, ascii, 32);
    expectAlike(hmac, ['\ud83d', '\ude00', 'é'], 32);
    // More than one call takes, some of them alone longer than all room, in one byte a character or three.
    const long = Array.from({ length: 1_500 }, (_, i) => 'x'.repeat(i % 400 === 7 ? 70_000 : i % 90));
    expectAlike(hmac, long, 18);
    expectAlike(
      hmac,
      long.map((one) => one.replaceAll('x', '名')),
      16,
    );
    expectAlike(hmac, [], 16);
  });

  it('are not mistaken for ASCII where they fill the room of one call to the last byte', () => {
    const hmac = new HmacSha256(key);
    expectAlike(hmac, Array<string>(512).fill(`é${'a'.repeat(127)}`), 16);
    const wide = fc.constantFrom('é', '名', '𝄞', '\ud83d', '\ude00');
    const place = fc.oneof(
      fc.nat({ max: INPUT_BYTES }),
      fc.integer({ min: INPUT_BYTES - 6, max: INPUT_BYTES }),
    );
    fc.assert(
      fc.property(
        fc.integer({ min: INPUT_BYTES - 4, max: INPUT_BYTES + 4 }),
        fc.array(fc.tuple(place, wide), { minLength: 1, maxLength: 5 }),
        fc.array(place, { maxLength: 20 }),
        (units, characters, ends) => {
          let text = 'a'.repeat(units);
          for (const [at, character] of characters)
            text = (text.slice(0, at) + character + text.slice(at + character.length)).slice(0, units);
          const cuts = [0, ...ends.toSorted((a, b) => a - b), units];
          const texts = cuts.slice(1).map((end, i) => text.slice(cuts[i], end));
          expectAlike(hmac, texts, 32);
        },
      ),
      { numRuns: 200 },
    );
  });
});
