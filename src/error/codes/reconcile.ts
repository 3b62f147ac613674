import { defineCodes } from '../define.ts';

export const reconcileCodes = defineCodes({
  'RS-REC-001': {
    kind: 'config',
    title: 'there is nothing to compare',
    explain:
      'The sink has no bookkeeping where it is configured, or nothing was delivered yet, or it belongs to another pipeline.',
    fix: 'check the sink in the configuration; let `rowseal run` deliver first',
  },
  'RS-REC-002': {
    kind: 'transient',
    title: 'the sink went on while it was read',
    explain:
      'This warehouse cannot be read at one moment, and a batch was delivered meanwhile: rows of two moments cannot be compared.',
    fix: 'stop `rowseal run`, or try again when little is written',
  },
  'RS-REC-003': {
    kind: 'schema',
    title: 'a table is not as the sink made it',
    explain: 'A mirror, or a column of it, is gone or was renamed behind the back of the sink.',
    fix: 'restore it, or empty the sink and fill it again: rowseal audit replay',
  },
  'RS-REC-004': {
    kind: 'config',
    title: 'the sink is ahead of the log',
    explain:
      'The warehouse holds groups that the audit log does not have: the log was rolled back or its end was cut off, or it is another log.',
    fix: 'check audit.dir; rowseal audit verify --head FILE',
  },
  'RS-REC-005': {
    kind: 'transient',
    title: 'a warehouse was not read to its end',
    explain:
      'DuckDB gave fewer rows of a mirror, or of the dead letters, than it counted before, and does not say why: a file that fails or was merged away meanwhile, too little memory, a value that cannot be read. The comparison is given up: rows that did not come are not taken for removed.',
    fix: 'stop `rowseal run` and try again; look at the disk, and raise memory_limit_bytes of the sink',
  },
  'RS-RPL-001': {
    kind: 'config',
    title: 'the target is not empty',
    explain:
      'A replay fills an empty warehouse. This one holds rows that a sink delivered; nothing was changed in it.',
    fix: 'name a fresh target with --into, or empty this one with its bookkeeping',
  },
  'RS-RPL-002': {
    kind: 'config',
    title: 'there is nothing to replay',
    explain: 'The audit log has no group between the given ones.',
    fix: 'check audit.dir, --from and --to',
  },
});
