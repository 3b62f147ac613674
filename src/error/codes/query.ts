import { defineCodes } from '../define.ts';

/** Of `rowseal query` and of snapshots. */
export const queryCodes = defineCodes({
  'RS-QRY-001': {
    kind: 'usage',
    title: 'only one SELECT is answered',
    explain:
      'The warehouse file is served for reading: one SELECT (also FROM, VALUES, WITH, DESCRIBE, SHOW, SUMMARIZE), without functions that read files, change settings or touch the engine. Everything else is refused before it runs.',
    fix: 'ask with one SELECT over the tables of the file; to work with files or settings, open a snapshot with a DuckDB of your own (docs/duckdb.md)',
  },
  'RS-QRY-002': {
    kind: 'usage',
    title: 'the query failed',
    explain: 'DuckDB could not answer the query; its own words follow. Nothing was changed.',
    fix: 'correct the query; `rowseal query "show all tables"` lists what there is',
  },
  'RS-QRY-003': {
    kind: 'usage',
    title: 'the query took longer than it may',
    explain:
      'Queries share the machine with the delivery and have a time limit. The query was stopped; nothing was changed.',
    fix: 'ask for less, raise query.time_limit_ms of the sink, or query a snapshot (docs/duckdb.md)',
  },
  'RS-QRY-004': {
    kind: 'usage',
    title: 'the query needs more memory or temporary space than it may have',
    explain:
      'Queries have read_memory_bytes of memory and query.temp_limit_bytes of disk beside the warehouse file. The query was stopped; nothing was changed.',
    fix: 'ask for less, raise read_memory_bytes or query.temp_limit_bytes of the sink, or query a snapshot (docs/duckdb.md)',
  },
  'RS-QRY-005': {
    kind: 'config',
    title: 'the warehouse is open in another process that does not answer queries',
    explain:
      'DuckDB lets one process own a file. Rowseal serves queries on a socket beside the file; nobody answers there, and the file cannot be opened.',
    fix: 'set query.enabled of the sink and restart `rowseal run`, or close the other program that has the file open',
  },
  'RS-QRY-006': {
    kind: 'config',
    title: 'there is no warehouse to query',
    explain:
      '`rowseal query` reads DuckDB sinks. The configuration has none of them, several, or not this one.',
    fix: 'name a DuckDB sink with --sink',
  },
  'RS-QRY-007': {
    kind: 'auth',
    title: 'the query socket is not ours',
    explain:
      'The socket beside the warehouse belongs to another user, so whoever listens there may not be Rowseal. The query was not sent.',
    fix: 'run `rowseal query` as the user that runs `rowseal run`, and look who made the socket',
  },
  'RS-QRY-008': {
    kind: 'transient',
    title: 'the warehouse cannot be queried just now',
    explain:
      'The sink is not open (it is starting, stopping or waiting after an error), too many queries wait, or the process ended while it answered.',
    fix: 'try again; `rowseal status` says how the sink is',
  },
  'RS-QRY-009': {
    kind: 'config',
    title: 'queries cannot be served',
    explain:
      'The socket beside the warehouse file could not be made. Delivery goes on; `rowseal query` has nobody to ask.',
    fix: 'set query.socket of the sink to a short path in a directory of this user, or query.enabled: false',
  },
  'RS-QRY-010': {
    kind: 'transient',
    title: 'a snapshot of the warehouse could not be published',
    explain:
      'Delivery goes on, and the snapshot before stays the current one. It is tried again after snapshots.interval_ms.',
    fix: 'look at the space and the permissions of the snapshot directory; for wide tables raise read_memory_bytes of the sink',
  },
});
