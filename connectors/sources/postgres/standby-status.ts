import { POSTGRES_EPOCH_US } from './pgoutput.ts';

const STATUS_BYTES = 34;

/**
 * Standby status update (PostgreSQL manual 53.4, "Standby status update (F)"): written, flushed and applied positions.
 * Flushed is what lets the server discard WAL, so it is only ever what was confirmed.
 *
 * @param receivedLsn last byte received + 1
 * @param confirmedLsn sealed and synced up to here
 * @param reply whether the server is to answer at once with where it is
 */
export function standbyStatus(
  receivedLsn: bigint,
  confirmedLsn: bigint,
  nowMs: number,
  reply: 'reply' | 'no-reply' = 'no-reply',
): Buffer {
  const message = Buffer.alloc(STATUS_BYTES);
  message[0] = 0x72; // r
  message.writeBigUInt64BE(receivedLsn > confirmedLsn ? receivedLsn : confirmedLsn, 1);
  message.writeBigUInt64BE(confirmedLsn, 9);
  message.writeBigUInt64BE(confirmedLsn, 17);
  message.writeBigInt64BE(BigInt(nowMs) * 1000n - POSTGRES_EPOCH_US, 25);
  message[33] = reply === 'reply' ? 1 : 0;
  return message;
}
