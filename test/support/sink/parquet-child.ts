import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import type { ParquetSinkOptions } from '../../../connectors/sinks/parquet/options.ts';
import { createParquetSink } from '../../../connectors/sinks/parquet/sink.ts';
import type { Sink } from '../../../src/deliver/sink.ts';
import { watchSteps as watchStatements } from './duckdb-child.ts';

export function openSink(address: unknown): Sink {
  return createParquetSink(address as ParquetSinkOptions);
}

/** Its requests are statements of DuckDB and calls of the file system. */
export function watchSteps(step: () => void): void {
  watchStatements(step);
  for (const name of ['open', 'link', 'unlink', 'rename', 'rm', 'mkdir'] as const) {
    const call = fs[name] as (...args: unknown[]) => unknown;
    Object.assign(fs, {
      [name]: (...args: unknown[]): unknown => {
        step();
        return call(...args);
      },
    });
  }
  syncBuiltinESMExports();
}
