import protobuf from 'protobufjs/minimal.js';
import type { ProtoField } from './row-encoder.ts';

/**
 * Messages of `google.cloud.bigquery.storage.v1.BigQueryWrite.AppendRows`, as far as they are used. Field numbers from
 * googleapis/google/cloud/bigquery/storage/v1/{storage,protobuf,table}.proto, google/rpc/status.proto and
 * google/protobuf/{any,descriptor}.proto.
 */
export const APPEND_ROWS = '/google.cloud.bigquery.storage.v1.BigQueryWrite/AppendRows';

export interface AppendRequest {
  /** `projects/…/datasets/…/tables/…/streams/_default` */
  readonly stream: string;
  /** Only in the first request of a connection. */
  readonly fields: readonly ProtoField[] | null;
  /** `ProtoRows`, see `RowBytes`. */
  readonly rows: Uint8Array;
}

export interface AppendResponse {
  /** null: the rows are in. */
  readonly error: AppendError | null;
  readonly rowErrors: readonly { readonly index: number; readonly code: number }[];
}

export interface AppendError {
  /** google.rpc.Code */
  readonly code: number;
  /** StorageError.StorageErrorCode of the details; 0: none is given. */
  readonly storageCode: number;
}

/** StorageError.StorageErrorCode */
export const STORAGE_CODE = { tableNotFound: 1, streamNotFound: 3, extraFields: 7 } as const;

const LABEL_OPTIONAL = 1;
const LABEL_REPEATED = 3;
/** `field << 3 | 2`: length-delimited. */
const tag = (field: number): number => (field << 3) | 2;

export function encodeAppend({ stream, fields, rows }: AppendRequest): Buffer {
  const writer = protobuf.Writer.create();
  writer.uint32(tag(1)).string(stream);
  const data = writer.uint32(tag(4)).fork();
  if (fields !== null) data.uint32(tag(1)).fork().uint32(tag(1)).bytes(encodeDescriptor(fields)).ldelim();
  data.uint32(tag(2)).bytes(rows).ldelim();
  writer.uint32(tag(6)).string('rowseal');
  return writer.finish() as Buffer;
}

/** A DescriptorProto: BigQuery reads rows by it, and columns by the names of its fields. */
export function encodeDescriptor(fields: readonly ProtoField[]): Uint8Array {
  const writer = protobuf.Writer.create();
  writer.uint32(tag(1)).string('Row');
  for (const { name, number, type, repeated } of fields) {
    writer.uint32(tag(2)).fork();
    writer.uint32(tag(1)).string(name);
    writer.uint32(3 << 3).int32(number);
    writer.uint32(4 << 3).int32(repeated ? LABEL_REPEATED : LABEL_OPTIONAL);
    writer.uint32(5 << 3).int32(type);
    writer.ldelim();
  }
  return writer.finish();
}

/** A response is a success, an error, or an error with rows at fault; whoever only awaits it loses data. */
export function decodeResponse(bytes: Uint8Array): AppendResponse {
  let error: AppendError | null = null;
  const rowErrors: { index: number; code: number }[] = [];
  eachField(bytes, (field, reader) => {
    if (field === 2) error = decodeStatus(reader.bytes());
    else if (field === 4) rowErrors.push(decodeRowError(reader.bytes()));
    else return false;
    return true;
  });
  return { error, rowErrors };
}

function decodeStatus(bytes: Uint8Array): AppendError {
  let code = 0;
  let storageCode = 0;
  eachField(bytes, (field, reader) => {
    if (field === 1) code = reader.int32();
    else if (field === 3) storageCode ||= decodeStorageCode(reader.bytes());
    else return false;
    return true;
  });
  return { code, storageCode };
}

function decodeStorageCode(any: Uint8Array): number {
  let type = '';
  let value: Uint8Array = new Uint8Array();
  eachField(any, (field, reader) => {
    if (field === 1) type = reader.string();
    else if (field === 2) value = reader.bytes();
    else return false;
    return true;
  });
  let code = 0;
  if (!type.endsWith('/google.cloud.bigquery.storage.v1.StorageError')) return code;
  eachField(value, (field, reader) => {
    if (field !== 1) return false;
    code = reader.int32();
    return true;
  });
  return code;
}

function decodeRowError(bytes: Uint8Array): { index: number; code: number } {
  const error = { index: 0, code: 0 };
  // The message is left where it is: it quotes values.
  eachField(bytes, (field, reader) => {
    if (field === 1) error.index = Number(reader.int64());
    else if (field === 2) error.code = reader.int32();
    else return false;
    return true;
  });
  return error;
}

/** @param take reads the field's value and says so; others are skipped */
function eachField(bytes: Uint8Array, take: (field: number, reader: protobuf.Reader) => boolean): void {
  const reader = protobuf.Reader.create(bytes);
  while (reader.pos < reader.len) {
    const key = reader.uint32();
    if (!take(key >>> 3, reader)) reader.skipType(key & 7);
  }
}
