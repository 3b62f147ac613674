import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';

/** What lets a client in; nothing: everybody who reaches the port. */
export interface Door {
  readonly token: string | null;
  readonly tls: { readonly cert: string; readonly key: string; readonly clientCa: string | null } | null;
}

/** Decides who may look. One token for all; a client certificate of the configured authority is as good. */
export class Gatekeeper {
  readonly #token: Buffer | null;
  readonly #certificates: boolean;
  readonly #loopback: boolean;

  constructor(host: string, door: Door) {
    this.#token = door.token === null ? null : digest(door.token);
    this.#certificates = (door.tls?.clientCa ?? null) !== null;
    this.#loopback = host === '127.0.0.1' || host === '::1' || host === 'localhost';
  }

  admits(request: IncomingMessage): boolean {
    if (this.#token === null && !this.#certificates) return true;
    if (this.#certificates && request.socket instanceof TLSSocket && request.socket.authorized) return true;
    const offered = offeredToken(request.headers.authorization);
    // Digests have one length, whatever was sent: neither length nor content shows in the time taken.
    return this.#token !== null && offered !== null && timingSafeEqual(digest(offered), this.#token);
  }

  /** On the loopback interface only local names: a web page elsewhere must not read us through a DNS name of its own. */
  knowsHost(request: IncomingMessage): boolean {
    if (!this.#loopback) return true;
    const name = (request.headers.host ?? '').replace(/:\d+$/, '');
    return ['127.0.0.1', 'localhost', '[::1]', ''].includes(name);
  }

  /** Whether a request that starts work comes from the page itself, not from another site in the same browser. */
  isOwnPage(request: IncomingMessage): boolean {
    const { origin, host } = request.headers;
    if (request.headers['sec-fetch-site'] === 'cross-site') return false;
    return origin === undefined || (URL.canParse(origin) && new URL(origin).host === host);
  }
}

/** Of `Bearer <token>`, or the password of `Basic`, which is what a browser asks a person for. */
function offeredToken(header: string | undefined): string | null {
  const [scheme, value] = (header ?? '').split(' ', 2);
  if (value === undefined) return null;
  switch (scheme?.toLowerCase()) {
    case 'bearer':
      return value;
    case 'basic': {
      const pair = Buffer.from(value, 'base64').toString('utf8');
      return pair.slice(pair.indexOf(':') + 1);
    }
    default:
      return null;
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
