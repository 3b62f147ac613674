import { createSecureContext } from 'node:tls';
import { RowsealError } from '../error/rowseal-error.ts';
import type { HttpSection } from './http-schema.ts';

/** Where the server listens and who may look, with every path absolute; secrets are read by {@link httpAccess}. */
export interface HttpConfig {
  readonly enabled: boolean;
  readonly host: string;
  readonly port: number;
  readonly token: { readonly file: string } | { readonly env: string } | null;
  readonly tls: {
    readonly certFile: string;
    readonly keyFile: string;
    readonly clientCaFile: string | null;
  } | null;
  readonly allowUnauthenticated: boolean;
  /** Newest changes kept for the page, masked; 0: none. */
  readonly recentChanges: number;
}

/** What lets a client in. */
export interface HttpAccess {
  /** Null: no token is asked for. */
  readonly token: string | null;
  readonly tls: { readonly cert: string; readonly key: string; readonly clientCa: string | null } | null;
}

const MIN_TOKEN_LENGTH = 16;

export function httpConfig(http: HttpSection, absolute: (name: string) => string): HttpConfig {
  const { token, tls } = http;
  return {
    enabled: http.enabled,
    host: http.host,
    port: http.port,
    token:
      token?.env !== undefined
        ? { env: token.env }
        : token?.file !== undefined
          ? { file: absolute(token.file) }
          : null,
    tls:
      tls === undefined
        ? null
        : {
            certFile: absolute(tls.cert_file),
            keyFile: absolute(tls.key_file),
            clientCaFile: tls.client_ca_file === undefined ? null : absolute(tls.client_ca_file),
          },
    allowUnauthenticated: http.allow_unauthenticated,
    recentChanges: http.recent_changes,
  };
}

/** How files are read; the loader brings the real readers. */
export interface HttpFiles {
  /** Content of a file that nobody else may read. @throws RowsealError RS-CFG-005, -006 */
  readonly secret: (file: string) => string;
  /** @throws RowsealError RS-CFG-006 */
  readonly open: (file: string) => string;
}

/**
 * Reads token and certificates, and refuses to open the door to everybody.
 *
 * @throws RowsealError RS-HTTP-001, -002, -003, RS-CFG-004, -005, -006
 */
export function accessOf(
  http: HttpConfig,
  env: Readonly<Record<string, string | undefined>>,
  files: HttpFiles,
): HttpAccess {
  const { tls } = http;
  if (
    !isLoopback(http.host) &&
    http.token === null &&
    (tls?.clientCaFile ?? null) === null &&
    !http.allowUnauthenticated
  )
    throw new RowsealError('RS-HTTP-001', {
      detail: `http.host is ${http.host}`,
      place: { file: 'configuration', path: 'http.host' },
      state: 'not started; nothing was created',
    });
  return {
    token: tokenOf(http, env, files),
    tls:
      tls === null
        ? null
        : usable({
            cert: files.open(tls.certFile),
            key: files.secret(tls.keyFile),
            clientCa: tls.clientCaFile === null ? null : files.open(tls.clientCaFile),
          }),
  };
}

function tokenOf(
  http: HttpConfig,
  env: Readonly<Record<string, string | undefined>>,
  files: HttpFiles,
): string | null {
  if (http.token === null) return null;
  const token =
    'file' in http.token ? files.secret(http.token.file).trim() : variable(http.token.env, env).trim();
  if (token.length < MIN_TOKEN_LENGTH)
    throw new RowsealError('RS-HTTP-002', {
      detail: `${token.length} characters`,
      place: { file: 'configuration', path: 'http.token' },
    });
  return token;
}

function variable(name: string, env: Readonly<Record<string, string | undefined>>): string {
  const value = Object.hasOwn(env, name) ? env[name] : undefined;
  if (value === undefined)
    throw new RowsealError('RS-CFG-004', {
      detail: `environment variable ${name}`,
      place: { file: 'configuration', path: 'http.token' },
    });
  return value;
}

type Certificates = NonNullable<HttpAccess['tls']>;

function usable(tls: Certificates): Certificates {
  try {
    createSecureContext({
      cert: tls.cert,
      key: tls.key,
      ...(tls.clientCa === null ? {} : { ca: tls.clientCa }),
    });
    return tls;
  } catch (error) {
    // OpenSSL's code names the rule that was broken; its message could quote what the file holds.
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'not PEM';
    throw new RowsealError('RS-HTTP-003', {
      detail: code,
      place: { file: 'configuration', path: 'http.tls' },
    });
  }
}

/** Only processes of this machine reach it. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
