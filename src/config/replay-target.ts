import { resolve } from 'node:path';
import { RowsealError } from '../error/rowseal-error.ts';
import type { SinkConfig } from './sinks.ts';

/**
 * The same sink with another target of its kind.
 *
 * @param into as the command line has it
 * @param base directory of relative paths
 * @throws RowsealError RS-CLI-001
 */
export function replayTarget(sink: SinkConfig, into: string, base: string): SinkConfig {
  switch (sink.type) {
    case 'duckdb':
      return { ...sink, path: resolve(base, into) };
    case 'postgres':
      if (!/^[a-z_][a-z0-9_]{0,38}$/.test(into)) throw unfit('lower-case letters, digits and _');
      return { ...sink, stateSchema: into, schemaPrefix: `${into}_` };
    case 'bigquery':
      if (!/^\w{1,1024}$/.test(into)) throw unfit('letters, digits and _');
      return { ...sink, dataset: into };
    case 'parquet': {
      const bucket = /^s3:\/\/([a-z0-9.-]{3,63})\/?(.*?)\/?$/.exec(into);
      if (bucket === null) {
        if (into.includes('://')) throw unfit('a directory, or s3://<bucket>/<prefix>');
        return { ...sink, place: { kind: 'directory', path: resolve(base, into) } };
      }
      const { place } = sink;
      if (place.kind !== 's3') throw unfit('a directory: the sink has no settings for a bucket');
      return { ...sink, place: { ...place, bucket: bucket[1]!, prefix: bucket[2]! } };
    }
  }
}

function unfit(must: string): RowsealError {
  return new RowsealError('RS-CLI-001', { detail: `--into must be ${must}` });
}
