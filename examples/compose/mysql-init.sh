#!/bin/sh
# Run once by the MySQL image, when its volume is new: tables, a few rows, and what Rowseal may do.
set -eu
MYSQL_PWD="$MYSQL_ROOT_PASSWORD" mysql -u root shop <<SQL
CREATE TABLE customers (id int PRIMARY KEY, email varchar(200), full_name varchar(200), phone varchar(40), city varchar(100));
CREATE TABLE orders (id int PRIMARY KEY, customer_email varchar(200), total decimal(10,2));
INSERT INTO customers VALUES (1, 'ada@example.com', 'Ada', '555-0199', 'Cork');
INSERT INTO orders VALUES (7, 'ada@example.com', 12.50);
CREATE USER 'rowseal'@'%' IDENTIFIED BY '$ROWSEAL_SOURCE_PASSWORD';
GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO 'rowseal'@'%';
GRANT SELECT ON shop.* TO 'rowseal'@'%';
SQL
