import type { Client } from 'pg';
import { seededRandom } from '../../src/cli/demo/shop.ts';

/**
 * Tables that between them have every trait a replicator trips over: composite keys, keys that change, TOASTed columns
 * that updates leave alone, no key at all, truncates, nulls and text beyond ASCII. `ledger` gets one row in every
 * transaction: what was sealed can be counted against it.
 */
export const WORKLOAD_SCHEMA = `
  CREATE TABLE people (
    id bigint PRIMARY KEY,
    full_name text,
    email text NOT NULL,
    phone text,
    bio text,
    score numeric(12,4),
    born date,
    seen timestamptz
  );
  ALTER TABLE people ALTER COLUMN bio SET STORAGE EXTERNAL;
  CREATE TABLE lines (
    order_no bigint, line_no int, sku text NOT NULL, owner_email text, qty int, price numeric(10,2), flags jsonb,
    PRIMARY KEY (order_no, line_no)
  );
  CREATE TABLE slots (code text PRIMARY KEY, holder text, n int);
  CREATE TABLE visits (at timestamp, email text, path text);
  ALTER TABLE visits REPLICA IDENTITY FULL;
  CREATE TABLE ledger (seq bigint PRIMARY KEY, note text);
`;

export const WORKLOAD_TABLES = ['people', 'lines', 'slots', 'visits', 'ledger'] as const;

/** Rules of these tables' columns, whichever database they are in. */
export const WORKLOAD_RULES = {
  people: {
    id: 'keep',
    full_name: 'redact',
    email: { domain: 'email' },
    phone: { method: 'partial', keep_first: 0, keep_last: 2, fill: '*' },
    bio: { method: 'token' },
    score: 'keep',
    born: 'drop',
    seen: 'keep',
  },
  lines: {
    order_no: 'keep',
    line_no: 'keep',
    sku: 'keep',
    owner_email: { domain: 'email' },
    qty: 'keep',
    price: 'keep',
    flags: 'redact',
  },
  slots: { code: { method: 'token' }, holder: { domain: 'email' }, n: 'keep' },
  visits: { at: 'keep', email: { domain: 'email' }, path: 'keep' },
  ledger: { seq: 'keep', note: 'redact' },
} as const;

/** The `mask.tables` section for these tables, as it stands in the configuration file. */
export const WORKLOAD_MASK = {
  'public.people': WORKLOAD_RULES.people,
  'public.lines': WORKLOAD_RULES.lines,
  'public.slots': WORKLOAD_RULES.slots,
  'public.visits': WORKLOAD_RULES.visits,
  'public.ledger': WORKLOAD_RULES.ledger,
} as const;

export interface WorkloadOptions {
  readonly seed: number;
  /** Rows of the one huge transaction. */
  readonly hugeRows: number;
}

/** Writes random transactions; one at a time, each with exactly one new `ledger` row. */
export class Workload {
  readonly #client: Client;
  readonly #random: () => number;
  readonly #options: WorkloadOptions;
  #seq = 0;
  #nextPerson = 1;
  #nextOrder = 1;
  #nextSlot = 1;
  #addedColumn = false;

  constructor(client: Client, options: WorkloadOptions) {
    this.#client = client;
    this.#options = options;
    this.#random = seededRandom(options.seed);
  }

  /** The newest committed `ledger.seq`. */
  get committed(): number {
    return this.#seq;
  }

  async create(): Promise<void> {
    await this.#client.query(WORKLOAD_SCHEMA);
  }

  /** One random transaction of 1 to a few hundred row changes over several tables. */
  async step(): Promise<void> {
    await this.#transaction(async () => {
      const actions = 1 + Math.floor(this.#random() * 4);
      for (let i = 0; i < actions; i++) await this.#action();
    });
  }

  /** One transaction of many rows. */
  async huge(): Promise<void> {
    await this.#transaction(async () => {
      const first = this.#nextOrder;
      this.#nextOrder += this.#options.hugeRows;
      await this.#client.query(
        `INSERT INTO lines SELECT g, 1, 'bulk-' || g, 'bulk' || (g % 1000) || '@example.com', g % 7, (g % 100) / 3.0, NULL
         FROM generate_series($1::bigint, $2::bigint) AS g`,
        [first, first + this.#options.hugeRows - 1],
      );
    });
  }

  /** A column that no policy knows: it must arrive redacted. */
  async addColumn(): Promise<void> {
    if (this.#addedColumn) return;
    this.#addedColumn = true;
    await this.#client.query('ALTER TABLE people ADD COLUMN nickname text');
    await this.#transaction(() =>
      this.#run("UPDATE people SET nickname = 'nick-' || id WHERE id % 3 = 0", []),
    );
  }

  async #transaction(body: () => Promise<void>): Promise<void> {
    await this.#client.query('BEGIN');
    await body();
    await this.#run('INSERT INTO ledger VALUES ($1, $2)', [this.#seq + 1, `note ${this.#seq + 1}`]);
    await this.#client.query('COMMIT');
    this.#seq++;
  }

  async #action(): Promise<void> {
    const roll = this.#random();
    if (roll < 0.2) return this.#newPeople();
    if (roll < 0.35) return this.#updatePeople();
    if (roll < 0.45) return this.#changePersonKey();
    if (roll < 0.55) return this.#newOrder();
    if (roll < 0.65)
      return this.#run("UPDATE lines SET qty = qty + 1 WHERE order_no % 17 = $1 AND sku NOT LIKE 'bulk%'", [
        this.#int(17),
      ]);
    if (roll < 0.7)
      return this.#run('DELETE FROM lines WHERE order_no % 29 = $1 AND line_no > 1', [this.#int(29)]);
    if (roll < 0.8) return this.#slots();
    if (roll < 0.88) return this.#visits();
    if (roll < 0.94) return this.#run('DELETE FROM people WHERE id % 41 = $1', [this.#int(41)]);
    if (roll < 0.97)
      return this.#run('UPDATE visits SET path = path || $1 WHERE path = $2', ['/x', `/p/${this.#int(20)}`]);
    if (roll < 0.985) return this.#run('TRUNCATE visits', []);
    return this.#run('TRUNCATE slots', []);
  }

  async #newPeople(): Promise<void> {
    const count = 1 + this.#int(20);
    const first = this.#nextPerson;
    this.#nextPerson += count;
    // The third of them gets a value that Postgres stores out of line and leaves out of later updates.
    await this.#run(
      `INSERT INTO people
       SELECT g, CASE g % 5 WHEN 0 THEN NULL ELSE 'Zoë Ångström 名前 ' || g END, 'p' || g || '@example.com',
              CASE g % 4 WHEN 0 THEN NULL ELSE '+1-555-01' || lpad((g % 100)::text, 2, '0') END,
              CASE g % 3 WHEN 0 THEN repeat(md5(g::text), 300) WHEN 1 THEN '' ELSE NULL END,
              (g * 7919 % 100000) / 1000.0, DATE '1970-01-01' + (g % 9000)::int, TIMESTAMPTZ '2026-01-01' + g * interval '1 minute'
       FROM generate_series($1::bigint, $2::bigint) AS g`,
      [first, first + count - 1],
    );
  }

  async #updatePeople(): Promise<void> {
    const modulus = 3 + this.#int(30);
    await this.#run(
      `UPDATE people SET score = coalesce(score, 0) + 1.5, full_name = full_name || 'x' WHERE id % $1 = 0`,
      [modulus],
    );
  }

  async #changePersonKey(): Promise<void> {
    const to = this.#nextPerson;
    this.#nextPerson++;
    await this.#run('UPDATE people SET id = $1 WHERE id = (SELECT min(id) FROM people WHERE id % 7 = $2)', [
      to,
      this.#int(7),
    ]);
  }

  async #newOrder(): Promise<void> {
    const order = this.#nextOrder++;
    await this.#run(
      `INSERT INTO lines SELECT $1::bigint, g, 'sku\\' || g || E'\\t\\n"quoted"', 'p' || g || '@example.com', g, g * 1.25,
              jsonb_build_object('g', g, 'big', 12345678901234567890) FROM generate_series(1, $2::int) AS g`,
      [order, 1 + this.#int(6)],
    );
  }

  async #slots(): Promise<void> {
    const first = this.#nextSlot;
    this.#nextSlot += 3;
    await this.#run(
      `INSERT INTO slots SELECT 'slot-' || g, 'p' || g || '@example.com', g FROM generate_series($1::int, $2::int) AS g`,
      [first, first + 2],
    );
    await this.#run(`UPDATE slots SET code = code || '-moved' WHERE n % 5 = $1 AND length(code) < 60`, [
      this.#int(5),
    ]);
  }

  async #visits(): Promise<void> {
    // Equal rows on purpose: without a key, a delete must take exactly one.
    await this.#run(
      `INSERT INTO visits SELECT TIMESTAMP '2026-02-03 04:05:06.789', 'p' || (g % 3) || '@example.com', '/p/' || $1 FROM generate_series(1, 4) AS g`,
      [this.#int(20)],
    );
    await this.#run('DELETE FROM visits WHERE ctid = (SELECT min(ctid) FROM visits WHERE path = $1)', [
      `/p/${this.#int(20)}`,
    ]);
  }

  #int(below: number): number {
    return Math.floor(this.#random() * below);
  }

  async #run(sql: string, values: readonly unknown[]): Promise<void> {
    await this.#client.query(sql, [...values]);
  }
}
