import { type MaskedCell, UNCHANGED } from '../../../src/model/cell.ts';
import type { MaskedRun, MaskedTable } from '../../../src/model/masked.ts';
import { columnIdentity } from '../../../src/model/table.ts';
import type { ColumnType } from '../../../src/model/type.ts';
import { clockEnd, microsecondsAt, parseDays, parseMicroseconds, parseMicrosecondsExactly } from './clock.ts';
import { RowBytes } from './row-bytes.ts';
import type { OnMisfit, WrittenCell } from './row-reader.ts';
import { cellIndexes, OWN_COLUMNS, type Relation, type StoredColumn, written } from './target.ts';
import { type BigqueryType, elementOf, type Scalar } from './types.ts';
import { type Converter, converterTo, isFloat, isInt64, Misfit, toDecimal } from './values.ts';

/** FieldDescriptorProto.Type (descriptor.proto) of the types of https://cloud.google.com/bigquery/docs/supported-data-types */
export const PROTO_TYPE = { double: 1, int64: 3, int32: 5, bool: 8, string: 9, bytes: 12 } as const;

export interface ProtoField {
  readonly name: string;
  readonly number: number;
  readonly type: number;
  readonly repeated: boolean;
}

export type ChangeType = 'UPSERT' | 'DELETE';

const PSEUDO_COLUMNS = ['_CHANGE_TYPE', '_CHANGE_SEQUENCE_NUMBER'] as const;

/** How a row's own columns are filled; `sub` orders the parts of one change: a key change deletes first. */
export interface RowStamp {
  readonly group: number;
  readonly commitTimeUs: bigint;
}

interface FieldEncoder {
  readonly tag: Uint8Array;
  readonly type: BigqueryType;
}

/** Writes rows of one table version as protobuf, cell by cell from canonical text, and checks each value on the way. */
export class RowEncoder {
  readonly fields: readonly ProtoField[];
  readonly bytes = new RowBytes();
  readonly #relation: Relation;
  readonly #columns: readonly FieldEncoder[];
  readonly #types: Readonly<Record<ChangeType, Uint8Array>>;
  readonly #sequenceTag: Uint8Array;
  readonly #ownTags: readonly Uint8Array[];
  readonly #extra: readonly Uint8Array[];
  #table: MaskedTable | null = null;
  #indexes: readonly number[] = [];
  #encoders: readonly CellEncoder[] = [];
  #group = -1;
  #groupHex = '';
  #commitTimeUs = -1n;
  #committed: Uint8Array = new Uint8Array();

  /** @param extra text columns behind the relation's, see `finish` */
  constructor(relation: Relation, extra: readonly StoredColumn[] = []) {
    this.#relation = relation;
    const stored: readonly StoredColumn[] = [
      ...relation.columns.map(written),
      ...OWN_COLUMNS,
      ...extra,
      ...PSEUDO_COLUMNS.map((name) => ({ name, type: 'STRING' }) as const),
    ];
    this.fields = stored.map(({ name, type }, i) => ({
      name,
      number: i + 1,
      type: protoType(type),
      repeated: elementOf(type) !== null,
    }));
    const tagOf = (name: string): Uint8Array => tagBytes(this.fields.find((field) => field.name === name)!);
    this.#columns = relation.columns.map((column, i) => ({
      tag: tagBytes(this.fields[i]!),
      type: written(column).type,
    }));
    this.#ownTags = OWN_COLUMNS.map(({ name }) => tagOf(name));
    this.#extra = extra.map(({ name }) => tagOf(name));
    this.#sequenceTag = tagOf('_CHANGE_SEQUENCE_NUMBER');
    const changeTag = tagOf('_CHANGE_TYPE');
    const constant = (text: string): Uint8Array =>
      Uint8Array.of(...changeTag, text.length, ...Buffer.from(text));
    this.#types = { UPSERT: constant('UPSERT'), DELETE: constant('DELETE') };
  }

  use(table: MaskedTable): void {
    if (this.#table === table) return;
    this.#table = table;
    this.#indexes = cellIndexes(this.#relation.columns, table);
    const types = new Map(table.columns.map((column) => [columnIdentity(column), column.type]));
    this.#encoders = this.#columns.map(({ type }, i) => {
      const source = types.get(this.#relation.columns[i]!.identity);
      return source === undefined ? encoderOf(type, null) : encoderOf(type, source);
    });
  }

  /**
   * Writes the columns of a row in a run of the table in use, from canonical text.
   *
   * @returns false when a cell is unchanged: the row is not written then
   */
  cells({ cells }: MaskedRun, at: number, onMisfit: OnMisfit): boolean {
    const indexes = this.#indexes;
    const columns = this.#columns;
    const bytes = this.bytes;
    for (let i = 0; i < indexes.length; i++)
      if (indexes[i]! >= 0 && cells[at + indexes[i]!] === UNCHANGED) return false;
    for (let i = 0; i < columns.length; i++) {
      const index = indexes[i]!;
      if (index < 0) continue;
      const cell: MaskedCell = cells[at + index]!;
      if (typeof cell !== 'string') continue;
      const misfit = this.#encoders[i]!(bytes, columns[i]!.tag, cell);
      if (misfit !== null) onMisfit(i, cell, misfit);
    }
    return true;
  }

  /** Writes columns from text that was converted before (`values.ts`); what is unchanged is left out. */
  converted(cells: readonly WrittenCell[]): void {
    for (let i = 0; i < cells.length; i++) {
      const cell = cells[i]!;
      if (typeof cell === 'string')
        encoderOf(this.#columns[i]!.type, null)(this.bytes, this.#columns[i]!.tag, cell);
    }
  }

  /** Only some columns, for a DELETE. */
  convertedKey(columns: readonly number[], key: readonly string[]): void {
    columns.forEach((i, k) => {
      encoderOf(this.#columns[i]!.type, null)(this.bytes, this.#columns[i]!.tag, key[k]!);
    });
  }

  begin(): void {
    this.bytes.beginRow();
  }

  /** Our own columns and the change. @returns bytes of the row */
  end(change: ChangeType, { group, commitTimeUs }: RowStamp, seq: number, op: string, sub: 0 | 1): number {
    const { bytes } = this;
    if (group !== this.#group) {
      this.#group = group;
      this.#groupHex = `${group.toString(16)}/`;
    }
    bytes.raw(this.#ownTags[0]!);
    bytes.int(seq);
    bytes.raw(this.#ownTags[1]!);
    bytes.int(group);
    if (commitTimeUs !== this.#commitTimeUs) {
      this.#commitTimeUs = commitTimeUs;
      const scratch = new RowBytes(16);
      scratch.bigint(commitTimeUs);
      this.#committed = Uint8Array.of(...this.#ownTags[2]!, ...scratch.take());
    }
    bytes.raw(this.#committed);
    bytes.raw(this.#ownTags[3]!);
    bytes.text(op);
    bytes.raw(this.#types[change]);
    bytes.raw(this.#sequenceTag);
    bytes.text(`${this.#groupHex}${seq.toString(16)}/${sub}`);
    return bytes.endRow();
  }

  /** A text in one of the extra columns. */
  extra(column: number, text: string): void {
    this.bytes.raw(this.#extra[column]!);
    this.bytes.text(text);
  }
}

/** Writes tag and value, or nothing and says why. */
type CellEncoder = (bytes: RowBytes, tag: Uint8Array, text: string) => Misfit | null;

/** A text of a cell is at most this long: an append takes 10 MB. */
const MAX_TEXT = 9_000_000;

const wrong = new Map<Scalar, Misfit>();
function misfitOf(type: Scalar, text: string): Misfit {
  const converted = converterTo(type, { kind: 'other' })(text);
  if (converted instanceof Misfit) return converted;
  let misfit = wrong.get(type);
  if (misfit === undefined) {
    misfit = new Misfit(`does not fit ${type}`);
    wrong.set(type, misfit);
  }
  return misfit;
}

const scalarEncoders: Readonly<Record<Scalar, CellEncoder>> = {
  STRING: (bytes, tag, text) => {
    if (text.length > MAX_TEXT) return misfitOf('STRING', text);
    const before = bytes.length;
    bytes.raw(tag);
    if (bytes.text(text)) return null;
    bytes.truncate(before);
    return misfitOf('STRING', text);
  },
  INT64: (bytes, tag, text) => {
    if (!isInt64(text)) return misfitOf('INT64', text);
    bytes.raw(tag);
    if (text.length <= 15) bytes.int(Number(text));
    else bytes.bigint(BigInt(text));
    return null;
  },
  NUMERIC: decimalEncoder('NUMERIC', 29, 9),
  BIGNUMERIC: decimalEncoder('BIGNUMERIC', 38, 38),
  FLOAT64: (bytes, tag, text) => {
    if (!isFloat(text)) return misfitOf('FLOAT64', text);
    bytes.raw(tag);
    bytes.double(Number(text));
    return null;
  },
  BOOL: (bytes, tag, text) => {
    const value = text === 't' || text === 'true' ? 1 : text === 'f' || text === 'false' ? 0 : -1;
    if (value < 0) return misfitOf('BOOL', text);
    bytes.raw(tag);
    bytes.byte(value);
    return null;
  },
  BYTES: (bytes, tag, base64) => {
    bytes.raw(tag);
    bytes.bytes(Buffer.from(base64, 'base64'));
    return null;
  },
  DATE: (bytes, tag, text) => {
    const days = parseDays(text);
    if (Number.isNaN(days)) return misfitOf('DATE', text);
    bytes.raw(tag);
    bytes.int(days);
    return null;
  },
  DATETIME: (bytes, tag, text) => {
    if (Number.isNaN(parseMicroseconds(text, text.length))) return misfitOf('DATETIME', text);
    bytes.raw(tag);
    bytes.text(text);
    return null;
  },
  TIME: (bytes, tag, text) => {
    if (Number.isNaN(microsecondsAt(text, 0, text.length))) return misfitOf('TIME', text);
    bytes.raw(tag);
    bytes.text(text);
    return null;
  },
  TIMESTAMP: (bytes, tag, text) => {
    const end = clockEnd(text, true);
    const value = parseMicroseconds(text, end);
    if (Number.isNaN(value)) return misfitOf('TIMESTAMP', text);
    bytes.raw(tag);
    if (value >= 0 && value <= Number.MAX_SAFE_INTEGER) bytes.int(value);
    else bytes.bigint(parseMicrosecondsExactly(text, end));
    return null;
  },
  JSON: (bytes, tag, text) => {
    bytes.raw(tag);
    bytes.text(text);
    return null;
  },
};

/** @param source null: the text was converted before */
function encoderOf(type: BigqueryType, source: ColumnType | null): CellEncoder {
  const element = elementOf(type);
  const encode = element === null ? scalarEncoders[type as Scalar] : repeatedEncoder(element);
  if (source === null || !needsConversion(type, source)) return encode;
  const convert: Converter = converterTo(type, source);
  return (bytes, tag, text) => {
    const converted = convert(text);
    return converted instanceof Misfit ? converted : encode(bytes, tag, converted);
  };
}

/** Of other types the canonical text is what is converted, and the encoder checks it itself. */
function needsConversion(type: BigqueryType, source: ColumnType): boolean {
  if (elementOf(type) !== null || type === 'BYTES' || type === 'JSON') return true;
  return type === 'INT64' && source.kind === 'int' && source.bits < 64;
}

function repeatedEncoder(element: Scalar): CellEncoder {
  const encode = scalarEncoders[element];
  return (bytes, tag, json) => {
    for (const item of JSON.parse(json) as readonly string[]) encode(bytes, tag, item);
    return null;
  };
}

/** Plain digits that fit go as they are; anything else is looked at with care. */
function decimalEncoder(type: 'NUMERIC' | 'BIGNUMERIC', maxWhole: number, maxFraction: number): CellEncoder {
  return (bytes, tag, text) => {
    let plain = text;
    if (!fitsDecimal(text, maxWhole, maxFraction)) {
      const converted = toDecimal(text, type);
      if (converted instanceof Misfit) return converted;
      plain = converted;
    }
    bytes.raw(tag);
    bytes.text(plain);
    return null;
  };
}

function fitsDecimal(text: string, maxWhole: number, maxFraction: number): boolean {
  let at = text.charCodeAt(0) === 45 ? 1 : 0;
  const { length } = text;
  const start = at;
  while (at < length && isDigit(text.charCodeAt(at))) at++;
  const whole = at - start;
  if (whole < 1 || whole > maxWhole) return false;
  if (at === length) return true;
  if (text.charCodeAt(at) !== 46) return false;
  const fraction = length - at - 1;
  if (fraction < 1 || fraction > maxFraction) return false;
  for (at++; at < length; at++) if (!isDigit(text.charCodeAt(at))) return false;
  return true;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function protoType(type: BigqueryType): number {
  switch (elementOf(type) ?? (type as Scalar)) {
    case 'INT64':
    case 'TIMESTAMP':
      return PROTO_TYPE.int64;
    case 'DATE':
      return PROTO_TYPE.int32;
    case 'FLOAT64':
      return PROTO_TYPE.double;
    case 'BOOL':
      return PROTO_TYPE.bool;
    case 'BYTES':
      return PROTO_TYPE.bytes;
    default:
      return PROTO_TYPE.string;
  }
}

/** Field number and wire type (protobuf encoding: 0 varint, 1 eight bytes, 2 length-delimited). */
function tagBytes({ number, type }: ProtoField): Uint8Array {
  const wire =
    type === PROTO_TYPE.double ? 1 : type === PROTO_TYPE.string || type === PROTO_TYPE.bytes ? 2 : 0;
  const scratch = new RowBytes(16);
  scratch.int(number * 8 + wire);
  return new Uint8Array(scratch.take());
}
