import type { Client } from 'pg';
import { keyColumns, type Target } from '../../../src/deliver/warehouse/target.ts';
import { isConstraintFailure } from './errors.ts';
import { qualified, quoteIdentifier, type TargetNames } from './identifier.ts';

/**
 * The mirror's primary key. Where rows from before a change of the key do not allow one (a new key column is null in
 * them), an index in its place: keys are looked up by it.
 */
export async function makeKey(client: Client, target: Target, names: TargetNames): Promise<void> {
  const columns = keyColumns(target, target.table).map((index) =>
    quoteIdentifier(target.columns[index]!.name),
  );
  if (columns.length === 0) return;
  const table = qualified(names.schema, names.mirror);
  const list = columns.join(', ');
  await client.query('SAVEPOINT rowseal_key');
  try {
    await client.query(
      `ALTER TABLE ${table} ADD CONSTRAINT ${quoteIdentifier(names.key)} PRIMARY KEY (${list})`,
    );
  } catch (thrown) {
    if (!isConstraintFailure(thrown)) throw thrown;
    await client.query('ROLLBACK TO SAVEPOINT rowseal_key');
    await client.query(`CREATE INDEX ${quoteIdentifier(names.key)} ON ${table} (${list})`);
  }
  await client.query('RELEASE SAVEPOINT rowseal_key');
}

export async function dropKey(client: Client, names: TargetNames): Promise<void> {
  await client.query(
    `ALTER TABLE ${qualified(names.schema, names.mirror)} DROP CONSTRAINT IF EXISTS ${quoteIdentifier(names.key)}`,
  );
  await client.query(`DROP INDEX IF EXISTS ${qualified(names.schema, names.key)}`);
  // A primary key makes its columns NOT NULL, and they stay so when it goes.
  const columns = await client.query<{ attname: string }>(
    'SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND attnotnull AND NOT attisdropped',
    [qualified(names.schema, names.mirror)],
  );
  for (const { attname } of columns.rows)
    await client.query(
      `ALTER TABLE ${qualified(names.schema, names.mirror)} ALTER COLUMN ${quoteIdentifier(attname)} DROP NOT NULL`,
    );
}
