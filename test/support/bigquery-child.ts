import { BigQuery } from '@google-cloud/bigquery';
import { createBigquerySink } from '../../connectors/sinks/bigquery/sink.ts';
import type { Sink } from '../../src/deliver/sink.ts';
import { type BigqueryAddress, testOptions } from './bigquery-target.ts';

/** The sink in a process of its own, for the contract suite to kill. */
export function openSink(address: unknown): Sink {
  return createBigquerySink(testOptions(address as BigqueryAddress));
}

export function watchSteps(step: () => void): void {
  const { request } = BigQuery.prototype;
  BigQuery.prototype.request = function (this: BigQuery, ...args: Parameters<typeof request>) {
    // How often a job is looked at depends on the machine; a kill between two looks is one between two steps.
    const { method, uri } = args[0];
    if (method !== 'GET' || !uri.startsWith('/jobs/')) step();
    return request.apply(this, args);
  } as typeof request;
}
