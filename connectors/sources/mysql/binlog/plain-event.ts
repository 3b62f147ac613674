import { RowsealError } from '../../../../src/error/rowseal-error.ts';
import type { BinlogEvent, EventHeader } from './binlog-event.ts';
import type { ByteReader } from './byte-reader.ts';
import { malformed } from './defect.ts';
import { EventType, HEADER_BYTES, HeaderFlag } from './event-type.ts';
import { decodeGtid, decodePreviousGtids, decodeTaggedGtid, gtidText, numberedGtid } from './gtid-event.ts';
import { decodeHeartbeatV2 } from './heartbeat-event.ts';
import { decodeGtidList, decodeMariadbGtid } from './mariadb-event.ts';
import { decodeQuery, queryKind } from './query-event.ts';
import { xidText } from './xid-text.ts';

/** What the events that carry no rows depend on. */
export interface PlainContext {
  readonly charsetOf: (collationId: number) => string | undefined;
  readonly maxUnpackedBytes: number;
  /** Whether the texts of statements are wanted. */
  readonly statements: boolean;
  /** What the newest format description says. */
  readonly checksum: 'none' | 'crc32';
}

/**
 * Any event but rows, table maps and payloads. null: nothing that the caller wants to hear of.
 *
 * @throws RowsealError RS-MY-050, RS-MY-054, RS-MY-055, RS-MY-056
 */
export function decodePlainEvent(
  header: EventHeader,
  body: ByteReader,
  about: PlainContext,
): BinlogEvent | null {
  switch (header.type) {
    case EventType.query:
    case EventType.queryCompressed: {
      const compressed = header.type === EventType.queryCompressed;
      const query = decodeQuery(body, compressed, about.charsetOf, about.maxUnpackedBytes);
      return { kind: queryKind(query.sql), header, query };
    }
    case EventType.xid:
      return { kind: 'xid', header, xid: body.u64() };
    case EventType.gtid: {
      const gtid = numberedGtid(decodeGtid(body));
      return { kind: 'gtid', header, text: gtidText(gtid), ...gtid };
    }
    case EventType.gtidTagged: {
      const gtid = numberedGtid(decodeTaggedGtid(body));
      return { kind: 'gtid', header, text: gtidText(gtid), ...gtid };
    }
    case EventType.anonymousGtid: {
      const { uuid: _uuid, tag: _tag, number: _number, ...fields } = decodeGtid(body);
      return { kind: 'anonymous-gtid', header, ...fields };
    }
    case EventType.mariadbGtid:
      return { kind: 'mariadb-gtid', header, ...decodeMariadbGtid(body, header.serverId) };
    case EventType.xaPrepare:
      return { kind: 'xa-prepare', header, ...decodeXaPrepare(body) };
    case EventType.rowsQuery:
      // One byte of length, which longer statements overflow: the text is all that follows.
      body.skip(1);
      return statement(header, body, about);
    case EventType.annotateRows:
      return statement(header, body, about);
    case EventType.incident:
      throw new RowsealError('RS-MY-055', { detail: `incident ${body.u16()}` });
    case EventType.startEncryption:
      throw malformed('an encrypted binlog file; the server decrypts it for replicas, so read it from there');
    default:
      return fileEvent(header, body, about) ?? unreadEvent(header);
  }
}

/** Begins and ends of files, and signs of life. */
function fileEvent(header: EventHeader, body: ByteReader, about: PlainContext): BinlogEvent | null {
  switch (header.type) {
    case EventType.rotate: {
      const position = placeable(body.u64());
      const artificial = (header.flags & HeaderFlag.artificial) !== 0;
      return { kind: 'rotate', header, file: body.utf8(body.left), position, artificial };
    }
    case EventType.formatDescription:
      return formatDescription(header, body, about);
    case EventType.previousGtids:
      return { kind: 'previous-gtids', header, gtidSet: decodePreviousGtids(body) };
    case EventType.mariadbGtidList:
      return { kind: 'mariadb-gtid-list', header, gtids: decodeGtidList(body) };
    case EventType.stop:
      return { kind: 'stop', header };
    case EventType.heartbeat:
      return {
        kind: 'heartbeat',
        header,
        file: body.utf8(body.left),
        position: BigInt(header.endPosition),
      };
    case EventType.heartbeatV2:
      return { kind: 'heartbeat', header, ...decodeHeartbeatV2(body) };
    default:
      return null;
  }
}

/** Offsets are numbers here. */
function placeable(position: bigint): bigint {
  if (position > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed('a place in a file beyond 53 bits');
  return position;
}

/**
 * binlog version 2, server version 50, created 4, header length 1, a post-header length an event type, checksum
 * algorithm 1.
 */
function formatDescription(header: EventHeader, body: ByteReader, about: PlainContext): BinlogEvent {
  if (body.u16() !== 4) throw malformed('a binlog of another version than 4');
  const serverVersion = body.latin1(50).replace(/\0.*$/s, '');
  const createdS = body.u32();
  if (body.u8() !== HEADER_BYTES) throw malformed('a binlog with event headers of another length');
  return { kind: 'format-description', header, serverVersion, createdS, checksum: about.checksum };
}

function statement(header: EventHeader, body: ByteReader, about: PlainContext): BinlogEvent | null {
  return about.statements ? { kind: 'rows-query', header, sql: body.utf8(body.left) } : null;
}

/** Events whose content a reader of rows does not need. @throws RowsealError RS-MY-054 */
function unreadEvent(header: EventHeader): BinlogEvent {
  switch (header.type) {
    case EventType.intvar:
      return { kind: 'statement-logged', header, what: 'intvar' };
    case EventType.rand:
      return { kind: 'statement-logged', header, what: 'rand' };
    case EventType.userVar:
      return { kind: 'statement-logged', header, what: 'user-var' };
    case EventType.beginLoadQuery:
    case EventType.appendBlock:
    case EventType.deleteFile:
    case EventType.executeLoadQuery:
      return { kind: 'statement-logged', header, what: 'load-data' };
    case EventType.ignorable:
    case EventType.transactionContext:
    case EventType.viewChange:
    case EventType.binlogCheckpoint:
      return { kind: 'ignored', header };
    default:
      if ((header.flags & HeaderFlag.ignorable) !== 0) return { kind: 'ignored', header };
      throw new RowsealError('RS-MY-054', { detail: `type ${header.type}` });
  }
}

/** One phase 1, format 4, length of gtrid 4, of bqual 4, both. */
function decodeXaPrepare(body: ByteReader): { readonly onePhase: boolean; readonly xid: string } {
  const onePhase = body.u8() !== 0;
  const format = body.u32();
  const gtrid = body.u32();
  const bqual = body.u32();
  return { onePhase, xid: xidText(format, body.bytes(gtrid), body.bytes(bqual)) };
}
