import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { isRelation } from './announced.ts';
import { Spill } from './spill.ts';

/** Changes of a transaction that are held in memory before they go to its spill. */
const BLOCK_BYTES = 256 * 1024;
/** Of a record in a block: Int32 xid, Int32 length, message. */
const RECORD_HEADER_BYTES = 8;

const MESSAGE = {
  streamStart: 0x53, // S
  streamStop: 0x45, // E
  streamCommit: 0x63, // c
  streamAbort: 0x41, // A
  begin: 0x42, // B
  commit: 0x43, // C
} as const;

/** What became of a message: it is none of a stream; it was taken in; with it a transaction has ended that is to be read now. */
export type Step = 'plain' | 'taken' | 'committed';

/**
 * Transactions that the server sends before their end (protocol version 2; PostgreSQL manual 53.9, "Stream Start" and those
 * behind it). They come in blocks, mixed with one another; each message names its (sub)transaction, and what is rolled back
 * is told later. So nothing is handed on before the commit: then the transaction is read once more from the start, without
 * what was rolled back, as the messages that protocol version 1 would have sent at this place.
 */
export class InProgress {
  readonly #directory: string;
  readonly #blockBytes: number;
  readonly #open = new Map<number, StreamedTransaction>();
  /** Whose block is coming in. */
  #current: StreamedTransaction | null = null;
  #committed: Committed | null = null;

  constructor(directory: string, blockBytes: number = BLOCK_BYTES) {
    this.#directory = directory;
    this.#blockBytes = blockBytes;
  }

  /** @throws RowsealError RS-PG-014, -050 */
  take(buffer: Buffer, start: number, end: number): Step | Promise<Step> {
    const kind = buffer[start];
    if (this.#current === null) {
      switch (kind) {
        case MESSAGE.streamStart:
          this.#start(buffer, start, end);
          return 'taken';
        case MESSAGE.streamCommit:
          this.#commit(buffer, start, end);
          return 'committed';
        case MESSAGE.streamAbort:
          return this.#abort(buffer, start, end);
        default:
          return 'plain';
      }
    }
    if (kind === MESSAGE.streamStop) {
      this.#current = null;
      return 'taken';
    }
    need(start + 5, end);
    const full = this.#current.add(buffer, start, end, this.#blockBytes);
    return full === null ? 'taken' : full.then(() => 'taken' as const);
  }

  /** The transaction whose commit came last, once; its reader closes it. */
  takeCommitted(): Committed | null {
    const committed = this.#committed;
    this.#committed = null;
    return committed;
  }

  async close(): Promise<void> {
    await this.#committed?.close();
    for (const transaction of this.#open.values()) await transaction.close();
    this.#open.clear();
  }

  /** Stream Start: Int32 xid, Int8 1 in the first block of a transaction. */
  #start(buffer: Buffer, start: number, end: number): void {
    need(start + 6, end);
    const xid = buffer.readUInt32BE(start + 1);
    const first = buffer[start + 5] === 1;
    const known = this.#open.get(xid);
    if (first === (known !== undefined))
      throw malformed(`a stream that ${first ? 'begins twice' : 'has no beginning'}`);
    this.#current = known ?? new StreamedTransaction(this.#directory);
    if (first) this.#open.set(xid, this.#current);
  }

  /** Stream Commit: Int32 xid, Int8 flags, Int64 LSN of the commit, Int64 its end, Int64 time. */
  #commit(buffer: Buffer, start: number, end: number): void {
    need(start + 30, end);
    const xid = buffer.readUInt32BE(start + 1);
    const transaction = this.#open.get(xid);
    if (transaction === undefined) throw malformed('the end of a stream without a beginning');
    this.#open.delete(xid);
    const begin = Buffer.alloc(21);
    begin[0] = MESSAGE.begin;
    buffer.copy(begin, 1, start + 6, start + 14);
    buffer.copy(begin, 9, start + 22, start + 30);
    begin.writeUInt32BE(xid, 17);
    const commit = Buffer.alloc(26);
    commit[0] = MESSAGE.commit;
    buffer.copy(commit, 1, start + 5, start + 30);
    this.#committed = new Committed(transaction, begin, commit);
  }

  /** Stream Abort: Int32 xid, Int32 xid of the subtransaction; the same one: all of it. */
  #abort(buffer: Buffer, start: number, end: number): Step | Promise<Step> {
    need(start + 9, end);
    const xid = buffer.readUInt32BE(start + 1);
    const rolledBack = buffer.readUInt32BE(start + 5);
    const transaction = this.#open.get(xid);
    // Nothing of it is held, so nothing is to be given up.
    if (transaction === undefined) return 'taken';
    if (rolledBack !== xid) {
      transaction.rolledBack.add(rolledBack);
      return 'taken';
    }
    this.#open.delete(xid);
    return transaction.close().then(() => 'taken' as const);
  }
}

class StreamedTransaction {
  /** Subtransactions that came to nothing. */
  readonly rolledBack = new Set<number>();
  readonly #directory: string;
  #spill: Spill | null = null;
  #records: Buffer[] = [];
  #bytes = 0;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** A message of a block: type, Int32 xid, and on as outside of one. */
  add(buffer: Buffer, start: number, end: number, blockBytes: number): Promise<void> | null {
    const length = end - start - 4;
    const record = Buffer.allocUnsafe(RECORD_HEADER_BYTES + length);
    buffer.copy(record, 0, start + 1, start + 5);
    record.writeUInt32BE(length, 4);
    record[RECORD_HEADER_BYTES] = buffer[start]!;
    buffer.copy(record, RECORD_HEADER_BYTES + 1, start + 5, end);
    this.#records.push(record);
    this.#bytes += record.length;
    return this.#bytes < blockBytes ? null : this.#flush();
  }

  async *blocks(): AsyncGenerator<Buffer> {
    if (this.#spill !== null) yield* this.#spill.blocks();
    yield Buffer.concat(this.#records);
  }

  async close(): Promise<void> {
    this.#records = [];
    await this.#spill?.close();
  }

  async #flush(): Promise<void> {
    this.#spill ??= await Spill.make(this.#directory);
    await this.#spill.append(Buffer.concat(this.#records));
    this.#records = [];
    this.#bytes = 0;
  }
}

/** A transaction that came in blocks, as protocol version 1 has it. */
export class Committed {
  readonly begin: Buffer;
  readonly commit: Buffer;
  readonly #transaction: StreamedTransaction;

  constructor(transaction: StreamedTransaction, begin: Buffer, commit: Buffer) {
    this.#transaction = transaction;
    this.begin = begin;
    this.commit = commit;
  }

  /** Its messages in blocks, for {@link eachMessage}. */
  blocks(): AsyncGenerator<Buffer> {
    return this.#transaction.blocks();
  }

  /**
   * Messages of a block, without those of subtransactions that were rolled back. Relation messages stay: the server sends
   * one once in a transaction, and counts on it although the part with which it came was rolled back.
   */
  *messages(block: Buffer): Generator<readonly [start: number, end: number]> {
    const { rolledBack } = this.#transaction;
    for (let at = 0; at < block.length; ) {
      const start = at + RECORD_HEADER_BYTES;
      const end = start + block.readUInt32BE(at + 4);
      if (isRelation(block, start) || !rolledBack.has(block.readUInt32BE(at))) yield [start, end];
      at = end;
    }
  }

  close(): Promise<void> {
    return this.#transaction.close();
  }
}

function need(to: number, end: number): void {
  if (to > end) throw malformed('a message that is cut short');
}

function malformed(what: string): RowsealError {
  return new RowsealError('RS-PG-014', { detail: what });
}
