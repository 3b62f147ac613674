import { randomUUID } from 'node:crypto';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import type { Jobs } from './jobs.ts';
import { keyText } from './keyed-piece.ts';
import type { WrittenCell } from './row-reader.ts';
import type { Statements } from './statements.ts';
import { type Relation, written } from './target.ts';
import type { BigqueryType } from './types.ts';

/** Keys asked for in one query: its parameters go in one request. */
const KEYS_PER_QUERY = 5_000;

export interface BaseRow {
  /** The relation's columns as they would be written. */
  readonly cells: readonly WrittenCell[];
  /** Of the change that made it what it is. */
  readonly seq: number;
}

/** Rows that are in the warehouse, for cells that the source did not send. */
export class BaseRows {
  readonly #jobs: Jobs;
  readonly #statements: Statements;
  readonly #mayBeStale: boolean;

  /** @param mayBeStale queries need not show what was streamed */
  constructor(jobs: Jobs, statements: Statements, mayBeStale: boolean) {
    this.#mayBeStale = mayBeStale;
    this.#jobs = jobs;
    this.#statements = statements;
  }

  /**
   * @returns by `keyText`
   * @throws RowsealError RS-BQ-012
   */
  async find(
    relation: Relation,
    keyPositions: readonly number[],
    keys: readonly (readonly string[])[],
  ): Promise<ReadonlyMap<string, BaseRow>> {
    const found = new Map<string, BaseRow>();
    if (keys.length > 0 && this.#mayBeStale)
      throw new RowsealError('RS-BQ-012', { detail: `${keys.length} rows for ${relation.view}` });
    const wanted = [...new Map(keys.map((key) => [keyText(key), key])).values()];
    for (let at = 0; at < wanted.length; at += KEYS_PER_QUERY) {
      const some = wanted.slice(at, at + KEYS_PER_QUERY);
      const sql = this.#statements.lookUp(relation, keyPositions);
      const parameter = { name: 'keys', value: JSON.stringify(some) };
      const rows = await this.#jobs.select(
        `rowseal_lookup_${randomUUID()}`,
        sql,
        [parameter],
        'looking rows up',
      );
      for (const [place, seq, ...cells] of rows)
        found.set(keyText(some[Number(place)]!), {
          cells: cells.map((cell, i) => asWritten(cell, written(relation.columns[i]!).type)),
          seq: Number(seq),
        });
    }
    return found;
  }
}

/** BigQuery prints infinity in its own way. */
function asWritten(cell: string | null, type: BigqueryType): string | null {
  if (cell === null || type !== 'FLOAT64') return cell;
  return cell
    .replace(/^([+-]?)inf(?:inity)?$/i, '$1Infinity')
    .replace(/^\+|^nan$/i, (text) => (text === '+' ? '' : 'NaN'));
}
