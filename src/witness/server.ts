import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { RowsealError } from '../error/rowseal-error.ts';
import { toRowsealError } from '../error/unexpected.ts';
import { MAX_REQUEST_BYTES } from './request.ts';
import type { Witness } from './witness.ts';

const MAX_CONNECTIONS = 64;

export interface WitnessServer {
  /** `http://127.0.0.1:8485` */
  readonly address: string;
  close(): Promise<void>;
}

/**
 * A witness over HTTP: `POST /add-checkpoint` and `GET /<origin hash>/checkpoint` (C2SP tlog-witness), no others.
 *
 * @param answered told of every request: path, status, and the error behind a 500
 */
export async function startWitnessServer(
  host: string,
  port: number,
  witness: Witness,
  answered: (path: string, status: number, error: RowsealError | null) => void,
): Promise<WitnessServer> {
  const server = createServer((request, response) => {
    void respond(request, response, witness, answered);
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.requestTimeout = 10_000;
  server.headersTimeout = 5_000;
  server.keepAliveTimeout = 60_000;
  await listen(server, host, port);
  const address = server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  return {
    address: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(new RowsealError('RS-WIT-002', { detail: `${host}:${port} (${error.code ?? 'unknown'})` })),
    );
    server.listen(port, host, () => resolve());
  });
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  witness: Witness,
  answered: (path: string, status: number, error: RowsealError | null) => void,
): Promise<void> {
  const path = pathOf(request.url);
  const send = (
    status: number,
    type: string,
    body: string,
    headers: Readonly<Record<string, string>> = {},
    error: RowsealError | null = null,
  ): void => {
    answered(path, status, error);
    response.writeHead(status, { 'content-type': type, 'x-content-type-options': 'nosniff', ...headers });
    response.end(request.method === 'HEAD' ? '' : body);
  };
  try {
    const hash = /^\/([0-9a-f]{64})\/checkpoint$/.exec(path)?.[1];
    if (hash !== undefined) {
      if (request.method !== 'GET' && request.method !== 'HEAD')
        return send(405, 'text/plain', 'only GET\n', { allow: 'GET' });
      const { status, type, body } = await witness.checkpoint(hash);
      return send(status, type, body, { 'cache-control': 'no-store' });
    }
    if (path !== '/add-checkpoint')
      return send(404, 'text/plain', 'there are /add-checkpoint and /<origin hash>/checkpoint\n');
    if (request.method !== 'POST') return send(405, 'text/plain', 'only POST\n', { allow: 'POST' });
    const sent = await bodyOf(request);
    // What is still on its way is not waited for.
    if (sent === null) return send(413, 'text/plain', 'the body is too large\n', { connection: 'close' });
    const { status, type, body } = await witness.addCheckpoint(sent);
    send(status, type, body);
  } catch (thrown) {
    // The client is gone, or the checkpoint could not be kept: either way nothing was cosigned.
    if (response.headersSent) return;
    send(500, 'text/plain', 'the witness failed\n', {}, toRowsealError(thrown));
  }
}

function pathOf(url: string | undefined): string {
  return (url ?? '/').split('?', 1)[0]!.slice(0, 200);
}

/** null: more than any honest request. */
async function bodyOf(request: IncomingMessage): Promise<Uint8Array | null> {
  const pieces: Buffer[] = [];
  let length = 0;
  const sent = request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  for await (const piece of sent) {
    length += piece.length;
    if (length > MAX_REQUEST_BYTES) return null;
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
