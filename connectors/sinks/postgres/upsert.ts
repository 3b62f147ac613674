import type { Client } from 'pg';
import { keyColumns, PROOF_COLUMNS, type Target } from '../../../src/deliver/warehouse/target.ts';
import { qualified, quoteIdentifier, type TargetNames } from './identifier.ts';

/** Statements that put staged rows in the place of those that have their keys. */
export interface Upsert {
  /** The staging table; of one transaction, and without a log of its own, since it is temporary. */
  readonly stage: string;
  readonly create: string;
  /** Staging table and columns, for COPY. */
  readonly into: string;
  readonly onConflict: string;
  apply(from: string): string;
}

/**
 * Upserts of tables that have a primary key. A row that is updated in place needs no new entry in any index when its page
 * has room (PostgreSQL manual 66.7, heap-only tuples): `fillfactor` leaves some.
 */
export class Upserts {
  readonly #made = new WeakMap<Target, Upsert | null>();
  #count = 0;

  /** @returns null: the mirror has no primary key; undefined: nobody has looked yet */
  known(target: Target): Upsert | null | undefined {
    return this.#made.get(target);
  }

  /** @param into mirror and its columns */
  async find(client: Client, target: Target, names: TargetNames, into: string): Promise<Upsert | null> {
    const upsert = (await hasPrimaryKey(client, names)) ? this.#make(target, names, into) : null;
    this.#made.set(target, upsert);
    return upsert;
  }

  #make(target: Target, names: TargetNames, into: string): Upsert {
    const name = `rowseal_upsert_${this.#count++}`;
    const stage = `pg_temp.${name}`;
    const own = target.columns.map((column) => quoteIdentifier(column.name));
    const columns = [...own, ...(target.proof ? PROOF_COLUMNS : [])];
    const key = keyColumns(target, target.table).map((index) => own[index]!);
    const sets = columns.map((column) => `${column} = EXCLUDED.${column}`);
    const onConflict = `ON CONFLICT (${key.join(', ')}) DO UPDATE SET ${sets.join(', ')}`;
    const list = columns.join(', ');
    return {
      stage,
      create: `CREATE TEMP TABLE ${name} (LIKE ${qualified(names.schema, names.mirror)}) ON COMMIT DROP`,
      into: `${stage} (${list})`,
      onConflict,
      apply: (from) => `INSERT INTO ${into} SELECT ${list} FROM ${from} ${onConflict}`,
    };
  }
}

/** Where rows from before a change of the key do not allow one, there is an index only. */
async function hasPrimaryKey(client: Client, names: TargetNames): Promise<boolean> {
  const found = await client.query(
    "SELECT 1 FROM pg_constraint WHERE contype = 'p' AND conrelid = $1::regclass",
    [qualified(names.schema, names.mirror)],
  );
  return found.rowCount !== 0;
}
