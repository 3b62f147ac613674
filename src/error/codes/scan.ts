import { defineCodes } from '../define.ts';

export const scanCodes = defineCodes({
  'RS-SCAN-001': {
    kind: 'config',
    title: 'there is no table to look at',
    explain:
      'Only tables that the role may read are seen. Patterns are names with or without their schema, `*` standing for any characters: `public.*`, `customers`.',
    fix: 'correct --tables and --exclude, or GRANT SELECT on the tables to the role',
  },
  'RS-SCAN-002': {
    kind: 'config',
    title: 'there is a configuration already',
    explain:
      'A policy that was reviewed is worth more than a proposal, so it is not overwritten by accident.',
    fix: 'look at the proposal with --dry-run, write it elsewhere with --config FILE, or overwrite with --force',
  },
  'RS-SCAN-003': {
    kind: 'bug',
    title: 'the proposed policy does not hold',
    explain:
      'Every proposal is compiled against the schema it was made for before it is written. This one did not compile, and nothing was written.',
    fix: 'please report it with the detail shown; it names columns and types, no values',
  },
  'RS-SCAN-004': {
    kind: 'auth',
    title: 'a password is needed',
    explain:
      'The server wants a password and none was given. It is never written into the configuration, which names where it comes from.',
    fix: 'set ROWSEAL_SOURCE_PASSWORD, or name a file with --password-file FILE',
  },
  'RS-SCAN-005': {
    kind: 'config',
    title: 'a file cannot be written',
    explain: 'The directory does not exist or may not be written to.',
    fix: 'choose another place with --config FILE',
  },
});
