import type { Connection } from 'mysql2/promise';
import { seededRandom } from '../../src/cli/demo/shop.ts';
import { WORKLOAD_RULES, type WorkloadOptions } from './workload.ts';

/**
 * The MySQL twin of `workload.ts`: composite keys, keys that change, keys of text, no key at all, truncates, nulls, text
 * beyond ASCII, savepoints, XA. `ledger` gets one row in every transaction: what was sealed can be counted against it.
 */
export const MYSQL_WORKLOAD_SCHEMA = `
  CREATE DATABASE shop CHARACTER SET utf8mb4;
  USE shop;
  CREATE TABLE people (
    id bigint PRIMARY KEY,
    full_name text,
    email varchar(200) NOT NULL,
    phone varchar(40),
    bio mediumtext,
    score decimal(12,4),
    born date,
    seen timestamp(3) NULL,
    height float
  );
  CREATE TABLE \`lines\` (
    order_no bigint, line_no int, sku varchar(100) NOT NULL, owner_email varchar(200), qty int, price decimal(10,2), flags json,
    PRIMARY KEY (order_no, line_no)
  );
  CREATE TABLE slots (code varchar(80) PRIMARY KEY, holder varchar(200), n int);
  CREATE TABLE visits (at datetime(6), email varchar(200), path varchar(200));
  CREATE TABLE ledger (seq bigint PRIMARY KEY, note text);
`;

export { WORKLOAD_TABLES as MYSQL_WORKLOAD_TABLES } from './workload.ts';

/** The `mask.tables` section for these tables. */
export const MYSQL_WORKLOAD_MASK = {
  'shop.people': { ...WORKLOAD_RULES.people, height: 'keep' },
  'shop.lines': WORKLOAD_RULES.lines,
  'shop.slots': WORKLOAD_RULES.slots,
  'shop.visits': WORKLOAD_RULES.visits,
  'shop.ledger': WORKLOAD_RULES.ledger,
} as const;

/** Writes random transactions; one at a time, each with exactly one new `ledger` row. */
export class MysqlWorkload {
  readonly #client: Connection;
  readonly #random: () => number;
  readonly #options: WorkloadOptions;
  #seq = 0;
  #nextPerson = 1;
  #nextOrder = 1;
  #nextSlot = 1;
  #nextXa = 1;
  #addedColumn = false;

  constructor(client: Connection, options: WorkloadOptions) {
    this.#client = client;
    this.#options = options;
    this.#random = seededRandom(options.seed);
  }

  /** The newest committed `ledger.seq`. */
  get committed(): number {
    return this.#seq;
  }

  async create(): Promise<void> {
    await this.#client.query(MYSQL_WORKLOAD_SCHEMA);
    // A table of numbers, which neither server generates alike.
    await this.#client.query(
      `CREATE TABLE shop.numbers (g int PRIMARY KEY);
       INSERT INTO shop.numbers SELECT a.d + b.d * 10 + c.d * 100 + 1 FROM
         (SELECT 0 d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9) a,
         (SELECT 0 d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9) b,
         (SELECT 0 d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9) c`,
    );
  }

  /** One random transaction of 1 to a few hundred row changes over several tables. */
  async step(): Promise<void> {
    const roll = this.#random();
    // DDL commits by itself, so it has no place in a transaction.
    if (roll < 0.02) {
      await this.#run(roll < 0.01 ? 'TRUNCATE visits' : 'TRUNCATE TABLE shop.slots', []);
      return;
    }
    if (roll < 0.1) await this.#xa();
    else await this.#transaction(() => this.#actions());
  }

  /** One transaction of many rows. */
  async huge(): Promise<void> {
    await this.#transaction(async () => {
      const first = this.#nextOrder;
      this.#nextOrder += this.#options.hugeRows;
      for (let from = first; from < first + this.#options.hugeRows; from += 1000) {
        await this.#run(
          "INSERT INTO `lines` SELECT ? + g, 1, CONCAT('bulk-', ? + g), CONCAT('bulk', g, '@example.com'), g % 7, (g % 100) / 3.0, NULL FROM numbers WHERE g <= ?",
          [from - 1, from - 1, Math.min(1000, first + this.#options.hugeRows - from)],
        );
      }
    });
  }

  /** A column that no policy knows: it must arrive redacted. */
  async addColumn(): Promise<void> {
    if (this.#addedColumn) return;
    this.#addedColumn = true;
    await this.#run('ALTER TABLE people ADD COLUMN nickname text', []);
    await this.#transaction(() =>
      this.#run("UPDATE people SET nickname = CONCAT('nick-', id) WHERE id % 3 = 0", []),
    );
  }

  async #transaction(body: () => Promise<void>): Promise<void> {
    await this.#client.query('BEGIN');
    await body();
    await this.#ledger();
    await this.#client.query('COMMIT');
    this.#seq++;
  }

  /** Prepared, and committed or rolled back later, as a transaction manager does. */
  async #xa(): Promise<void> {
    const id = `'job-${this.#nextXa++}'`;
    const commits = this.#random() < 0.8;
    await this.#client.query(`XA START ${id}`);
    await this.#people(commits);
    if (commits) await this.#ledger();
    await this.#client.query(`XA END ${id}`);
    const onePhase = commits && this.#random() < 0.3;
    if (onePhase) await this.#client.query(`XA COMMIT ${id} ONE PHASE`);
    else {
      await this.#client.query(`XA PREPARE ${id}`);
      await this.#client.query(commits ? `XA COMMIT ${id}` : `XA ROLLBACK ${id}`);
    }
    if (commits) this.#seq++;
  }

  #ledger(): Promise<void> {
    return this.#run('INSERT INTO ledger VALUES (?, ?)', [this.#seq + 1, `note ${this.#seq + 1}`]);
  }

  async #actions(): Promise<void> {
    const actions = 1 + Math.floor(this.#random() * 4);
    for (let i = 0; i < actions; i++) {
      const undone = this.#random() < 0.1;
      if (undone) await this.#client.query('SAVEPOINT maybe');
      const before = [this.#nextPerson, this.#nextOrder, this.#nextSlot] as const;
      await this.#action();
      if (!undone) continue;
      await this.#client.query('ROLLBACK TO SAVEPOINT maybe');
      [this.#nextPerson, this.#nextOrder, this.#nextSlot] = before;
    }
  }

  async #action(): Promise<void> {
    const roll = this.#random();
    if (roll < 0.2) return this.#people(true);
    if (roll < 0.35)
      return this.#run(
        "UPDATE people SET score = COALESCE(score, 0) + 1.5, full_name = CONCAT(full_name, 'x') WHERE id % ? = 0",
        [3 + this.#int(30)],
      );
    if (roll < 0.45) return this.#changePersonKey();
    if (roll < 0.55) return this.#newOrder();
    if (roll < 0.65)
      return this.#run("UPDATE `lines` SET qty = qty + 1 WHERE order_no % 17 = ? AND sku NOT LIKE 'bulk%'", [
        this.#int(17),
      ]);
    if (roll < 0.7)
      return this.#run('DELETE FROM `lines` WHERE order_no % 29 = ? AND line_no > 1', [this.#int(29)]);
    if (roll < 0.82) return this.#slots();
    if (roll < 0.9) return this.#visits();
    if (roll < 0.95) return this.#run('DELETE FROM people WHERE id % 41 = ?', [this.#int(41)]);
    return this.#run('UPDATE visits SET path = CONCAT(path, ?) WHERE path = ?', [
      '/x',
      `/p/${this.#int(20)}`,
    ]);
  }

  async #people(keep: boolean): Promise<void> {
    const count = 1 + this.#int(20);
    const first = this.#nextPerson;
    if (keep) this.#nextPerson += count;
    await this.#run(
      `INSERT INTO people (id, full_name, email, phone, bio, score, born, seen, height)
       SELECT p, IF(p % 5 = 0, NULL, CONCAT('Zoë Ångström 名前 ', p)), CONCAT('p', p, '@example.com'),
              IF(p % 4 = 0, NULL, CONCAT('+1-555-01', LPAD(p % 100, 2, '0'))),
              CASE p % 3 WHEN 0 THEN REPEAT(SHA2(p, 256), 150) WHEN 1 THEN '' ELSE NULL END,
              (p * 7919 % 100000) / 1000.0, DATE '1970-01-01' + INTERVAL (p % 9000) DAY,
              TIMESTAMP '2026-01-01 00:00:00' + INTERVAL p MINUTE, p / 7
       FROM (SELECT ? + g AS p FROM numbers WHERE g <= ?) AS n`,
      [first - 1, count],
    );
  }

  async #changePersonKey(): Promise<void> {
    const to = this.#nextPerson;
    this.#nextPerson++;
    await this.#run('UPDATE people SET id = ? WHERE id % 7 = ? ORDER BY id LIMIT 1', [to, this.#int(7)]);
  }

  async #newOrder(): Promise<void> {
    const order = this.#nextOrder++;
    await this.#run(
      `INSERT INTO \`lines\` SELECT ?, g, CONCAT('sku\\\\', g, '\\t\\n"quoted"'), CONCAT('p', g, '@example.com'), g, g * 1.25,
              JSON_OBJECT('g', g, 'big', 12345678901234567890) FROM numbers WHERE g <= ?`,
      [order, 1 + this.#int(6)],
    );
  }

  async #slots(): Promise<void> {
    const first = this.#nextSlot;
    this.#nextSlot += 3;
    await this.#run(
      "INSERT INTO slots SELECT CONCAT('Slot-', ? + g), CONCAT('p', g, '@example.com'), ? + g FROM numbers WHERE g <= 3",
      [first, first],
    );
    await this.#run("UPDATE slots SET code = CONCAT(code, '-moved') WHERE n % 5 = ? AND LENGTH(code) < 60", [
      this.#int(5),
    ]);
    // Case does not matter to the collation of the key, but to the mask.
    await this.#run('UPDATE slots SET code = LOWER(code) WHERE n % 11 = ?', [this.#int(11)]);
  }

  async #visits(): Promise<void> {
    // Equal rows on purpose: without a key, a delete must take exactly one.
    await this.#run(
      "INSERT INTO visits SELECT '2026-02-03 04:05:06.789', CONCAT('p', g % 3, '@example.com'), CONCAT('/p/', ?) FROM numbers WHERE g <= 4",
      [this.#int(20)],
    );
    await this.#run('DELETE FROM visits WHERE path = ? LIMIT 1', [`/p/${this.#int(20)}`]);
  }

  #int(below: number): number {
    return Math.floor(this.#random() * below);
  }

  async #run(sql: string, values: readonly unknown[]): Promise<void> {
    await this.#client.query(sql, [...values]);
  }
}
