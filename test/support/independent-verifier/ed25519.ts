import { createPublicKey, verify } from 'node:crypto';

/**
 * docs/audit-format.md §8.1: RFC 8032 verification, after refusing keys and R that are not canonical or of small order, and
 * an S that is not below the order of the group. Curve arithmetic as in RFC 8032 §6, with bigints.
 */
export function verifyEd25519(key: Buffer, message: Buffer, signature: Buffer): boolean {
  if (key.length !== 32 || signature.length !== 64) return false;
  if (littleEndian(signature.subarray(32)) >= L) return false;
  for (const bytes of [key, signature.subarray(0, 32)]) {
    const point = decode(bytes);
    if (point === null || isIdentity(double(double(double(point))))) return false;
  }
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), key]);
  return verify(null, message, createPublicKey({ key: spki, format: 'der', type: 'spki' }), signature);
}

const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const D: bigint = mod(-121665n * power(121666n, P - 2n));
const ROOT_OF_MINUS_1 = power(2n, (P - 1n) / 4n);

interface Point {
  readonly x: bigint;
  readonly y: bigint;
}

/** null: no point, or not the one way to write it. */
function decode(bytes: Uint8Array): Point | null {
  const number = littleEndian(bytes);
  const y = number % 2n ** 255n;
  const sign = number >> 255n;
  if (y >= P) return null;
  const x2 = mod((y * y - 1n) * power(D * y * y + 1n, P - 2n));
  let x = power(x2, (P + 3n) / 8n);
  if (mod(x * x) !== x2) x = mod(x * ROOT_OF_MINUS_1);
  if (mod(x * x) !== x2 || (x === 0n && sign === 1n)) return null;
  return { x: x % 2n === sign ? x : P - x, y };
}

/** a = -1: x' = 2xy / (1 + d x²y²), y' = (y² + x²) / (1 - d x²y²). */
function double({ x, y }: Point): Point {
  const xx = mod(x * x);
  const yy = mod(y * y);
  const t = mod(D * xx * yy);
  return {
    x: mod(2n * x * y * power(1n + t, P - 2n)),
    y: mod((yy + xx) * power(1n - t, P - 2n)),
  };
}

function isIdentity({ x, y }: Point): boolean {
  return x === 0n && y === 1n;
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
}

function mod(value: bigint): bigint {
  const rest = value % P;
  return rest < 0n ? rest + P : rest;
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  let square = mod(base);
  for (let left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = mod(result * square);
    square = mod(square * square);
  }
  return result;
}
