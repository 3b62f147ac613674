import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { RowsealConfig } from '../config/load.ts';
import type { Sink } from '../deliver/sink.ts';
import { toRowsealError } from '../error/unexpected.ts';
import type { Logger } from '../ops/log.ts';
import { type QueryServer, startQueryServer } from '../ops/query-server.ts';

/**
 * Serves `rowseal query` for every sink that can be read. A socket that cannot be made is told of and stops nothing.
 *
 * @returns ends it
 */
export async function serveQueries(
  config: RowsealConfig,
  sinks: readonly Sink[],
  logger: Logger,
): Promise<() => Promise<void>> {
  const servers: QueryServer[] = [];
  for (const sink of config.sinks) {
    const reader = sinks.find(({ name }) => name === sink.name)?.reader ?? null;
    if (sink.type !== 'duckdb' || reader === null) continue;
    const { socket } = sink.query;
    try {
      await mkdir(dirname(socket), { recursive: true });
      servers.push(await startQueryServer(socket, reader));
      logger.log('info', { message: 'answering queries', sink: sink.name, address: socket });
    } catch (thrown) {
      const { message, code, fix } = toRowsealError(thrown);
      logger.log('warn', { message, code, sink: sink.name, fix });
    }
  }
  return async () => {
    for (const server of servers) await server.close();
  };
}
