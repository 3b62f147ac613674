import { defineCodes } from '../define.ts';

export const postgresSinkCodes = defineCodes({
  'RS-PGS-001': {
    kind: 'transient',
    title: 'the Postgres of the sink cannot be reached',
    explain:
      'The server of the sink does not answer at its address, or is starting up. Rowseal tries again; the audit log keeps what is to be delivered.',
    fix: 'check host and port of the sink, and that the server accepts connections from here',
  },
  'RS-PGS-002': {
    kind: 'auth',
    title: 'the Postgres of the sink refuses the login',
    explain: 'User, password or pg_hba.conf of the target server do not let this role in.',
    fix: 'check user and password of the sink, and pg_hba.conf of its server',
  },
  'RS-PGS-003': {
    kind: 'config',
    title: 'the bookkeeping in the target database belongs to another pipeline',
    explain: 'One bookkeeping schema serves one pipeline. Two pipelines with one would overwrite each other.',
    fix: 'give this sink a `state_schema` or a database of its own',
  },
  'RS-PGS-004': {
    kind: 'config',
    title: 'a newer writer has taken over the target database',
    explain:
      'The target was opened under a higher epoch since, or its cursor is not where this batch begins: this process is the older one and may not write any more. Its transaction was rolled back.',
    fix: 'stop this process',
  },
  'RS-PGS-005': {
    kind: 'schema',
    title: 'a table of that name is there already and is not ours',
    explain: 'The target has a table that this sink did not create. Rowseal does not write into it.',
    fix: 'rename or drop that table, or set `schema_prefix` of the sink',
  },
  'RS-PGS-006': {
    kind: 'transient',
    title: 'the Postgres of the sink could not finish the work',
    explain:
      'The connection was lost, the server stopped or became a standby, its disk is full, or a lock was not to be had in time. Whether the transaction was committed is read from the cursor when the sink is opened again; nothing is applied twice.',
    fix: 'nothing to mend if it passes; otherwise look at the log of the target server',
  },
  'RS-PGS-007': {
    kind: 'bug',
    title: 'Postgres refused a statement of the sink',
    explain:
      'A statement that should always work did not. Its text and the reason are withheld because they may quote values.',
    fix: 'please report it with the SQLSTATE and the table definition; the batch was rolled back and stays in the audit log',
  },
  'RS-PGS-008': {
    kind: 'auth',
    title: 'the role of the sink lacks a privilege',
    explain:
      'The role creates schemas and tables in the target database, owns them, and needs temporary tables for rows with unchanged cells.',
    fix: 'GRANT CREATE, TEMPORARY ON DATABASE <database> TO <role>, and let the role own the schemas it writes into',
  },
  'RS-PGS-009': {
    kind: 'config',
    title: 'the TLS connection to the sink cannot be trusted',
    explain: 'The certificate of the target server does not stand up to the chosen mode.',
    fix: 'set tls.ca_file of the sink to the authority that signed it, and use the host name that the certificate names',
  },
  'RS-PGS-010': {
    kind: 'schema',
    title: 'a table of the sink was changed behind its back, or something depends on it',
    explain:
      'A column or table that the sink made is gone or has rules of its own, or a view depends on a column that the source dropped or retyped. The change was rolled back; this sink stops.',
    fix: 'drop what depends on the table (views, constraints, triggers), undo changes to it, and restart',
  },
  'RS-PGS-011': {
    kind: 'config',
    title: 'the URL of the Postgres sink is not one',
    explain: 'A URL of the form postgres://user@host:5432/database is needed, without query parameters.',
    fix: 'correct `url` of the sink; TLS and password have options of their own',
  },
  'RS-PGS-012': {
    kind: 'config',
    title: 'the Postgres of the sink cannot serve as a target',
    explain:
      'The sink needs PostgreSQL 16 or newer (pg_input_is_valid tells which value a type does not hold) that accepts writes.',
    fix: 'upgrade the target server, or name its primary',
  },
  'RS-PGS-013': {
    kind: 'data',
    title: 'two rows of a table have the same key',
    explain:
      'The mirror has a primary key, and the batch brings a second row with a key that is taken. The mask of a key column makes one value of two, or somebody wrote into the mirror. The batch was rolled back; this sink stops.',
    fix: 'choose a method that keeps keys apart (token, fpe, keep), then copy the table again: rowseal resnapshot --table <schema>.<table>',
  },
});
