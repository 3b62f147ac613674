/**
 * As much of a WebAssembly assembler as {@link sha256Module} needs (WebAssembly core specification 2.0 §5, binary format;
 * vector instructions §5.4.8). Code is bytes: an expression leaves one value on the stack.
 */
export type Code = readonly number[];

const I32 = 0x7f;
const V128 = 0x7b;

export function unsigned(value: number): Code {
  const bytes: number[] = [];
  do {
    const byte = value & 0x7f;
    value >>>= 7;
    bytes.push(value === 0 ? byte : byte | 0x80);
  } while (value !== 0);
  return bytes;
}

export function signed(value: number): Code {
  const bytes: number[] = [];
  while (true) {
    const byte = value & 0x7f;
    value >>= 7;
    if ((value === 0 && (byte & 0x40) === 0) || (value === -1 && (byte & 0x40) !== 0)) {
      bytes.push(byte);
      return bytes;
    }
    bytes.push(byte | 0x80);
  }
}

/** A variable of a function; reading it is an expression. */
export class Local {
  readonly index: number;
  readonly get: Code;

  constructor(index: number) {
    this.index = index;
    this.get = [0x20, ...unsigned(index)];
  }

  set(value: Code): Code {
    return [...value, 0x21, ...unsigned(this.index)];
  }

  /** Sets and leaves the value. */
  tee(value: Code): Code {
    return [...value, 0x22, ...unsigned(this.index)];
  }
}

export const i32 = {
  const: (value: number): Code => [0x41, ...signed(value | 0)],
  add: (a: Code, b: Code): Code => [...a, ...b, 0x6a],
  mul: (a: Code, b: Code): Code => [...a, ...b, 0x6c],
  lessUnsigned: (a: Code, b: Code): Code => [...a, ...b, 0x49],
  lessEqualSigned: (a: Code, b: Code): Code => [...a, ...b, 0x4c],
  load: (address: Code, offset = 0): Code => [...address, 0x28, 2, ...unsigned(offset)],
} as const;

const vector = (opcode: number): Code => [0xfd, ...unsigned(opcode)];
const binary =
  (opcode: number) =>
  (a: Code, b: Code): Code => [...a, ...b, ...vector(opcode)];
const unary =
  (opcode: number) =>
  (a: Code): Code => [...a, ...vector(opcode)];

export const v128 = {
  load: (address: Code, offset = 0): Code => [...address, ...vector(0x00), 0, ...unsigned(offset)],
  store: (address: Code, value: Code, offset = 0): Code => [
    ...address,
    ...value,
    ...vector(0x0b),
    0,
    ...unsigned(offset),
  ],
  loadSplat32: (address: Code, offset = 0): Code => [...address, ...vector(0x09), 2, ...unsigned(offset)],
  /** Four equal 32-bit lanes. */
  const32: (value: number): Code => {
    const word = [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
    return [...vector(0x0c), ...word, ...word, ...word, ...word];
  },
  const8: (bytes: readonly number[]): Code => [...vector(0x0c), ...bytes],
  shuffle: (a: Code, b: Code, lanes: readonly number[]): Code => [...a, ...b, ...vector(0x0d), ...lanes],
  splat8: unary(0x0f),
  splat32: unary(0x11),
  lane32: (a: Code, lane: number): Code => [...a, ...vector(0x1b), lane],
  equal8: binary(0x23),
  lessSigned8: binary(0x25),
  equal32: binary(0x37),
  lessEqualSigned32: binary(0x3d),
  and: binary(0x4e),
  or: binary(0x50),
  xor: binary(0x51),
  /** Bits of `a` where the mask is set, of `b` elsewhere. */
  select: (a: Code, b: Code, mask: Code): Code => [...a, ...b, ...mask, ...vector(0x52)],
  shiftLeft32: (a: Code, bits: number): Code => [...a, ...i32.const(bits), ...vector(0xab)],
  shiftRight32: (a: Code, bits: number): Code => [...a, ...i32.const(bits), ...vector(0xad)],
  add32: binary(0xae),
  sub32: binary(0xb1),
  minSigned32: binary(0xb6),
  maxSigned32: binary(0xb8),
} as const;

/** Runs the body, then again while the condition holds. */
export function loop(body: Code, condition: Code): Code {
  return [0x03, 0x40, ...body, ...condition, 0x0d, 0, 0x0b];
}

/** The variables of one function: parameters (all i32) first, then i32 and vector locals. */
export class Locals {
  readonly parameters: readonly Local[];
  readonly #scalars: number;
  #next: number;
  #vectors = 0;

  constructor(parameters: number, scalars: number) {
    this.parameters = Array.from({ length: parameters }, (_, i) => new Local(i));
    this.#scalars = scalars;
    this.#next = parameters;
  }

  scalar(): Local {
    if (this.#vectors > 0 || this.#next >= this.parameters.length + this.#scalars)
      throw new RangeError('scalars are declared first, and as many as were announced');
    return new Local(this.#next++);
  }

  vector(): Local {
    this.#vectors++;
    return new Local(this.parameters.length + this.#scalars + this.#vectors - 1);
  }

  get declaration(): Code {
    return [2, ...unsigned(this.#scalars), I32, ...unsigned(this.#vectors), V128];
  }
}

/** A module with one exported function without a result, over an imported memory `m.memory`. */
export function moduleOf(name: string, locals: Locals, body: Code, pages: number): Uint8Array<ArrayBuffer> {
  const section = (id: number, content: Code): Code => [id, ...unsigned(content.length), ...content];
  const text = (value: string): Code => [value.length, ...Buffer.from(value, 'latin1')];
  const code = [...locals.declaration, ...body, 0x0b];
  const parameters = locals.parameters.map(() => I32);
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, ...unsigned(parameters.length), ...parameters, 0]),
    ...section(2, [1, ...text('m'), ...text('memory'), 0x02, 0x00, ...unsigned(pages)]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...text(name), 0x00, 0]),
    ...section(10, [1, ...unsigned(code.length), ...code]),
  ]);
}
