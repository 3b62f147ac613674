import { defineCodes } from '../define.ts';

/** 001–049: the source. 050–099: the binlog decoder. */
export const mysqlCodes = defineCodes({
  'RS-MY-001': {
    kind: 'transient',
    title: 'MySQL cannot be reached',
    explain:
      'No connection: host, port, network or server. While running, Rowseal waits and tries again; the binlog keeps the changes.',
    fix: 'check source.url, the network and that the server runs',
  },
  'RS-MY-002': {
    kind: 'auth',
    title: 'MySQL rejected the credentials',
    explain: 'The user or password is wrong, or the account may not come from this host.',
    fix: 'correct source.url and source.password',
  },
  'RS-MY-003': {
    kind: 'auth',
    title: 'the account may not read the binlog',
    explain:
      'Reading the binlog needs REPLICATION SLAVE; asking for its state needs REPLICATION CLIENT (MariaDB: BINLOG MONITOR).',
    fix: 'GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO <account>;',
  },
  'RS-MY-004': {
    kind: 'config',
    title: 'the server writes no binlog',
    explain:
      'Without log_bin there is nothing to read. The setting takes effect after a restart of the server.',
    fix: 'set log_bin = binlog and a server_id in the configuration of the server, then restart it',
  },
  'RS-MY-005': {
    kind: 'config',
    title: 'binlog_format is not ROW',
    explain: 'Other formats log statements, whose effect on rows cannot be known from outside.',
    fix: 'SET PERSIST binlog_format = ROW;   -- MariaDB: SET GLOBAL, and in the configuration file; sessions take it up when they reconnect',
  },
  'RS-MY-006': {
    kind: 'config',
    title: 'binlog_row_image is not FULL',
    explain:
      'Other images leave columns out: the first copy, tables without a key and the history of a row need them.',
    fix: 'SET PERSIST binlog_row_image = FULL;   -- MariaDB: SET GLOBAL, and in the configuration file; sessions take it up when they reconnect',
  },
  'RS-MY-007': {
    kind: 'config',
    title: 'binlog_row_metadata is not FULL',
    explain:
      'The binlog then has no column names. Guessing columns by their place mixes them up as soon as a table is altered.',
    fix: 'SET PERSIST binlog_row_metadata = FULL;   -- MariaDB: SET GLOBAL, and in the configuration file',
  },
  'RS-MY-008': {
    kind: 'config',
    title: 'a table does not exist',
    explain:
      'A table named in source.tables is not on the server, is a view, or is not visible to the account.',
    fix: 'correct source.tables (<database>.<table>), or create the table first',
  },
  'RS-MY-009': {
    kind: 'config',
    title: 'a table has no primary key',
    explain:
      'Its rows cannot be told apart: equal rows are counted, and its first copy is one statement that starts again from the beginning after a stop.',
    fix: 'ALTER TABLE <table> ADD COLUMN id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY INVISIBLE;',
  },
  'RS-MY-010': {
    kind: 'source-lost',
    title: 'the server has removed binlog that was still needed',
    explain:
      'The files after the last sealed position were purged (binlog_expire_logs_seconds, PURGE BINARY LOGS, a full disk). The changes in them cannot be had from this server any more.',
    fix: 'raise binlog_expire_logs_seconds; to go on with a new copy and the gap on record: rowseal accept-gap',
  },
  'RS-MY-011': {
    kind: 'source-lost',
    title: 'the server is another one',
    explain:
      'Its identity is not that of the last sealed position: a failover, a restore or a proxy. With GTIDs a replica can continue exactly, if you say that it may.',
    fix: 'if it replicates from the server before, add its identity to source.accept_servers; otherwise, with a new copy and the gap on record: rowseal accept-gap',
  },
  'RS-MY-012': {
    kind: 'source-lost',
    title: 'the server lacks transactions that are sealed',
    explain:
      'Its GTIDs do not contain all that was read: it was reset or restored, or a failover lost transactions. Its history is not the one in the log.',
    fix: 'point source.url at the server with the whole history; otherwise, with a new copy and the gap on record: rowseal accept-gap',
  },
  'RS-MY-013': {
    kind: 'config',
    title: 'binlog files are kept for less than two days',
    explain: 'A pipeline that is down for longer than that cannot go on without a new copy.',
    fix: "SET PERSIST binlog_expire_logs_seconds = 604800;   -- RDS: CALL mysql.rds_set_configuration('binlog retention hours', 168);",
  },
  'RS-MY-014': {
    kind: 'data',
    title: 'the server sent events in an order that makes no sense',
    explain:
      'Rows outside a transaction, or a commit of none. Nothing after the last sealed position was taken.',
    fix: 'please report it with the server version; a restart reads the stream again from the last sealed position',
  },
  'RS-MY-015': {
    kind: 'auth',
    title: 'the account may not read a table',
    explain: 'The first copy reads the tables with SELECT.',
    fix: 'GRANT SELECT ON <table> TO <account>;',
  },
  'RS-MY-016': {
    kind: 'transient',
    title: 'the connection to MySQL was lost',
    explain:
      'The stream ended in the middle. Rowseal connects again and goes on after the last sealed transaction.',
    fix: 'nothing, unless it repeats: then look at the log of the server',
  },
  'RS-MY-017': {
    kind: 'config',
    title: 'the server certificate could not be verified',
    explain:
      'TLS is on with verification. The certificate is not signed by a trusted authority, or names another host.',
    fix: 'set source.tls.ca_file to the authority of the server, or correct the host name',
  },
  'RS-MY-018': {
    kind: 'config',
    title: 'MySQL refused a statement',
    explain:
      'The server answered with an error that has no code of its own here. Its name is given; its text is withheld because it may quote row values.',
    fix: 'look the name up in the MySQL manual, "Error Messages and Common Problems", and in the log of the server',
  },
  'RS-MY-019': {
    kind: 'transient',
    title: 'the server fell silent',
    explain:
      'Not even heartbeats came: the connection is dead, although nobody closed it. Rowseal connects again.',
    fix: 'nothing, unless it repeats: then look at firewalls and proxies between here and the server',
  },
  'RS-MY-020': {
    kind: 'config',
    title: 'the server is too old',
    explain:
      'Rowseal reads MySQL 8.0.14 and later, and MariaDB 10.5 and later: earlier ones do not log column names.',
    fix: 'upgrade the server',
  },
  'RS-MY-021': {
    kind: 'config',
    title: 'the address of the source is not usable',
    explain: 'source.url must look like mysql://user@host:3306.',
    fix: 'correct source.url',
  },
  'RS-MY-022': {
    kind: 'transient',
    title: 'another reader took the place of this one',
    explain:
      'A server keeps one binlog reader per server_id and ends the older one: a second Rowseal, or a replica, uses the same number.',
    fix: 'set source.server_id to a number that no replica has (SHOW REPLICAS; MariaDB: SHOW SLAVE HOSTS)',
  },
  'RS-MY-023': {
    kind: 'data',
    title: 'a statement was logged instead of its rows',
    explain:
      'A session had set binlog_format to STATEMENT or MIXED. Which rows it changed is not in the binlog, so going on would lose them.',
    fix: 'REVOKE SYSTEM_VARIABLES_ADMIN, SESSION_VARIABLES_ADMIN from application accounts; to go on behind it with a new copy: rowseal accept-gap --force',
  },
  'RS-MY-024': {
    kind: 'transient',
    title: 'a large transaction took back rows that had been read',
    explain:
      'The server logs rows together with a later ROLLBACK or ROLLBACK TO SAVEPOINT when the transaction also did what cannot be rolled back; in MariaDB a temporary table is enough. Rows still in memory are forgotten. Here some were on their way, so nothing of the transaction is sealed, and it is read again without them.',
    fix: 'nothing; to save the second reading, make temporary tables before the transaction begins',
  },
  'RS-MY-025': {
    kind: 'source-lost',
    title: 'a prepared XA transaction ended whose rows were not seen',
    explain:
      'It was prepared before this pipeline began, so its rows lie before the beginning, or before a purge.',
    fix: 'wait until XA RECOVER lists nothing, then, with a new copy and the gap on record: rowseal accept-gap --force',
  },
  'RS-MY-026': {
    kind: 'config',
    title: 'foreign keys change rows that the server does not log',
    explain:
      'ON DELETE and ON UPDATE with CASCADE, SET NULL or SET DEFAULT run inside the storage engine; this server does not write their rows to the binlog, so the child tables would drift.',
    fix: 'use MySQL 9.6 or later, or delete and update the child rows in the application',
  },
  'RS-MY-027': {
    kind: 'data',
    title: 'a row image was not complete',
    explain:
      'A session had set binlog_row_image to MINIMAL or NOBLOB. A new row without some of its columns cannot be known, nor a row without all of them while its table is being copied.',
    fix: 'keep binlog_row_image = FULL in all sessions; to go on behind it with a new copy: rowseal accept-gap --force',
  },
  'RS-MY-028': {
    kind: 'config',
    title: 'a table is of an engine without transactions',
    explain:
      'Its changes are visible before they are in the binlog and survive a rollback. A copy of it is exact only when nobody writes.',
    fix: 'ALTER TABLE <table> ENGINE = InnoDB;',
  },
  'RS-MY-029': {
    kind: 'transient',
    title: 'a table without a primary key was written to at every attempt to copy it',
    explain:
      'Such a table is copied from a view of the server whose place in the binlog must be known exactly. That takes a moment without an unfinished commit to it.',
    fix: 'add a primary key, or start while the table is quiet',
  },
  'RS-MY-030': {
    kind: 'config',
    title: 'the server does not log a database',
    explain: 'binlog_do_db or binlog_ignore_db leaves it out of the binlog.',
    fix: 'remove the filter from the configuration of the server and restart it, or do not capture this database',
  },
  'RS-MY-031': {
    kind: 'config',
    title: 'GTIDs are off',
    explain:
      'The stream can only go on at a file and offset of this very server; after a failover a new copy is needed. A chunk of a copy is then read with FOR SHARE, since the server does not say what it has committed.',
    fix: 'SET PERSIST enforce_gtid_consistency = ON; SET PERSIST gtid_mode = OFF_PERMISSIVE;   -- then ON_PERMISSIVE, then ON',
  },
  'RS-MY-032': {
    kind: 'config',
    title: 'this replica does not log what it replicates',
    explain:
      'log_replica_updates (log_slave_updates) is off, so changes of the primary are not in its binlog.',
    fix: 'set log_replica_updates = ON (MariaDB: log_slave_updates) in the configuration of the server and restart it, or read from the primary',
  },
  'RS-MY-033': {
    kind: 'source-lost',
    title: 'the binlog was begun anew',
    explain:
      'RESET BINARY LOGS (RESET MASTER) or a restore: a file of the name in the last sealed position is not the file that was read.',
    fix: 'to go on with a new copy and the gap on record: rowseal accept-gap',
  },
  'RS-MY-034': {
    kind: 'config',
    title: 'connections end at different servers',
    explain:
      'A proxy or load balancer spreads them. The copy, the catalog and the binlog must come from one server.',
    fix: 'point source.url at one server',
  },
  'RS-MY-035': {
    kind: 'source-lost',
    title: 'the server refused to send the binlog from the sealed position',
    explain: 'It answered with error 1236, whose text is withheld; its log says more.',
    fix: 'look into the log of the server; unless the position can be made available again, with a new copy and the gap on record: rowseal accept-gap --force',
  },
  'RS-MY-036': {
    kind: 'config',
    title: 'prepared XA transactions are open',
    explain: 'Their rows lie in the binlog before the place where this pipeline begins.',
    fix: 'XA RECOVER;   -- then XA COMMIT or XA ROLLBACK each of them before the first start',
  },
  'RS-MY-037': {
    kind: 'config',
    title: 'a server for the demo cannot be had',
    explain:
      "The demo unpacks MySQL or MariaDB out of Debian's archive into a temporary directory. That takes Debian or a relative of it with apt, dpkg-deb and the archive's keyring, and a way to the archive.",
    fix: 'run the demo with Postgres: npm run demo',
  },
  'RS-MY-050': {
    kind: 'data',
    title: 'a binlog event could not be read',
    explain:
      'The bytes of an event do not have the form its type promises. Nothing after the last sealed transaction was taken.',
    fix: 'please report it with the server version; a restart reads the binlog again from the last sealed position',
  },
  'RS-MY-051': {
    kind: 'data',
    title: 'the checksum of a binlog event does not match',
    explain:
      'The event was damaged on the way here or on the disk of the server. Nothing after the last sealed transaction was taken.',
    fix: 'restart; if it repeats, check the file on the server with: mysqlbinlog --verify-binlog-checksum <file>',
  },
  'RS-MY-052': {
    kind: 'config',
    title: 'the binlog does not describe its columns',
    explain:
      'Names, signs and character sets of columns are in the binlog only with binlog_row_metadata=FULL. Changes logged before it was set cannot be read safely.',
    fix: 'SET PERSIST binlog_row_metadata = FULL;   -- MariaDB: SET GLOBAL, and in the configuration file',
  },
  'RS-MY-053': {
    kind: 'schema',
    title: 'a column has a type that is not known',
    explain: 'The server is newer than this Rowseal, or the table was made by an engine of its own.',
    fix: 'leave the table out of source.tables, or upgrade Rowseal',
  },
  'RS-MY-054': {
    kind: 'data',
    title: 'the binlog has an event that is not known',
    explain:
      'Only events that the server marks as ignorable may be skipped; this one is not, so it could hold changes.',
    fix: 'upgrade Rowseal; please report it with the server version',
  },
  'RS-MY-055': {
    kind: 'source-lost',
    title: 'the server could not log some changes',
    explain:
      'The binlog has an incident event: the server lost changes on the way into it, for instance because a disk was full.',
    fix: 'find out on the server what was lost; to go on behind it with a new copy: rowseal accept-gap --force',
  },
  'RS-MY-056': {
    kind: 'config',
    title: 'a compressed part of the binlog is larger than allowed',
    explain:
      'Unpacked, a transaction payload, event or column is over the limit that protects the memory of this process.',
    fix: 'raise source.max_unpacked_bytes, or set binlog_transaction_compression = OFF for the sessions that write so much',
  },
  'RS-MY-057': {
    kind: 'data',
    title: 'a date is in no calendar',
    explain:
      'MySQL can store dates such as 0000-00-00 or 2024-00-10. Warehouses cannot, and source.zero_dates says `error`.',
    fix: 'set source.zero_dates to text or null, or correct the row at the source and, to go on behind the old one with a new copy: rowseal accept-gap --force',
  },
  'RS-MY-058': {
    kind: 'schema',
    title: 'a character set is not known',
    explain:
      'The text of a column cannot be decoded: its collation is new, or its character set has no decoder here.',
    fix: 'convert the column to utf8mb4, or leave the table out of source.tables',
  },
  'RS-MY-059': {
    kind: 'data',
    title: 'a text is not valid in its character set',
    explain:
      'MySQL does not check every way in, so a column can hold bytes that its character set does not have. They are not replaced silently.',
    fix: 'correct the row at the source, or set source.invalid_text to hex',
  },
  'RS-MY-060': {
    kind: 'config',
    title: 'a partial JSON update has no document to apply to',
    explain:
      'binlog_row_value_options=PARTIAL_JSON logs what changed in a document. Without the document in the before image (binlog_row_image=FULL) the new one is not known.',
    fix: "SET GLOBAL binlog_row_value_options = '';   -- or SET GLOBAL binlog_row_image = FULL;",
  },
  'RS-MY-061': {
    kind: 'schema',
    title: 'a date or time is in a format whose width the binlog does not tell',
    explain:
      'MariaDB before 10.0 kept fractions of a second in a format of its own, and still does in tables that were not rebuilt since. The binlog describes such a column like one without a fraction, so where its value ends cannot be known. Without a fraction the old format can be read.',
    fix: 'SET GLOBAL mysql56_temporal_format = ON; ALTER TABLE <table> FORCE;   -- for changes logged before that: rowseal accept-gap --force',
  },
});
