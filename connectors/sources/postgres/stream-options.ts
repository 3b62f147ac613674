import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { quoteIdentifier, quoteLiteral } from './connection.ts';
import type { PostgresSourceOptions } from './options.ts';

/** What of the options says how the server is to send. */
export type StreamOptions = Pick<PostgresSourceOptions, 'publication' | 'streaming' | 'origin'>;

/** Options of pgoutput in START_REPLICATION (PostgreSQL manual 53.5.1). Two-phase stays off: docs/postgres.md says why. */
export function pgoutputOptions({ publication, streaming, origin }: StreamOptions): string {
  return [
    `proto_version '${streaming ? 2 : 1}'`,
    ...(streaming ? ["streaming 'on'"] : []),
    "messages 'true'",
    // `any` is the default, and the word is not known before 16.
    ...(origin === 'none' ? ["origin 'none'"] : []),
    `publication_names ${quoteLiteral(quoteIdentifier(publication))}`,
  ].join(', ');
}

/**
 * @param serverVersion `server_version_num`
 * @throws RowsealError RS-PG-051
 */
export function refuseUnknownOptions({ origin }: Pick<StreamOptions, 'origin'>, serverVersion: number): void {
  if (origin === 'none' && serverVersion < 160_000)
    throw new RowsealError('RS-PG-051', { detail: `server version ${serverVersion}` });
}
