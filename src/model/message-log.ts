import type { TableName } from './table.ts';

/**
 * Namespace of logs that hold what an application writes into the stream itself (Postgres: pg_logical_emit_message). No
 * captured table is in it: the configuration refuses a schema or database of that name.
 */
export const MESSAGE_NAMESPACE = 'logical_message';

/** Messages with this prefix are records of this log. */
export interface MessageLog {
  readonly prefix: string;
  readonly table: TableName;
}

/** It has records, but no rows anywhere that could be copied or compared. */
export function isMessageLog({ namespace }: TableName): boolean {
  return namespace === MESSAGE_NAMESPACE;
}
