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
      'A key column decides which row a change belongs to. Dropped, redacted or partly hidden, different rows would become one in the warehouse. `keep`, `token`, `reversible`, `fpe` and the identifier shapes keep keys apart; what they cannot take must halt or become a token (`hash`).',
    fix: 'use `keep`, `token`, `reversible` or `fpe` for key columns',
  },
  'RS-MASK-005': {
    kind: 'policy',
    title: 'the method does not fit the type of the column',
    explain:
      'Each method says which types it takes (docs/masking.md has the table), and a shape or constant must be readable as the type of the column.',
    fix: 'use `redact` or `token`, or an option that fits',
  },
  'RS-MASK-006': {
    kind: 'config',
    title: 'the mask key is not usable',
    explain:
      'A mask key, from a file, a variable or a command, is one line: `rowseal-mask-key-v1:` and 32 random bytes in base64.',
    fix: 'make one with: rowseal keys generate',
  },
  'RS-MASK-007': {
    kind: 'bug',
    title: 'a run of rows does not fit its table',
    explain: 'The number of cells is not what the row images promise. Nothing of the run was sealed.',
    fix: 'please report it; a restart reads the stream again from the last sealed position',
  },
  'RS-MASK-008': {
    kind: 'policy',
    title: 'too few possible values for format-preserving encryption',
    explain:
      'Who can try a million values finds the one behind a token. What is left to encrypt, without kept characters and check digits, must have at least 10^6 possibilities (NIST SP 800-38G Rev. 1, draft).',
    fix: 'keep fewer characters, or use `token` or `redact`',
  },
  'RS-MASK-009': {
    kind: 'policy',
    title: 'a path or pattern is not valid',
    explain:
      "Paths are `$`, `.name`, `['name']`, `[*]` and `.*`, each place once. Patterns are RE2 syntax: linear in time, without look-around and back-references.",
    fix: 'correct the path or pattern',
  },
  'RS-MASK-010': {
    kind: 'policy',
    title: 'a value does not fit the method of its column',
    explain:
      'The column says `on_error: halt`, or is part of the row key, where a null would merge rows. The reason is one of docs/masking.md. The value is not shown and was not sealed.',
    fix: 'correct the row at the source, or set `on_error: redact` (key columns: `foreign: hash`, `short: hash`), then restart',
  },
  'RS-MASK-011': {
    kind: 'policy',
    title: 'a mask function cannot be used',
    explain:
      'A custom function lives in one module without imports, exports the function that the policy names, and has the language but no clock, randomness, files or network.',
    fix: 'correct the module, and try it with: rowseal mask test',
  },
  'RS-MASK-012': {
    kind: 'policy',
    title: 'personal data in a column that the policy keeps',
    explain:
      'The leak guard recognised personal data, or the raw value of a masked column of the same row, in a kept column, and its action is `halt` (or the column is part of the row key and cannot be redacted).',
    fix: 'mask the column, or name it under mask.leak_guard.except, then restart',
  },
  'RS-MASK-013': {
    kind: 'policy',
    title: 'a foreign key and its target are masked differently',
    explain:
      'Tokens of the two columns differ for equal values, so joins find nothing. A foreign key without a rule of its own takes the rule and the token space of the column it references.',
    fix: 'give both one domain, or leave out the rule of the referencing column',
  },
  'RS-MASK-014': {
    kind: 'policy',
    title: 'the mask key is another than the one the tables were copied with',
    explain:
      'Tokens made now would not equal those in the warehouse, for the same values. The audit log holds the epoch and the fingerprint of the key that each table was masked with. A new secret needs a new epoch, and the old one is named under mask.key.previous, to turn back and to erase what it masked.',
    fix: 'bring back the key, or move on to the new one: rowseal mask rotate',
  },
  'RS-MASK-015': {
    kind: 'policy',
    title: 'the fixtures of a policy test do not hold',
    explain: 'A fixture says what a value must become, and the policy makes something else of it.',
    fix: 'correct the policy, or the fixture',
  },
  'RS-MASK-016': {
    kind: 'policy',
    title: 'the new policy shows more than the old one',
    explain:
      'With `--no-weaker` a change that makes a column more visible is an error, so that it is reviewed.',
    fix: 'make the listed columns stricter, or accept the change by leaving out --no-weaker',
  },
  'RS-MASK-018': {
    kind: 'policy',
    title: 'the policy of a table is another than the one it was copied with',
    explain:
      'New changes are masked by the new rules. What was delivered before stays as the old rules made it, until the table is copied again.',
    fix: 'rowseal resnapshot --changed',
  },
  'RS-MASK-019': {
    kind: 'policy',
    title: 'the configuration that was read again would show more',
    explain:
      'On SIGHUP a running process takes over a policy that shows as much as the one in force, or less. One that shows more of a column, makes columns joinable, or cannot be compared is refused, as `mask diff --no-weaker` would; the policy in force goes on.',
    fix: 'look at it with `rowseal mask diff OLD NEW --no-weaker`; if it is meant, start with `rowseal run --allow-weaker`',
  },
  'RS-MASK-017': {
    kind: 'auth',
    title: 'the token cannot be turned back',
    explain:
      'Only reversible, fpe, pan, phone, iban, us_ssn and ip tokens have a way back, and only under the key, the rule and the space that made them. All but reversible look alike whatever made them: where the log has values of two rules in one place under one key, neither is turned back, because the other would give a value that looks as good and is wrong.',
    fix: 'name the domain or column that made the token, with the rule that the log has for it and the key of its epoch; where rules are mixed, tokens made after `rowseal mask rotate` can be turned back',
  },
});
