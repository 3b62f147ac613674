/** Writes JSON values as MySQL's binary documents (sql-common/json_binary.h), for tests of the reader. */
export type BuiltJson =
  | null
  | boolean
  | bigint
  | number
  | string
  | readonly BuiltJson[]
  | ReadonlyMap<string, BuiltJson>;

/** A bigint becomes the narrowest integer, a number a double. `large`: containers with offsets of four bytes. */
export function buildJson(value: BuiltJson, large = false): Buffer {
  const [type, body] = encode(value, large);
  return Buffer.concat([Buffer.from([type]), body]);
}

function encode(value: BuiltJson, large: boolean): [number, Buffer] {
  if (value === null) return [4, Buffer.from([0])];
  if (typeof value === 'boolean') return [4, Buffer.from([value ? 1 : 2])];
  if (typeof value === 'bigint') return integer(value);
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(value);
    return [11, bytes];
  }
  if (typeof value === 'string') {
    const bytes = Buffer.from(value, 'utf8');
    return [12, Buffer.concat([variableLength(bytes.length), bytes])];
  }
  return value instanceof Map
    ? [large ? 1 : 0, container([...value.keys()], [...value.values()], large)]
    : [large ? 3 : 2, container(null, value as readonly BuiltJson[], large)];
}

function integer(value: bigint): [number, Buffer] {
  const shapes: [number, number, bigint, bigint][] = [
    [5, 2, -(1n << 15n), (1n << 15n) - 1n],
    [6, 2, 0n, (1n << 16n) - 1n],
    [7, 4, -(1n << 31n), (1n << 31n) - 1n],
    [8, 4, 0n, (1n << 32n) - 1n],
    [9, 8, -(1n << 63n), (1n << 63n) - 1n],
    [10, 8, 0n, (1n << 64n) - 1n],
  ];
  const [type, size] = shapes.find(([, , least, most]) => value >= least && value <= most)!;
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
  return [type, bytes.subarray(0, size)];
}

function container(names: readonly string[] | null, values: readonly BuiltJson[], large: boolean): Buffer {
  const width = large ? 4 : 2;
  const number = (n: number): Buffer => {
    const bytes = Buffer.alloc(width);
    bytes.writeUIntLE(n, 0, width);
    return bytes;
  };
  const keys = (names ?? []).map((name) => Buffer.from(name, 'utf8'));
  let at = 2 * width + keys.length * (width + 2) + values.length * (1 + width);
  const keyEntries = keys.map((key) => {
    const entry = Buffer.concat([number(at), Buffer.from([key.length & 255, key.length >> 8])]);
    at += key.length;
    return entry;
  });
  const bodies: Buffer[] = [];
  const valueEntries = values.map((value) => {
    const [type, body] = encode(value, large);
    const inlined = type === 4 || type === 5 || type === 6 || (large && (type === 7 || type === 8));
    if (inlined) return Buffer.concat([Buffer.from([type]), body, Buffer.alloc(width - body.length)]);
    const entry = Buffer.concat([Buffer.from([type]), number(at)]);
    bodies.push(body);
    at += body.length;
    return entry;
  });
  return Buffer.concat([
    number(values.length),
    number(at),
    ...keyEntries,
    ...valueEntries,
    ...keys,
    ...bodies,
  ]);
}

function variableLength(length: number): Buffer {
  const bytes: number[] = [];
  do {
    bytes.push((length & 127) | (length > 127 ? 128 : 0));
    length >>>= 7;
  } while (length > 0);
  return Buffer.from(bytes);
}
