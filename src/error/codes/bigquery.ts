import { defineCodes } from '../define.ts';

export const bigqueryCodes = defineCodes({
  'RS-BQ-001': {
    kind: 'config',
    title: 'the BigQuery dataset does not exist',
    explain:
      'The project has no dataset of that name, or these credentials may not see it. Rowseal does not create datasets.',
    fix: 'bq mk --dataset --location=<location> <project>:<dataset>',
  },
  'RS-BQ-002': {
    kind: 'auth',
    title: 'BigQuery does not accept the credentials',
    explain:
      'No credentials were found, or the key was deleted, expired or belongs to another project. With `impersonate`, the caller needs the role Service Account Token Creator on that account.',
    fix: 'set key_file of the sink, or run gcloud auth application-default login, or attach a service account to the machine',
  },
  'RS-BQ-003': {
    kind: 'auth',
    title: 'a permission is missing in BigQuery',
    explain:
      'The account needs roles/bigquery.dataEditor on the dataset and roles/bigquery.jobUser on the project; nothing more (docs/bigquery.md lists the single permissions).',
    fix: 'bq add-iam-policy-binding --member=serviceAccount:<account> --role=roles/bigquery.dataEditor <project>:<dataset>, and roles/bigquery.jobUser on the project',
  },
  'RS-BQ-004': {
    kind: 'config',
    title: 'the dataset is in another location than the configuration says',
    explain:
      'Jobs run where the dataset is. A configured location guards against data leaving a region by mistake.',
    fix: 'correct location of the sink, or choose a dataset in that location',
  },
  'RS-BQ-005': {
    kind: 'config',
    title: 'the BigQuery dataset belongs to another pipeline',
    explain:
      'The bookkeeping in the dataset names another pipeline. Two pipelines in one dataset would overwrite each other.',
    fix: 'give this sink a dataset of its own',
  },
  'RS-BQ-006': {
    kind: 'config',
    title: 'a newer writer has taken over the BigQuery dataset',
    explain:
      'The cursor was taken under a higher epoch since, or is not where this batch begins: this process is the older one and may not write any more. Its transaction was rolled back.',
    fix: 'stop this process',
  },
  'RS-BQ-007': {
    kind: 'schema',
    title: 'a table or view of that name is there already and is not ours',
    explain:
      'The dataset has a table that this sink did not create. Rowseal neither writes into it nor replaces it.',
    fix: 'rename or drop that table, set table_name of the sink, or deliver into another dataset',
  },
  'RS-BQ-008': {
    kind: 'transient',
    title: 'BigQuery did not answer as it should',
    explain:
      'The network was cut or the service had a failure of its own (backendError, internalError, HTTP 5xx). Jobs have deterministic ids, so nothing is done twice; Rowseal tries again and the audit log keeps what is to be delivered.',
    fix: 'nothing; if it lasts, look at the Google Cloud status page and at the network',
  },
  'RS-BQ-009': {
    kind: 'transient',
    title: 'a BigQuery quota or rate limit is reached',
    explain:
      'rateLimitExceeded, jobRateLimitExceeded, quotaExceeded or RESOURCE_EXHAUSTED. Rowseal waits with jitter and tries again.',
    fix: 'raise batch_interval_ms of the sink, or ask for a higher quota of the project',
  },
  'RS-BQ-010': {
    kind: 'schema',
    title: 'a table of this sink was changed by somebody else',
    explain:
      'A column or table that the sink made is gone or has another type. Going on would lose values, so the sink stops.',
    fix: 'put the column back as it was; or drop what is left of the table and its view, delete its row from _rowseal_tables, restart, and run rowseal resnapshot --table <schema>.<table>',
  },
  'RS-BQ-011': {
    kind: 'bug',
    title: 'BigQuery refused a request of the sink',
    explain:
      'A statement or load that should always work did not. Its text and the reason are withheld because they may quote values; the job id is given.',
    fix: 'please report it with the table definition; bq show -j <job id> tells more. The batch was rolled back and stays in the audit log',
  },
  'RS-BQ-012': {
    kind: 'schema',
    title: 'an update came without all of its columns, and the rest cannot be looked up',
    explain:
      'The source did not send a column that did not change (TOAST, minimal row image), but an UPSERT replaces the whole row. In cdc mode Rowseal reads such cells from the table, but with max_staleness_ms a query may show an older row. The batch was not finished; it stays in the audit log.',
    fix: 'ALTER TABLE … REPLICA IDENTITY FULL at the source, or take max_staleness_ms away, or set mode: merge for this table',
  },
  'RS-BQ-013': {
    kind: 'transient',
    title: 'the BigQuery transaction met another writer',
    explain:
      'Transactions that change the same table exclude each other; BigQuery cancelled this one, or an earlier attempt, given up while it ran, was committed after all. Nothing of this one was applied; Rowseal tries again.',
    fix: 'let nothing else write into the tables of the sink',
  },
  'RS-BQ-014': {
    kind: 'config',
    title: 'the BigQuery project cannot be used',
    explain: 'Billing is not enabled (the sandbox has no DML), the API is off, or the project is blocked.',
    fix: 'enable billing and the BigQuery API of the project',
  },
  'RS-BQ-015': {
    kind: 'schema',
    title: 'a table is too wide or its key too long for BigQuery',
    explain:
      'A table has at most 10,000 columns (2,000 in cdc mode), a cdc key at most 16, a statement at most 1 MB.',
    fix: 'drop columns in the policy, or leave the table out of this sink',
  },
  'RS-BQ-016': {
    kind: 'config',
    title: 'the key file of the BigQuery sink is not acceptable',
    explain:
      'Only service account keys are taken whose token address is Google’s own: other kinds of credential files can name programs to run and addresses to send tokens to.',
    fix: 'use a key of type service_account, or leave key_file away and use the credentials of the machine',
  },
  'RS-BQ-017': {
    kind: 'transient',
    title: 'the write stream does not know the new columns yet',
    explain:
      'The Storage Write API learns of a changed table minutes later. Rowseal waited and will try again; rows come twice at most and converge.',
    fix: 'nothing; it mends itself within minutes',
  },
  'RS-BQ-018': {
    kind: 'config',
    title: 'an option of the BigQuery sink names a column that does not fit',
    explain:
      'partition_by needs a DATE, DATETIME or TIMESTAMP column, cluster_by at most four columns that can be compared, and both need columns that the policy keeps in the table.',
    fix: 'correct partition_by or cluster_by of that table in the sink',
  },
  'RS-BQ-020': {
    kind: 'schema',
    title: 'one group changes more than a BigQuery transaction may hold',
    explain:
      'A transaction changes at most 100 tables and has at most 1 MB of SQL. Batches are parted to fit, but a group, which holds whole source transactions, becomes visible whole or not at all.',
    fix: 'give this sink fewer tables or histories (tables, history), spread them over several sinks, or set mode: cdc for some',
  },
});
