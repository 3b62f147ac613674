import { lstatSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import type { QueryLimits, QueryPart } from '../deliver/warehouse-reader.ts';
import { type ErrorCode, errorCodes } from '../error/codes.ts';
import { RowsealError } from '../error/rowseal-error.ts';
import type { QueryLine, QueryRequest } from '../ops/query-server.ts';

/**
 * Asks the process that serves queries on a socket.
 *
 * @returns null: nobody listens there
 * @throws RowsealError of the answer; RS-QRY-007, -008
 */
export async function askServer(
  socket: string,
  sql: string,
  limits: QueryLimits,
): Promise<AsyncIterable<QueryPart> | null> {
  if (!isOurs(socket)) return null;
  const body: QueryRequest = { sql, limits };
  const response = await post(socket, JSON.stringify(body));
  if (response === null) return null;
  if (response.statusCode !== 200)
    throw new RowsealError('RS-QRY-008', { detail: `answer ${response.statusCode}` });
  return parts(response);
}

/** @throws RowsealError RS-QRY-007 */
function isOurs(socket: string): boolean {
  const found = lstatSync(socket, { throwIfNoEntry: false });
  if (found === undefined) return false;
  const own = process.getuid?.() ?? found.uid;
  // Root may serve too: whoever is root needs no trick.
  if (!found.isSocket() || (found.uid !== own && found.uid !== 0))
    throw new RowsealError('RS-QRY-007', { detail: socket });
  return true;
}

function post(socketPath: string, body: string): Promise<IncomingMessage | null> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ socketPath, path: '/query', method: 'POST' }, resolve);
    request.on('error', (error: NodeJS.ErrnoException) => {
      const { code } = error;
      // Left behind by a process that was killed, or gone in this moment.
      if (code === 'ECONNREFUSED' || code === 'ENOENT') resolve(null);
      else if (code === 'EACCES') reject(new RowsealError('RS-QRY-007', { detail: socketPath }));
      else reject(new RowsealError('RS-QRY-008', { detail: code ?? 'unknown' }));
    });
    request.end(body);
  });
}

async function* parts(response: IncomingMessage): AsyncGenerator<QueryPart> {
  let ended = false;
  try {
    for await (const text of createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY })) {
      const line = JSON.parse(text) as QueryLine;
      if (line.kind === 'error') throw answered(line);
      ended = line.kind === 'end';
      yield line;
    }
  } catch (thrown) {
    if (thrown instanceof RowsealError) throw thrown;
    throw new RowsealError('RS-QRY-008', { detail: 'the answer was cut off' });
  }
  // Half an answer must not look like a whole one.
  if (!ended) throw new RowsealError('RS-QRY-008', { detail: 'the answer was cut off' });
}

function answered({ code, detail }: Extract<QueryLine, { kind: 'error' }>): RowsealError {
  const known = Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : 'RS-QRY-008';
  return new RowsealError(known, detail === null ? {} : { detail });
}
