/**
 * What every verifier of ours asks of an Ed25519 key and signature before it computes anything. RFC 8032 §5.1.7 leaves room
 * that libraries fill differently ("Taming the many EdDSAs", 2020): an S beyond the group order makes a second signature of
 * the same text, a key of small order signs many texts, an encoding that is not canonical gives one point two names.
 *
 * With these refused, the equation is the one without the cofactor, compared as bytes: [S]B - [k]A must encode to R.
 */
export const PUBLIC_KEY_BYTES = 32;
export const SIGNATURE_BYTES = 64;

/** p = 2^255 - 19 and the group order L = 2^252 + 27742317777372353535851937790883648493 (RFC 8032 §5.1), little-endian. */
const P = littleEndian('edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f');
const L = littleEndian('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010');

/** y of the points whose order divides 8: of order 1, 2 and 4, and the two of order 8. Either sign of x is as bad. */
const SMALL_ORDER_Y = [
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
].map(littleEndian);

/** Canonical and not of small order; whether the bytes are a point at all shows the equation. */
export function isStrictPoint(encoded: Uint8Array): boolean {
  if (encoded.length !== PUBLIC_KEY_BYTES) return false;
  const y = Uint8Array.from(encoded);
  // The highest bit is the sign of x. x = 0 has one sign only, but those two points are of small order anyway.
  y[31] = y[31]! & 0x7f;
  return isBelow(y, P) && !SMALL_ORDER_Y.some((small) => small.every((byte, i) => byte === y[i]));
}

/** R canonical and not of small order, S below the group order. */
export function isStrictSignature(signature: Uint8Array): boolean {
  return (
    signature.length === SIGNATURE_BYTES &&
    isStrictPoint(signature.subarray(0, 32)) &&
    isBelow(signature.subarray(32), L)
  );
}

function isBelow(value: Uint8Array, bound: Uint8Array): boolean {
  for (let i = bound.length - 1; i >= 0; i--) if (value[i] !== bound[i]) return value[i]! < bound[i]!;
  return false;
}

function littleEndian(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}
