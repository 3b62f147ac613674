import { defineCodes } from '../define.ts';

/** 001–049: the source. 050–099: the binlog decoder. */
export const mysqlCodes = defineCodes({
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
    fix: 'find out on the server what was lost; going on needs a new copy, which leaves a gap on record',
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
    fix: 'set source.zero_dates to text or null, or correct the row at the source and take a new copy',
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
});
