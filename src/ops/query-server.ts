import { once } from 'node:events';
import { chmodSync, lstatSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { QueryLimits, QueryPart, WarehouseReader } from '../deliver/warehouse-reader.ts';
import { isRowsealError, RowsealError } from '../error/rowseal-error.ts';

const MAX_QUERY_BYTES = 1_000_000;
const MAX_CONNECTIONS = 32;
/** `sun_path` has 108 bytes on Linux and 104 on macOS, the last of them zero. */
const MAX_PATH_BYTES = 103;

/** One line of an answer, as JSON. */
export type QueryLine =
  | QueryPart
  | { readonly kind: 'error'; readonly code: string; readonly detail: string | null };

/** The body of `POST /query`. */
export interface QueryRequest {
  readonly sql: string;
  readonly limits: QueryLimits;
}

export interface QueryServer {
  close(): Promise<void>;
}

/**
 * Answers queries on a Unix socket, over HTTP, a JSON document a line. A socket of the file system, not a port: only its
 * owner (and root) may connect, by the kernel's word, and no web page can. What may be asked is the reader's to judge.
 *
 * @throws RowsealError RS-QRY-009
 */
export async function startQueryServer(socket: string, reader: WarehouseReader): Promise<QueryServer> {
  const server = createServer((request, response) => void respond(request, response, reader));
  server.maxConnections = MAX_CONNECTIONS;
  server.headersTimeout = 5_000;
  server.requestTimeout = 10_000;
  await listen(server, socket);
  return {
    close: async () => {
      server.closeAllConnections();
      // Closing takes the socket's name away as well.
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function listen(server: Server, socket: string): Promise<void> {
  try {
    if (Buffer.byteLength(socket) > MAX_PATH_BYTES) throw new Error(`more than ${MAX_PATH_BYTES} bytes`);
    removeStale(socket);
    // The name appears with these rights: there is no moment in which others could connect.
    const mask = process.umask(0o177);
    try {
      server.listen(socket);
    } finally {
      process.umask(mask);
    }
    await once(server, 'listening');
    chmodSync(socket, 0o600);
  } catch (thrown) {
    const why = errnoOf(thrown) ?? (thrown instanceof Error ? thrown.message : 'unknown');
    throw new RowsealError('RS-QRY-009', { detail: `${socket} (${why})`, origin: why });
  }
}

/** One that a process left behind. Whoever serves owns the warehouse file, so nobody else does. */
function removeStale(socket: string): void {
  try {
    if (lstatSync(socket).isSocket()) rmSync(socket);
  } catch (thrown) {
    if (errnoOf(thrown) !== 'ENOENT') throw thrown;
  }
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  reader: WarehouseReader,
): Promise<void> {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  response.on('error', () => gone.abort());
  try {
    if (request.method !== 'POST' || request.url !== '/query') {
      response.writeHead(404).end();
      return;
    }
    const asked = await readRequest(request);
    if (asked === null) {
      response.writeHead(400).end();
      return;
    }
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    for await (const line of answerLines(reader, asked, gone.signal)) {
      if (response.write(`${JSON.stringify(line)}\n`)) continue;
      await once(response, 'drain', { signal: gone.signal });
    }
    response.end();
  } catch {
    // The client left: there is nobody to tell.
    response.destroy();
  }
}

async function* answerLines(
  reader: WarehouseReader,
  { sql, limits }: QueryRequest,
  signal: AbortSignal,
): AsyncGenerator<QueryLine> {
  try {
    yield* reader.query(sql, limits, signal);
  } catch (thrown) {
    const error = isRowsealError(thrown) ? thrown : new RowsealError('RS-RUN-000', { detail: 'query' });
    yield { kind: 'error', code: error.code, detail: error.detail };
  }
}

/** @returns null: not what it should be */
async function readRequest(request: IncomingMessage): Promise<QueryRequest | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > MAX_QUERY_BYTES) return null;
    chunks.push(chunk as Buffer);
  }
  try {
    const { sql, limits } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Partial<QueryRequest>;
    const { rows, timeMs } = limits ?? {};
    if (typeof sql !== 'string' || !isCount(rows) || !isCount(timeMs)) return null;
    return { sql, limits: { rows, timeMs } };
  } catch {
    return null;
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}

function errnoOf(thrown: unknown): string | null {
  return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : null;
}
