import { defineCodes } from '../define.ts';

const look = 'compare with a copy or backup of the directory; the place shown is the first that does not fit';

/** What `audit verify` finds. Each finding names file, offset and record where it can. */
export const auditVerifyCodes = defineCodes({
  'RS-AUD-020': {
    kind: 'integrity',
    title: 'bytes were changed',
    explain:
      'A frame, record, row image, leaf or header is not what its checksum, hash or canonical form says.',
    fix: look,
  },
  'RS-AUD-021': {
    kind: 'integrity',
    title: 'the order is broken',
    explain:
      'Records, leaves or segments do not follow one another: something was removed, inserted, repeated or moved.',
    fix: look,
  },
  'RS-AUD-022': {
    kind: 'integrity',
    title: 'the log is truncated or rolled back',
    explain: 'Something signed or pinned says that there was more than is there now.',
    fix: 'restore the newest copy of the directory; the missing part is named by its numbers',
  },
  'RS-AUD-023': {
    kind: 'integrity',
    title: 'a file belongs to another log or table',
    explain: 'The origin in the file is not that of the place it lies in.',
    fix: look,
  },
  'RS-AUD-024': {
    kind: 'integrity',
    title: 'a signature is missing or not by the key',
    explain:
      'A head has no signature by the given key, or one that does not verify. What is not signed proves nothing.',
    fix: 'check that --key is the key of this log; otherwise treat everything after the last good head as unproven',
  },
  'RS-AUD-025': {
    kind: 'integrity',
    title: 'journal and table disagree',
    explain: 'The journal and the log of a table say different things about the same group.',
    fix: look,
  },
  'RS-AUD-026': {
    kind: 'integrity',
    title: 'a head does not fit the log',
    explain:
      'A signed head of a size the log has reached shows another root: the history was rewritten or forked.',
    fix: 'keep both heads: together they prove the fork',
  },
  'RS-AUD-027': {
    kind: 'config',
    title: 'there is no audit log to verify',
    explain: 'The directory has no journal, or no key was given and none is kept beside the log.',
    fix: 'check --dir; pass the public key with --key',
  },
  'RS-AUD-032': {
    kind: 'integrity',
    title: 'too few witnesses have seen the log',
    explain:
      'No head that fits the log has the cosignatures that were asked for, or one of them does not verify. Without witnesses the holder of the key can show different people different logs.',
    fix: 'start `rowseal run` with its witnesses reachable, then verify again; see docs/witnesses.md',
  },
  'RS-AUD-028': {
    kind: 'integrity',
    title: 'an erasure was recorded and not carried out',
    explain:
      'The signed erasure record comes first, then the images go. Between the two the process ended, or images were put back from a copy.',
    fix: 'run the same `rowseal audit erase` again',
  },
  'RS-AUD-029': {
    kind: 'integrity',
    title: 'an expiry was recorded and not carried out',
    explain:
      'The signed expiry record comes first, then the old row images go. Between the two the process ended, or images were put back from a copy.',
    fix: 'start `rowseal run`, or run `rowseal audit expire` again: both carry out what is recorded',
  },
  'RS-AUD-036': {
    kind: 'integrity',
    title: 'row images went while the log was verified',
    explain:
      'An erasure or expiry was sealed and carried out after the journal had been read. What it says is not verified yet; that is no proof of tampering.',
    fix: 'verify again',
  },
});
