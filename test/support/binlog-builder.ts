import { crc32 } from 'node:zlib';
import { EventType, HEADER_BYTES } from '../../connectors/sources/mysql/binlog/event-type.ts';

/** Makes binlog events byte by byte, for tests of the decoder that need rows no server would write. */

export interface BuiltColumn {
  readonly name: string;
  readonly code: number;
  /** Metadata bytes in the order of the wire. */
  readonly metadata?: readonly number[];
  readonly unsigned?: boolean;
  readonly collation?: number;
  readonly labels?: readonly string[];
}

export interface BuiltTable {
  readonly id: number;
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly BuiltColumn[];
}

/** One event with its header, and its checksum unless told otherwise. */
export function buildEvent(
  type: number,
  body: Buffer,
  { checksum = true, flags = 0, serverId = 1, timestampS = 1_700_000_000 } = {},
): Buffer {
  const size = HEADER_BYTES + body.length + (checksum ? 4 : 0);
  const event = Buffer.alloc(size);
  event.writeUInt32LE(timestampS, 0);
  event[4] = type;
  event.writeUInt32LE(serverId, 5);
  event.writeUInt32LE(size, 9);
  event.writeUInt16LE(flags, 17);
  body.copy(event, HEADER_BYTES);
  if (checksum) event.writeUInt32LE(crc32(event.subarray(0, size - 4)), size - 4);
  return event;
}

export function formatDescription(algorithm: 0 | 1 = 1, createdS = 0): Buffer {
  const body = Buffer.alloc(2 + 50 + 4 + 1 + 42 + 1);
  body.writeUInt16LE(4, 0);
  body.write('9.7.4', 2, 'latin1');
  body.writeUInt32LE(createdS, 52);
  body[56] = HEADER_BYTES;
  body[body.length - 1] = algorithm;
  return buildEvent(EventType.formatDescription, body);
}

export function tableMapBody(table: BuiltTable): Buffer {
  const { columns } = table;
  const metadata = Buffer.from(columns.flatMap(({ metadata: bytes }) => bytes ?? []));
  const numeric = columns.filter(({ unsigned }) => unsigned !== undefined);
  const signs = Buffer.alloc((numeric.length + 7) >> 3);
  numeric.forEach(({ unsigned }, i) => {
    if (unsigned === true) signs[i >> 3] = signs[i >> 3]! | (0x80 >> (i & 7));
  });
  const texts = columns.filter(({ collation, labels }) => collation !== undefined && labels === undefined);
  const choices = columns.filter(({ labels }) => labels !== undefined);
  const isSet = ({ metadata: bytes }: BuiltColumn): boolean => bytes?.[0] === 248;
  const labelField = (of: readonly BuiltColumn[]): Buffer =>
    Buffer.concat(
      of.flatMap(({ labels }) => [
        lengthEncoded(labels!.length),
        ...labels!.map((label) => lengthText(label)),
      ]),
    );
  const fields: [number, Buffer][] = [
    [1, signs],
    [3, Buffer.concat(texts.map(({ collation }) => lengthEncoded(collation!)))],
    [4, Buffer.concat(columns.map(({ name }) => lengthText(name)))],
    [5, labelField(choices.filter(isSet))],
    [6, labelField(choices.filter((column) => !isSet(column)))],
    [11, Buffer.concat(choices.map(({ collation }) => lengthEncoded(collation ?? 255)))],
  ];
  return Buffer.concat([
    tableId(table.id),
    Buffer.from([1, 0]),
    lengthText(table.schema),
    Buffer.from([0]),
    lengthText(table.name),
    Buffer.from([0]),
    lengthEncoded(columns.length),
    Buffer.from(columns.map(({ code }) => code)),
    lengthEncoded(metadata.length),
    metadata,
    Buffer.alloc((columns.length + 7) >> 3, 0xff),
    ...fields
      .filter(([, value]) => value.length > 0)
      .flatMap(([type, value]) => [Buffer.from([type]), lengthEncoded(value.length), value]),
  ]);
}

/** Body of a rows event of version 2 with every column present. A cell is its bytes, or null. */
export function rowsBody(
  table: BuiltTable,
  rows: readonly (readonly (Buffer | null)[])[],
  images: 1 | 2 = 1,
): Buffer {
  const width = table.columns.length;
  const present = Buffer.alloc((width + 7) >> 3, 0xff);
  return Buffer.concat([
    tableId(table.id),
    Buffer.from([1, 0, 2, 0]),
    lengthEncoded(width),
    ...Array.from({ length: images }, () => present),
    ...rows.map((row) => rowImage(row)),
  ]);
}

export function rowImage(row: readonly (Buffer | null)[]): Buffer {
  const nulls = Buffer.alloc((row.length + 7) >> 3);
  row.forEach((cell, i) => {
    if (cell === null) nulls[i >> 3] = nulls[i >> 3]! | (1 << (i & 7));
  });
  return Buffer.concat([nulls, ...row.filter((cell) => cell !== null)]);
}

export function tableId(id: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUIntLE(id, 0, 6);
  return bytes;
}

export function lengthEncoded(value: number): Buffer {
  if (value < 0xfb) return Buffer.from([value]);
  if (value < 0x10000) return Buffer.from([0xfc, value & 255, value >> 8]);
  const bytes = Buffer.alloc(4);
  bytes[0] = 0xfd;
  bytes.writeUIntLE(value, 1, 3);
  return bytes;
}

export function lengthText(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  return Buffer.concat([lengthEncoded(bytes.length), bytes]);
}
