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

/** Characters that are turned into one string together; cells are slices of it, so it lives as long as one of them. */
const CHUNK_CHARACTERS = 1 << 16;

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
  marks = new Int32Array(1 << 13);
  count = 0;
  #aside: string[] = [];

  /** Makes room for one row of `width` cells and at most `characters` written ones. @returns false: take first */
  reserve(width: number, characters: number): boolean {
    if (this.at + characters <= this.out.length && this.count + width <= this.marks.length) return true;
    if (this.count > 0) return false;
    if (characters > this.out.length) this.out = Buffer.allocUnsafeSlow(characters + CHUNK_CHARACTERS);
    if (width > this.marks.length) this.marks = new Int32Array(width * 2);
    return true;
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

  /** Appends the cells gathered so far to `cells`. */
  take(cells: RawCell[]): void {
    const { marks, count } = this;
    const text = this.out.latin1Slice(0, this.at);
    let from = 0;
    for (let i = 0; i < count; i++) {
      const mark = marks[i]!;
      if (mark >= 0) {
        cells.push(text.substring(from, mark));
        from = mark;
      } else if (mark === NULL_MARK) cells.push(null);
      else if (mark === UNCHANGED_MARK) cells.push(UNCHANGED);
      else cells.push(this.#aside[FIRST_ASIDE - mark]!);
    }
    this.clear();
  }

  clear(): void {
    this.at = 0;
    this.count = 0;
    if (this.#aside.length > 0) this.#aside = [];
  }
}
