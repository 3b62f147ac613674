import { type RawCell, UNCHANGED } from '../../../../src/model/cell.ts';

/**
 * Reads one cell at `at`, adds it to the writer, and returns where the next one begins. Fixed-length readers do not
 * check bounds: bytes behind the end read as undefined, and the row loop finds that it went too far before the row is
 * kept. Readers of variable length check against `writer.end` before they take anything.
 */
export type CellReader = (source: Buffer, at: number, writer: CellWriter) => number;

/** Marks that are not ends of text: see {@link CellWriter.marks}. */
const NULL_MARK = -1;
const UNCHANGED_MARK = -2;
const FIRST_ASIDE = -3;

/**
 * Characters that are turned into one string together; cells are slices of it, so it lives as long as one of them.
 */
const CHUNK_CHARACTERS = 1 << 14;

/** Cells that were written together. */
interface Chunk {
  readonly text: string;
  readonly marks: Int32Array;
  readonly aside: readonly string[];
}

/**
 * Gathers the canonical text of cells as latin1 bytes and turns many into one string at once: making a string per
 * cell, by concatenation or by decoding, is what costs most in a decoder. Text that is not latin1 stands aside.
 */
export class CellWriter {
  /** Readers write here from `at`; there is room for the row that `reserve` was told of. */
  out: Buffer = Buffer.allocUnsafeSlow(CHUNK_CHARACTERS);
  at = 0;
  /** End of the source bytes of the rows. */
  end = 0;
  /** One a cell: where its text ends in `out`, or a null, an unchanged, or the index of a text that stands aside. */
  marks = new Int32Array(1 << 12);
  count = 0;
  #aside: string[] = [];
  #chunks: Chunk[] = [];

  /** Makes room for one row of `width` cells that writes at most so many characters. */
  reserve(width: number, characters: number): void {
    if (this.at + characters <= this.out.length && this.count + width <= this.marks.length) return;
    this.#settle();
    if (characters > this.out.length) this.out = Buffer.allocUnsafeSlow(characters + CHUNK_CHARACTERS);
    if (width > this.marks.length) this.marks = new Int32Array(width * 2);
  }

  /** Ends a cell whose text was written up to `at`. */
  written(at: number): void {
    this.at = at;
    this.marks[this.count++] = at;
  }

  null(): void {
    this.marks[this.count++] = NULL_MARK;
  }

  unchanged(): void {
    this.marks[this.count++] = UNCHANGED_MARK;
  }

  aside(text: string): void {
    this.marks[this.count++] = FIRST_ASIDE - this.#aside.length;
    this.#aside.push(text);
  }

  /** For short text of ASCII characters that is made only now and then. */
  ascii(text: string): void {
    this.written(this.at + this.out.write(text, this.at, 'latin1'));
  }

  /** All cells since the last call. */
  take(): RawCell[] {
    this.#settle();
    const chunks = this.#chunks;
    this.#chunks = [];
    // Of the right size from the start: growing costs more than filling.
    const cells = new Array<RawCell>(chunks.reduce((sum, { marks }) => sum + marks.length, 0));
    let to = 0;
    for (const chunk of chunks) to = fill(cells, to, chunk);
    return cells;
  }

  #settle(): void {
    if (this.count === 0) return;
    this.#chunks.push({
      text: this.out.latin1Slice(0, this.at),
      marks: this.marks.slice(0, this.count),
      aside: this.#aside,
    });
    this.at = 0;
    this.count = 0;
    this.#aside = [];
  }
}

function fill(cells: RawCell[], to: number, { text, marks, aside }: Chunk): number {
  let from = 0;
  for (let i = 0; i < marks.length; i++) {
    const mark = marks[i]!;
    if (mark >= 0) {
      cells[to++] = text.substring(from, mark);
      from = mark;
    } else if (mark === NULL_MARK) cells[to++] = null;
    else if (mark === UNCHANGED_MARK) cells[to++] = UNCHANGED;
    else cells[to++] = aside[FIRST_ASIDE - mark]!;
  }
  return to;
}
