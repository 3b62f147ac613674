import { DuckDBConnection, DuckDBPreparedStatement } from '@duckdb/node-api';
import { createDuckdbSink, type DuckdbSinkOptions } from '../../../connectors/sinks/duckdb/sink.ts';
import type { Sink } from '../../../src/deliver/sink.ts';

export function openSink(address: unknown): Sink {
  return createDuckdbSink(address as DuckdbSinkOptions);
}

/** DuckDB is in this process: its requests are statements. */
export function watchSteps(step: () => void): void {
  const { run } = DuckDBConnection.prototype;
  DuckDBConnection.prototype.run = function (...args) {
    step();
    return run.apply(this, args);
  };
  const runPrepared = DuckDBPreparedStatement.prototype.run;
  DuckDBPreparedStatement.prototype.run = function () {
    step();
    return runPrepared.call(this);
  };
}
