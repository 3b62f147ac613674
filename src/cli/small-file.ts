import { closeSync, openSync, readSync } from 'node:fs';
import { RowsealError } from '../error/rowseal-error.ts';

/**
 * A file that somebody else has sent: a head, a proof. Never more of it than such a file may have.
 *
 * @param what names it in the message @throws RowsealError RS-CLI-001
 */
export function readSmallFile(file: string, maxBytes: number, what: string): string {
  const buffer = Buffer.alloc(maxBytes + 1);
  let length = 0;
  try {
    const descriptor = openSync(file, 'r');
    try {
      for (let read = -1; read !== 0 && length < buffer.length; length += read)
        read = readSync(descriptor, buffer, length, buffer.length - length, length);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    throw new RowsealError('RS-CLI-001', { detail: `${what}: ${file} cannot be read` });
  }
  if (length > maxBytes)
    throw new RowsealError('RS-CLI-001', { detail: `${what}: ${file} is larger than ${maxBytes} bytes` });
  return buffer.subarray(0, length).toString('utf8');
}
