import { RowsealError } from '../../../src/error/rowseal-error.ts';
import type { RawCell } from '../../../src/model/cell.ts';
import type { Session } from './connection.ts';
import { type Packet, PacketStream } from './packet-stream.ts';
import type { SelectedColumn } from './select-cell.ts';

const COM_QUERY = 0x03;
const NULL_CELL = 0xfb;
const EOF_PACKET = 0xfe;
/** What stands for bytes that are no UTF-8. */
const REPLACEMENT = '\ufffd';

/**
 * A SELECT whose rows are read as they come, without an object a row: text protocol (protocol documentation,
 * "COM_QUERY Response"): number of columns, a packet a column, EOF, a packet a row, EOF.
 */
export class ResultRows {
  readonly #stream: PacketStream;
  readonly #columns: readonly SelectedColumn[];
  /** No column holds bytes that are no text, so a row can be cut out of one string. */
  readonly #plain: boolean;
  #endsLeft = 1;

  constructor(session: Session, sql: string, columns: readonly SelectedColumn[], bufferBytes: number) {
    this.#columns = columns;
    this.#plain = columns.every((column) => column.cell.kind !== 'bytes');
    let ends = 2;
    this.#stream = new PacketStream(
      session,
      Buffer.concat([Buffer.from([COM_QUERY]), Buffer.from(sql, 'utf8')]),
      'copying a table',
      bufferBytes,
      (packet) => isEnd(packet) && --ends === 0,
    );
  }

  /**
   * Rows that have arrived; waits for the first.
   *
   * @param take gets a row's packet; see {@link cells}
   * @returns false after the last row
   */
  async read(take: (packet: Packet) => void): Promise<boolean> {
    const packets = await this.#stream.read();
    if (packets === null) return false;
    for (const packet of packets) {
      if (isEnd(packet)) {
        this.#endsLeft--;
        if (this.#endsLeft < 0) return false;
      } else if (this.#endsLeft === 0) take(packet);
    }
    return true;
  }

  /** Appends the cells of a row, in the order of the columns. */
  cells(packet: Packet, into: RawCell[]): void {
    const { buffer, start, end } = packet;
    const text = this.#plain ? buffer.utf8Slice(start, end) : '';
    // As many characters as bytes: every character of every cell is one byte, and offsets agree.
    const simple = text.length === end - start;
    const doubtful = !this.#plain || text.includes(REPLACEMENT);
    let at = start;
    for (const { cell } of this.#columns) {
      const first = buffer[at++]!;
      if (first === NULL_CELL) {
        into.push(null);
        continue;
      }
      let length = first;
      if (first > NULL_CELL) {
        const bytes = first === 0xfc ? 2 : first === 0xfd ? 3 : 6;
        length = buffer.readUIntLE(at, bytes);
        at += first === 0xfe ? 8 : bytes;
      }
      const stop = at + length;
      if (stop > end) throw new RowsealError('RS-MY-014', { detail: 'a copied row is cut short' });
      if (cell.kind === 'bytes') into.push(cell.convert(buffer, at, stop));
      else {
        const value = simple ? text.substring(at - start, stop - start) : buffer.utf8Slice(at, stop);
        if (cell.kind === 'text') into.push(cell.convert(value));
        else if (cell.invalid !== null && doubtful && isReplaced(value, buffer, at, stop))
          into.push(cell.invalid(buffer, at, stop));
        else into.push(value);
      }
      at = stop;
    }
    if (at !== end)
      throw new RowsealError('RS-MY-014', { detail: 'a copied row has another width than its table' });
  }
}

/** The replacement character can also be what was written. */
function isReplaced(text: string, buffer: Buffer, start: number, end: number): boolean {
  return text.includes(REPLACEMENT) && !Buffer.from(text, 'utf8').equals(buffer.subarray(start, end));
}

/** A row that begins with 0xfe has a cell of 16 MiB and is longer. */
function isEnd(packet: Packet): boolean {
  return packet.buffer[packet.start] === EOF_PACKET && packet.end - packet.start < 9;
}
