import { GtidSet } from '../../../src/model/gtid-set.ts';
import { MariadbGtidPosition } from '../../../src/model/mariadb-gtid.ts';
import type { BinlogPlace } from '../../../src/model/position.ts';
import type { BinlogEvent } from './binlog/binlog-event.ts';
import { EventType, HeaderFlag } from './binlog/event-type.ts';
import type { Packet } from './packet-stream.ts';
import { comparePlaces } from './server.ts';

const TWO_32 = 2 ** 32;
/** Sent from the start of a file also when the stream begins further on. */
const FILE_HEADS: ReadonlySet<number> = new Set([
  EventType.formatDescription,
  EventType.previousGtids,
  EventType.mariadbGtidList,
]);

/**
 * Where in the binlog the stream is: the end of the last event. Header positions have 32 bits only, and MariaDB 11 leaves
 * them 0 inside transactions, so they are carried on from event to event.
 */
export class PlaceTracker {
  readonly #start: { readonly place: BinlogPlace; readonly fileBegan: number | null };
  readonly #readUpToStart: boolean;
  #file: string;
  #offset: number;
  #begin: number;
  /** When the server began the file, in seconds since 1970; null before its format description came. */
  #fileBegan: number | null;

  /**
   * @param readUpToStart everything before `start` was read: a server that looks for a GTID begins at the start of a file,
   * and passes over what it need not send without a word
   */
  constructor(start: BinlogPlace, fileBegan: number | null, readUpToStart: boolean) {
    this.#file = start.file;
    this.#offset = start.offset;
    this.#begin = start.offset;
    this.#fileBegan = fileBegan;
    this.#start = { place: start, fileBegan };
    this.#readUpToStart = readUpToStart;
  }

  /** Never before `start`: what is sealed does not go back. */
  get place(): BinlogPlace {
    return this.#below() ? this.#start.place : this.#now();
  }

  /** Everything before was read; before `start` while what was in flight there may still come. */
  get reached(): BinlogPlace {
    return this.#readUpToStart ? this.place : this.#now();
  }

  /** Where the last event that counts begins. */
  get begin(): BinlogPlace {
    return { file: this.#file, offset: this.#begin };
  }

  /** Of the file of `place`. */
  get fileBegan(): number | null {
    if (!this.#below()) return this.#fileBegan;
    // What the sealed position did not know yet may be known by now.
    return this.#start.place.file === this.#file ? this.#fileBegan : this.#start.fileBegan;
  }

  /** An event's bytes came: an OK byte, then the header (time 4, type 1, server 4, length 4, end 4, flags 2). */
  packet({ buffer, start }: Packet): void {
    const at = start + 1;
    const type = buffer[at + 4]!;
    const end = buffer.readUInt32LE(at + 13);
    if ((buffer.readUInt16LE(at + 17) & HeaderFlag.artificial) !== 0) return;
    switch (type) {
      case EventType.rotate:
      case EventType.heartbeat:
      case EventType.heartbeatV2:
        return;
      default:
        break;
    }
    if (FILE_HEADS.has(type) && end <= this.#offset) return;
    const length = buffer.readUInt32LE(at + 9);
    if (end === 0) {
      this.#begin = this.#offset;
      this.#offset += length;
      return;
    }
    let offset = this.#offset - (this.#offset % TWO_32) + end;
    if (offset < this.#offset) offset += TWO_32;
    this.#begin = offset - length;
    this.#offset = offset;
  }

  #now(): BinlogPlace {
    return { file: this.#file, offset: this.#offset };
  }

  #below(): boolean {
    return comparePlaces(this.#now(), this.#start.place) < 0;
  }

  /** A new file, or what the server has passed over without sending it. */
  event(event: BinlogEvent): void {
    if (event.kind === 'format-description') this.#fileBegan = event.header.timestampS;
    else if (event.kind === 'rotate') {
      if (event.file !== this.#file) this.#fileBegan = null;
      this.#file = event.file;
      this.#offset = Number(event.position);
    } else if (event.kind === 'heartbeat') {
      const reached = { file: event.file, offset: Number(event.position) };
      if (comparePlaces(reached, { file: this.#file, offset: this.#offset }) > 0) {
        if (reached.file !== this.#file) this.#fileBegan = null;
        this.#file = reached.file;
        this.#offset = reached.offset;
      }
    }
  }
}

/** The transactions that were read, in the form of the server. */
export class Executed {
  readonly #set: GtidSet | MariadbGtidPosition | null;
  #text: string | null;

  /** @param text null: GTIDs are off; @throws RangeError for what is no set or position */
  constructor(flavor: 'mysql' | 'mariadb', text: string | null) {
    const parsed =
      text === null ? null : flavor === 'mysql' ? GtidSet.parse(text) : MariadbGtidPosition.parse(text);
    if (text !== null && parsed === null) throw new RangeError('not a GTID set');
    this.#set = parsed;
    this.#text = text;
  }

  get text(): string | null {
    if (this.#set === null) return null;
    this.#text ??= String(this.#set);
    return this.#text;
  }

  add(event: BinlogEvent): void {
    if (event.kind === 'gtid' && this.#set instanceof GtidSet)
      this.#set.add(event.uuid, event.tag, event.number);
    else if (event.kind === 'mariadb-gtid' && this.#set instanceof MariadbGtidPosition)
      this.#set.add(event.gtid);
    else return;
    this.#text = null;
  }
}
