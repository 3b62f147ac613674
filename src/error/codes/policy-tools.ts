import { defineCodes } from '../define.ts';

/** Of `preview`, `mask test`, `mask explain` and `mask diff`. */
export const policyToolCodes = defineCodes({
  'RS-MASK-030': {
    kind: 'config',
    title: 'a fixture file cannot be used',
    explain:
      'Fixtures are YAML: per table the column types, and cases of input and expected cells. docs/mask-testing.md lists every option; unknown ones are errors, because a misspelt check would check nothing.',
    fix: 'correct the fixture at the place shown',
  },
  'RS-MASK-031': {
    kind: 'usage',
    title: 'raw values are shown to a person only',
    explain:
      '`preview --reveal` prints values as they are in the source. It does so on a terminal, never into a file, a pipe or JSON, where they would stay.',
    fix: 'leave out --reveal, or run it on a terminal without --json',
  },
  'RS-MASK-032': {
    kind: 'usage',
    title: 'git has no such version of the configuration',
    explain:
      '`mask diff --git REV` reads the configuration, and modules that it names, as they were committed at a revision.',
    fix: 'name a revision that holds the file, for example `--git origin/main`; a shallow clone needs `git fetch`',
  },
  'RS-MASK-033': {
    kind: 'config',
    title: 'the mask key is the published test key',
    explain:
      'The key of `mask test --test-key` is in the source code of Rowseal: whoever has it can undo every token by trying values.',
    fix: 'make a key of your own with: rowseal keys generate',
  },
});
