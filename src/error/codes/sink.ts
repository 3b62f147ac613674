import { defineCodes } from '../define.ts';

/** What sinks of every kind may say. */
export const sinkCodes = defineCodes({
  'RS-SINK-001': {
    kind: 'data',
    title: 'a table has more dead letters than allowed',
    explain:
      'Values that the warehouse cannot hold are kept aside as dead letters, masked. There are more of them now than `dead_letters.max_rows` of the sink allows for one table, so this sink stops; the other sinks and the source go on. The batch was rolled back: nothing of it is in the warehouse, everything is in the audit log.',
    fix: 'look at the dead letters of the table; then raise dead_letters.max_rows, or delete those that were dealt with, and restart',
  },
});
