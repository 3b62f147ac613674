import type { Connection, ResultSetHeader } from 'mysql2/promise';
import { People } from './people.ts';
import { type Shop, seededRandom } from './shop.ts';

const SCHEMA = [
  `CREATE TABLE customers (
    id bigint PRIMARY KEY,
    full_name varchar(200) NOT NULL,
    email varchar(200) NOT NULL,
    phone varchar(40),
    card varchar(40) NOT NULL,
    city varchar(100) NOT NULL,
    created_at timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
  )`,
  `CREATE TABLE orders (
    id bigint PRIMARY KEY,
    customer_id bigint NOT NULL,
    customer_email varchar(200) NOT NULL,
    status varchar(20) NOT NULL,
    total decimal(10,2) NOT NULL,
    note text,
    created_at timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
  )`,
  `CREATE TABLE payments (
    id bigint PRIMARY KEY,
    order_id bigint NOT NULL,
    card varchar(40) NOT NULL,
    amount decimal(10,2) NOT NULL,
    paid_at timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
  )`,
];

/** The same shop, in MySQL or MariaDB. */
export class MysqlShop implements Shop {
  readonly #client: Connection;
  readonly #random: () => number;
  readonly #people: People;
  #nextOrder = 1;
  #firstOpenOrder = 1;

  constructor(client: Connection, seed: number) {
    this.#client = client;
    this.#random = seededRandom(seed);
    this.#people = new People(this.#random);
  }

  async create(): Promise<void> {
    for (const statement of SCHEMA) await this.#client.query(statement);
  }

  async addCustomers(count: number): Promise<number> {
    for (let done = 0; done < count; done += 1000) {
      const rows = Array.from({ length: Math.min(1000, count - done) }, () => this.#people.register());
      await this.#client.query('INSERT INTO customers (id, full_name, email, phone, card, city) VALUES ?', [
        rows.map((row) => [row.id, row.name, row.email, row.phone, row.card, row.city]),
      ]);
    }
    return count;
  }

  async trade(orders: number): Promise<number> {
    const from = this.#nextOrder;
    this.#nextOrder += orders;
    const buyers = Array.from({ length: orders }, () => this.#people.pick());
    const totals = buyers.map(() => (5 + this.#random() * 500).toFixed(2));
    let changes = 0;
    await this.#client.query('BEGIN');
    changes += await this.#run(
      'INSERT INTO orders (id, customer_id, customer_email, total, status, note) VALUES ?',
      [
        buyers.map((buyer, i) => [
          from + i,
          buyer.id,
          buyer.email,
          totals[i],
          'new',
          'leave it with the neighbours',
        ]),
      ],
    );
    changes += await this.#run('INSERT INTO payments (id, order_id, card, amount) VALUES ?', [
      buyers.map((buyer, i) => [from + i, from + i, buyer.card, totals[i]]),
    ]);
    const shipTo = this.#firstOpenOrder + Math.floor(orders * 0.7);
    const open = [this.#firstOpenOrder, shipTo];
    changes += await this.#run("UPDATE orders SET status = 'shipped' WHERE id >= ? AND id < ?", open);
    changes += await this.#run('DELETE FROM orders WHERE id >= ? AND id < ? AND id % 50 = 7', open);
    this.#firstOpenOrder = shipTo;
    const city = this.#people.city();
    const movers = buyers.filter((_, i) => i % 20 === 0).map((buyer) => buyer.id);
    changes += await this.#run('UPDATE customers SET city = ? WHERE id IN (?) AND city <> ?', [
      city,
      movers,
      city,
    ]);
    await this.#client.query('COMMIT');
    return changes;
  }

  async storyOf(id: number): Promise<number> {
    let changes = 0;
    for (const email of ['ada.abara+work@example.com', 'ada.abara@example.com'])
      changes += await this.#run('UPDATE customers SET email = ? WHERE id = ?', [email, id]);
    // An update that changes nothing is not logged.
    changes += await this.#run(
      "UPDATE customers SET city = IF(city = 'Cork', 'Ghent', 'Cork') WHERE id = ?",
      [id],
    );
    return changes;
  }

  async #run(sql: string, values: readonly unknown[]): Promise<number> {
    const [result] = await this.#client.query<ResultSetHeader>(sql, [...values]);
    return result.affectedRows;
  }
}
