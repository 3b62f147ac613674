import { defineCodes } from '../define.ts';

export const witnessCodes = defineCodes({
  'RS-WIT-001': {
    kind: 'integrity',
    title: 'the memory of the witness is damaged',
    explain:
      'The file of the newest cosigned checkpoint of a log cannot be read. Without it the witness might cosign an older state or another history, so it answers nothing about this log.',
    fix: 'restore the file from a copy that is not older; if there is none, begin the witness anew under another key',
  },
  'RS-WIT-002': {
    kind: 'config',
    title: 'the witness cannot listen on its address',
    explain: 'The port is taken, or the address is none of this machine.',
    fix: 'choose another --host or --port',
  },
  'RS-WIT-003': {
    kind: 'transient',
    title: 'a witness does not answer as it should',
    explain:
      'It could not be reached in time, refused the request, or its cosignature is not by the configured key. Sealing goes on; the head is submitted again.',
    fix: 'look at the witness, and at url and vkey under audit.witnesses',
  },
  'RS-WIT-004': {
    kind: 'integrity',
    title: 'a witness has seen more of this log than there is',
    explain:
      'It says that it cosigned a larger tree. The audit directory was restored from an older copy, or its end was cut off, or the witness does not tell the truth: its newest checkpoint, signed by the key of the log, shows which.',
    fix: 'stop rowseal; get the checkpoint from the witness, then: rowseal audit verify --head FILE',
  },
  'RS-WIT-005': {
    kind: 'integrity',
    title: 'a witness has seen another history of this log',
    explain:
      'The tree that it cosigned is no beginning of the log that is there. Two histories were signed with the same key.',
    fix: 'stop rowseal; get the checkpoint from the witness, then: rowseal audit verify --head FILE',
  },
  'RS-WIT-006': {
    kind: 'transient',
    title: 'too few witnesses have cosigned the log of late',
    explain:
      'No head has the cosignatures of the quorum, or the newest that has is older than audit.witness_late_ms. Sealing and delivery go on; what is sealed now is not yet witnessed.',
    fix: 'look at the witnesses in `rowseal status`; see docs/witnesses.md',
  },
  'RS-WIT-007': {
    kind: 'transient',
    title: 'an anchor did not take a head',
    explain:
      'The head could not be written or sent. Sealing goes on; the next head is tried after the interval.',
    fix: 'look at the place named under audit.anchors',
  },
});
