import type { MaskedRun } from '../../../src/model/masked.ts';
import type { DeadLetter } from './dead-letters.ts';
import type { Staging } from './staging.ts';
import type { Statements } from './statements.ts';

/** Where an event lies: its group, its audit record's `seq`, its transaction's commit. */
export interface EventPlace {
  readonly group: number;
  readonly seq: number;
  readonly committedAtUs: bigint;
}

/** Feeds one table of a batch; what it does not write itself becomes statements of the batch's transaction. */
export interface TableWriter {
  add(run: MaskedRun, place: EventPlace): Promise<void>;
  /** TRUNCATE, or the beginning of a new copy: what the mirror holds is void. */
  empty(op: 't' | 's', place: EventPlace): Promise<void>;
  /** All is staged or acknowledged. */
  finish(): Promise<void>;
  /** After `finish`. */
  statements(): readonly string[];
  /** Dead letters may come of the statements themselves. */
  readonly mayMissRows: boolean;
}

export interface WriterServices {
  readonly statements: Statements;
  readonly staging: Staging;
  readonly pieceBytes: number;
  readonly keep: (letter: DeadLetter) => void;
}
