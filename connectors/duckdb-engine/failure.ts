/** First words of DuckDB's messages: `<Kind> Error: …`. The rest may quote values and is never taken over. */
export type DuckdbFailure =
  | 'conversion'
  | 'io'
  | 'memory'
  | 'lock'
  | 'transaction'
  | 'name'
  /** A stream ended early: the driver does not say why. */
  | 'cut'
  | 'other';

/** A streamed answer that ended before its end. */
export class CutShort extends Error {}

export function failureOf(thrown: unknown): DuckdbFailure {
  if (thrown instanceof CutShort) return 'cut';
  const message = thrown instanceof Error ? thrown.message : '';
  if (/Could not set lock on file/.test(message)) return 'lock';
  const kind = /^([A-Za-z ]+) Error:/.exec(message)?.[1] ?? '';
  switch (kind) {
    case 'Conversion':
    case 'Invalid Input':
    case 'Out of Range':
      return 'conversion';
    case 'IO':
    case 'FATAL':
      return 'io';
    case 'Out of Memory':
      return 'memory';
    case 'TransactionContext':
    case 'Transaction':
      return 'transaction';
    case 'Catalog':
    case 'Binder':
      return 'name';
    default:
      return 'other';
  }
}
