import { Point } from '@noble/ed25519';
import { isStrictPoint, isStrictSignature } from './rule.ts';

/** Whether the key signed the message, by the one rule of rule.ts. */
export type VerifySignature = (message: Uint8Array, signature: Uint8Array) => boolean;

/** Ed25519 as a verifier needs it: Node's own, or one that also runs in a browser. Both give the same verdicts. */
export interface Ed25519 {
  /** null: the key is one that nothing may be verified under. */
  open(publicKey: Uint8Array): VerifySignature | null;
}

/** @param sha512 of the whole message, 64 bytes */
export function portableEd25519(sha512: (message: Uint8Array) => Uint8Array): Ed25519 {
  return {
    open(publicKey) {
      const key = isStrictPoint(publicKey) ? pointOf(publicKey) : null;
      if (key === null) return null;
      return (message, signature) => {
        if (!isStrictSignature(signature)) return false;
        const r = signature.subarray(0, 32);
        const s = toScalar(signature.subarray(32));
        const k = toScalar(sha512(joined(r, publicKey, message))) % Point.CURVE().n;
        const expected = Point.BASE.multiply(s, false).subtract(key.multiply(k, false)).toBytes();
        return expected.every((byte, i) => byte === r[i]);
      };
    },
  };
}

function pointOf(encoded: Uint8Array): Point | null {
  try {
    return Point.fromBytes(encoded, false);
  } catch {
    return null;
  }
}

function toScalar(littleEndian: Uint8Array): bigint {
  let value = 0n;
  for (let i = littleEndian.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(littleEndian[i]!);
  return value;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
