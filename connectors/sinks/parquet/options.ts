export interface ParquetSinkOptions {
  readonly name: string;
  readonly directory: string;
  /** From one set of files to the next, in milliseconds; sooner when `batchBytes` wait. */
  readonly intervalMs: number;
  readonly batchBytes: number;
  readonly memoryLimitBytes: number;
  readonly maxDeadLetters: number;
}
