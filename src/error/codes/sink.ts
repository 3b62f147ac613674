import { defineCodes } from '../define.ts';

/** What sinks of every kind may say. */
export const sinkCodes = defineCodes({
  'RS-SINK-001': {
    kind: 'data',
    title: 'a table has more dead letters than allowed',
    explain:
      'Values that the warehouse cannot hold are kept aside as dead letters, masked. There are more of them now than `dead_letters.max_rows` of the sink allows for one table, so this sink stops; the other sinks and the source go on. The batch was rolled back: nothing of it is in the warehouse, everything is in the audit log.',
    fix: 'look at the dead letters of the table; then raise dead_letters.max_rows and restart, or delete those that were dealt with: the sink is tried again by itself',
  },
  'RS-SINK-002': {
    kind: 'policy',
    title: 'a sink would show more of a column than the policy allows',
    explain:
      'The rule that a sink has for a column must be stricter than the policy, or as strict. What one shows and the other hides is compared fact by fact (docs/masking.md), and one does not make up for another: a token of an age hides its digits and shows how often each age occurs.',
    fix: 'choose a rule that shows nothing beyond what the policy shows (redact and drop always fit), or change the policy',
  },
  'RS-SINK-003': {
    kind: 'policy',
    title: 'the rule of a sink cannot be made of what is sealed',
    explain:
      'Sinks are fed from the audit log, which has masked values only. Of a kept column every rule can be made; of a masked one those that need nothing but the masked value: drop, redact, a token, and partial, round and dates that are coarser still.',
    fix: 'choose one of these, or keep the column in the policy and mask it in every sink',
  },
  'RS-SINK-004': {
    kind: 'policy',
    title: 'a sink would lose the row key',
    explain:
      'A sink finds rows by their key: its columns cannot be left out, and their rule must keep different values apart.',
    fix: 'leave the key column out of the list, or choose token, fpe or another method that keeps keys apart',
  },
  'RS-SINK-005': {
    kind: 'config',
    title: 'the mask key of an earlier epoch is missing for a sink',
    explain:
      'The sink has rules with a key, and rows to deliver that were masked under an earlier key. To make the same tokens as before it needs that one.',
    fix: 'name the secret under mask.key.previous, or copy the table again: rowseal resnapshot --table <schema>.<table>',
  },
});
