import type { ErrorKind } from './kind.ts';

export interface CodeEntry {
  readonly kind: ErrorKind;
  /** One lower-case sentence without a full stop; fixed text. */
  readonly title: string;
  /** Why it happens and what it means, for `rowseal explain` and the docs. */
  readonly explain: string;
  /** The usual mend, shown last. */
  readonly fix: string;
}

/** Keeps the literal codes for {@link ErrorCode}. */
export function defineCodes<const T extends Readonly<Record<`RS-${string}`, CodeEntry>>>(codes: T): T {
  return codes;
}
