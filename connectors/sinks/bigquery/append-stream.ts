import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type ClientDuplexStream, credentials, Metadata, status } from '@grpc/grpc-js';
import type { ErrorCode } from '../../../src/error/codes.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import type { AccessToken } from './credentials.ts';
import type { Endpoints, Patience } from './options.ts';
import type { ProtoField } from './row-encoder.ts';
import {
  APPEND_ROWS,
  type AppendError,
  type AppendResponse,
  decodeResponse,
  encodeAppend,
  STORAGE_CODE,
} from './write-messages.ts';

const ADDRESS = 'bigquerystorage.googleapis.com:443';
/** Requests sent and not yet answered: hides the network's latency, and bounds memory. */
const MAX_IN_FLIGHT = 8;
/** An append that is not answered in this time is sent again. */
const ANSWER_TIMEOUT_MS = 120_000;

/** The gRPC channel of the Storage Write interface; connections of all tables share it. */
export class WriteChannel {
  readonly token: AccessToken;
  readonly #client: Client;

  constructor(token: AccessToken, endpoints: Endpoints | undefined) {
    this.token = token;
    this.#client = new Client(
      endpoints?.grpc ?? ADDRESS,
      endpoints?.plaintext === true ? credentials.createInsecure() : credentials.createSsl(),
      { 'grpc.keepalive_time_ms': 60_000, 'grpc.primary_user_agent': 'rowseal' },
    );
  }

  async connect(stream: string): Promise<ClientDuplexStream<Buffer, AppendResponse>> {
    const metadata = new Metadata();
    // Routes the call to the table's region (AIP-4222).
    metadata.set('x-goog-request-params', `write_stream=${encodeURIComponent(stream)}`);
    const headers = await this.token.auth.getRequestHeaders(`https://${ADDRESS.split(':')[0]}/`);
    headers.forEach((value, key) => {
      metadata.set(key, value);
    });
    return this.#client.makeBidiStreamRequest(
      APPEND_ROWS,
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => decodeResponse(bytes),
      metadata,
    );
  }

  close(): void {
    this.#client.close();
  }
}

/** Rows that go in one request. */
export interface Append {
  readonly rows: Buffer;
  readonly count: number;
}

/** Rows that BigQuery does not take, by their place in the append. The others of it were not taken either. */
export type OnRowErrors = (append: Append, indexes: readonly number[]) => Append | null;

/**
 * The default stream of one table: appends in order, several under way, each answered before `settled` resolves. What is
 * not answered is sent again over a new connection; rows that come twice have the same sequence number and converge.
 */
export class AppendStream {
  readonly #channel: WriteChannel;
  readonly #name: string;
  readonly #table: string;
  readonly #fields: readonly ProtoField[];
  readonly #patience: Patience;
  readonly #onRowErrors: OnRowErrors;
  #call: ClientDuplexStream<Buffer, AppendResponse> | null = null;
  #first = true;
  /** Sent or to be sent, oldest first. */
  #unanswered: Append[] = [];
  #sent = 0;
  #broken: AppendError | null = null;
  #wake: () => void = () => {};
  #failures = 0;
  #failingSinceMs = 0;
  /** Of the token that the connection was made with. */
  #renewals = 0;
  /** The token was renewed, and nothing was answered with success since. */
  #renewed = false;
  #closed = false;

  constructor(
    channel: WriteChannel,
    table: { readonly project: string; readonly dataset: string; readonly table: string },
    fields: readonly ProtoField[],
    patience: Patience,
    onRowErrors: OnRowErrors,
  ) {
    this.#channel = channel;
    this.#table = `${table.dataset}.${table.table}`;
    this.#name = `projects/${table.project}/datasets/${table.dataset}/tables/${table.table}/streams/_default`;
    this.#fields = fields;
    this.#patience = patience;
    this.#onRowErrors = onRowErrors;
  }

  get unansweredBytes(): number {
    let bytes = 0;
    for (const { rows } of this.#unanswered) bytes += rows.length;
    return bytes;
  }

  /** Resolves when there is room for more. @throws RowsealError */
  async append(append: Append): Promise<void> {
    this.#unanswered.push(append);
    await this.#pump(MAX_IN_FLIGHT - 1);
  }

  /** All appends were answered with success. @throws RowsealError */
  async settled(): Promise<void> {
    await this.#pump(0);
  }

  close(): void {
    this.#closed = true;
    const call = this.#call;
    this.#call = null;
    this.#unanswered = [];
    call?.end();
    call?.cancel();
    this.#wake();
  }

  /** Sends and waits until at most so many are unanswered. */
  async #pump(leave: number): Promise<void> {
    while (true) {
      if (this.#broken !== null) await this.#recover(this.#broken);
      // What it gave up must not pass for answered.
      if (this.#closed)
        throw new RowsealError('RS-RUN-004', { detail: `the stream of ${this.#table} was closed` });
      await this.#send();
      if (this.#unanswered.length <= leave) return;
      await this.#change();
    }
  }

  async #send(): Promise<void> {
    if (this.#sent >= this.#unanswered.length) return;
    this.#call ??= await this.#connect();
    const call = this.#call;
    while (this.#sent < this.#unanswered.length && call === this.#call) {
      const { rows } = this.#unanswered[this.#sent++]!;
      call.write(encodeAppend({ stream: this.#name, fields: this.#first ? this.#fields : null, rows }));
      this.#first = false;
    }
  }

  async #connect(): Promise<ClientDuplexStream<Buffer, AppendResponse>> {
    this.#first = true;
    this.#sent = 0;
    this.#renewals = this.#channel.token.renewals;
    const call = await this.#channel.connect(this.#name);
    const isOurs = (): boolean => this.#call === call;
    call.on('data', (response: AppendResponse) => {
      if (isOurs()) this.#answered(response);
    });
    call.on('error', (error: { readonly code?: number }) => {
      if (isOurs()) this.#break({ code: error.code ?? status.UNKNOWN, storageCode: 0 });
    });
    // The server ends idle connections; nothing is lost by that.
    call.on('end', () => {
      if (isOurs()) this.#break({ code: status.UNAVAILABLE, storageCode: 0 });
    });
    return call;
  }

  #answered({ error, rowErrors }: AppendResponse): void {
    const append = this.#unanswered[0];
    if (append === undefined) return;
    if (rowErrors.length > 0) {
      const rest = this.#onRowErrors(
        append,
        rowErrors.map(({ index }) => index),
      );
      this.#renewed = false;
      // None of its rows was taken; those that are left go again, and those sent behind it are dealt with as they come.
      this.#unanswered.shift();
      this.#sent--;
      if (rest !== null) this.#unanswered.push(rest);
    } else if (error !== null) {
      this.#break(error);
      return;
    } else {
      this.#unanswered.shift();
      this.#sent--;
      this.#failures = 0;
      this.#renewed = false;
    }
    this.#wake();
  }

  #break(error: AppendError): void {
    const call = this.#call;
    this.#call = null;
    this.#sent = 0;
    if (this.#unanswered.length > 0) this.#broken = error;
    call?.cancel();
    this.#wake();
  }

  /** Waits, so that everything unanswered is sent again, or gives up. */
  async #recover(error: AppendError): Promise<void> {
    this.#broken = null;
    if (error.code === status.UNAUTHENTICATED && !this.#renewed) {
      // A stream outlives the token that it was opened with. A fresh one that is refused too is no matter of time.
      this.#renewed = true;
      this.#channel.token.renew(this.#renewals);
      return;
    }
    if (this.#failures++ === 0) this.#failingSinceMs = Date.now();
    const { firstMs, maxMs, attempts, schemaMs } = this.#patience;
    const learning = isLearning(error);
    const patient = learning
      ? Date.now() - this.#failingSinceMs < schemaMs
      : isPassing(error) && this.#failures < attempts;
    if (!patient) {
      this.close();
      throw appendError(error, `appending to ${this.#table}`);
    }
    const step = Math.min(maxMs, firstMs * 2 ** Math.min(this.#failures - 1, 20));
    await sleep(step / 2 + (step / 2) * Math.random());
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(
        () => this.#break({ code: status.DEADLINE_EXCEEDED, storageCode: 0 }),
        ANSWER_TIMEOUT_MS,
      );
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = () => {};
        resolve();
      };
      if (this.#broken !== null || this.#call === null) this.#wake();
    });
  }
}

/** The interface learns of new tables and columns minutes after they were made. */
function isLearning({ code, storageCode }: AppendError): boolean {
  const { extraFields, tableNotFound, streamNotFound } = STORAGE_CODE;
  return (
    code === status.NOT_FOUND ||
    storageCode === extraFields ||
    storageCode === tableNotFound ||
    storageCode === streamNotFound
  );
}

const PASSING: ReadonlySet<number> = new Set([
  status.ABORTED,
  status.CANCELLED,
  status.DEADLINE_EXCEEDED,
  status.INTERNAL,
  status.RESOURCE_EXHAUSTED,
  status.UNAVAILABLE,
  status.UNKNOWN,
]);

function isPassing({ code }: AppendError): boolean {
  return PASSING.has(code);
}

function appendError(error: AppendError, doing: string): RowsealError {
  const name = status[error.code] ?? String(error.code);
  return new RowsealError(codeOf(error), { detail: `${doing} (${name})`, origin: name });
}

function codeOf(error: AppendError): ErrorCode {
  if (isLearning(error)) return 'RS-BQ-017';
  if (error.code === status.UNAUTHENTICATED) return 'RS-BQ-002';
  if (error.code === status.PERMISSION_DENIED) return 'RS-BQ-003';
  if (error.code === status.RESOURCE_EXHAUSTED) return 'RS-BQ-009';
  return isPassing(error) ? 'RS-BQ-008' : 'RS-BQ-011';
}
