import type { Client } from 'pg';
import { People } from './people.ts';

/** The demo's production database: a small shop whose people are invented. */
export const SHOP_SCHEMA = `
  CREATE TABLE customers (
    id bigint PRIMARY KEY,
    full_name text NOT NULL,
    email text NOT NULL,
    phone text,
    card text NOT NULL,
    city text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
  );
  CREATE TABLE orders (
    id bigint PRIMARY KEY,
    customer_id bigint NOT NULL,
    customer_email text NOT NULL,
    status text NOT NULL,
    total numeric(10,2) NOT NULL,
    note text,
    created_at timestamptz NOT NULL DEFAULT now()
  );
  CREATE TABLE payments (
    id bigint PRIMARY KEY,
    order_id bigint NOT NULL,
    card text NOT NULL,
    amount numeric(10,2) NOT NULL,
    paid_at timestamptz NOT NULL DEFAULT now()
  );
`;

export const SHOP_TABLES = ['public.customers', 'public.orders', 'public.payments'] as const;

/** One domain a kind of value: an e-mail gets the same token in `customers` and in `orders`, so the join survives. */
export const SHOP_MASK = {
  domains: {
    email: { method: 'token', normalize: ['trim', 'lower'] },
    card: { method: 'partial', keep_last: 4, fill: '#' },
  },
  tables: {
    'public.customers': {
      id: 'keep',
      full_name: 'redact',
      email: { domain: 'email' },
      phone: { method: 'partial', keep_last: 2, fill: '#' },
      card: { domain: 'card' },
      city: 'keep',
      created_at: 'keep',
    },
    'public.orders': {
      id: 'keep',
      customer_id: 'keep',
      customer_email: { domain: 'email' },
      status: 'keep',
      total: 'keep',
      note: 'redact',
      created_at: 'keep',
    },
    'public.payments': {
      id: 'keep',
      order_id: 'keep',
      card: { domain: 'card' },
      amount: 'keep',
      paid_at: 'keep',
    },
  },
} as const;

/** A small seeded generator (mulberry32), so that two runs of the demo write the same rows. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Writes the shop's rows and its daily life; every step is one transaction and says how many rows it changed. */
export interface Shop {
  create(): Promise<void>;
  /** New customers in one statement. */
  addCustomers(count: number): Promise<number>;
  /** A busy moment: orders with payments, some shipped, some customers moved, a few orders cancelled and deleted. */
  trade(orders: number): Promise<number>;
  /** The customer whose history the demo proves: registered, moved, changed address, left. */
  storyOf(id: number): Promise<number>;
}

export class PostgresShop implements Shop {
  readonly #client: Client;
  readonly #random: () => number;
  readonly #people: People;
  #nextOrder = 1;
  #firstOpenOrder = 1;

  constructor(client: Client, seed: number) {
    this.#client = client;
    this.#random = seededRandom(seed);
    this.#people = new People(this.#random);
  }

  async create(): Promise<void> {
    await this.#client.query(SHOP_SCHEMA);
  }

  /** New customers in one statement. */
  async addCustomers(count: number): Promise<number> {
    const rows = Array.from({ length: count }, () => this.#people.register());
    await this.#client.query(
      `INSERT INTO customers (id, full_name, email, phone, card, city)
       SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])`,
      [
        rows.map((row) => row.id),
        rows.map((row) => row.name),
        rows.map((row) => row.email),
        rows.map((row) => row.phone),
        rows.map((row) => row.card),
        rows.map((row) => row.city),
      ],
    );
    return count;
  }

  /** A busy moment: orders with payments, some shipped, some customers moved, a few orders cancelled and deleted. */
  async trade(orders: number): Promise<number> {
    const from = this.#nextOrder;
    this.#nextOrder += orders;
    const buyers = Array.from({ length: orders }, () => this.#people.pick());
    const totals = buyers.map(() => (5 + this.#random() * 500).toFixed(2));
    const ids = buyers.map((_, i) => from + i);
    let changes = 0;
    await this.#client.query('BEGIN');
    changes += await this.#run(
      `INSERT INTO orders (id, customer_id, customer_email, total, status, note)
       SELECT o.*, 'new', 'leave it with the neighbours'
       FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::numeric[]) AS o`,
      [ids, buyers.map((b) => b.id), buyers.map((b) => b.email), totals],
    );
    changes += await this.#run(
      `INSERT INTO payments (id, order_id, card, amount) SELECT * FROM unnest($1::bigint[], $1::bigint[], $2::text[], $3::numeric[])`,
      [ids, buyers.map((b) => b.card), totals],
    );
    const shipTo = this.#firstOpenOrder + Math.floor(orders * 0.7);
    changes += await this.#run(`UPDATE orders SET status = 'shipped' WHERE id >= $1 AND id < $2`, [
      this.#firstOpenOrder,
      shipTo,
    ]);
    changes += await this.#run(`DELETE FROM orders WHERE id >= $1 AND id < $2 AND id % 50 = 7`, [
      this.#firstOpenOrder,
      shipTo,
    ]);
    this.#firstOpenOrder = shipTo;
    changes += await this.#run(`UPDATE customers SET city = $2 WHERE id = ANY($1)`, [
      buyers.filter((_, i) => i % 20 === 0).map((b) => b.id),
      this.#people.city(),
    ]);
    await this.#client.query('COMMIT');
    return changes;
  }

  /** The customer whose history the demo proves: registered, moved, changed address, left. */
  async storyOf(id: number): Promise<number> {
    let changes = 0;
    for (const email of ['ada.abara+work@example.com', 'ada.abara@example.com']) {
      changes += await this.#run('UPDATE customers SET email = $2 WHERE id = $1', [id, email]);
    }
    changes += await this.#run("UPDATE customers SET city = 'Cork' WHERE id = $1", [id]);
    return changes;
  }

  async #run(sql: string, values: readonly unknown[]): Promise<number> {
    const result = await this.#client.query(sql, [...values]);
    return result.rowCount ?? 0;
  }
}
