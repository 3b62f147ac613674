import { RowsealError } from '../../error/rowseal-error.ts';
import type { Column } from '../../model/table.ts';
import { Aes } from '../cipher/aes.ts';
import type { KeySpace } from '../key-space.ts';
import { type CompiledMethod, type MaskResult, TEXT, UNFIT } from '../method.ts';
import { valueOrNull } from './fpe.ts';

/**
 * IP addresses, prefix-preserving as in Crypto-PAn (Xu, Fan, Ammar, Moon: Prefix-preserving IP address anonymization,
 * 2002): two addresses that share k first bits share exactly k after. So networks stay recognisable as networks, and
 * who knows some addresses learns about their neighbours: a trade, not a secret.
 */
export function compileIp(space: KeySpace, column: Column, where: string, exact: boolean): CompiledMethod {
  const network = column.sourceType === 'cidr';
  const isAddress = network || column.sourceType === 'inet';
  if (!isAddress && column.type.kind !== 'text')
    throw new RowsealError('RS-MASK-005', {
      detail: `${where}: ip needs inet, cidr or text, the column is ${column.sourceType}`,
    });
  const secret = space.secret('ip', 48);
  const scrambler = new PrefixScrambler(secret.subarray(0, 32), secret.subarray(32));
  const apply = (value: string, direction: 'encrypt' | 'decrypt'): MaskResult => {
    const [address, length, ...rest] = value.trim().split('/');
    if (rest.length > 0 || (length !== undefined && !/^\d{1,3}$/.test(length))) return UNFIT.foreign;
    const words = parseIp(address!);
    if (words === null) return UNFIT.foreign;
    // A text can spell one address in many ways.
    if (exact && !isAddress && formatIp(words) + (length === undefined ? '' : `/${length}`) !== value)
      return UNFIT.foreign;
    const bits = words.length * 32;
    const prefix = length === undefined ? bits : Number(length);
    if (prefix > bits) return UNFIT.foreign;
    // A cidr has zeros after its prefix, before and after.
    scrambler.apply(words, network ? prefix : bits, direction);
    return formatIp(words) + (length === undefined ? '' : `/${length}`);
  };
  return {
    transform: { kind: 'map', map: (value) => apply(value, 'encrypt') },
    type: isAddress ? column.type : TEXT,
    injective: true,
    reversible: true,
    reverse: (token) => valueOrNull(apply(token, 'decrypt')),
    description: { method: 'ip', domain: space.name },
  };
}

class PrefixScrambler {
  readonly #aes: Aes;
  readonly #pad: Uint32Array;
  readonly #block = new Uint32Array(4);

  constructor(key: Uint8Array, pad: Uint8Array) {
    this.#aes = new Aes(key);
    this.#pad = Uint32Array.from([0, 4, 8, 12].map((at) => Buffer.from(pad).readUInt32BE(at)));
    this.#aes.encrypt(this.#pad);
  }

  /** Flips each of the first `bits` bits by a keyed function of the bits before it, in place. */
  apply(words: Uint32Array, bits: number, direction: 'encrypt' | 'decrypt'): void {
    const original = Uint32Array.from(words);
    const known = direction === 'encrypt' ? original : words;
    const block = this.#block;
    for (let i = 0; i < bits; i++) {
      block.set(this.#pad);
      for (let w = 0; w * 32 < i; w++) {
        const mask = i - w * 32 >= 32 ? 0xffff_ffff : ~(0xffff_ffff >>> (i - w * 32));
        block[w] = (known[w]! & mask) | (this.#pad[w]! & ~mask);
      }
      // The family of the address keeps IPv4 and IPv6 apart.
      block[3]! ^= words.length;
      this.#aes.encrypt(block);
      if (block[0]! >>> 31 === 1) words[i >> 5]! ^= 1 << (31 - (i & 31));
    }
  }
}

/** One word for IPv4, four for IPv6; null: neither. */
export function parseIp(text: string): Uint32Array | null {
  const v4 = parseV4(text);
  if (v4 !== null) return Uint32Array.of(v4);
  if (text.length > 45 || !/^[0-9a-fA-F:.]+$/.test(text)) return null;
  let source = text;
  const embedded = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (embedded !== null) {
    const number = parseV4(embedded[2]!);
    if (number === null) return null;
    source = `${embedded[1]}${(number >>> 16).toString(16)}:${(number & 0xffff).toString(16)}`;
  }
  const halves = source.split('::');
  if (halves.length > 2) return null;
  const [head, tail] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = 8 - head!.length - (tail?.length ?? 0);
  if (tail === undefined ? missing !== 0 : missing < 1) return null;
  const groups = [...head!, ...Array<string>(Math.max(0, missing)).fill('0'), ...(tail ?? [])];
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return null;
  const numbers = groups.map((group) => Number.parseInt(group, 16));
  return Uint32Array.from([0, 2, 4, 6].map((i) => numbers[i]! * 0x1_0000 + numbers[i + 1]!));
}

function parseV4(text: string): number | null {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  if (parts === undefined || parts.some((part) => part > 255)) return null;
  return ((parts[0]! << 24) | (parts[1]! << 16) | (parts[2]! << 8) | parts[3]!) >>> 0;
}

/** Dotted, or RFC 5952: lower case, the longest run of two or more zero groups shortened. */
export function formatIp(words: Uint32Array): string {
  if (words.length === 1) {
    const word = words[0]!;
    return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
  }
  const groups = [...words].flatMap((word) => [word >>> 16, word & 0xffff]);
  let best = { at: -1, length: 1 };
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (i + length < 8 && groups[i + length] === 0) length++;
    if (length > best.length) best = { at: i, length };
  }
  const hex = groups.map((group) => group.toString(16));
  if (best.at < 0) return hex.join(':');
  return `${hex.slice(0, best.at).join(':')}::${hex.slice(best.at + best.length).join(':')}`;
}
