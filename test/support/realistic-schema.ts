import type { Client } from 'pg';
import { corpus, Dice } from './scan-corpus.ts';

/** A shop, a clinic and a personnel office, as they grow: several languages, JSON, free text, natural and composite keys. */
const TABLES = `
CREATE TYPE order_status AS ENUM ('open', 'paid', 'shipped');
CREATE TABLE customers (id bigserial PRIMARY KEY, email text NOT NULL UNIQUE, first_name text, last_name varchar(80), phone text,
  date_of_birth date, street text, zip char(5), city text, country char(2), gender text, marketing_opt_in boolean, notes text,
  last_login_ip inet, password_hash text, loyalty_no bigint, created_at timestamptz DEFAULT now());
CREATE TABLE orders (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), customer_id bigint REFERENCES customers, order_number text,
  status order_status, total numeric(12,2), currency char(3), shipping_address jsonb, coupon text, placed_at timestamptz, metadata json);
CREATE TABLE order_lines (order_id uuid REFERENCES orders, line_no int, sku text, quantity int, unit_price numeric(10,2), PRIMARY KEY (order_id, line_no));
CREATE TABLE payments (id bigserial PRIMARY KEY, order_id uuid REFERENCES orders, card_number text, cardholder text, expiry_month int,
  cvv text, iban text, amount numeric(12,2), provider_reference text);
CREATE TABLE support_tickets (id bigserial PRIMARY KEY, customer_email text, subject text, body text, tags text[], opened_at timestamp);
CREATE TABLE events (id bigserial PRIMARY KEY, user_id bigint, event_type text, session_id uuid, payload jsonb, occurred_at timestamptz);
CREATE TABLE products (sku text PRIMARY KEY, name text, description text, price numeric(10,2), ean text, attributes jsonb);
CREATE TABLE mitarbeiter (personalnummer int PRIMARY KEY, vorname text, nachname text, geburtsdatum date, gehalt numeric(10,2),
  iban text, sozialversicherungsnummer text, konfession text, abteilung text);
CREATE TABLE empleados (id serial PRIMARY KEY, nombre text, apellidos text, dni text, correo_electronico text, fecha_alta date);
CREATE TABLE patients (mrn text PRIMARY KEY, ssn char(11), name text, dob date, age int, zip text, blood_type text, primary_diagnosis text,
  insurance_member_id text, portrait bytea, home_location point);
CREATE TABLE visits (id bigserial PRIMARY KEY, patient_mrn text REFERENCES patients, admitted_at timestamptz, diagnosis_codes text[],
  clinical_notes text, vitals jsonb);
CREATE TABLE "Odd Names" ("Id" int PRIMARY KEY, "e-mail: address" text, "__proto__" text, "Gebühr #1" numeric, "yes" boolean, "# notes" text);
CREATE TABLE empty_table (id int PRIMARY KEY, value text, payload jsonb);
CREATE TABLE app_logs (logged_at timestamptz, level text, message text);
`;

/** Values for a column of the corpus, from its generator. */
function series(table: string, name: string): (row: number) => string | null {
  const found = corpus.find((column) => column.table === `public.${table}` && column.name === name);
  if (found === undefined) throw new Error(`the corpus has no ${table}.${name}`);
  return (row) => found.values[row % found.values.length]!;
}

/** Makes the tables and fills them with rows that a generator makes up. @param rows of the larger tables */
export async function createRealisticSchema(client: Client, rows = 300): Promise<void> {
  await client.query(TABLES);
  const dice = new Dice(42);
  const [email, first, last, phone] = ['email', 'first_name', 'last_name', 'phone'].map((name) =>
    series('customers', name),
  ) as [Series, Series, Series, Series];
  const [dob, street, zip, city] = ['dob', 'street', 'zip', 'city'].map((name) =>
    series('customers', name),
  ) as [Series, Series, Series, Series];
  const body = series('support_tickets', 'body');
  const notes = series('support_tickets', 'notes');
  const hash = series('users', 'password_hash');
  const insert = async (
    table: string,
    columns: string,
    make: (row: number) => readonly unknown[],
    count: number,
  ): Promise<void> => {
    for (let row = 0; row < count; row++) {
      const values = make(row);
      await client.query(
        `INSERT INTO ${table} (${columns}) VALUES (${values.map((_, i) => `$${i + 1}`).join(', ')})`,
        [...values],
      );
    }
  };
  await insert(
    'customers',
    'email, first_name, last_name, phone, date_of_birth, street, zip, city, country, gender, marketing_opt_in, notes, last_login_ip, password_hash, loyalty_no',
    (row) => [
      `${row}.${email(row)}`,
      first(row),
      last(row),
      phone(row),
      dob(row),
      street(row),
      zip(row),
      city(row),
      dice.of(['DE', 'FR', 'GB']),
      dice.of(['f', 'm']),
      row % 2 === 0,
      row % 3 === 0 ? notes(row) : null,
      series('customers', 'last_login_ip')(row),
      hash(row),
      70_000_000 + row * 13,
    ],
    rows,
  );
  await insert(
    'orders',
    'customer_id, order_number, status, total, currency, shipping_address, coupon, placed_at, metadata',
    (row) => [
      1 + (row % rows),
      `ORD-${10_000_000 + row}`,
      dice.of(['open', 'paid', 'shipped']),
      dice.between(5, 900),
      'EUR',
      JSON.stringify({ name: `${first(row)} ${last(row)}`, street: street(row), zip: zip(row) }),
      row % 5 === 0 ? dice.form('SAVE##') : null,
      '2025-03-04 10:00:00+00',
      JSON.stringify({
        channel: dice.of(['web', 'app']),
        items: dice.between(1, 9),
        gift: row % 2 === 0,
        contact: { email: email(row), phone: phone(row) },
        tags: ['new', 'eco'],
        seen_by: { [`u${dice.digits(6)}@x.example`]: 1 },
      }),
    ],
    rows,
  );
  await client.query(
    "INSERT INTO order_lines SELECT id, n, 'ABC-' || n, 1 + n, 9.99 FROM orders, generate_series(1, 2) n",
  );
  await client
    .query('SELECT id FROM orders')
    .then(async ({ rows: orders }: { rows: { id: string }[] }) =>
      insert(
        'payments',
        'order_id, card_number, cardholder, expiry_month, cvv, iban, amount, provider_reference',
        (row) => [
          orders[row]!.id,
          series('payments', 'card_number')(row),
          `${first(row)} ${last(row)}`,
          dice.between(1, 12),
          dice.digits(3),
          series('payments', 'iban')(row),
          dice.between(1, 999),
          dice.form('pr_????????####'),
        ],
        Math.min(rows, 150),
      ),
    );
  await insert(
    'support_tickets',
    'customer_email, subject, body, tags, opened_at',
    (row) => [
      email(row),
      dice.of(['Delivery', 'Login', 'Invoice']),
      body(row),
      ['billing', 'urgent'],
      '2025-05-06 07:08:09',
    ],
    rows,
  );
  await insert(
    'events',
    'user_id, event_type, session_id, payload, occurred_at',
    (row) => [
      1 + (row % rows),
      dice.of(['click', 'view']),
      series('events', 'request_id')(row),
      JSON.stringify({
        page: dice.of(['/home', '/cart']),
        ms: dice.between(1, 900),
        user: { email: email(row), name: `${first(row)} ${last(row)}` },
        device: { ip: series('users', 'lat') && series('customers', 'last_login_ip')(row) },
      }),
      '2025-03-04 10:00:00+00',
    ],
    rows,
  );
  await insert(
    'products',
    'sku, name, description, price, ean, attributes',
    (row) => [
      dice.form('@@@-####') + row,
      series('products', 'name')(row),
      series('products', 'description')(row),
      dice.between(1, 900),
      series('products', 'ean')(row),
      JSON.stringify({ colour: dice.of(['red', 'blue']), weight: dice.between(1, 90) }),
    ],
    Math.min(rows, 120),
  );
  await insert(
    'mitarbeiter',
    'personalnummer, vorname, nachname, geburtsdatum, gehalt, iban, sozialversicherungsnummer, konfession, abteilung',
    (row) => [
      1000 + row,
      first(row),
      last(row),
      dob(row),
      dice.between(2500, 9000),
      series('payments', 'iban')(row),
      series('mitarbeiter', 'sozialversicherungsnummer')(row),
      dice.of(['rk', 'ev']),
      dice.of(['Einkauf', 'Vertrieb', 'IT']),
    ],
    60,
  );
  await insert(
    'empleados',
    'nombre, apellidos, dni, correo_electronico, fecha_alta',
    (row) => [
      `${first(row)} ${last(row)}`,
      last(row),
      series('usuarios', 'dni')(row),
      email(row),
      '2020-02-03',
    ],
    60,
  );
  await insert(
    'patients',
    'mrn, ssn, name, dob, age, zip, blood_type, primary_diagnosis, insurance_member_id, portrait, home_location',
    (row) => [
      `MRN${100_000 + row}`,
      series('employees', 'ssn')(row),
      `${first(row)} ${last(row)}`,
      dob(row),
      dice.between(1, 99),
      zip(row),
      dice.of(['A+', 'O-']),
      dice.of(['J45.9', 'I10']),
      dice.form('@@#########'),
      '\\x0102',
      '(52.5,13.4)',
    ],
    80,
  );
  await insert(
    'visits',
    'patient_mrn, admitted_at, diagnosis_codes, clinical_notes, vitals',
    (row) => [
      `MRN${100_000 + (row % 80)}`,
      '2025-01-02 03:04:05+00',
      ['J45.9', 'I10'],
      `Patient ${first(row)} ${last(row)} was seen for a cough that has lasted for more than two weeks.`,
      JSON.stringify({
        pulse: dice.between(50, 120),
        systolic: dice.between(90, 160),
        nurse: `${first(row)} ${last(row)}`,
      }),
    ],
    100,
  );
  await insert(
    '"Odd Names"',
    '"Id", "e-mail: address", "__proto__", "Gebühr #1", "yes", "# notes"',
    (row) => [row, email(row), dice.form('????????'), dice.between(1, 9), true, body(row)],
    40,
  );
  await insert(
    'app_logs',
    'logged_at, level, message',
    (row) => ['2025-01-02 03:04:05+00', dice.of(['info', 'warn']), body(row)],
    60,
  );
  await client.query('ANALYZE');
}

type Series = (row: number) => string | null;

/** Every kind of type, of key and of name that a schema may come up with. */
export const ODD_TABLES = `
CREATE DOMAIN email_d AS text; CREATE TYPE mood AS ENUM ('a','it''s # x'); CREATE TYPE addr AS (street text, n int);
CREATE TABLE odd (a int4range, b tsvector, c xml, d money, e bit(4), f varbit, g email_d, h addr, i int[][], j mood[], k mood, l inet[], m cidr, n macaddr8,
 o interval, p time, q timetz, r oid, s name, t "char", u char(3), v bytea, w jsonb[], x json, y point, z polygon, aa numeric(1000,0), ab float4, ac uuid[], ad timestamptz[], ae date[], af boolean[], ag pg_lsn, ah regclass, ai int8multirange, email_addresses text[], ip_list inet[], dob_arr date[], phone bigint, ssn int, salary mood, gps float8[], password bytea, photo jsonb, birth_year int, address jsonb, notes jsonb, secret uuid, id bigint generated always as identity primary key, gen int generated always as (5) stored);
INSERT INTO odd (a,b,c,d,e,g,h,i,j,k,l,m,n,o,x,y,aa,email_addresses,w,address,notes,phone) SELECT '[1,2)', 'x y', '<a/>', 4, B'1010', 'a'||n||'@b.example', '(s,1)'::addr, '{{1,2},{3,4}}', '{a}', 'a', '{10.0.0.1}', '10.0.0.0/8', '08:00:2b:01:02:03:04:05', '1 day', '[1,"a"]', '(1,2)', 12345, ARRAY['q'||n||'@b.example'], ARRAY['{"a":1}'::jsonb], '{"city":"x"}', '"a text"', 4917012345678 + n FROM generate_series(1,40) n;
CREATE TABLE part (id int, region text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE part_a PARTITION OF part FOR VALUES IN ('a'); INSERT INTO part VALUES (1,'a');
CREATE TABLE keyed_date (d date, s text, e mood, b bytea, j uuid, n numeric, ts timestamptz, ip inet, PRIMARY KEY (d,s,e,b,j,n,ts,ip));
CREATE TABLE no_columns ();
CREATE TABLE "Weird ${'${env:HOME}'} ☃" (id int primary key, "${'${file:/etc/passwd}'}" text, "e\\x1b[31mvil" text, "a
b" text);
CREATE SCHEMA "s p"; CREATE TABLE "s p".t (id int primary key, fk int references odd(id), x text);
`;
