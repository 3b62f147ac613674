import { UNKNOWN_UNCHANGED } from '../../../src/deliver/warehouse/dead-letters.ts';
import type { RowProof } from '../../../src/deliver/warehouse/row-proof.ts';
import type { MaskedRun } from '../../../src/model/masked.ts';
import { type DeadLetter, MAX_VALUE } from './dead-letters.ts';
import type { OnMisfit, RowReader } from './row-reader.ts';
import type { TargetColumn } from './target.ts';

/** What of one table's rows BigQuery cannot take: single cells, and rows whose key it cannot hold. */
export class SetAside {
  readonly #table: string;
  readonly #columns: readonly TargetColumn[];
  readonly #reader: RowReader;
  readonly #keep: (letter: DeadLetter) => void;

  /** @param table `namespace.name` */
  constructor(
    table: string,
    columns: readonly TargetColumn[],
    reader: RowReader,
    keep: (letter: DeadLetter) => void,
  ) {
    this.#table = table;
    this.#columns = columns;
    this.#reader = reader;
    this.#keep = keep;
  }

  /**
   * The row's key, or null when BigQuery cannot hold it. Then the whole row is kept aside, for its cells are nowhere else.
   *
   * @param keys positions of the key among the columns
   * @param proof null: nothing is kept aside, for it is another image of a row that is
   */
  key(run: MaskedRun, at: number, keys: readonly number[], proof: RowProof | null): readonly string[] | null {
    let fits = true;
    const key = this.#reader.pick(run, at, keys, () => {
      fits = false;
    });
    if (fits && !key.includes(null)) return key as string[];
    if (proof !== null)
      this.row(run, at, keys, proof, fits ? 'a column of the key is null' : 'the key does not fit');
    return null;
  }

  /**
   * The whole row, as JSON; when that is longer than a dead letter's value may be, its cells one by one beside it.
   *
   * @param keys positions of the key among the columns
   */
  row(run: MaskedRun, at: number, keys: readonly number[], proof: RowProof, reason: string): void {
    const cells = this.#columns.map((_, i) => {
      const index = this.#reader.indexOf(i);
      const cell = index < 0 ? null : run.cells[at + index]!;
      return typeof cell === 'string' ? cell : null;
    });
    const key = keys.map((i) => cells[i] ?? '');
    const whole = JSON.stringify(Object.fromEntries(this.#columns.map(({ shown }, i) => [shown, cells[i]!])));
    const fits = whole.length <= MAX_VALUE;
    const keep = (column: string, value: string | null): void =>
      this.#letter(proof, key.join(), column, value, `row left out: ${reason}`, this.#keep);
    keep('', fits ? whole : null);
    if (fits) return;
    this.#columns.forEach(({ shown }, i) => {
      if (cells[i] !== null) keep(shown, cells[i]!);
    });
  }

  /** Unchanged cells whose value is nowhere: a pipeline that began without a copy. They are null. */
  baseless(proof: RowProof, key: readonly string[]): void {
    this.#letter(proof, key.join(), '', null, UNKNOWN_UNCHANGED, this.#keep);
  }

  /** @param keep where cells go; default: they are dead letters at once */
  cells(proof: RowProof, key: readonly string[], keep = this.#keep): OnMisfit {
    return (column, value, { reason }) =>
      this.#letter(proof, key.join(), this.#columns[column]!.shown, value, reason, keep);
  }

  #letter(
    { group, seq }: RowProof,
    key: string,
    column: string,
    value: string | null,
    reason: string,
    keep: (letter: DeadLetter) => void,
  ): void {
    keep({ group, seq, table: this.#table, key, column, value, reason });
  }
}
