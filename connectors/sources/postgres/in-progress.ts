import { isRelation } from './announced.ts';
import { malformed, need } from './malformed.ts';
import { Spill } from './spill.ts';
import type { SpillSpace } from './spill-space.ts';

/** How much is held in memory before it goes to the disk. */
export interface HoldLimits {
  /** Of one transaction. */
  readonly blockBytes: number;
  /** Of all together: then the one with the most makes room. */
  readonly totalBytes: number;
}

const LIMITS: HoldLimits = { blockBytes: 256 * 1024, totalBytes: 4 * 1024 * 1024 };

/** Of a record in a block: Int32 xid, Int32 Relation messages that had come, Int32 length, message. */
const RECORD_HEADER_BYTES = 12;

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
  readonly #space: SpillSpace;
  readonly #limits: HoldLimits;
  /** Bytes in memory. */
  #held = 0;
  readonly #open = new Map<number, StreamedTransaction>();
  /** Whose block is coming in. */
  #current: StreamedTransaction | null = null;
  #committed: Committed | null = null;
  #relations = 0;

  constructor(space: SpillSpace, limits: HoldLimits = LIMITS) {
    this.#space = space;
    this.#limits = limits;
  }

  /** Bytes in memory. */
  get held(): number {
    return this.#held;
  }

  /** Relation messages that have come, in whatever transaction. */
  get relations(): number {
    return this.#relations;
  }

  /** @throws RowsealError RS-PG-014, -050 */
  take(buffer: Buffer, start: number, end: number): Step | Promise<Step> {
    const kind = buffer[start];
    if (isRelation(buffer, start)) this.#relations++;
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
    this.#held += this.#current.add(buffer, start, end, this.#relations);
    const full = this.#full(this.#current);
    return full === null ? 'taken' : this.#makeRoom(full);
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

  /** Which one has to give up its memory; null: none. */
  #full(current: StreamedTransaction): StreamedTransaction | null {
    if (current.held >= this.#limits.blockBytes) return current;
    if (this.#held < this.#limits.totalBytes) return null;
    let largest = current;
    for (const transaction of this.#open.values()) if (transaction.held > largest.held) largest = transaction;
    return largest;
  }

  async #makeRoom(transaction: StreamedTransaction): Promise<Step> {
    this.#held -= transaction.held;
    await transaction.flush();
    return 'taken';
  }

  /** Stream Start: Int32 xid, Int8 1 in the first block of a transaction. */
  #start(buffer: Buffer, start: number, end: number): void {
    need(start + 6, end);
    const xid = buffer.readUInt32BE(start + 1);
    const first = buffer[start + 5] === 1;
    const known = this.#open.get(xid);
    if (first === (known !== undefined))
      throw malformed(`a stream that ${first ? 'begins twice' : 'has no beginning'}`);
    this.#current = known ?? new StreamedTransaction(this.#space);
    if (first) this.#open.set(xid, this.#current);
  }

  /** Stream Commit: Int32 xid, Int8 flags, Int64 LSN of the commit, Int64 its end, Int64 time. */
  #commit(buffer: Buffer, start: number, end: number): void {
    need(start + 30, end);
    const xid = buffer.readUInt32BE(start + 1);
    const transaction = this.#open.get(xid);
    if (transaction === undefined) throw malformed('the end of a stream without a beginning');
    this.#open.delete(xid);
    this.#held -= transaction.held;
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
    this.#held -= transaction.held;
    return transaction.close().then(() => 'taken' as const);
  }
}

class StreamedTransaction {
  /** Subtransactions that came to nothing. */
  readonly rolledBack = new Set<number>();
  readonly #space: SpillSpace;
  #spill: Spill | null = null;
  #records: Buffer[] = [];
  #held = 0;

  constructor(space: SpillSpace) {
    this.#space = space;
  }

  /** Bytes in memory. */
  get held(): number {
    return this.#held;
  }

  /** A message of a block: type, Int32 xid, and on as outside of one. @returns bytes that it takes */
  add(buffer: Buffer, start: number, end: number, relations: number): number {
    const length = end - start - 4;
    const record = Buffer.allocUnsafe(RECORD_HEADER_BYTES + length);
    buffer.copy(record, 0, start + 1, start + 5);
    record.writeUInt32BE(relations, 4);
    record.writeUInt32BE(length, 8);
    record[RECORD_HEADER_BYTES] = buffer[start]!;
    buffer.copy(record, RECORD_HEADER_BYTES + 1, start + 5, end);
    this.#records.push(record);
    this.#held += record.length;
    return record.length;
  }

  /** What is in memory goes to the disk. @throws RowsealError RS-PG-050 */
  async flush(): Promise<void> {
    const block = Buffer.concat(this.#records);
    this.#records = [];
    this.#held = 0;
    this.#spill ??= await Spill.make(this.#space);
    await this.#spill.append(block);
  }

  async *blocks(): AsyncGenerator<Buffer> {
    if (this.#spill !== null) yield* this.#spill.blocks();
    yield Buffer.concat(this.#records);
  }

  async close(): Promise<void> {
    this.#records = [];
    await this.#spill?.close();
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
   *
   * @returns with each, how many Relation messages had come when it came
   */
  *messages(block: Buffer): Generator<readonly [start: number, end: number, relations: number]> {
    const { rolledBack } = this.#transaction;
    for (let at = 0; at < block.length; ) {
      const start = at + RECORD_HEADER_BYTES;
      const end = start + block.readUInt32BE(at + 8);
      if (isRelation(block, start) || !rolledBack.has(block.readUInt32BE(at)))
        yield [start, end, block.readUInt32BE(at + 4)];
      at = end;
    }
  }

  close(): Promise<void> {
    return this.#transaction.close();
  }
}
