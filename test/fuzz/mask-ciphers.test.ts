import { aessiv } from '@noble/ciphers/aes.js';
import { FF1 } from '@noble/ciphers/ff1.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AesSiv } from '../../src/mask/cipher/aes-siv.ts';
import { Ff1 } from '../../src/mask/cipher/ff1.ts';
import { RankCipher } from '../../src/mask/cipher/rank-cipher.ts';

/** Against the library, at random; ROWSEAL_FUZZ_RUNS asks for more than the few hundred of every test run. */
const numRuns = Number(process.env['ROWSEAL_FUZZ_RUNS'] ?? 300);
const timeout = 60_000 + numRuns * 20;

const keys = fc.constantFrom(16, 24, 32).chain((size) => fc.uint8Array({ minLength: size, maxLength: size }));
const shortest = (radix: number): number => Math.max(2, Math.ceil(Math.log(100) / Math.log(radix) - 1e-9));
/** Small ones, powers of two and their neighbours, and any. */
const radixes = fc.oneof(
  fc.integer({ min: 2, max: 300 }),
  fc
    .integer({ min: 1, max: 15 })
    .chain((bits) => fc.integer({ min: Math.max(2, 2 ** bits - 2), max: 2 ** bits + 2 })),
  fc.integer({ min: 2, max: 65_535 }),
);

describe('FF1 against @noble/ciphers', () => {
  it(
    'for any key, radix, length, tweak and numerals, both ways',
    () => {
      fc.assert(
        fc.property(
          keys,
          radixes.chain((radix) =>
            fc.tuple(
              fc.constant(radix),
              fc.array(fc.oneof(fc.nat(radix - 1), fc.constantFrom(0, radix - 1)), {
                minLength: shortest(radix),
                maxLength: 130,
                size: 'max',
              }),
            ),
          ),
          fc.uint8Array({ maxLength: 70, size: 'max' }),
          (key, [radix, numerals], tweak) => {
            const permutation = new Ff1(key, radix).permutation(numerals.length, tweak);
            const ours = Uint16Array.from(numerals);
            permutation.encrypt(ours);
            expect([...ours]).toEqual(FF1(radix, key, tweak).encrypt([...numerals]));
            permutation.decrypt(ours);
            expect([...ours]).toEqual(numerals);
          },
        ),
        { numRuns },
      );
    },
    timeout,
  );

  it(
    'keeps its double arithmetic exact up to the seam: halves just below and above 2^37',
    () => {
      fc.assert(
        fc.property(
          fc.integer({ min: 2, max: 65_535 }),
          fc.integer({ min: -1, max: 2 }),
          keys,
          fc.nat(),
          (radix, beside, key, seed) => {
            const half = Math.max(1, Math.floor(37 / Math.log2(radix)) + beside);
            const length = 2 * half - (seed % 2);
            if (length < shortest(radix)) return;
            const numerals = Array.from({ length }, (_, i) => (seed + i * 40_503) % radix);
            const ours = Uint16Array.from(numerals);
            new Ff1(key, radix).permutation(length, new Uint8Array(seed % 20)).encrypt(ours);
            expect([...ours]).toEqual(FF1(radix, key, new Uint8Array(seed % 20)).encrypt(numerals));
          },
        ),
        { numRuns },
      );
    },
    timeout,
  );
});

describe('the number of bits of a half', () => {
  it('is exact for every radix and length: one bit off would be another cipher', () => {
    for (let radix = 2; radix <= 65_535; radix += numRuns > 10_000 ? 1 : 7) {
      for (
        let length = 1, size = BigInt(radix);
        length * Math.log2(radix) < 50;
        length++, size *= BigInt(radix)
      ) {
        const exact = (size - 1n).toString(2).length;
        const quick = Math.ceil(Math.log2(radix ** length));
        if (exact !== quick) expect({ radix, length, quick }).toEqual({ radix, length, quick: exact });
      }
    }
  });
});

describe('AES-SIV against @noble/ciphers', () => {
  it(
    'for any key, associated data and plaintext',
    () => {
      fc.assert(
        fc.property(
          fc.constantFrom(32, 48, 64).chain((size) => fc.uint8Array({ minLength: size, maxLength: size })),
          fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 4 }),
          fc.uint8Array({ maxLength: 200, size: 'max' }),
          (key, data, plain) => {
            const siv = new AesSiv(key, data);
            const sealed = siv.seal(plain);
            expect(sealed.equals(Buffer.from(aessiv(key, ...data).encrypt(plain)))).toBe(true);
            expect(siv.open(sealed)?.equals(Buffer.from(plain))).toBe(true);
          },
        ),
        { numRuns },
      );
    },
    timeout,
  );
});

describe('ranks', () => {
  it(
    'of any size come back and stay inside',
    () => {
      fc.assert(
        fc.property(
          fc.bigInt({ min: 100n, max: 2n ** 128n }),
          fc.bigInt({ min: 0n, max: 2n ** 128n }),
          keys,
          (size, seed, key) => {
            const cipher = new RankCipher(key, size, new Uint8Array(3));
            const rank = seed % size;
            const masked = cipher.encrypt(rank)!;
            expect(masked >= 0n && masked < size).toBe(true);
            expect(cipher.decrypt(masked)).toBe(rank);
          },
        ),
        { numRuns },
      );
    },
    timeout,
  );
});
