import { request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import type { HttpAccess } from '../config/http.ts';
import { loadHttpAccess, type RowsealConfig } from '../config/load.ts';

/** What a running process said. */
export interface Answer {
  readonly status: number;
  readonly body: string;
}

const TIMEOUT_MS = 3_000;

/** Where to reach a server that listens on `host` from the same machine. */
export function localAddress({ http }: Pick<RowsealConfig, 'http'>): { host: string; port: number } {
  const host = http.host === '0.0.0.0' ? '127.0.0.1' : http.host === '::' ? '::1' : http.host;
  return { host, port: http.port };
}

/** Asks the process that runs with this configuration on this machine; null: no answer. */
export function askRunning(
  config: Pick<RowsealConfig, 'http'>,
  path: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Answer | null> {
  const access = accessOrNone(config, env);
  return new Promise((resolve) => {
    const options = {
      ...localAddress(config),
      path,
      timeout: TIMEOUT_MS,
      headers: access.token === null ? {} : { authorization: `Bearer ${access.token}` },
    };
    const request =
      config.http.tls === null ? plainRequest(options) : tlsRequest({ ...options, ...trust(access) });
    request.on('response', (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', () => resolve(null));
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(null));
    request.end();
  });
}

/** The certificate names the address that others use, so here it is the certificate itself that is trusted. */
function trust({ tls }: HttpAccess) {
  return tls === null
    ? { rejectUnauthorized: false }
    : { ca: tls.cert, allowPartialTrustChain: true, checkServerIdentity: () => undefined };
}

/** A probe needs no token: where the secret cannot be read, it asks without. */
function accessOrNone(
  config: Pick<RowsealConfig, 'http'>,
  env: Readonly<Record<string, string | undefined>>,
): HttpAccess {
  try {
    return loadHttpAccess(config, env);
  } catch {
    return { token: null, tls: null };
  }
}
