import type { CopyingTables } from '../../../src/deliver/warehouse/copying-tables.ts';
import type { ChangeTaker } from '../../../src/deliver/warehouse/group-events.ts';
import type { DeadLetter } from './dead-letters.ts';
import type { SharedBytes } from './shared-bytes.ts';
import type { Staging } from './staging.ts';
import type { Statements } from './statements.ts';

/** Feeds one table of a batch; what it does not write itself becomes statements of the batch's transaction. */
export interface TableWriter extends ChangeTaker {
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
  /** What all tables of the batch gather together. */
  readonly gathered: SharedBytes;
  /** At the groups of the batch. */
  readonly copying: CopyingTables;
  readonly keep: (letter: DeadLetter) => void;
}
