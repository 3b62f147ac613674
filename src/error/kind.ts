/** What an error means for the run; see `policyOf` for what the pipeline does about each. */
export type ErrorKind =
  | 'usage' // the command line was wrong
  | 'config' // the configuration, or what it points at, is wrong: stop, tell the operator
  | 'auth' // credentials or privileges: stop before start; while running wait and re-read secrets
  | 'policy' // the mask policy has no safe answer: stop, tell the operator
  | 'transient' // waiting can mend it: retry with jitter
  | 'source-lost' // the stream has a hole: stop; going on takes a command
  | 'schema' // a table version that cannot be handled: stop that table
  | 'data' // a value that cannot be handled: dead-letter or stop that table, never drop
  | 'integrity' // a chain, signature or file is not what it must be: stop, repair nothing
  | 'disk' // a write or fsync failed: exit at once, recover from the journal at the next start
  | 'shutdown' // asked to stop
  | 'bug';
