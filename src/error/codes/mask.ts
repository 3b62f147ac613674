import { defineCodes } from '../define.ts';

export const maskCodes = defineCodes({
  'RS-MASK-001': {
    kind: 'policy',
    title: 'columns have no decision',
    explain:
      'Every column needs a rule: nothing leaves memory by default (deny by default). A column that appears while the pipeline runs is redacted from its first value; at the next start it must be decided.',
    fix: 'add a rule for each column under mask.tables, for example `redact`; or set `undecided: redact`',
  },
  'RS-MASK-002': {
    kind: 'policy',
    title: 'the policy names something that does not exist',
    explain:
      'A rule for a table or column that is not captured protects nothing, and is most often a misspelling.',
    fix: 'correct the name, or remove the rule',
  },
  'RS-MASK-003': {
    kind: 'policy',
    title: 'the policy names an unknown domain',
    explain: 'A column refers to a domain that is not defined under mask.domains.',
    fix: 'define the domain, or correct its name',
  },
  'RS-MASK-004': {
    kind: 'policy',
    title: 'the method would make rows indistinguishable',
    explain:
      'A key column decides which row a change belongs to. Dropped, redacted or partly hidden, different rows would become one in the warehouse. `keep` and `token` keep keys apart.',
    fix: 'use `keep` or `token` for key columns',
  },
  'RS-MASK-005': {
    kind: 'policy',
    title: 'the method does not fit the type of the column',
    explain: '`partial` works on text. A shape or constant must be readable as the type of the column.',
    fix: 'use `redact` or `token`, or a constant that fits',
  },
  'RS-MASK-006': {
    kind: 'config',
    title: 'the mask key is not usable',
    explain: 'A mask key file holds one line: `rowseal-mask-key-v1:` and 32 random bytes in base64.',
    fix: 'make one with: rowseal keys generate',
  },
  'RS-MASK-007': {
    kind: 'bug',
    title: 'a run of rows does not fit its table',
    explain: 'The number of cells is not what the row images promise. Nothing of the run was sealed.',
    fix: 'please report it; a restart reads the stream again from the last sealed position',
  },
});
