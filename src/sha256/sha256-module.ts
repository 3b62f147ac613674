import { type Code, i32, type Local, Locals, loop, moduleOf, v128 } from './wasm-code.ts';

/** FIPS 180-4 §4.2.2: the first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
const ROUND_CONSTANTS = primes(64).map((prime) => fraction32(Math.cbrt(prime)));
/** FIPS 180-4 §5.3.3: the same of the square roots of the first eight. */
export const INITIAL_STATE: readonly number[] = primes(8).map((prime) => fraction32(Math.sqrt(prime)));

const BLOCK_BYTES = 64;
const LANES = 4;
const ROUNDS = 64;

/** Signature of the export `hash`; all are addresses or numbers of bytes, in the module's memory. */
export type HashMessages = (
  /** How many messages; a multiple of four (spare ones of length 0). */
  count: number,
  /** i32 each: where the messages begin. Up to 127 bytes behind the longest of a group of four are read and ignored. */
  offsets: number,
  /** i32 each: bytes of the messages. */
  lengths: number,
  /** Eight i32: the state to begin with. */
  state: number,
  /** What that state has taken in already: a multiple of 64. */
  prefixBytes: number,
  /** `PADDED`, or `WHOLE_BLOCKS`. */
  ending: number,
  /** Digests go here, message by message. */
  out: number,
  /** Bytes from one digest to the next; where fewer than 32, the next one overwrites the rest. */
  stride: number,
) => void;

/** What has to fit behind a message beside its end mark: its length in bits (FIPS 180-4 §5.1.1). */
export const PADDED = 8;
/** Messages of whole blocks, of which the bare state is wanted; the prefix is then minus their length. */
export const WHOLE_BLOCKS = -BLOCK_BYTES;

/**
 * SHA-256 (FIPS 180-4 §6.2.2) of four messages at a time, one in each lane of the vector registers. Calls into a native hash
 * cost more than short messages take to hash; here one call does hundreds. Padding is made in registers, with compares
 * instead of branches, so that messages need no preparation; a lane whose message ended keeps its state while the longer
 * ones go on.
 */
export function sha256Module(pages: number): Uint8Array<ArrayBuffer> {
  const locals = new Locals(8, 8);
  const [count, offsets, lengths, initial, prefix, ending, out, stride] = locals.parameters as [
    Local,
    Local,
    Local,
    Local,
    Local,
    Local,
    Local,
    Local,
  ];
  const group = locals.scalar();
  const block = locals.scalar();
  const lastBlock = locals.scalar();
  const at = times(LANES, () => locals.scalar());
  const spare = locals.scalar();
  const length = locals.vector();
  const lasts = locals.vector();
  const bits = locals.vector();
  const left = locals.vector();
  const state = times(8, () => locals.vector());
  const work = times(8, () => locals.vector());
  const schedule = times(16, () => locals.vector());
  const row = times(LANES, () => locals.vector());
  const pair = times(LANES, () => locals.vector());
  const bytesLeft = locals.vector();

  const beginGroup: Code = [
    ...spare.set(i32.mul(group.get, i32.const(4))),
    ...at.flatMap((address, lane) => address.set(i32.load(i32.add(offsets.get, spare.get), 4 * lane))),
    ...length.set(v128.load(i32.add(lengths.get, spare.get))),
    ...lasts.set(v128.shiftRight32(v128.add32(length.get, v128.splat32(ending.get)), 6)),
    ...bits.set(v128.shiftLeft32(v128.add32(length.get, v128.splat32(prefix.get)), 3)),
    ...row[0]!.set(v128.maxSigned32(lasts.get, v128.shuffle(lasts.get, lasts.get, words(2, 3, 0, 1)))),
    ...row[0]!.set(v128.maxSigned32(row[0]!.get, v128.shuffle(row[0]!.get, row[0]!.get, words(1, 0, 3, 2)))),
    ...lastBlock.set(v128.lane32(row[0]!.get, 0)),
    ...state.flatMap((word, i) => word.set(v128.loadSplat32(initial.get, 4 * i))),
    ...block.set(i32.const(0)),
  ];

  /** Sixteen bytes of the message in one lane, cut off and ended as the padding wants it (§5.1.1), big-endian words. */
  const chunk = (lane: number, part: number): Code => {
    const index = v128.const8(times(16, (i) => 16 * part + i));
    const kept = v128.and(v128.load(at[lane]!.get, 16 * part), v128.lessSigned8(index, bytesLeft.get));
    const end = v128.and(v128.equal8(index, bytesLeft.get), v128.const8(times(16, () => 0x80)));
    const padded = v128.or(kept, end);
    return v128.shuffle(padded, padded, BIG_ENDIAN);
  };
  // The rows of a part are kept in the schedule's own variables until all four lanes are read.
  const loadLane = (lane: number): Code => [
    ...bytesLeft.set(v128.splat8(v128.lane32(left.get, lane))),
    ...times(4, (part) => schedule[4 * part + lane]!.set(chunk(lane, part))).flat(),
  ];
  const loadBlock: Code = [
    // More than 127 bytes left are as many as 127: a signed byte holds no more, and a block none but 64.
    ...left.set(
      v128.minSigned32(
        v128.sub32(length.get, v128.splat32(i32.mul(block.get, i32.const(BLOCK_BYTES)))),
        v128.const32(127),
      ),
    ),
    ...times(LANES, loadLane).flat(),
    ...times(4, (part) => transpose(schedule.slice(4 * part, 4 * part + 4), pair)).flat(),
    ...schedule[15]!.set(
      v128.or(schedule[15]!.get, v128.and(bits.get, v128.equal32(v128.splat32(block.get), lasts.get))),
    ),
  ];
  const active = v128.lessEqualSigned32(v128.splat32(block.get), lasts.get);
  const blocks = loop(
    [
      ...loadBlock,
      ...work.flatMap((word, i) => word.set(state[i]!.get)),
      ...compress(work, schedule, row),
      ...state.flatMap((word, i) =>
        word.set(v128.select(v128.add32(word.get, work[i]!.get), word.get, active)),
      ),
      ...at.flatMap((address) => address.set(i32.add(address.get, i32.const(BLOCK_BYTES)))),
      ...block.set(i32.add(block.get, i32.const(1))),
    ],
    i32.lessEqualSigned(block.get, lastBlock.get),
  );

  const low = state.slice(0, 4);
  const high = state.slice(4);
  const store: Code = [
    ...transpose(low, pair),
    ...transpose(high, pair),
    ...times(LANES, (lane) => [
      ...spare.set(i32.add(out.get, i32.mul(i32.add(group.get, i32.const(lane)), stride.get))),
      ...v128.store(spare.get, v128.shuffle(low[lane]!.get, low[lane]!.get, BIG_ENDIAN)),
      ...v128.store(spare.get, v128.shuffle(high[lane]!.get, high[lane]!.get, BIG_ENDIAN), 16),
    ]).flat(),
  ];
  const body = loop(
    [...beginGroup, ...blocks, ...store, ...group.set(i32.add(group.get, i32.const(LANES)))],
    i32.lessUnsigned(group.get, count.get),
  );
  return moduleOf('hash', locals, body, pages);
}

const BIG_ENDIAN = [3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12];

/** The 64 rounds, unrolled. Variables are renamed instead of moved: the result stands where it began. */
function compress(work: readonly Local[], schedule: readonly Local[], spare: readonly Local[]): Code {
  const code: number[] = [];
  const [sum, other] = spare as [Local, Local];
  for (let round = 0; round < ROUNDS; round++) {
    const [a, b, c, d, e, f, g, h] = times(8, (i) => work[(i - round + ROUNDS) % 8]!) as [
      Local,
      Local,
      Local,
      Local,
      Local,
      Local,
      Local,
      Local,
    ];
    const word = schedule[round % 16]!;
    if (round >= 16) {
      const w15 = schedule[(round + 1) % 16]!.get;
      const w2 = schedule[(round + 14) % 16]!.get;
      const w7 = schedule[(round + 9) % 16]!.get;
      const s0 = v128.xor(v128.xor(rotate(w15, 7), rotate(w15, 18)), v128.shiftRight32(w15, 3));
      const s1 = v128.xor(v128.xor(rotate(w2, 17), rotate(w2, 19)), v128.shiftRight32(w2, 10));
      code.push(...word.set(v128.add32(v128.add32(word.get, s0), v128.add32(w7, s1))));
    }
    const s1 = v128.xor(v128.xor(rotate(e.get, 6), rotate(e.get, 11)), rotate(e.get, 25));
    const choice = v128.select(f.get, g.get, e.get);
    const input = v128.add32(word.get, v128.const32(ROUND_CONSTANTS[round]!));
    const s0 = v128.xor(v128.xor(rotate(a.get, 2), rotate(a.get, 13)), rotate(a.get, 22));
    // Of three bits the majority: where a and b differ c decides, else either of them.
    const majority = v128.select(c.get, b.get, v128.xor(a.get, b.get));
    code.push(
      ...sum.set(v128.add32(v128.add32(h.get, s1), v128.add32(choice, input))),
      ...other.set(v128.add32(s0, majority)),
      ...d.set(v128.add32(d.get, sum.get)),
      ...h.set(v128.add32(sum.get, other.get)),
    );
  }
  return code;
}

function rotate(word: Code, bits: number): Code {
  return v128.or(v128.shiftRight32(word, bits), v128.shiftLeft32(word, 32 - bits));
}

/** Four rows of four words become four columns, in place. */
function transpose(rows: readonly Local[], spare: readonly Local[]): Code {
  const [a, b, c, d] = rows as [Local, Local, Local, Local];
  const [p, q, r, s] = spare as [Local, Local, Local, Local];
  return [
    ...p.set(v128.shuffle(a.get, b.get, words(0, 4, 1, 5))),
    ...q.set(v128.shuffle(a.get, b.get, words(2, 6, 3, 7))),
    ...r.set(v128.shuffle(c.get, d.get, words(0, 4, 1, 5))),
    ...s.set(v128.shuffle(c.get, d.get, words(2, 6, 3, 7))),
    ...a.set(v128.shuffle(p.get, r.get, words(0, 1, 4, 5))),
    ...b.set(v128.shuffle(p.get, r.get, words(2, 3, 6, 7))),
    ...c.set(v128.shuffle(q.get, s.get, words(0, 1, 4, 5))),
    ...d.set(v128.shuffle(q.get, s.get, words(2, 3, 6, 7))),
  ];
}

/** Byte lanes of a shuffle that moves whole words; 4 to 7 are those of the second operand. */
function words(...lanes: readonly number[]): number[] {
  return lanes.flatMap((lane) => [4 * lane, 4 * lane + 1, 4 * lane + 2, 4 * lane + 3]);
}

function times<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i));
}

function primes(count: number): number[] {
  const found: number[] = [];
  for (let n = 2; found.length < count; n++) if (found.every((prime) => n % prime !== 0)) found.push(n);
  return found;
}

function fraction32(root: number): number {
  return Math.floor((root - Math.floor(root)) * 2 ** 32) | 0;
}
