import type { Client } from 'pg';
import type { RawCell } from '../../src/model/cell.ts';

/**
 * The server's own record of what happened to its tables: triggers write a line for every row that a statement changed,
 * and for every TRUNCATE. What is rolled back takes its lines along.
 */
export async function recordHistory(client: Client, tables: readonly string[]): Promise<void> {
  await client.query(`
    CREATE TABLE history (n bigserial PRIMARY KEY, xid xid NOT NULL DEFAULT pg_current_xact_id()::xid, line text NOT NULL);
    CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO history (line) VALUES (TG_ARGV[0] || CASE TG_OP WHEN 'INSERT' THEN ' c ' || NEW::text
          WHEN 'UPDATE' THEN ' u ' || NEW::text WHEN 'DELETE' THEN ' d ' || OLD::text ELSE ' t' END);
        RETURN NULL;
      END $$;`);
  for (const table of tables)
    await client.query(`
      CREATE TRIGGER rows AFTER INSERT OR UPDATE OR DELETE ON ${table} FOR EACH ROW EXECUTE FUNCTION tell('${table}');
      CREATE TRIGGER emptied AFTER TRUNCATE ON ${table} FOR EACH STATEMENT EXECUTE FUNCTION tell('${table}');`);
}

/** Those from line `from` on: by transaction, within one in order. */
export async function readHistory(client: Client, from: number): Promise<TransactionHistory> {
  const { rows } = await client.query<{ xid: string; line: string }>(
    'SELECT xid, line FROM history WHERE n > $1 ORDER BY n',
    [from],
  );
  const history = new TransactionHistory();
  for (const { xid, line } of rows) history.add(String(xid), line);
  return history;
}

/** What happened in each transaction. */
export class TransactionHistory {
  readonly transactions = new Map<string, string[]>();

  add(xid: string, line: string): void {
    const lines = this.transactions.get(xid);
    if (lines === undefined) this.transactions.set(xid, [line]);
    else lines.push(line);
  }
}

export async function historyLength(client: Client): Promise<number> {
  const { rows } = await client.query<{ n: string }>('SELECT coalesce(max(n), 0) AS n FROM history');
  return Number(rows[0]!.n);
}

/** A row as the server casts it to text (PostgreSQL manual 8.16.6). */
export function recordText(cells: readonly RawCell[]): string {
  const text = (cell: RawCell): string => {
    if (typeof cell !== 'string') return cell === null ? '' : String(cell);
    return cell === '' || /["\\(),\s]/.test(cell) ? `"${cell.replace(/["\\]/g, '$&$&')}"` : cell;
  };
  return `(${cells.map(text).join(',')})`;
}
