import { defineCodes } from '../define.ts';

export const parquetCodes = defineCodes({
  'RS-PQT-001': {
    kind: 'config',
    title: 'the directory of the Parquet sink cannot be used',
    explain:
      'The directory cannot be made, read or written by this user, or what it holds was not written by this sink.',
    fix: 'check the path of the sink and its permissions, or choose a directory that does not exist',
  },
  'RS-PQT-002': {
    kind: 'config',
    title: 'the object store does not refuse to overwrite',
    explain:
      'The sink creates objects on the condition that there is none (If-None-Match), to fence older writers and to commit. The store took a second one, so it ignores the condition, and two writers could undo each other.',
    fix: 'use a store with conditional writes (Amazon S3, MinIO, Cloudflare R2, Ceph), or a directory',
  },
  'RS-PQT-008': {
    kind: 'auth',
    title: 'the object store refuses the credentials',
    explain:
      'The sink lists, reads, writes, copies and deletes objects under its prefix; the credentials do not allow one of these, or there are none.',
    fix: 'allow s3:ListBucket on the bucket and s3:GetObject, s3:PutObject, s3:DeleteObject under the prefix; set access_key_id and secret_access_key, or give the process a role',
  },
  'RS-PQT-003': {
    kind: 'config',
    title: 'the Parquet directory belongs to another pipeline',
    explain:
      'The bookkeeping in the directory names another pipeline. Two pipelines in one would mix their groups.',
    fix: 'give this sink a directory of its own',
  },
  'RS-PQT-004': {
    kind: 'config',
    title: 'a newer writer has taken over the Parquet directory',
    explain:
      'The directory was opened under a higher epoch since, or its newest manifest is not where this batch begins: this process is the older one and may not write any more.',
    fix: 'stop this process',
  },
  'RS-PQT-005': {
    kind: 'schema',
    title: 'the directory of a table is there already and is not ours',
    explain:
      'There are files where the change files of this table would go. Rowseal does not write among them.',
    fix: 'move them away, or deliver into another directory',
  },
  'RS-PQT-009': {
    kind: 'transient',
    title: 'an earlier attempt of the Parquet sink came first',
    explain:
      'A manifest for the same groups is there: of a request whose answer was lost, or of a writer that has been replaced since. It holds whole groups, so the sink is opened again and goes on from it; what this attempt staged was never visible.',
    fix: 'nothing; it mends itself',
  },
  'RS-PQT-010': {
    kind: 'data',
    title: 'a file is larger than an object may be',
    explain:
      'An object of S3 has at most 5 TiB, put in 10,000 parts. A file has the changes of one table and day in a batch, and a batch is at least one group, which holds whole source transactions.',
    fix: 'leave the table out of this sink, or deliver into a directory',
  },
  'RS-PQT-006': {
    kind: 'transient',
    title: 'the Parquet sink could not write',
    explain:
      'The disk is full or failing, or the memory limit is too small for the batch. What was written without a manifest is removed when the sink is opened again; nothing of it was visible.',
    fix: 'free disk space, or raise memory_limit_bytes of the sink',
  },
  'RS-PQT-007': {
    kind: 'bug',
    title: 'DuckDB refused to write a Parquet file',
    explain:
      'A statement that should always work did not. Its text and the reason are withheld because they may quote values.',
    fix: 'please report it with the table definition; the batch stays in the audit log',
  },
});
