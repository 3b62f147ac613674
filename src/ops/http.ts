import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { errorCodes } from '../error/codes.ts';
import { RowsealError } from '../error/rowseal-error.ts';
import type { PipelineStatus } from '../pipeline/status.ts';
import { mergeExpositions } from './exposition.ts';
import { type Door, Gatekeeper } from './gatekeeper.ts';
import type { OpsRoom } from './ops-room.ts';
import { housePage } from './page/house.ts';
import { CONTENT_SECURITY_POLICY, statusPage } from './page/page.ts';

const MAX_CONNECTIONS = 64;
const WATCHDOG_MS = 30_000;
const TICK_MS = 1_000;

const MISSING_QUORUM = {
  code: 'RS-WIT-006',
  title: errorCodes['RS-WIT-006'].title,
  detail: null,
  fix: errorCodes['RS-WIT-006'].fix,
};

export interface OpsServer {
  /** `http://127.0.0.1:8484` */
  readonly address: string;
  /** From the next request on: others are let in, with other certificates. Whether there is TLS stays as it was. */
  changeDoor(door: Door): void;
  close(): Promise<void>;
}

/** One for each pipeline of the process; never none. */
export type OpsRooms = readonly [OpsRoom, ...OpsRoom[]];

/**
 * Health, metrics and the status page. Never asks a database; the one thing a request may start is a verification of the
 * log. Probes are answered to everybody, the rest to whom the door lets in.
 *
 * @throws RowsealError RS-RUN-012
 */
export async function startOpsServer(
  { host, port }: { readonly host: string; readonly port: number },
  door: Door,
  rooms: OpsRooms,
  processMetrics: () => Promise<string> = async () => '',
): Promise<OpsServer> {
  // The event loop itself is what the watchdog watches: if it hangs, so does this tick.
  let tickedMs = performance.now();
  const ticker = setInterval(() => {
    tickedMs = performance.now();
  }, TICK_MS);
  ticker.unref();
  const desk = new Desk(
    new Gatekeeper(host, door),
    rooms,
    processMetrics,
    () => performance.now() - tickedMs < WATCHDOG_MS,
  );
  const server = listener(door, (request, response) => {
    desk.answer(request, response).catch(() => response.destroy());
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.requestTimeout = 10_000;
  server.headersTimeout = 5_000;
  await listen(server, host, port);
  const address = server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  const scheme = door.tls === null ? 'http' : 'https';
  return {
    address: `${scheme}://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    changeDoor: (changed) => {
      desk.gatekeeper = new Gatekeeper(host, changed);
      if (changed.tls !== null && 'setSecureContext' in server)
        (server as TlsServer).setSecureContext(contextOf(changed.tls));
    },
    close: () => {
      clearInterval(ticker);
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function listener(
  { tls }: Door,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Server {
  if (tls === null) return createServer(answer);
  // Asked for, not demanded: probes have none, and are told no more than whether all is well.
  const asks = tls.clientCa === null ? {} : { requestCert: true, rejectUnauthorized: false };
  return createTlsServer({ ...contextOf(tls), ...asks }, answer);
}

function contextOf({ cert, key, clientCa }: NonNullable<Door['tls']>) {
  return {
    cert,
    key,
    minVersion: 'TLSv1.2' as const,
    ...(clientCa === null ? {} : { ca: clientCa }),
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

class Desk {
  gatekeeper: Gatekeeper;
  readonly #rooms: OpsRooms;
  readonly #processMetrics: () => Promise<string>;
  readonly #alive: () => boolean;

  constructor(
    gatekeeper: Gatekeeper,
    rooms: OpsRooms,
    processMetrics: () => Promise<string>,
    alive: () => boolean,
  ) {
    this.gatekeeper = gatekeeper;
    this.#rooms = rooms;
    this.#processMetrics = processMetrics;
    this.#alive = alive;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const reply = new Reply(request, response);
    const [path = '/'] = (request.url ?? '/').split('?', 1);
    const starts = request.method === 'POST' && path.endsWith('/verify');
    if (request.method !== 'GET' && request.method !== 'HEAD' && !starts)
      return reply.text(405, 'only GET\n');
    if (!this.gatekeeper.knowsHost(request)) return reply.text(421, 'unexpected Host header\n');
    const admitted = this.gatekeeper.admits(request);
    if (path === '/healthz')
      return this.#alive() ? reply.text(200, 'ok\n') : reply.text(503, 'the event loop does not tick\n');
    if (path === '/readyz') return this.#ready(reply, admitted);
    if (!admitted) return reply.unauthorized();
    const [room, inside] = this.#find(path);
    if (room === null) return starts ? reply.text(405, 'only GET\n') : this.#lookAtAll(path, reply);
    return starts && inside === '/verify'
      ? this.#verify(room, request, reply)
      : this.#look(room, inside, reply);
  }

  /** `/pipelines/NAME/…` leads into the room of one; where there is only one, so does everything else. */
  #find(path: string): readonly [OpsRoom | null, string] {
    const [, name, inside] = /^\/pipelines\/([^/]+)(\/.*)$/.exec(path) ?? [];
    const named = this.#rooms.find((room) => room.status().pipeline === name);
    if (named !== undefined && inside !== undefined) return [named, inside];
    return [this.#rooms.length === 1 ? this.#rooms[0] : null, path];
  }

  /** A probe learns the state; why, and which sinks, is for those who are let in. */
  #ready(reply: Reply, admitted: boolean): void {
    const told = this.#rooms.map((room) => readinessOf(room.status(), admitted));
    const ready = told.every((one) => one.ready);
    const pipelines = Object.fromEntries(
      this.#rooms.map((room, i) => [room.status().pipeline, told[i]!] as const),
    );
    const several = admitted ? { ready, pipelines } : { ready };
    reply.json(ready ? 200 : 503, told.length === 1 ? told[0] : several);
  }

  async #lookAtAll(path: string, reply: Reply): Promise<void> {
    const statuses = this.#rooms.map((room) => room.status());
    switch (path) {
      case '/metrics':
        return reply.metrics(
          mergeExpositions(
            await Promise.all([this.#processMetrics(), ...this.#rooms.map((room) => room.metrics())]),
          ),
        );
      case '/status.json':
        return reply.json(200, { pipelines: statuses });
      case '/':
        return reply.html(housePage(statuses));
      default:
        return reply.text(
          404,
          'there are /, /healthz, /readyz, /metrics, /status.json, and by pipeline /pipelines/NAME/\n',
        );
    }
  }

  async #look(room: OpsRoom, path: string, reply: Reply): Promise<void> {
    switch (path) {
      case '/metrics':
        return reply.metrics(await room.metrics());
      case '/status.json':
        return reply.json(200, room.picture());
      case '/recent.json': {
        const recent = room.recent();
        return recent === null
          ? reply.text(404, 'http.recent_changes is 0: no change is kept for the page\n')
          : reply.json(200, recent);
      }
      case '/':
        return reply.html(statusPage(room, null));
      default:
        return reply.text(404, 'there are /, /healthz, /readyz, /metrics, /status.json and /recent.json\n');
    }
  }

  async #verify(room: OpsRoom, request: IncomingMessage, reply: Reply): Promise<void> {
    if (!this.gatekeeper.isOwnPage(request)) return reply.text(403, 'only from the page itself\n');
    const verdict = await room.verify();
    if (request.headers.accept?.includes('application/json') === true) return reply.json(200, verdict);
    reply.html(statusPage(room, verdict));
  }
}

function readinessOf({ state, reason, sinks, witnesses }: PipelineStatus, admitted: boolean) {
  const witnessed = witnesses?.met !== false;
  const ready = witnessed && (state === 'streaming' || state === 'snapshot');
  const details = {
    reason: reason ?? (witnessed ? null : MISSING_QUORUM),
    degraded: sinks.filter((sink) => sink.error !== null).map((sink) => sink.name),
    halted: sinks.filter((sink) => sink.breaker !== 'closed').map((sink) => sink.name),
  };
  return { ready, state, ...(admitted ? details : {}) };
}

class Reply {
  readonly #response: ServerResponse;
  readonly #bodiless: boolean;

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.#response = response;
    this.#bodiless = request.method === 'HEAD';
  }

  send(code: number, type: string, body: string, headers: Readonly<Record<string, string>> = {}): void {
    this.#response.writeHead(code, {
      'content-type': type,
      'content-security-policy': CONTENT_SECURITY_POLICY,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'same-origin',
      'cache-control': 'no-store',
      ...headers,
    });
    this.#response.end(this.#bodiless ? '' : body);
  }

  text(code: number, body: string): void {
    this.send(code, 'text/plain; charset=utf-8', body);
  }

  json(code: number, value: unknown): void {
    this.send(code, 'application/json', `${JSON.stringify(value)}\n`);
  }

  html(body: string): void {
    this.send(200, 'text/html; charset=utf-8', body);
  }

  metrics(body: string): void {
    this.send(200, 'text/plain; version=0.0.4; charset=utf-8', body);
  }

  unauthorized(): void {
    this.send(401, 'text/plain; charset=utf-8', 'a token or a client certificate is needed\n', {
      'www-authenticate': 'Basic realm="rowseal: any name, the token as password", charset="UTF-8"',
    });
  }
}
