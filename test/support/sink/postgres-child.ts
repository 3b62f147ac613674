import { Client } from 'pg';
import type { PostgresSinkOptions } from '../../../connectors/sinks/postgres/options.ts';
import { createPostgresSink } from '../../../connectors/sinks/postgres/sink.ts';
import type { Sink } from '../../../src/deliver/sink.ts';

export function openSink(address: unknown): Sink {
  return createPostgresSink(address as PostgresSinkOptions);
}

/** The requests of this sink are its queries, each sent when the one before was answered. */
export function watchSteps(step: () => void): void {
  const { query } = Client.prototype;
  Client.prototype.query = function (this: Client, ...args: unknown[]): unknown {
    step();
    return (query as (...args: unknown[]) => unknown).apply(this, args);
  } as typeof query;
}
