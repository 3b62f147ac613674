import { defineCodes } from '../define.ts';

export const auditCodes = defineCodes({
  'RS-AUD-001': {
    kind: 'disk',
    title: 'the audit directory could not be written or read',
    explain:
      'A system call on a file of the audit log failed. A failed write or fsync is never tried again: the kernel may have dropped the bytes. The process ends; the next start recovers from the journal, and writes its newest leaf again before it counts.',
    fix: 'look at the volume (mounts, permissions, kernel log), then start again; nothing sealed is lost',
  },
  'RS-AUD-002': {
    kind: 'disk',
    title: 'the audit volume is full',
    explain:
      'The group being written does not fit. It was not sealed and not confirmed: the source keeps it, and it is read again. While less than `audit.min_free_bytes` is free, `run` stays up and goes on by itself when there is room; otherwise (a quota, a limit of the process) it ends, and the next start goes on.',
    fix: 'free space on the volume of audit.dir; delete nothing inside it',
  },
  'RS-AUD-018': {
    kind: 'transient',
    title: 'the volume of the audit log is nearly full',
    explain:
      'Less is free than `audit.min_free_bytes`. Nothing more is read or sealed, so that the volume is not filled to its last byte; what is sealed is kept and goes on to the sinks. The source keeps its own log meanwhile. When there is room again, the pipeline goes on by itself.',
    fix: 'grow the volume of audit.dir, or move other things away from it; delete nothing inside it',
  },
  'RS-AUD-003': {
    kind: 'integrity',
    title: 'the audit log is smaller than a head it has published',
    explain:
      'The directory holds less than a signed head says: it was restored from an older copy, or its end was cut off. Signing on would fork the history, so Rowseal refuses.',
    fix: 'restore the newest copy of the directory; to find what is missing: rowseal audit verify --head FILE',
  },
  'RS-AUD-004': {
    kind: 'integrity',
    title: 'a file of the audit log is corrupt',
    explain:
      'Bytes that belong to a sealed group are not what the journal and the hashes say. Nothing is repaired and nothing is signed after it.',
    fix: 'look at the place named, restore the file from a copy, then: rowseal audit verify',
  },
  'RS-AUD-005': {
    kind: 'config',
    title: 'the audit directory belongs to another pipeline',
    explain: 'The origin signed into the log is not the one configured. One directory holds one log.',
    fix: 'correct audit.origin or pipeline, or choose another audit.dir',
  },
  'RS-AUD-006': {
    kind: 'config',
    title: 'the audit directory is in use',
    explain: 'Another process holds the lock of the directory. A log has one writer.',
    fix: 'stop the other process, or choose another audit.dir',
  },
  'RS-AUD-007': {
    kind: 'config',
    title: 'the signing key does not fit the audit log',
    explain:
      'The configured signing key is neither the one that the log was begun with nor one that was added since, or it was retired.',
    fix: 'configure a key that signs the log (audit.key); `rowseal audit rotate-key` adds another',
  },
  'RS-AUD-008': {
    kind: 'config',
    title: 'the signing key is not usable',
    explain:
      'A signing key is Ed25519: PKCS#8 PEM, a seed of 32 bytes (raw, hex or base64), or a file that `keys generate --passphrase-file` encrypted. A public key is a vkey, 32 bytes in base64, or SubjectPublicKeyInfo.',
    fix: 'make one with: rowseal keys generate',
  },
  'RS-AUD-009': {
    kind: 'data',
    title: 'a record is too large for the log',
    explain:
      'A change record may have 65,535 bytes. Row values do not count: they are kept beside the record.',
    fix: 'please report it with the table definition; the transaction was not sealed',
  },
  'RS-AUD-010': {
    kind: 'bug',
    title: 'the log was used against its contract',
    explain:
      'A group was sealed twice, filled after it was sealed, or its events are out of order. Nothing was written.',
    fix: 'please report it; a restart recovers from the journal',
  },
  'RS-AUD-011': {
    kind: 'data',
    title: 'the log knows no such row',
    explain:
      'Rows are found by a keyed tag of their key. The key must be written as the source prints it, columns in the order of the primary key, and the mask key must be the one that the log was masked with.',
    fix: 'check table, key and mask key',
  },
  'RS-AUD-033': {
    kind: 'transient',
    title: 'row images stay beyond their age, because a sink has not had them',
    explain:
      'Row images go at the age that `audit.retention` says, but never before every configured sink has the change: what is gone cannot be delivered any more. The sink named is furthest behind, or is halted and has not said since the start what it has. When it has caught up, the images go within a day.',
    fix: 'mend the sink (rowseal status says what it waits for), or take it out of the configuration and restart',
  },
  'RS-AUD-034': {
    kind: 'usage',
    title: 'a sink has not had the row images that are to be taken away',
    explain:
      'The sink would never get these changes: rows that were deleted would stay in it, others would be missing. Sinks are asked for the head that they store with their cursor. Nothing was changed.',
    fix: 'start `rowseal run` until the sink has caught up, then try again; if it is never to get these changes, add --regardless-of-sinks',
  },
  'RS-AUD-035': {
    kind: 'data',
    title: 'row images that a sink needs have expired',
    explain:
      'The sink lacks changes whose row images went by age: it is new, or it is older than it was, or somebody took them away regardless of it. Passing over them would leave rows out and deleted ones in. This sink is halted; sealing and the other sinks go on. A later copy of the table in the log makes up for them in its mirror (not in a history, which lacks these versions for good), so the table is copied again. What cannot be copied again can be left out of the sink (`tables`), or the sink can be filled anew by `rowseal audit replay`, which passes over what is gone. Erased rows halt no sink.',
    fix: 'rowseal resnapshot --table <schema>.<table> --yes; the sink then goes on by itself',
  },
  'RS-AUD-030': {
    kind: 'integrity',
    title: 'the tiles in the directory are not of this log',
    explain:
      'The directory holds an export of another log, of another history of this one, or of more than the log has now. Tiles are never written over: whoever has read them would see two histories.',
    fix: 'find out which of the two is genuine with `rowseal audit verify --head DIR/checkpoint`, or choose an empty directory',
  },
  'RS-AUD-031': {
    kind: 'data',
    title: 'an entry is too large for tiles',
    explain:
      'C2SP tlog-tiles gives an entry at most 65,535 bytes. A leaf of the journal grows with the number of tables that one group touches; some 250 fit.',
    fix: 'export the tables, whose records always fit; the journal itself is complete',
  },
  'RS-AUD-013': {
    kind: 'disk',
    title: 'the signing command gives no signature',
    explain:
      'The program of audit.key.command was asked several times and failed, or printed something that is no signature by the configured public key. The group was not sealed and not confirmed: the next start reads it again.',
    fix: 'run the program by hand (message on stdin, signature on stdout), then start again',
  },
  'RS-AUD-014': {
    kind: 'config',
    title: 'the signing key cannot be decrypted',
    explain: 'The key file is encrypted, and the passphrase is missing or another one.',
    fix: 'configure audit.key.passphrase_file or audit.key.passphrase_env',
  },
  'RS-AUD-015': {
    kind: 'usage',
    title: 'the keys of the log cannot be changed so',
    explain:
      'A key is added by one that signs, retired or revoked by another that goes on, and one key is always left.',
    fix: 'see docs/audit-format.md, Keys',
  },
  'RS-AUD-012': {
    kind: 'integrity',
    title: 'the access log is damaged',
    explain:
      'No token is turned back while the record of earlier requests cannot be continued. `rowseal audit verify` says what is wrong with it.',
    fix: 'find out who changed it; restore audit/access from a copy',
  },
  'RS-AUD-016': {
    kind: 'usage',
    title: 'there is nothing to prove',
    explain:
      'The record is not there or not sealed yet, or single columns are asked for where the image of a record commits to the whole row.',
    fix: 'check --seq; to show single columns of later records set audit.disclosure: column for the table',
  },
  'RS-AUD-017': {
    kind: 'usage',
    title: 'the row cannot be masked as it was then',
    explain:
      'A row is compared with a record by masking it again. That takes the rules and the mask key that were in force at the record, and the columns that the table had.',
    fix: 'use the configuration of that time (it is in your version control), with the same mask key',
  },
});
