/**
 * A place outside the reach of whoever can write the audit directory, in which signed heads are kept. What is kept there
 * shows later that the log was cut off, rolled back or forked (`audit verify --head`).
 */
export interface Anchor {
  readonly name: string;
  /** For messages: a directory, a host, a bucket. */
  readonly place: string;
  /**
   * Keeps the head of this size, durably when it resolves. Keeping it again is fine.
   *
   * @param note the signed head, with cosignatures where there are some
   * @returns `other`: a head of this size with another text is there: two histories were signed
   * @throws anything when it could not be kept
   */
  keep(size: number, note: string, signal: AbortSignal): Promise<'kept' | 'other'>;
  close(): void;
}

/** Sorts as the sizes do. */
export function headFileName(size: number): string {
  return `${String(size).padStart(16, '0')}.head`;
}

/** The signed text alone: the same head may be kept with more or fewer cosignatures. */
export function sameHead(a: string, b: string): boolean {
  return a.slice(0, a.indexOf('\n\n') + 1) === b.slice(0, b.indexOf('\n\n') + 1);
}
