#!/bin/sh
# Run once by the Postgres image, when its volume is new: tables, a few rows, and what Rowseal may do.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$ROWSEAL_SOURCE_PASSWORD" -U "$POSTGRES_USER" -d shop <<'SQL'
CREATE TABLE customers (id int PRIMARY KEY, email text, full_name text, phone text, city text);
CREATE TABLE orders (id int PRIMARY KEY, customer_email text, total numeric(10,2));
INSERT INTO customers VALUES (1, 'ada@example.com', 'Ada', '555-0199', 'Cork');
INSERT INTO orders VALUES (7, 'ada@example.com', 12.50);
CREATE ROLE rowseal LOGIN REPLICATION PASSWORD :'password';
GRANT SELECT ON customers, orders TO rowseal;
CREATE PUBLICATION rowseal_shop FOR TABLE customers, orders;
SQL
