import { defineCodes } from '../define.ts';

export const duckdbCodes = defineCodes({
  'RS-DUCK-001': {
    kind: 'config',
    title: 'the DuckDB file cannot be opened',
    explain:
      'The file is not a DuckDB database, was written by a newer version, or may not be read or written by this user.',
    fix: 'check the path of the sink and its permissions; for a new target choose a path that does not exist',
  },
  'RS-DUCK-002': {
    kind: 'transient',
    title: 'the DuckDB file is open in another process',
    explain:
      'DuckDB lets one process own a file, even for reading. Rowseal waits and tries again; the audit log keeps what is to be delivered.',
    fix: 'close the other program (a DuckDB shell, a notebook); to query while Rowseal runs, use `rowseal query` or snapshots (docs/duckdb.md)',
  },
  'RS-DUCK-003': {
    kind: 'config',
    title: 'the DuckDB file belongs to another pipeline',
    explain:
      'The bookkeeping in the file names another pipeline. Two pipelines in one file would overwrite each other.',
    fix: 'give this sink a file of its own',
  },
  'RS-DUCK-004': {
    kind: 'config',
    title: 'a newer writer has taken over the DuckDB file',
    explain:
      'The file was opened under a higher epoch since: this process is the older one and may not write any more.',
    fix: 'stop this process',
  },
  'RS-DUCK-005': {
    kind: 'schema',
    title: 'a table of that name is there already and is not ours',
    explain: 'The target has a table that this sink did not create. Rowseal does not write into it.',
    fix: 'rename or drop that table, or deliver into another file',
  },
  'RS-DUCK-006': {
    kind: 'transient',
    title: 'DuckDB could not write',
    explain:
      'The disk is full or failing, or the memory limit is too small for the batch. The transaction was rolled back; Rowseal tries again.',
    fix: 'free disk space next to the file, or raise memory_limit_bytes of the sink',
  },
  'RS-DUCK-007': {
    kind: 'bug',
    title: 'DuckDB refused a statement of the sink',
    explain:
      'A statement that should always work did not. Its text and the reason are withheld because they may quote values.',
    fix: 'please report it with the table definition; the batch was rolled back and stays in the audit log',
  },
});
