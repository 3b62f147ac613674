import type { S3Account } from '../../object-store/s3-client.ts';
import type { CompactionOptions } from './compaction-plan.ts';

export interface ParquetSinkOptions {
  readonly name: string;
  readonly place: ParquetPlace;
  /** From one set of files to the next, in milliseconds; sooner when `batchBytes` wait. */
  readonly intervalMs: number;
  readonly batchBytes: number;
  readonly memoryLimitBytes: number;
  readonly maxDeadLetters: number;
  /** null: files stay as they were written. */
  readonly compaction: CompactionOptions | null;
}

export type ParquetPlace =
  | { readonly kind: 'directory'; readonly path: string }
  | ({ readonly kind: 's3' } & S3Options);

export interface S3Options extends S3Account {
  readonly bucket: string;
  /** Without a slash at either end; empty: the bucket is the sink's alone. */
  readonly prefix: string;
  /** Local directory in which files are made before they are put into the bucket; they hold masked rows. */
  readonly workDirectory: string;
}
