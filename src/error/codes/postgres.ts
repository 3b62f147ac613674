import { defineCodes } from '../define.ts';

export const postgresCodes = defineCodes({
  'RS-PG-001': {
    kind: 'transient',
    title: 'Postgres cannot be reached',
    explain:
      'No connection: host, port, network or server. While running, Rowseal waits and tries again; the slot keeps the changes.',
    fix: 'check source.url, the network and that the server runs',
  },
  'RS-PG-002': {
    kind: 'auth',
    title: 'Postgres rejected the credentials',
    explain:
      'The user or password is wrong, or pg_hba.conf has no line for this user, database and host (a `replication` line is not needed for logical replication, a database line is).',
    fix: 'correct source.url and source.password',
  },
  'RS-PG-003': {
    kind: 'auth',
    title: 'the role may not replicate',
    explain:
      "Reading a replication slot needs the REPLICATION attribute (or the provider's replication role).",
    fix: 'ALTER ROLE <role> REPLICATION;   -- RDS: GRANT rds_replication TO <role>;',
  },
  'RS-PG-004': {
    kind: 'config',
    title: 'wal_level is not logical',
    explain:
      'Without logical WAL the server cannot decode changes. The setting takes effect after a restart of the server.',
    fix: "ALTER SYSTEM SET wal_level = 'logical';   -- then restart Postgres",
  },
  'RS-PG-005': {
    kind: 'config',
    title: 'no replication slot or WAL sender is free',
    explain:
      'The server has a fixed number of each (max_replication_slots, max_wal_senders); all are in use.',
    fix: 'drop unused slots (SELECT * FROM pg_replication_slots), or raise the limits and restart Postgres',
  },
  'RS-PG-006': {
    kind: 'config',
    title: 'a table does not exist',
    explain: 'A table named in source.tables is not in the database, or is not visible to the role.',
    fix: 'correct source.tables, or create the table first',
  },
  'RS-PG-007': {
    kind: 'config',
    title: 'a table has no replica identity',
    explain:
      'Without a primary key and with REPLICA IDENTITY DEFAULT or NOTHING, Postgres would reject every UPDATE and DELETE on a published table: the application would break.',
    fix: 'add a primary key, or: ALTER TABLE <table> REPLICA IDENTITY FULL;',
  },
  'RS-PG-008': {
    kind: 'source-lost',
    title: 'the replication slot is gone',
    explain:
      'The slot this pipeline reads does not exist (dropped, or lost in a failover). Changes since the last sealed position cannot be read from it.',
    fix: 'find out who dropped it; to go on with a new copy and the gap on record: rowseal accept-gap',
  },
  'RS-PG-009': {
    kind: 'source-lost',
    title: 'the replication slot is ahead of the audit log',
    explain:
      'The slot was confirmed beyond the last sealed position: it was created again, read by somebody else, or the audit directory is an old copy. What lies between would be missing.',
    fix: 'restore the newest audit directory if it is an old copy; otherwise, with a new copy and the gap on record: rowseal accept-gap',
  },
  'RS-PG-010': {
    kind: 'source-lost',
    title: 'the server is another one',
    explain:
      'The system identifier or the timeline is not that of the last sealed position: another cluster, a restore or a promoted standby. After a failover the stream goes on only with source.failover_slot, and only if the new primary has everything that was sealed (synchronized_standby_slots sees to that).',
    fix: 'point source.url at the server this log was begun with; otherwise, with a new copy and the gap on record: rowseal accept-gap',
  },
  'RS-PG-011': {
    kind: 'config',
    title: 'WAL retention is unlimited',
    explain: 'While Rowseal is down the slot keeps WAL until the disk of the database is full.',
    fix: "ALTER SYSTEM SET max_slot_wal_keep_size = '20GB'; SELECT pg_reload_conf();",
  },
  'RS-PG-012': {
    kind: 'transient',
    title: 'the replication slot is in use',
    explain:
      'Another connection reads the slot: an older process that has not ended yet, or a second Rowseal.',
    fix: 'stop the other reader; Rowseal goes on as soon as the slot is free',
  },
  'RS-PG-013': {
    kind: 'config',
    title: 'the slot exists but this audit log has sealed nothing from it',
    explain:
      'A slot of this name belongs to another pipeline or to a lost audit directory. Using it would begin in the middle of a history.',
    fix: "choose another source.slot, or drop it: SELECT pg_drop_replication_slot('<slot>');",
  },
  'RS-PG-014': {
    kind: 'data',
    title: 'the server sent something that is not pgoutput version 1',
    explain:
      'A message of the replication stream could not be read. Nothing after the last sealed position was taken.',
    fix: 'please report it with the server version; a restart reads the stream again from the last sealed position',
  },
  'RS-PG-015': {
    kind: 'auth',
    title: 'the role may not read a table',
    explain: 'The first copy reads the tables with SELECT.',
    fix: 'GRANT SELECT ON <table> TO <role>;',
  },
  'RS-PG-016': {
    kind: 'transient',
    title: 'the connection to Postgres was lost',
    explain:
      'The stream ended in the middle. Rowseal connects again and goes on after the last sealed transaction.',
    fix: 'nothing, unless it repeats: then look at the log of the server and at wal_sender_timeout',
  },
  'RS-PG-017': {
    kind: 'config',
    title: 'the server certificate could not be verified',
    explain:
      'TLS is on with verification, and the certificate is not signed by an authority that is trusted, or was revoked; or the handshake failed.',
    fix: 'set source.tls.ca_file to the authority of the server',
  },
  'RS-PG-018': {
    kind: 'config',
    title: 'Postgres refused a statement',
    explain:
      'The server answered with an error that has no code of its own here. Its SQLSTATE is given; its text is withheld because it may quote row values.',
    fix: 'look the SQLSTATE up in the PostgreSQL manual, Appendix A, and in the log of the server',
  },
  'RS-PG-019': {
    kind: 'source-lost',
    title: 'the server has removed WAL that the slot needed',
    explain:
      'The slot fell further behind than max_slot_wal_keep_size and was invalidated. The changes are gone from the server.',
    fix: 'raise max_slot_wal_keep_size; to go on with a new copy and the gap on record: rowseal accept-gap',
  },
  'RS-PG-020': {
    kind: 'config',
    title: 'the database does not exist',
    explain: 'The server knows no database of this name.',
    fix: 'correct the database in source.url',
  },
  'RS-PG-021': {
    kind: 'config',
    title: 'the publication does not cover the tables',
    explain:
      'The publication exists but does not publish every configured table, or not every operation. Its changes would be missing without a word.',
    fix: 'ALTER PUBLICATION <publication> SET TABLE <tables>; or choose another source.publication',
  },
  'RS-PG-022': {
    kind: 'config',
    title: 'the server is too old',
    explain: 'Rowseal reads PostgreSQL 14 and later.',
    fix: 'upgrade the server',
  },
  'RS-PG-023': {
    kind: 'config',
    title: 'the address of the source is not usable',
    explain:
      'source.url looks like postgres://user@host:5432/database. Several hosts and parameters of libpq may be in it; what it does not say is taken from the service it names and from the PG… variables.',
    fix: 'correct source.url',
  },
  'RS-PG-024': {
    kind: 'transient',
    title: 'a table that is being copied has lost its key',
    explain:
      'The primary key or replica identity was dropped while the table was copied by it. The copy begins again, as of a table without a key.',
    fix: 'nothing; a table with a primary key is copied without the stream having to wait',
  },
  'RS-PG-025': {
    kind: 'transient',
    title: 'a table was rewritten while its copy began',
    explain:
      'ALTER TABLE, TRUNCATE, CLUSTER or VACUUM FULL made a new file for a table without a key between the snapshot and its copy. To the snapshot the table may look empty, so another one is taken.',
    fix: 'nothing; Rowseal tries again',
  },
  'RS-PG-026': {
    kind: 'transient',
    title: 'the replication slot is about to be lost',
    explain:
      'The slot is so far behind that the server will soon remove WAL it needs (max_slot_wal_keep_size). After that a new copy is needed, and a part of the history is missing.',
    fix: 'see why sealing is behind; meanwhile raise max_slot_wal_keep_size and SELECT pg_reload_conf()',
  },
  'RS-PG-027': {
    kind: 'config',
    title: 'updates of a table would be rejected',
    explain:
      'Its replica identity contains a generated column that the publication does not publish. PostgreSQL 18 refuses every UPDATE and DELETE of such a table: the application would break.',
    fix: 'ALTER PUBLICATION <publication> SET (publish_generated_columns = stored); or use a primary key: ALTER TABLE <table> REPLICA IDENTITY DEFAULT;',
  },
  'RS-PG-028': {
    kind: 'data',
    title: 'partitions were attached, detached or emptied',
    explain:
      'Rows came into the table, or left it, with their partition. The server tells nobody of that: sinks do not have them, or still do.',
    fix: 'rowseal resnapshot --table <table>',
  },
  'RS-PG-029': {
    kind: 'config',
    title: 'the database has no character set',
    explain:
      'Its encoding is SQL_ASCII: text may hold any bytes, and what they mean is not known. Read as UTF-8 they would be damaged without a word.',
    fix: 'create a database with an encoding, for example UTF8, and move the data there',
  },
  'RS-PG-030': {
    kind: 'schema',
    title: 'a captured table was renamed',
    explain:
      'The table that this pipeline captured goes on under another name, which source.tables does not have. Its changes would be missing without a word.',
    fix: 'put the new name in source.tables and mask.tables, then start again: the table is copied under its new name',
  },
  'RS-PG-031': {
    kind: 'config',
    title: 'the publication leaves rows or columns out',
    explain:
      'It has a row filter or a column list for a captured table: the stream would tell less than the copy. Leave out columns with `drop` in the mask policy.',
    fix: 'ALTER PUBLICATION <publication> SET TABLE <tables> without WHERE and column lists',
  },
  'RS-PG-032': {
    kind: 'config',
    title: 'this server has no failover slots',
    explain: 'source.failover_slot needs PostgreSQL 17, where standbys keep a copy of a slot.',
    fix: 'remove source.failover_slot, or upgrade the server',
  },
  'RS-PG-033': {
    kind: 'data',
    title: 'columns changed their type while nothing was read',
    explain:
      'ALTER TABLE … TYPE changes every row, and the server tells nobody of that. While Rowseal runs it copies such a table again; what happened before its start it only sees.',
    fix: 'rowseal resnapshot --table <table>',
  },
  'RS-PG-034': {
    kind: 'config',
    title: 'the server does not offer TLS',
    explain:
      'source.tls.mode asks for an encrypted connection (the default for every host but the loopback interface), and the server has `ssl` off.',
    fix: 'switch `ssl` on at the server; or, where the network is trusted, set source.tls.mode: disable',
  },
  'RS-PG-035': {
    kind: 'transient',
    title: 'Postgres could not do it just now',
    explain:
      'A deadlock, a cancelled statement, no connection or WAL sender free, no memory or no disk at the server, an internal error of it: nothing that is wrong with what was asked. Rowseal tries again; its SQLSTATE is given. One that does not pass: a slot that the server itself cannot decode any more (XX000 of the replication stream, and of pg_logical_slot_peek_binary_changes too). Nobody can read on in it; drop it, and the gap goes on record.',
    fix: 'nothing, unless it repeats: then look at the log of the server',
  },
  'RS-PG-040': {
    kind: 'auth',
    title: 'the role may not create the publication',
    explain:
      'A publication is created by a role that has CREATE on the database and owns every table in it. A role that only reads needs neither: let the owner of the tables, or a superuser, create it once, and Rowseal uses what is there.',
    fix: 'as their owner: CREATE PUBLICATION <name> FOR TABLE <tables>;',
  },
  'RS-PG-041': {
    kind: 'config',
    title: 'the server certificate is for another host',
    explain:
      'sslmode verify-full: the certificate is signed by a trusted authority, but does not name the host in source.url. An address counts only where the certificate has it as an address.',
    fix: 'use the name that the certificate has in source.url: openssl s_client -starttls postgres -connect HOST:PORT shows it',
  },
  'RS-PG-042': {
    kind: 'config',
    title: 'the server certificate is not valid at this time',
    explain: 'It has expired or is not valid yet, or the clock of this machine is wrong.',
    fix: 'renew the certificate of the server and SELECT pg_reload_conf(); or set the clock',
  },
  'RS-PG-043': {
    kind: 'auth',
    title: 'the server wants another client certificate',
    explain:
      'pg_hba.conf asks for a certificate (cert, or clientcert=…) and none was given, or the one given is not signed by the authority of ssl_ca_file, has expired, or was revoked.',
    fix: 'set source.tls.cert_file and source.tls.key_file to a certificate that the server trusts',
  },
  'RS-PG-044': {
    kind: 'config',
    title: 'the client certificate or its key cannot be used',
    explain:
      'They are not PEM, do not belong together, or the key is encrypted and source.tls.key_password is missing or wrong.',
    fix: 'check them: openssl x509 -in CERT -noout -subject -dates; openssl pkey -in KEY -noout',
  },
  'RS-PG-045': {
    kind: 'transient',
    title: 'no server is what target_session_attrs asks for',
    explain:
      'Servers in source.url could be reached, and none is of the kind that is asked for (primary, where several are named and nothing else is said). In the middle of a failover that is so for a while; Rowseal tries again.',
    fix: 'nothing while a standby is being promoted; otherwise correct the hosts or target_session_attrs in source.url',
  },
  'RS-PG-046': {
    kind: 'transient',
    title: 'the server is a standby',
    explain:
      'Rowseal reads from a primary: marks of copies are written to the WAL. A standby that is being promoted is one soon; Rowseal tries again.',
    fix: 'name the primary in source.url, or all servers with target_session_attrs=primary',
  },
  'RS-PG-047': {
    kind: 'auth',
    title: 'the server does not bind the password to the connection',
    explain:
      'channel_binding=require, and the server logs in without SCRAM-SHA-256-PLUS: the password is stored as MD5, pg_hba.conf has another method, TLS is off, or something between ends the TLS connection. No password was sent.',
    fix: "SET password_encryption = 'scram-sha-256' and set the password again, with method scram-sha-256 in pg_hba.conf; or leave channel_binding at prefer",
  },
  'RS-PG-048': {
    kind: 'config',
    title: 'the connection service cannot be used',
    explain:
      'A service is looked for in PGSERVICEFILE or ~/.pg_service.conf, then in PGSYSCONFDIR/pg_service.conf. Each is a section [name] with lines name=value, without spaces around the sign.',
    fix: 'correct service= in source.url or PGSERVICE, or the file at the place shown',
  },
  'RS-PG-050': {
    kind: 'transient',
    title: 'a transaction that came before its end could not be kept',
    explain:
      'With source.streaming the server sends large transactions before their end. Until then they are kept, encrypted, in nameless files beside the audit log, as large as the transactions. Writing or reading one failed, or would have left less than `audit.min_free_bytes` free, or the log needed the space. Nothing is lost: the stream is read again from the last sealed place, and until the next start the server keeps such transactions.',
    fix: 'see that the disk of the audit directory has room for the largest transactions; or set source.streaming: false',
  },
  'RS-PG-051': {
    kind: 'config',
    title: 'this server cannot leave out replicated changes',
    explain:
      'source.origin: none needs PostgreSQL 16. An older server would send changes that came to it by replication too.',
    fix: 'remove source.origin, or upgrade the server',
  },
  'RS-PG-052': {
    kind: 'config',
    title: 'partitions log less of a row than their table says',
    explain:
      'ALTER TABLE … REPLICA IDENTITY of a partitioned table does not go down to its partitions, also not to those that are made later. The server sends old rows as the table has them: of a partition with another identity, columns that it did not log come as NULL, and nobody can tell them from values. Of a table with a primary key Rowseal takes the key alone from such a row; without one it stops.',
    fix: 'ALTER TABLE <partition> REPLICA IDENTITY FULL;   -- of each partition, and when one is made',
  },
});
