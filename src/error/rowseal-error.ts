import { type ErrorCode, errorCodes } from './codes.ts';
import type { ErrorKind } from './kind.ts';

/** Where in a file the mistake is; line and column count from 1. */
export interface ErrorPlace {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
  /** Path inside a document, for example `mask.tables.public.customers`. */
  readonly path?: string;
}

export interface ErrorFields {
  /** What is wrong here: names, counts, positions, SQLSTATEs. Never a row value, a driver's message or a secret. */
  readonly detail?: string;
  readonly place?: ErrorPlace;
  /** What Rowseal did or did not do, for example `nothing was created`. */
  readonly state?: string;
  /** What to type to mend it; when absent, the code's own hint is shown. */
  readonly fix?: string;
  /** Stable word from below that helps a search, for example an SQLSTATE or an errno. */
  readonly origin?: string;
}

/**
 * Every error people can meet. There is deliberately no `cause`: errors of drivers and of the runtime quote row
 * values (research: `Key (email)=(…)`, `invalid input syntax…`), so only what was judged safe is carried over.
 */
export class RowsealError extends Error {
  override readonly name = 'RowsealError';
  readonly code: ErrorCode;
  readonly kind: ErrorKind;
  readonly detail: string | null;
  readonly place: ErrorPlace | null;
  readonly state: string | null;
  readonly fix: string;
  readonly origin: string | null;

  constructor(code: ErrorCode, fields: ErrorFields = {}) {
    const entry = errorCodes[code];
    super(fields.detail === undefined ? entry.title : `${entry.title}: ${fields.detail}`);
    this.code = code;
    this.kind = entry.kind;
    this.detail = fields.detail ?? null;
    this.place = fields.place ?? null;
    this.state = fields.state ?? null;
    this.fix = fields.fix ?? entry.fix;
    this.origin = fields.origin ?? null;
  }
}

export function isRowsealError(value: unknown): value is RowsealError {
  return value instanceof RowsealError;
}
