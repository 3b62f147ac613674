import { defineCodes } from '../define.ts';

export const configCodes = defineCodes({
  'RS-CFG-001': {
    kind: 'config',
    title: 'the configuration file cannot be read',
    explain: 'The file does not exist or may not be read.',
    fix: 'pass its path with --config FILE',
  },
  'RS-CFG-002': {
    kind: 'config',
    title: 'the configuration is not valid YAML',
    explain: 'The file is YAML 1.2. The place of the first mistake is shown.',
    fix: 'correct the indentation or quoting at the place shown',
  },
  'RS-CFG-003': {
    kind: 'config',
    title: 'the configuration is not valid',
    explain:
      'Unknown options are errors, because a misspelt one would protect nothing. docs/configuration.md lists every option.',
    fix: 'correct the option at the place shown',
  },
  'RS-CFG-004': {
    kind: 'config',
    title: 'a secret is missing',
    explain:
      '`${env:NAME}` and `${file:PATH}` are replaced when the configuration is read. The variable is not set, or the file cannot be read.',
    fix: 'set the variable, or mount the file',
  },
  'RS-CFG-005': {
    kind: 'config',
    title: 'a key file may be read by others',
    explain:
      'Who reads the mask key can undo every token by trying values; who reads the signing key can rewrite history.',
    fix: 'chmod 600 <file>',
  },
  'RS-CFG-006': {
    kind: 'config',
    title: 'a key file cannot be read',
    explain: 'The file does not exist or may not be read by this user.',
    fix: 'make keys with: rowseal keys generate',
  },
  'RS-CFG-007': {
    kind: 'config',
    title: 'the environment weakens the process',
    explain:
      'This variable switches off certificate checks or encryption, or prints or exposes memory. Rowseal holds unmasked rows in memory, so it does not start with it.',
    fix: 'unset the variable',
  },
  'RS-CFG-011': {
    kind: 'config',
    title: 'options changed that only a start reads',
    explain:
      'On SIGHUP the section `mask`, the token and the certificates of `http`, and `log.level` are read again; what source and sinks log in with at each login. What else changed in the file is not in force.',
    fix: 'restart the process for the options named',
  },
  'RS-CFG-012': {
    kind: 'config',
    title: 'two pipelines would share what each needs for itself',
    explain:
      'Name, audit directory, replication slot (or server_id) and the target of each sink belong to one pipeline. With two on one of them either would undo the work of the other.',
    fix: 'give each file of the directory its own',
  },
  'RS-CFG-013': {
    kind: 'config',
    title: 'the pipelines of a directory disagree on their one status page',
    explain:
      'The pipelines of one process have one HTTP server. One file of the directory may have a section `http`, or several the same one.',
    fix: 'leave the section `http` in one of the files',
  },
  'RS-CFG-014': {
    kind: 'config',
    title: 'several files of the configuration directory cannot be used',
    explain:
      'Each is named with the code and the place of its first mistake. The pipelines of a directory are started all or none: what a file that cannot be read would share with the others is not known.',
    fix: 'correct the files named, or move them out of the directory; rowseal check --config FILE checks one',
  },
  'RS-CLI-001': {
    kind: 'usage',
    title: 'the command line is not valid',
    explain: 'A command or option is unknown, or a value is missing.',
    fix: 'rowseal --help',
  },
  'RS-CLI-003': {
    kind: 'usage',
    title: 'the questions were not answered',
    explain: 'The terminal was closed or the command was broken off while it asked. Nothing was written.',
    fix: 'start again, or give the answers as options: rowseal init --help',
  },
  'RS-CLI-002': {
    kind: 'config',
    title: 'a file is in the way',
    explain:
      'Keys are never overwritten: a lost mask key breaks every join with older tokens, a lost signing key ends the log.',
    fix: 'choose another directory, or move the file away',
  },
  'RS-CFG-008': {
    kind: 'config',
    title: 'a module of the mask policy cannot be read',
    explain: 'A `custom` rule names a JavaScript module, relative to the configuration file.',
    fix: 'correct its path',
  },
  'RS-CFG-010': {
    kind: 'config',
    title: 'the configuration file cannot be changed',
    explain: '`mask rotate` raises `mask.key.epoch` in the file. It may be mounted read-only.',
    fix: 'set mask.key.epoch by hand, then give the same command again',
  },
  'RS-CFG-009': {
    kind: 'config',
    title: 'the command for the mask key failed',
    explain:
      '`mask.key.command` runs without a shell and must print the key on its standard output and exit with 0 in time. What it prints on stderr is not shown.',
    fix: 'run the command by hand, and see what it says',
  },
});
