import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { RowsealError } from '../error/rowseal-error.ts';
import type { PipelineStatus } from '../pipeline/status.ts';
import type { Metrics } from './metrics.ts';
import { statusPage } from './page.ts';

const MAX_CONNECTIONS = 64;
const WATCHDOG_MS = 30_000;
const TICK_MS = 1_000;

export interface OpsServer {
  /** `http://127.0.0.1:8484` */
  readonly address: string;
  close(): Promise<void>;
}

/** Health, metrics and the status page. Reads only; never asks a database, never shows a value. */
export async function startOpsServer(
  host: string,
  port: number,
  status: () => PipelineStatus,
  metrics: Metrics,
): Promise<OpsServer> {
  // The event loop itself is what the watchdog watches: if it hangs, so does this tick.
  let tickedMs = Date.now();
  const ticker = setInterval(() => {
    tickedMs = Date.now();
  }, TICK_MS);
  ticker.unref();
  const server = createServer((request, response) => {
    void respond(request, response, host, status, metrics, () => Date.now() - tickedMs < WATCHDOG_MS);
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.requestTimeout = 10_000;
  server.headersTimeout = 5_000;
  await listen(server, host, port);
  const address = server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  return {
    address: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    close: () => {
      clearInterval(ticker);
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new RowsealError('RS-RUN-012', {
          detail: `${host}:${port} (${error.code ?? 'unknown'})`,
          ...(error.code === undefined ? {} : { origin: error.code }),
        }),
      ),
    );
    server.listen(port, host, () => resolve());
  });
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  host: string,
  status: () => PipelineStatus,
  metrics: Metrics,
  alive: () => boolean,
): Promise<void> {
  const send = (code: number, type: string, body: string): void => {
    response.writeHead(code, {
      'content-type': type,
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    });
    response.end(request.method === 'HEAD' ? '' : body);
  };
  if (request.method !== 'GET' && request.method !== 'HEAD') return send(405, 'text/plain', 'only GET\n');
  if (!hostAllowed(request.headers.host, host)) return send(421, 'text/plain', 'unexpected Host header\n');
  switch (new URL(request.url ?? '/', 'http://localhost').pathname) {
    case '/healthz':
      return alive()
        ? send(200, 'text/plain', 'ok\n')
        : send(503, 'text/plain', 'the event loop does not tick\n');
    case '/readyz': {
      const now = status();
      const ready = now.state === 'streaming' || now.state === 'snapshot';
      return send(
        ready ? 200 : 503,
        'application/json',
        `${JSON.stringify({ ready, state: now.state, reason: now.reason, degraded: now.sinks.filter((sink) => sink.error !== null).map((sink) => sink.name), halted: now.sinks.filter((sink) => sink.breaker !== 'closed').map((sink) => sink.name) })}\n`,
      );
    }
    case '/metrics':
      return send(200, 'text/plain; version=0.0.4', await metrics.text(status()));
    case '/status.json':
      return send(200, 'application/json', `${JSON.stringify(status())}\n`);
    case '/':
      return send(200, 'text/html; charset=utf-8', statusPage(status()));
    default:
      return send(404, 'text/plain', 'there are /, /healthz, /readyz, /metrics and /status.json\n');
  }
}

/** On the loopback interface only local names: a web page elsewhere must not read us through a DNS name of its own. */
function hostAllowed(header: string | undefined, bound: string): boolean {
  if (bound !== '127.0.0.1' && bound !== '::1' && bound !== 'localhost') return true;
  const name = (header ?? '').replace(/:\d+$/, '');
  return ['127.0.0.1', 'localhost', '[::1]', ''].includes(name);
}
