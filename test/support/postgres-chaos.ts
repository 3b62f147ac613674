import type { Client } from 'pg';
import { seededRandom } from '../../src/cli/demo/shop.ts';

/**
 * `plain` by a serial key, `pair` by two columns, `named` by an index of its own, `whole` without a key, `parts` in partitions,
 * `kinds` with columns of many types.
 */
export const CHAOS_TABLES = ['plain', 'pair', 'named', 'whole', 'parts', 'kinds'] as const;

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
  CREATE TYPE mood AS ENUM ('sad', 'happy');
  CREATE TYPE place AS (street text, number int);
  CREATE TABLE kinds (id bigint PRIMARY KEY, note text, b boolean, n numeric, f float8, r real, d date, ts timestamp, tz timestamptz, tm time, iv interval,
    u uuid, j jsonb, y bytea, a int[], ta text[], rg int4range, mr nummultirange, ip inet, bt bit varying, m mood, p place, mo money, x xml, v tsvector, pt point, l pg_lsn);
  ALTER TABLE plain ALTER big SET STORAGE EXTERNAL; ALTER TABLE pair ALTER big SET STORAGE EXTERNAL;
  ALTER TABLE named ALTER big SET STORAGE EXTERNAL; ALTER TABLE whole ALTER big SET STORAGE EXTERNAL;
  ALTER TABLE parts_old ALTER big SET STORAGE EXTERNAL; ALTER TABLE parts_new ALTER big SET STORAGE EXTERNAL;`;

/** A row of `kinds` from the number `g`: ordinary values, extreme ones, and nulls. */
const KINDS = `g, 'k' || g, g % 2 = 0, CASE g % 5 WHEN 0 THEN 'NaN' WHEN 1 THEN g::numeric ^ 30 WHEN 2 THEN 1 / (g + 1.0) END,
  CASE g % 4 WHEN 0 THEN 'Infinity' WHEN 1 THEN '-0' ELSE g / 3.0 END, g / 7.0, CASE g % 4 WHEN 0 THEN 'infinity' WHEN 1 THEN '0044-03-15 BC' ELSE date '2026-01-01' + g END,
  CASE g % 3 WHEN 0 THEN '294276-12-31 23:59:59.999999' ELSE timestamp '2026-01-01' + g * interval '1.000001 s' END,
  CASE g % 3 WHEN 0 THEN '-infinity' ELSE timestamptz '2026-01-01' - g * interval '1 day' END, time '23:59:59.9' - g * interval '1 s', g * interval '1 mon -2 days 3.5 s',
  md5(g::text)::uuid, jsonb_build_object('g', g, 'long', repeat('j', g % 3 * 2000)), decode(md5(g::text), 'hex'), ARRAY[g, NULL, -g], ARRAY['a,b', NULL, E'q"\\\\', ''],
  int4range(g, g + 5), nummultirange(numrange(g, g + 1), numrange(g + 2, NULL)), ('10.0.0.' || g % 256)::inet, (g % 64)::bit(6), CASE g % 3 WHEN 0 THEN 'sad' WHEN 1 THEN 'happy' END::mood,
  ROW('a "street"', g)::place, g::money, xmlparse(content '<g>' || g || '</g>'), to_tsvector('simple', 'a fat cat ' || g), point(g, -g), ('0/' || to_hex(g))::pg_lsn`;

/** Random transactions with everything in them that a reader of the WAL trips over; the same for the same seed. */
export class PostgresChaos {
  readonly #client: Client;
  readonly #other: Client | null;
  /** What the other one has open: steps until it ends; prepared, and to be ended by name. */
  #beside: { readonly left: number } | 'prepared' | null = null;
  readonly #random: () => number;
  #next = 1;
  #columns = 0;

  /** @param other has transactions open beside those of the first, across several steps, and prepares some */
  constructor(client: Client, seed: number, other: Client | null = null) {
    this.#client = client;
    this.#other = other;
    this.#random = seededRandom(seed);
  }

  async create(): Promise<void> {
    await this.#client.query(SCHEMA);
    // What one has locked the other goes without.
    for (const client of [this.#client, this.#other])
      await client?.query("SET lock_timeout = '20ms'; SET TimeZone = 'UTC'");
    for (let i = 0; i < 6; i++) await this.step();
    await this.settle();
  }

  /** One transaction, or one that is given up. */
  async step(): Promise<void> {
    if (this.#other !== null) await this.#stepBeside(this.#other);
    await this.#client.query('BEGIN');
    await this.#act(this.#client, 1 + this.#int(5));
    await this.#client.query(this.#random() < 0.1 ? 'ROLLBACK' : 'COMMIT');
  }

  /** Nothing is open any more. */
  async settle(): Promise<void> {
    if (this.#other === null) return;
    if (this.#beside !== null && this.#beside !== 'prepared') await this.#end(this.#other);
    if (this.#beside === 'prepared') await this.#endPrepared(this.#other);
  }

  async #stepBeside(client: Client): Promise<void> {
    if (this.#beside === 'prepared') {
      await this.#endPrepared(client);
      return;
    }
    if (this.#beside === null) {
      if (this.#random() < 0.5) return;
      await client.query('BEGIN');
      this.#beside = { left: 1 + this.#int(4) };
    }
    await this.#act(client, 1 + this.#int(4));
    this.#beside = { left: this.#beside.left - 1 };
    if (this.#beside.left === 0) await this.#end(client);
  }

  async #end(client: Client): Promise<void> {
    const roll = this.#random();
    this.#beside = roll < 0.4 ? 'prepared' : null;
    await client.query(roll < 0.4 ? "PREPARE TRANSACTION 'p'" : roll < 0.55 ? 'ROLLBACK' : 'COMMIT');
  }

  async #endPrepared(client: Client): Promise<void> {
    this.#beside = null;
    await client.query(this.#random() < 0.3 ? "ROLLBACK PREPARED 'p'" : "COMMIT PREPARED 'p'");
  }

  async #act(client: Client, actions: number): Promise<void> {
    for (let i = 0; i < actions; i++) {
      // Whatever fails, a key that is there for example, is a part that is taken back.
      await client.query('SAVEPOINT s');
      try {
        await client.query(this.#action());
        if (this.#random() < 0.1) await client.query('ROLLBACK TO s');
      } catch {
        await client.query('ROLLBACK TO s');
      }
      if (this.#random() < 0.7) await client.query('RELEASE s');
    }
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
        `INSERT INTO kinds SELECT ${KINDS} FROM ${rows}`,
      ][this.#int(6)]!;
    }
    const some = 2 + this.#int(6);
    if (roll < 0.5) {
      return [
        `UPDATE plain SET note = note || 'u' WHERE id % ${some} = 0`,
        `UPDATE pair SET note = 'u${n}' WHERE b % ${some} = 0`,
        `UPDATE named SET note = note || 'u' WHERE get_byte(uuid_send(id), 0) % ${some} = 0`,
        `UPDATE whole SET note = note || 'u' WHERE n = ${this.#int(3)}`,
        `UPDATE parts SET note = note || 'u' WHERE id % ${some} = 0`,
        `UPDATE kinds SET note = note || 'u', f = -f, a = a || ${n}, j = CASE WHEN id % 2 = 0 THEN j ELSE j || '{"u": 1}' END, iv = iv * 2 WHERE id % ${some} = 0`,
      ][this.#int(6)]!;
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
        `DELETE FROM kinds WHERE id % ${some + 5} = 0`,
      ][this.#int(6)]!;
    }
    if (roll < 0.84)
      return `TRUNCATE ${['plain, pair', 'whole', 'named', 'parts', 'kinds, whole'][this.#int(5)]}`;
    if (roll < 0.93) {
      const table = CHAOS_TABLES[this.#int(CHAOS_TABLES.length)]!;
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
      `SELECT pg_logical_emit_message(${this.#random() < 0.5}, 'app', 'note ${n}')`,
      'CLUSTER plain USING plain_pkey',
    ][this.#int(4)]!;
  }

  #int(below: number): number {
    return Math.floor(this.#random() * below);
  }
}
