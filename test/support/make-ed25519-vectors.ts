import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { Point } from '@noble/ed25519';

/**
 * Writes test/vectors/ed25519.json: signatures on which libraries differ, after the cases of "Taming the many EdDSAs" (Chalkias, Garillot,
 * Nikolaenko, 2020) and of RFC 8032. Points of small order are computed here, not copied.
 */
interface Vector {
  readonly what: string;
  readonly key: string;
  readonly message: string;
  readonly signature: string;
  readonly accept: boolean;
}

const { n: L, p: P } = Point.CURVE();
const B = Point.BASE;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const fromHex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));
const sha512 = (...parts: readonly Uint8Array[]): Uint8Array =>
  createHash('sha512').update(Buffer.concat(parts)).digest();
const toNumber = (bytes: Uint8Array): bigint => BigInt(`0x${hex(Uint8Array.from(bytes).reverse())}`);
const littleEndian = (value: bigint): Uint8Array =>
  Uint8Array.from(Buffer.from(value.toString(16).padStart(64, '0'), 'hex')).reverse();
const text = (message: string): Uint8Array => new TextEncoder().encode(message);
const mod = (value: bigint): bigint => ((value % L) + L) % L;
const scalar = (seed: string): bigint => mod(toNumber(sha512(text(seed))));
const challenge = (r: Uint8Array, key: Uint8Array, message: string): bigint =>
  mod(toNumber(sha512(r, key, text(message))));

/** The eight points of small order, as multiples of one of order eight. */
const eighth = Point.fromBytes(
  fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'),
  false,
);
const torsion: Point[] = [];
for (let point = Point.ZERO, i = 0; i < 8; i++, point = point.add(eighth)) torsion.push(point);

const a = scalar('key');
const key = B.multiply(a);
const r = scalar('nonce');
const vectors: Vector[] = [];
const add = (
  what: string,
  accept: boolean,
  k: Uint8Array,
  message: string,
  R: Uint8Array,
  s: bigint,
): void => {
  vectors.push({
    what,
    key: hex(k),
    message: hex(text(message)),
    signature: hex(Uint8Array.from([...R, ...littleEndian(s)])),
    accept,
  });
};

const R = B.multiply(r).toBytes();
const s = mod(r + challenge(R, key.toBytes(), 'good') * a);
add('an ordinary signature', true, key.toBytes(), 'good', R, s);
add('S beyond the group order', false, key.toBytes(), 'good', R, s + L);
add('S far beyond the group order', false, key.toBytes(), 'good', R, s + 8n * L);
add('another message', false, key.toBytes(), 'Good', R, s);
for (const [i, point] of torsion.entries()) {
  const weak = point.toBytes();
  // [S]B = R + [k]A holds with R = [S]B wherever [k]A is the identity.
  for (let n = 0; n < 64; n++) {
    const message = `weak key ${i}.${n}`;
    if (!point.is0() && challenge(R, weak, message) % 8n !== 0n) continue;
    add(`a key of small order (${i} of 8)`, false, weak, message, R, r);
    break;
  }
  const S = mod(challenge(weak, key.toBytes(), 'small R') * a);
  add(`R of small order (${i} of 8)`, false, key.toBytes(), 'small R', weak, S);
  const mixedR = B.multiply(r).add(point);
  const sm = mod(r + challenge(mixedR.toBytes(), key.toBytes(), 'mixed R') * a);
  // The equation with the cofactor would accept all of these.
  add(`R with a part of small order (${i} of 8)`, i === 0, key.toBytes(), 'mixed R', mixedR.toBytes(), sm);
  const mixedKey = key.add(point).toBytes();
  for (const wanted of [0n, 1n]) {
    for (let n = 0; n < 200; n++) {
      const message = `mixed key ${i}.${n}`;
      const k = challenge(R, mixedKey, message);
      if (k % 8n !== wanted) continue;
      const holds = i === 0 || wanted === 0n;
      add(
        `a key with a part of small order (${i} of 8), k = ${wanted} mod 8`,
        holds,
        mixedKey,
        message,
        R,
        mod(r + k * a),
      );
      break;
    }
  }
}
for (let y = 0n; y < 19n; y++) {
  for (const sign of [0, 0x80]) {
    const encoded = littleEndian(P + y);
    encoded[31] = encoded[31]! | sign;
    add(`a key that is not canonical (p + ${y}, sign ${sign >> 7})`, false, encoded, 'key', R, s);
    add(`R that is not canonical (p + ${y}, sign ${sign >> 7})`, false, key.toBytes(), 'R', encoded, s);
  }
}
for (const y of [1n, P - 1n]) {
  const encoded = littleEndian(y);
  encoded[31] = encoded[31]! | 0x80;
  add('a key with x = -0', false, encoded, 'key', R, s);
  add('R with x = -0', false, key.toBytes(), 'R', encoded, mod(challenge(encoded, key.toBytes(), 'R') * a));
}
add('a key that is no point', false, littleEndian(2n), 'key', R, s);
add('R that is no point', false, key.toBytes(), 'R', littleEndian(2n), s);

writeFileSync(new URL('../vectors/ed25519.json', import.meta.url), `${JSON.stringify(vectors, null, 1)}\n`);
