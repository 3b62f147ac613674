import { isUtf8 } from 'node:buffer';
import { isMessageLog, type MessageLog } from '../../../src/model/message-log.ts';
import { formatLsn } from '../../../src/model/position.ts';
import { type Column, type TableSchema, tableKey } from '../../../src/model/table.ts';
import { malformed, need } from './malformed.ts';

/** Messages with this prefix are the source's own; see `TableReader`. */
const OWN_PREFIX = 'rowseal.';

/** What pg_logical_emit_message wrote (PostgreSQL manual 53.9, Message). */
export interface LogicalMessage {
  /** End of its record in the WAL: no two of a database have the same one. */
  readonly lsn: bigint;
  readonly prefix: string;
  /** It belongs to a transaction; otherwise it happened when it was written, whatever became of the transaction. */
  readonly transactional: boolean;
  readonly content: Buffer;
}

/**
 * Message (PostgreSQL manual 53.9): Int8 flags (1: transactional), Int64 LSN, prefix, Int32 length, content.
 *
 * @param at behind the type of the message
 * @throws RowsealError RS-PG-014
 */
export function decodeMessage(buffer: Buffer, at: number, end: number): LogicalMessage {
  need(at + 9, end);
  const stop = buffer.indexOf(0, at + 9);
  if (stop < 0 || stop >= end) throw malformed('a name without an end');
  const from = stop + 5;
  need(from, end);
  const length = buffer.readInt32BE(stop + 1);
  if (length < 0) throw malformed('a message of negative length');
  need(from + length, end);
  return {
    lsn: buffer.readBigUInt64BE(at + 1),
    prefix: buffer.utf8Slice(at + 9, stop),
    transactional: (buffer[at]! & 1) !== 0,
    content: buffer.subarray(from, from + length),
  };
}

/** Which logical messages are records, and of which log. The longest prefix that fits decides. */
export class MessageLogs {
  readonly #logs: readonly { readonly prefix: string; readonly table: TableSchema }[];
  readonly #utf8: boolean;

  /** @param encoding server_encoding: content is bytes of it, which nobody converts */
  constructor(logs: readonly MessageLog[], encoding: string) {
    const tables = new Map(messageTables(logs).map((table) => [tableKey(table), table]));
    this.#logs = logs
      .map(({ prefix, table }) => ({ prefix, table: tables.get(tableKey(table))! }))
      .sort((a, b) => b.prefix.length - a.prefix.length);
    this.#utf8 = encoding === 'UTF8';
  }

  /** null: it is no record. */
  of(prefix: string): TableSchema | null {
    if (this.#logs.length === 0 || prefix.startsWith(OWN_PREFIX)) return null;
    return this.#logs.find((log) => prefix.startsWith(log.prefix))?.table ?? null;
  }

  /** The row that a message is; columns as in {@link messageTables}. */
  cells({ lsn, prefix, transactional, content }: LogicalMessage): readonly (string | null)[] {
    return [
      formatLsn(lsn),
      prefix,
      transactional ? 't' : 'f',
      `\\x${content.toString('hex')}`,
      this.#isText(content) ? content.toString('utf8') : null,
    ];
  }

  /** Every encoding of a server has ASCII in it; what is beyond only UTF-8 tells for sure. */
  #isText(content: Buffer): boolean {
    if (content.includes(0)) return false;
    return this.#utf8 ? isUtf8(content) : content.every((byte) => byte < 0x80);
  }
}

const COLUMNS: readonly Column[] = Object.freeze(
  [
    { name: 'lsn', type: { kind: 'other' }, sourceType: 'pg_lsn', id: '1' },
    { name: 'prefix', type: { kind: 'text', maxLength: null, padded: false }, sourceType: 'text', id: '2' },
    { name: 'transactional', type: { kind: 'boolean' }, sourceType: 'boolean', id: '3' },
    { name: 'content', type: { kind: 'bytes' }, sourceType: 'bytea', id: '4' },
    { name: 'text', type: { kind: 'text', maxLength: null, padded: false }, sourceType: 'text', id: '5' },
  ].map((column) => Object.freeze(column as Column)),
);

/** One table for each log, however many prefixes lead to it. */
export function messageTables(logs: readonly MessageLog[]): readonly TableSchema[] {
  const tables = new Map<string, TableSchema>();
  for (const { table } of logs)
    if (isMessageLog(table) && !tables.has(tableKey(table)))
      tables.set(tableKey(table), Object.freeze({ ...table, columns: COLUMNS, key: Object.freeze([0]) }));
  return [...tables.values()];
}
