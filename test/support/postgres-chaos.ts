import type { Client } from 'pg';
import { seededRandom } from '../../src/cli/demo/shop.ts';

/** `plain` by a serial key, `pair` by two columns, `named` by an index of its own, `whole` without a key, `parts` in partitions. */
export const CHAOS_TABLES = ['plain', 'pair', 'named', 'whole', 'parts'] as const;

const SCHEMA = `
  CREATE TABLE plain (id int PRIMARY KEY, v numeric, note text, big text);
  CREATE TABLE pair (a text, b int, note text, big text, PRIMARY KEY (b, a));
  CREATE TABLE named (id uuid NOT NULL UNIQUE, note text, big text);
  ALTER TABLE named REPLICA IDENTITY USING INDEX named_id_key;
  CREATE TABLE whole (n int, note text, big text);
  ALTER TABLE whole REPLICA IDENTITY FULL;
  CREATE TABLE parts (id int, at timestamptz, note text, big text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
  CREATE TABLE parts_old PARTITION OF parts FOR VALUES FROM (MINVALUE) TO ('2026-01-01');
  CREATE TABLE parts_new PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO (MAXVALUE);
  ALTER TABLE plain ALTER big SET STORAGE EXTERNAL; ALTER TABLE pair ALTER big SET STORAGE EXTERNAL;
  ALTER TABLE named ALTER big SET STORAGE EXTERNAL; ALTER TABLE whole ALTER big SET STORAGE EXTERNAL;
  ALTER TABLE parts_old ALTER big SET STORAGE EXTERNAL; ALTER TABLE parts_new ALTER big SET STORAGE EXTERNAL;`;

/** Random transactions with everything in them that a reader of the WAL trips over; the same for the same seed. */
export class PostgresChaos {
  readonly #client: Client;
  readonly #random: () => number;
  #next = 1;
  #columns = 0;

  constructor(client: Client, seed: number) {
    this.#client = client;
    this.#random = seededRandom(seed);
  }

  async create(): Promise<void> {
    await this.#client.query(SCHEMA);
    for (let i = 0; i < 6; i++) await this.step();
  }

  /** One transaction, or one that is given up. */
  async step(): Promise<void> {
    await this.#client.query('BEGIN');
    const actions = 1 + this.#int(5);
    for (let i = 0; i < actions; i++) {
      // Whatever fails, a key that is there for example, is a part that is taken back.
      await this.#client.query('SAVEPOINT s');
      try {
        await this.#client.query(this.#action());
        if (this.#random() < 0.1) await this.#client.query('ROLLBACK TO s');
      } catch {
        await this.#client.query('ROLLBACK TO s');
      }
      if (this.#random() < 0.7) await this.#client.query('RELEASE s');
    }
    await this.#client.query(this.#random() < 0.1 ? 'ROLLBACK' : 'COMMIT');
  }

  #action(): string {
    const roll = this.#random();
    const n = this.#next;
    this.#next += 8;
    const rows = `generate_series(${n}, ${n + this.#int(8)}) g`;
    const big = `CASE g % 3 WHEN 0 THEN repeat(md5(g::text), 90) WHEN 1 THEN '' END`;
    if (roll < 0.3) {
      return [
        `INSERT INTO plain (id, v, note, big) SELECT g, g / 7.0, 'é' || g, ${big} FROM ${rows}`,
        `INSERT INTO pair (a, b, note, big) SELECT 'k' || g % 5, g, NULL, ${big} FROM ${rows}`,
        `INSERT INTO named (id, note, big) SELECT md5(g::text)::uuid, E'\\\\t\\t"', ${big} FROM ${rows}`,
        `INSERT INTO whole (n, note, big) SELECT g % 3, 'w', ${big} FROM ${rows}`,
        `INSERT INTO parts (id, at, note, big) SELECT g, timestamptz '2025-12-31' + g % 3 * interval '1 day', 'p', ${big} FROM ${rows}`,
      ][this.#int(5)]!;
    }
    const some = 2 + this.#int(6);
    if (roll < 0.5) {
      return [
        `UPDATE plain SET note = note || 'u' WHERE id % ${some} = 0`,
        `UPDATE pair SET note = 'u${n}' WHERE b % ${some} = 0`,
        `UPDATE named SET note = note || 'u' WHERE get_byte(uuid_send(id), 0) % ${some} = 0`,
        `UPDATE whole SET note = note || 'u' WHERE n = ${this.#int(3)}`,
        `UPDATE parts SET note = note || 'u' WHERE id % ${some} = 0`,
      ][this.#int(5)]!;
    }
    if (roll < 0.65) {
      return [
        `UPDATE plain SET id = -id WHERE id % ${some} = 1`,
        `UPDATE pair SET a = a || 'm', b = b + 1 WHERE b % ${some} = 1 AND length(a) < 40`,
        `UPDATE named SET id = md5(id::text)::uuid WHERE get_byte(uuid_send(id), 1) % ${some} = 0`,
        // From one partition to another.
        `UPDATE parts SET at = at + interval '1 day' * ${this.#int(3) - 1} WHERE id % ${some} = 0`,
      ][this.#int(4)]!;
    }
    if (roll < 0.8) {
      return [
        `DELETE FROM plain WHERE id % ${some + 5} = 0`,
        `DELETE FROM pair WHERE b % ${some + 5} = 0`,
        `DELETE FROM named WHERE get_byte(uuid_send(id), 2) % ${some + 3} = 0`,
        `DELETE FROM whole WHERE ctid IN (SELECT ctid FROM whole LIMIT 2)`,
        `DELETE FROM parts WHERE id % ${some + 5} = 0`,
      ][this.#int(5)]!;
    }
    if (roll < 0.84) return `TRUNCATE ${['plain, pair', 'whole', 'named', 'parts'][this.#int(4)]}`;
    if (roll < 0.93) {
      const table = ['plain', 'pair', 'named', 'whole', 'parts'][this.#int(5)]!;
      const column = `c${this.#columns}`;
      switch (this.#int(3)) {
        case 0:
          this.#columns++;
          return `ALTER TABLE ${table} ADD COLUMN c${this.#columns} int`;
        case 1:
          return `ALTER TABLE ${table} DROP COLUMN IF EXISTS ${column}`;
        default:
          return `ALTER TABLE ${table} RENAME COLUMN ${column} TO r${n}`;
      }
    }
    return [
      'ALTER TABLE plain REPLICA IDENTITY FULL',
      'ALTER TABLE plain REPLICA IDENTITY DEFAULT',
      `SELECT pg_logical_emit_message(${this.#random() < 0.5}, 'app', 'note')`,
      'CLUSTER plain USING plain_pkey',
    ][this.#int(4)]!;
  }

  #int(below: number): number {
    return Math.floor(this.#random() * below);
  }
}
