import type { RowsealConfig } from '../config/load.ts';
import { logsIn } from '../config/sink-login.ts';
import type { SinkConfig } from '../config/sinks.ts';
import type { MirrorReader } from '../deliver/mirror-reader.ts';
import { renewAtOpen } from '../deliver/renewed-sink.ts';
import { selectTables, type TableSelection } from '../deliver/selected-tables.ts';
import type { Sink } from '../deliver/sink.ts';
import type { RowsealError } from '../error/rowseal-error.ts';
import type { SinkMask } from '../mask/sink-mask.ts';
import { displayName } from '../model/table.ts';
import type { PipelineObserver } from '../pipeline/observer.ts';
import { sinkLoginOf } from './login-of.ts';
import { sinkMask } from './sink-masks.ts';

/** What a sink tells that is not of its deliveries. */
export interface SinkWatch {
  /** Values that the sink's own rules could not take. */
  readonly unfit: PipelineObserver['unfitValues'];
  /** Trouble beside delivery, such as a snapshot that could not be published. */
  readonly trouble: (sink: string, error: RowsealError, retryInMs: number) => void;
}

const UNWATCHED: SinkWatch = { unfit: () => {}, trouble: () => {} };

/** A sink as the configuration wants it fed: with its selection of tables and columns, and its stricter rules. */
export async function makeSink(
  sink: SinkConfig,
  config: RowsealConfig,
  watch: SinkWatch = UNWATCHED,
): Promise<Sink> {
  const bare = await makeRenewedSink(sink, config.file, watch.trouble);
  const mask = sinkMask(config, sink);
  return mask === null ? bare : selectTables(bare, told(mask, watch.unfit));
}

/** Logs in with what the configuration says at that moment: a password may have been rotated since the start. */
async function makeRenewedSink(sink: SinkConfig, file: string, report: SinkWatch['trouble']): Promise<Sink> {
  const first = await makeBareSink(sink, report);
  if (!logsIn(sink)) return first;
  let known = sink;
  return renewAtOpen(first, async () => {
    const now = sinkLoginOf(known, file);
    if (now === known) return null;
    known = now;
    return makeBareSink(now, report);
  });
}

/** Counts what the sink's rules could not take, run by run. */
function told(mask: SinkMask, unfit: PipelineObserver['unfitValues']): TableSelection {
  return {
    viewOf: (table) => {
      const view = mask.viewOf(table);
      if (view === null || view.changes.length === 0) return view;
      return {
        table: view.table,
        mask: (run) => {
          const masked = view.mask(run);
          const counts = view.takeUnfit();
          if (counts.length > 0) unfit(displayName(table), counts);
          return masked;
        },
      };
    },
  };
}

/** The only place that knows which sinks there are. */
async function makeBareSink(config: SinkConfig, report: SinkWatch['trouble']): Promise<Sink> {
  switch (config.type) {
    case 'duckdb': {
      const { createDuckdbSink } = await import('../../connectors/sinks/duckdb/sink.ts');
      const retryMs = config.snapshots?.intervalMs ?? 0;
      return createDuckdbSink({ ...config, query: config.query.enabled ? config.query : null }, (error) =>
        report(config.name, error, retryMs),
      );
    }
    case 'postgres': {
      const { createPostgresSink } = await import('../../connectors/sinks/postgres/sink.ts');
      return createPostgresSink(config);
    }
    case 'bigquery': {
      const { createBigquerySink } = await import('../../connectors/sinks/bigquery/sink.ts');
      return createBigquerySink(config);
    }
    case 'parquet': {
      const { createParquetSink } = await import('../../connectors/sinks/parquet/sink.ts');
      return createParquetSink(config, (error, inMs) => report(config.name, error, inMs));
    }
  }
}

/** Reads what a sink holds, without being one. */
export async function makeMirrorReader(config: SinkConfig): Promise<MirrorReader> {
  switch (config.type) {
    case 'duckdb': {
      const { createDuckdbMirrorReader } = await import('../../connectors/sinks/duckdb/mirror-reader.ts');
      return createDuckdbMirrorReader(config);
    }
    case 'postgres': {
      const { createPostgresMirrorReader } = await import('../../connectors/sinks/postgres/mirror-reader.ts');
      return createPostgresMirrorReader(config);
    }
    case 'bigquery': {
      const { createBigqueryMirrorReader } = await import('../../connectors/sinks/bigquery/mirror-reader.ts');
      return createBigqueryMirrorReader(config);
    }
    case 'parquet': {
      const { createParquetMirrorReader } = await import('../../connectors/sinks/parquet/mirror-reader.ts');
      return createParquetMirrorReader(config);
    }
  }
}
