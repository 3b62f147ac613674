import { Server, ServerCredentials, type ServerDuplexStream, status } from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import { parseSequence, type StreamedChange } from './bigquery-cdc-table.ts';
import type { BigqueryFake, FakeTable } from './bigquery-fake.ts';
import type { FakeValue } from './bigquery-proto-values.ts';
import { type RestField, standardType } from './bigquery-rules.ts';

/**
 * The messages as Google publishes them, in their own file format, so that what the sink encodes by hand is read here by
 * protobufjs' own decoder (googleapis/google/cloud/bigquery/storage/v1/storage.proto and protobuf.proto, rpc/status.proto).
 */
const PROTO = `syntax = "proto3";
message DescriptorProto { string name = 1; repeated FieldDescriptorProto field = 2; }
message FieldDescriptorProto { string name = 1; int32 number = 3; int32 label = 4; int32 type = 5; }
message ProtoSchema { DescriptorProto proto_descriptor = 1; }
message ProtoRows { repeated bytes serialized_rows = 1; }
message ProtoData { ProtoSchema writer_schema = 1; ProtoRows rows = 2; }
message Int64Value { int64 value = 1; }
message AppendRowsRequest { string write_stream = 1; Int64Value offset = 2; ProtoData proto_rows = 4; string trace_id = 6; }
message Any { string type_url = 1; bytes value = 2; }
message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
message AppendResult { Int64Value offset = 1; }
message RowError { int64 index = 1; int32 code = 2; string message = 3; }
message AppendRowsResponse { AppendResult append_result = 1; Status error = 2; repeated RowError row_errors = 4; string write_stream = 5; }
message StorageError { int32 code = 1; string entity = 2; string error_message = 3; }
`;
const root = protobuf.parse(PROTO, { keepCase: true }).root;
const Request = root.lookupType('AppendRowsRequest');
const Response = root.lookupType('AppendRowsResponse');
const StorageError = root.lookupType('StorageError');

interface AppendMessage {
  readonly write_stream: string;
  readonly offset?: object | null;
  readonly proto_rows?: {
    readonly writer_schema?: {
      readonly proto_descriptor?: { readonly field: readonly DescriptorField[] } | null;
    } | null;
    readonly rows?: { readonly serialized_rows: readonly Uint8Array[] } | null;
  } | null;
}

interface DescriptorField {
  readonly name: string;
  readonly number: number;
  readonly label: number;
  readonly type: number;
}

/** An AppendRowsRequest is smaller than 10 MB (storage.proto). */
const MAX_REQUEST_BYTES = 10 * 1024 * 1024;
const FIELDS_ERROR = 1;
const STORAGE = { tableNotFound: 1, extraFields: 7 } as const;

/** What happens to one append. */
export type AppendFault =
  /** An answer with this error; nothing was appended. */
  | { readonly kind: 'error'; readonly code: number; readonly storageCode?: number }
  /** The connection breaks before or after the rows were appended. */
  | { readonly kind: 'cut'; readonly when: 'before' | 'after' }
  /** These rows are refused, and so is the rest of the request. */
  | { readonly kind: 'rows'; readonly indexes: readonly number[] };

class Refusal extends Error {
  readonly code: number;
  readonly storageCode: number;
  constructor(code: number, message: string, storageCode = 0) {
    super(message);
    this.code = code;
    this.storageCode = storageCode;
  }
}

/** FieldDescriptorProto.Type, by the types of columns that take it (https://cloud.google.com/bigquery/docs/supported-data-types). */
const PROTO_TYPES: Readonly<Record<string, { readonly type: number; readonly proto: string }>> = {
  INT64: { type: 3, proto: 'int64' },
  TIMESTAMP: { type: 3, proto: 'int64' },
  DATE: { type: 5, proto: 'int32' },
  FLOAT64: { type: 1, proto: 'double' },
  BOOL: { type: 8, proto: 'bool' },
  BYTES: { type: 12, proto: 'bytes' },
  STRING: { type: 9, proto: 'string' },
  NUMERIC: { type: 9, proto: 'string' },
  BIGNUMERIC: { type: 9, proto: 'string' },
  DATETIME: { type: 9, proto: 'string' },
  TIME: { type: 9, proto: 'string' },
  JSON: { type: 9, proto: 'string' },
};

/** The Storage Write interface of a fake: the default stream only, which is all that change data capture may use. */
export class BigqueryWriteFake {
  readonly #fake: BigqueryFake;
  readonly #server: Server;
  #port = 0;
  /** Asked before each append is done. */
  fault: (stream: string) => AppendFault | null = () => null;
  /** Streams learn of a changed table only after this time, in milliseconds. */
  schemaLagMs = 0;
  /** Rows are counted and forgotten: for measurements. */
  discard = false;
  appends = 0;
  rows = 0;

  private constructor(fake: BigqueryFake, server: Server) {
    this.#fake = fake;
    this.#server = server;
  }

  static async start(fake: BigqueryFake): Promise<BigqueryWriteFake> {
    const server = new Server({ 'grpc.max_receive_message_length': 2 * MAX_REQUEST_BYTES });
    const write = new BigqueryWriteFake(fake, server);
    server.addService(
      {
        AppendRows: {
          path: '/google.cloud.bigquery.storage.v1.BigQueryWrite/AppendRows',
          requestStream: true,
          responseStream: true,
          requestSerialize: (bytes: Buffer) => bytes,
          requestDeserialize: (bytes: Buffer) => bytes,
          responseSerialize: (bytes: Buffer) => bytes,
          responseDeserialize: (bytes: Buffer) => bytes,
        },
      },
      { AppendRows: (call: ServerDuplexStream<Buffer, Buffer>) => write.#serve(call) },
    );
    write.#port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
    return write;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  stop(): void {
    this.#server.forceShutdown();
  }

  #serve(call: ServerDuplexStream<Buffer, Buffer>): void {
    const routed = call.metadata.get('x-goog-request-params')[0];
    const connection = new Connection(this.#fake, this);
    let turn = Promise.resolve();
    call.on('data', (bytes: Buffer) => {
      turn = turn.then(async () => {
        if (call.destroyed || call.cancelled) return;
        this.appends++;
        // A stream is cut when its token expires, in the midst of it.
        const { tokens } = this.#fake;
        if (tokens !== null && !tokens.takes(call.metadata.get('authorization')[0]?.toString()))
          return void call.emit('error', broken(status.UNAUTHENTICATED));
        try {
          const append = connection.read(bytes, String(routed));
          const fault = this.fault(append.stream);
          if (fault?.kind === 'cut' && fault.when === 'before') return void call.emit('error', broken());
          if (fault?.kind === 'error')
            throw new Refusal(fault.code, 'a fault was ordered', fault.storageCode);
          const rowErrors = fault?.kind === 'rows' ? fault.indexes : await connection.apply(append);
          if (fault?.kind === 'cut') return void call.emit('error', broken());
          call.write(rowErrors.length > 0 ? refusedRows(append.stream, rowErrors) : success(append.stream));
        } catch (thrown) {
          call.write(failure(thrown));
        }
      });
    });
    call.on('end', () => void turn.then(() => call.end()));
    call.on('error', () => {});
  }
}

interface ReadAppend {
  readonly stream: string;
  readonly table: FakeTable;
  readonly full: string;
  readonly rows: readonly Uint8Array[];
}

/** What one connection knows: its stream and its writer schema, both told in the first request. */
class Connection {
  readonly #fake: BigqueryFake;
  readonly #owner: BigqueryWriteFake;
  #stream: string | null = null;
  #fields: readonly DescriptorField[] | null = null;
  #row: protobuf.Type | null = null;

  constructor(fake: BigqueryFake, owner: BigqueryWriteFake) {
    this.#fake = fake;
    this.#owner = owner;
  }

  read(bytes: Buffer, routed: string): ReadAppend {
    const invalid = (message: string): Refusal => new Refusal(status.INVALID_ARGUMENT, message);
    if (bytes.length >= MAX_REQUEST_BYTES) throw invalid('AppendRows request too large');
    const message = Request.toObject(Request.decode(bytes)) as unknown as AppendMessage;
    this.#stream ??= message.write_stream;
    if (this.#stream === '' || this.#stream !== message.write_stream) throw invalid('write_stream differs');
    if (routed !== `write_stream=${encodeURIComponent(this.#stream)}`)
      throw invalid('the call is not routed to its table');
    const match = /^projects\/([^/]+)\/datasets\/([^/]+)\/tables\/([^/]+)\/streams\/_default$/.exec(
      this.#stream,
    );
    if (match === null) throw invalid('not a default stream');
    if (message.offset != null) throw invalid('the default stream has no offsets');
    const full = `${match[1]}.${match[2]}.${match[3]}`;
    const found = this.#fake.cdcTable(full);
    if (found === null)
      throw new Refusal(status.NOT_FOUND, `Table not found: ${full}`, STORAGE.tableNotFound);
    const descriptor = message.proto_rows?.writer_schema?.proto_descriptor;
    if (this.#fields === null) {
      if (descriptor == null) throw invalid('the first request has no writer schema');
      // Learnt only if it is accepted.
      this.#fields = this.#checked(descriptor.field, found.table);
      this.#row = rowType(this.#fields);
    }
    const rows = message.proto_rows?.rows?.serialized_rows ?? [];
    if (rows.length === 0) throw invalid('no rows');
    return { stream: this.#stream, table: found.table, full, rows };
  }

  /** Fields are matched with columns by name; a field without a column is refused. */
  #checked(fields: readonly DescriptorField[], table: FakeTable): readonly DescriptorField[] {
    const behind = Date.now() - table.alteredAtMs < this.#owner.schemaLagMs;
    const columns = new Map(table.fields.map((field) => [field.name.toLowerCase(), field]));
    for (const { name, type, label } of fields) {
      if (name === '_CHANGE_TYPE' || name === '_CHANGE_SEQUENCE_NUMBER') {
        if (type !== 9) throw new Refusal(status.INVALID_ARGUMENT, `${name} is a string`);
        continue;
      }
      const column = columns.get(name.toLowerCase());
      if (column === undefined || (behind && table.fields.indexOf(column) >= table.fieldsBefore))
        throw new Refusal(
          status.INVALID_ARGUMENT,
          `Input schema has more fields: ${name}`,
          STORAGE.extraFields,
        );
      if (PROTO_TYPES[standardType(column.type)]!.type !== type)
        throw new Refusal(
          status.INVALID_ARGUMENT,
          `The field ${name} could not be converted to ${column.type}`,
        );
      if ((column.mode === 'REPEATED') !== (label === 3))
        throw new Refusal(status.INVALID_ARGUMENT, `The field ${name} has another mode`);
    }
    if (!fields.some(({ name }) => name === '_CHANGE_TYPE'))
      throw new Refusal(status.INVALID_ARGUMENT, 'the sink streams changes, not rows');
    if (table.primaryKey.length === 0)
      throw new Refusal(status.INVALID_ARGUMENT, 'UPSERT needs a table with a primary key');
    return fields;
  }

  /** All rows or none. @returns indexes of rows that are refused */
  async apply({ table, full, rows }: ReadAppend): Promise<readonly number[]> {
    this.#owner.rows += rows.length;
    if (this.#owner.discard) return [];
    const { cdc } = this.#fake.cdcTable(full)!;
    const columns = new Map(table.fields.map((field) => [field.name.toLowerCase(), field]));
    const refused: number[] = [];
    const changes: StreamedChange[] = [];
    rows.forEach((bytes, i) => {
      const change = this.#change(bytes, columns, table);
      if (change === null) refused.push(i);
      else changes.push(change);
    });
    if (refused.length > 0) return refused;
    for (const change of changes) cdc.apply(change);
    if (cdc.full) await this.#fake.settle(full);
    return [];
  }

  #change(
    bytes: Uint8Array,
    columns: ReadonlyMap<string, RestField>,
    table: FakeTable,
  ): StreamedChange | null {
    const row = this.#row!.toObject(this.#row!.decode(bytes), { longs: String }) as Record<string, unknown>;
    const type = row['_CHANGE_TYPE'];
    const sequence = parseSequence(String(row['_CHANGE_SEQUENCE_NUMBER'] ?? '0'));
    if ((type !== 'UPSERT' && type !== 'DELETE') || sequence === null) return null;
    const cells = new Map<string, FakeValue>();
    for (const [name, value] of Object.entries(row)) {
      const column = columns.get(name.toLowerCase());
      if (column === undefined) {
        if (name.startsWith('_CHANGE_')) continue;
        return null;
      }
      if (!isTaken(column, value)) return null;
      cells.set(column.name, value as FakeValue);
    }
    if (table.primaryKey.some((name) => !cells.has(name))) return null;
    return { type, sequence, row: cells };
  }
}

/** Values that BigQuery would refuse though their proto type fits. */
function isTaken(column: RestField, value: unknown): boolean {
  if (Array.isArray(value)) return value.every((item) => isTaken(column, item));
  const text = String(value);
  switch (standardType(column.type)) {
    case 'TIMESTAMP':
      return BigInt(text) >= -62_135_596_800_000_000n && BigInt(text) <= 253_402_300_799_999_999n;
    case 'DATE':
      return Number(text) >= -719_162 && Number(text) <= 2_932_896;
    case 'NUMERIC':
      return /^-?\d{1,29}(\.\d{1,9})?$/.test(text);
    case 'BIGNUMERIC':
      return /^-?\d{1,38}(\.\d{1,38})?$/.test(text);
    case 'DATETIME':
      return /^(?!0000)\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?$/.test(text);
    case 'TIME':
      return /^([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?$/.test(text);
    case 'JSON':
      try {
        JSON.parse(text);
        return true;
      } catch {
        return false;
      }
    default:
      return true;
  }
}

function rowType(fields: readonly DescriptorField[]): protobuf.Type {
  const names = Object.values(PROTO_TYPES);
  const lines = fields.map(({ name, number, type, label }) => {
    const proto = names.find((one) => one.type === type)?.proto;
    if (proto === undefined) throw new Refusal(status.INVALID_ARGUMENT, `type ${type}`);
    return `${label === 3 ? 'repeated' : 'optional'} ${proto} ${name} = ${number}${label === 3 ? ' [packed = false]' : ''};`;
  });
  return protobuf
    .parse(`syntax = "proto2"; message Row { ${lines.join(' ')} }`, { keepCase: true })
    .root.lookupType('Row');
}

function success(stream: string): Buffer {
  return Buffer.from(Response.encode({ append_result: {}, write_stream: stream }).finish());
}

/** "If a request failed due to corrupted rows, no rows in the batch will be appended" (storage.proto). */
function refusedRows(stream: string, indexes: readonly number[]): Buffer {
  const row_errors = indexes.map((index) => ({
    index,
    code: FIELDS_ERROR,
    message: 'the value canary@example.com',
  }));
  const error = { code: status.INVALID_ARGUMENT, message: 'Errors found while processing rows' };
  return Buffer.from(Response.encode({ error, row_errors, write_stream: stream }).finish());
}

function failure(thrown: unknown): Buffer {
  const refusal =
    thrown instanceof Refusal ? thrown : new Refusal(status.INTERNAL, `the fake failed: ${String(thrown)}`);
  const details =
    refusal.storageCode === 0
      ? []
      : [
          {
            type_url: 'type.googleapis.com/google.cloud.bigquery.storage.v1.StorageError',
            value: StorageError.encode({ code: refusal.storageCode }).finish(),
          },
        ];
  return Buffer.from(
    Response.encode({ error: { code: refusal.code, message: refusal.message, details } }).finish(),
  );
}

function broken(code: status = status.UNAVAILABLE): Error {
  return Object.assign(new Error('cut'), { code, details: 'cut' });
}
