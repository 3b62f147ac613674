import { createCipheriv } from 'node:crypto';
import { aessiv } from '@noble/ciphers/aes.js';
import { FF1 } from '@noble/ciphers/ff1.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Aes } from '../../src/mask/cipher/aes.ts';
import { AesSiv } from '../../src/mask/cipher/aes-siv.ts';
import { Ff1 } from '../../src/mask/cipher/ff1.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const DIGITS = '0123456789abcdefghijklmnopqrstuvwxyz';

describe('AES block', () => {
  it('agrees with node:crypto for every key size', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(16, 24, 32).chain((size) => fc.uint8Array({ minLength: size, maxLength: size })),
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        (key, block) => {
          const cipher = createCipheriv(`aes-${key.length * 8}-ecb`, key, null).setAutoPadding(false);
          const words = Uint32Array.from([0, 4, 8, 12].map((at) => Buffer.from(block).readUInt32BE(at)));
          new Aes(key).encrypt(words);
          const out = Buffer.alloc(16);
          for (const [i, word] of words.entries()) out.writeUInt32BE(word, 4 * i);
          expect(out.toString('hex')).toBe(cipher.update(block).toString('hex'));
        },
      ),
    );
  });
});

/** NIST, FF1samples.pdf: nine samples. */
describe('FF1, NIST samples', () => {
  const k128 = '2B7E151628AED2A6ABF7158809CF4F3C';
  const k192 = `${k128}EF4359D8D580AA4F`;
  const k256 = `${k192}7F036D6F04FC6A94`;
  const t2 = '39383736353433323130';
  const t3 = '3737373770717273373737';
  it.each([
    [k128, '', 10, '0123456789', '2433477484'],
    [k128, t2, 10, '0123456789', '6124200773'],
    [k128, t3, 36, '0123456789abcdefghi', 'a9tv40mll9kdu509eum'],
    [k192, '', 10, '0123456789', '2830668132'],
    [k192, t2, 10, '0123456789', '2496655549'],
    [k192, t3, 36, '0123456789abcdefghi', 'xbj3kv35jrawxv32ysr'],
    [k256, '', 10, '0123456789', '6657667009'],
    [k256, t2, 10, '0123456789', '1001623463'],
    [k256, t3, 36, '0123456789abcdefghi', 'xs8a0azh2avyalyzuwd'],
  ])('%s %s radix %i', (key, tweak, radix, plain, sealed) => {
    const permutation = new Ff1(hex(key), radix).permutation(plain.length, hex(tweak));
    const numerals = Uint16Array.from(plain, (c) => DIGITS.indexOf(c));
    permutation.encrypt(numerals);
    expect([...numerals].map((n) => DIGITS[n]).join('')).toBe(sealed);
    permutation.decrypt(numerals);
    expect([...numerals].map((n) => DIGITS[n]).join('')).toBe(plain);
  });
});

describe('FF1 against @noble/ciphers', () => {
  const key = hex('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f');

  function compare(radix: number, numerals: readonly number[], tweak: Uint8Array): void {
    const ours = Uint16Array.from(numerals);
    const permutation = new Ff1(key, radix).permutation(numerals.length, tweak);
    permutation.encrypt(ours);
    const theirs = FF1(radix, key, tweak).encrypt([...numerals]);
    if (theirs.some((numeral, i) => numeral !== ours[i]))
      expect({ radix, length: numerals.length, ours: [...ours] }).toEqual({ radix, ours: theirs });
    permutation.decrypt(ours);
    if (numerals.some((numeral, i) => numeral !== ours[i])) expect([...ours]).toEqual(numerals);
  }

  const shortest = (radix: number): number => Math.max(2, Math.ceil(Math.log(100) / Math.log(radix)));

  it('for every radix to 256 and some to 65,535, at the floor, at the seam of the fast path, and beyond', () => {
    const radixes = [...Array(255).keys()].map((i) => i + 2).concat([257, 1000, 4095, 32_768, 65_535]);
    for (const radix of radixes) {
      const seam = Math.floor(37 / Math.log2(radix)) * 2;
      for (const length of new Set([shortest(radix), seam - 1, seam, seam + 1, seam + 2, seam + 5])) {
        if (length < shortest(radix)) continue;
        compare(radix, Array(length).fill(0), new Uint8Array());
        compare(radix, Array(length).fill(radix - 1), new Uint8Array(3).fill(255));
        compare(
          radix,
          Array.from({ length }, (_, i) => (i * 7919 + radix) % radix),
          hex('0102030405060708090a'),
        );
      }
    }
  });

  it('for every length of the usual alphabets', () => {
    for (const radix of [2, 10, 16, 26, 36, 62]) {
      for (let length = shortest(radix); length <= 56; length++)
        compare(
          radix,
          Array.from({ length }, (_, i) => (i * 31 + length) % radix),
          new Uint8Array(length % 41).fill(length),
        );
    }
  });

  it('for any radix, length, tweak and numerals', () => {
    fc.assert(
      fc.property(
        fc
          .integer({ min: 2, max: 65_535 })
          .chain((radix) =>
            fc.tuple(
              fc.constant(radix),
              fc.array(fc.nat(radix - 1), { minLength: shortest(radix), maxLength: 60 }),
              fc.uint8Array({ maxLength: 40 }),
            ),
          ),
        ([radix, numerals, tweak]) => compare(radix, numerals, tweak),
      ),
      { numRuns: 1500 },
    );
  }, 60_000);

  it('refuses a domain below a hundred', () => {
    expect(() => new Ff1(key, 10).permutation(1, new Uint8Array())).toThrow(RangeError);
    expect(() => new Ff1(key, 2).permutation(6, new Uint8Array())).toThrow(RangeError);
    expect(() => new Ff1(key, 1)).toThrow(RangeError);
  });
});

describe('AES-SIV', () => {
  it('RFC 5297 A.1', () => {
    const siv = new AesSiv(hex('fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff'), [
      hex('101112131415161718191a1b1c1d1e1f2021222324252627'),
    ]);
    const sealed = siv.seal(hex('112233445566778899aabbccddee'));
    expect(sealed.toString('hex')).toBe('85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c');
    expect(siv.open(sealed)?.toString('hex')).toBe('112233445566778899aabbccddee');
  });

  it('RFC 5297 A.2', () => {
    const siv = new AesSiv(hex('7f7e7d7c7b7a79787776757473727170404142434445464748494a4b4c4d4e4f'), [
      hex('00112233445566778899aabbccddeeffdeaddadadeaddadaffeeddccbbaa99887766554433221100'),
      hex('102030405060708090a0'),
      hex('09f911029d74e35bd84156c5635688c0'),
    ]);
    expect(siv.seal(Buffer.from('this is some plaintext to encrypt using SIV-AES')).toString('hex')).toBe(
      '7bdb6e3b432667eb06f4d14bff2fbd0fcb900f2fddbe404326601965c889bf17dba77ceb094fa663b7a3f748ba8af829ea64ad544a272e9c485b62a3fd5c0d',
    );
  });

  it('agrees with @noble/ciphers at every length, opens what it sealed, refuses what was changed', () => {
    for (const size of [32, 48, 64]) {
      const key = Buffer.alloc(size, 7).map((_, i) => (i * 37) % 256);
      const ad = Buffer.from('domain:email');
      const siv = new AesSiv(key, [ad]);
      for (const length of [...Array(70).keys(), 1000, 100_003]) {
        const plain = Buffer.alloc(length).map((_, i) => (i * 13 + length) % 256);
        const sealed = siv.seal(plain);
        expect(sealed.equals(Buffer.from(aessiv(key, ad).encrypt(plain)))).toBe(true);
        expect(siv.open(sealed)?.equals(plain)).toBe(true);
        sealed[length % sealed.length]! ^= 1;
        expect(siv.open(sealed)).toBeNull();
      }
    }
  });
});
