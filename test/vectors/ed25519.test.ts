import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Point } from '@noble/ed25519';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { portableEd25519 } from '../../src/audit/ed25519/ed25519.ts';
import { nodeEd25519, rawPublicKey } from '../../src/audit/ed25519/node-ed25519.ts';
import { isStrictPoint } from '../../src/audit/ed25519/rule.ts';
import { LocalSigner } from '../../src/audit/signers/local-signer.ts';

const portable = portableEd25519((message) => createHash('sha512').update(message).digest());
const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
const verdicts = (key: Uint8Array, message: Uint8Array, signature: Uint8Array): readonly boolean[] =>
  [nodeEd25519, portable].map((ed25519) => ed25519.open(key)?.(message, signature) === true);

describe('RFC 8032 §7.1', () => {
  it.each([
    [
      '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
      '',
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    ],
    [
      '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
      '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
      '72',
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    ],
    [
      'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
      'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
      'af82',
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
    ],
  ])('seed %s', (seed, key, message, signature) => {
    const signer = LocalSigner.fromSeed(bytes(seed));
    expect(Buffer.from(signer.publicKey).toString('hex')).toBe(key);
    expect(Buffer.from(signer.sign(bytes(message))).toString('hex')).toBe(signature);
    expect(verdicts(bytes(key), bytes(message), bytes(signature))).toEqual([true, true]);
  });
});

describe('signatures on which libraries differ', () => {
  const vectors = JSON.parse(readFileSync(new URL('ed25519.json', import.meta.url), 'utf8')) as {
    readonly what: string;
    readonly key: string;
    readonly message: string;
    readonly signature: string;
    readonly accept: boolean;
  }[];

  it('are many', () => {
    expect(vectors.length).toBeGreaterThan(100);
    expect(vectors.filter(({ accept }) => accept).length).toBeGreaterThan(5);
  });

  it.each(vectors)('$what', ({ key, message, signature, accept }) => {
    expect(verdicts(bytes(key), bytes(message), bytes(signature))).toEqual([accept, accept]);
  });

  it('the list of points of small order is complete', () => {
    let point = Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a');
    const step = point;
    for (let i = 0; i < 8; i++, point = point.add(step)) {
      expect(point.isSmallOrder()).toBe(true);
      expect(isStrictPoint(point.toBytes())).toBe(false);
    }
    expect(isStrictPoint(Point.BASE.toBytes())).toBe(true);
  });
});

describe('Node and the browser', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const key = rawPublicKey(publicKey);

  it('agree about signatures that were damaged anywhere', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(511), fc.nat(255), (message, bit, keyBit) => {
        const signature = Uint8Array.from(sign(null, message, privateKey));
        expect(verdicts(key, message, signature)).toEqual([true, true]);
        signature[bit >> 3]! ^= 1 << (bit & 7);
        expect(verdicts(key, message, signature)).toEqual([false, false]);
        signature[bit >> 3]! ^= 1 << (bit & 7);
        const other = Uint8Array.from(key);
        other[keyBit >> 3]! ^= 1 << (keyBit & 7);
        expect(verdicts(other, message, signature)).toEqual([false, false]);
      }),
      { numRuns: 40 },
    );
  });

  it('agree about bytes that are nothing', () => {
    for (let i = 0; i < 100; i++) {
      const [some, signature] = [randomBytes(32), randomBytes(64)];
      expect(verdicts(some, randomBytes(8), signature)).toEqual([false, false]);
    }
    for (const length of [0, 1, 31, 33, 63, 65, 1000]) {
      expect(verdicts(key, Buffer.alloc(3), Buffer.alloc(length))).toEqual([false, false]);
      expect(verdicts(Buffer.alloc(length), Buffer.alloc(3), Buffer.alloc(64))).toEqual([false, false]);
    }
  });
});
