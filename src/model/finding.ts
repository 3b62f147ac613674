/** One result of a preflight check; for people and machines. Never holds a row value. */
export interface Finding {
  readonly level: 'ok' | 'warning' | 'error' | 'not-checked';
  /** Stable code, `RS-PG-003`; null for `ok`. */
  readonly code: string | null;
  /** What was looked at, for example `role rowseal may replicate`. */
  readonly subject: string;
  readonly detail: string;
  /** What to type to mend it; null where there is nothing to mend. */
  readonly fix: string | null;
}
