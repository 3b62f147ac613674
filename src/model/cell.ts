/**
 * A cell is canonical text, SQL null, or one of two states that are not values.
 *
 * Canonical text is what Postgres prints with `datestyle=ISO`, `intervalstyle=postgres`, `bytea_output=hex`,
 * `extra_float_digits=1` and UTC; other sources produce the same text.
 */

/** The source did not send this cell (unchanged TOAST, key-only or minimal row image). Never a null (law 7). */
export const UNCHANGED: unique symbol = Symbol('rowseal.unchanged');

/** The policy drops this column: it has a place in the source's row, but no value anywhere after the mask. */
export const DROPPED: unique symbol = Symbol('rowseal.dropped');

export type RawCell = string | null | typeof UNCHANGED;
export type MaskedCell = string | null | typeof UNCHANGED | typeof DROPPED;
