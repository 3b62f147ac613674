import { type AuthClient, GoogleAuth, Impersonated, JWT, PassThroughClient } from 'google-auth-library';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import type { BigquerySinkOptions } from './options.ts';

const SCOPE = 'https://www.googleapis.com/auth/bigquery';

/**
 * The access token that requests and streams carry. Google's library fetches the next one shortly before this one expires,
 * by the clock of this machine; where a token is refused before that (it was revoked, the clock is wrong), whoever was
 * refused asks for a fresh one.
 */
export class AccessToken {
  readonly auth: AuthClient;
  #renewals = 0;

  private constructor(auth: AuthClient) {
    this.auth = auth;
  }

  /** @throws RowsealError RS-BQ-002, -016 */
  static async of(options: BigquerySinkOptions): Promise<AccessToken> {
    return new AccessToken(await authClient(options));
  }

  /** Tells apart which token a request went out with. */
  get renewals(): number {
    return this.#renewals;
  }

  /** @param refused `renewals` when the refused request went out: of many that are refused at a time one gets a new token for all */
  renew(refused: number): void {
    if (refused !== this.#renewals) return;
    this.#renewals++;
    // Every client of the library fetches a token in the place of one that has expired; no other way is common to all of them.
    this.auth.setCredentials({ ...this.auth.credentials, expiry_date: 1 });
  }
}

async function authClient({ credentials, impersonate }: BigquerySinkOptions): Promise<AuthClient> {
  const own = await ownClient(credentials);
  if (impersonate === null) return own;
  return new Impersonated({
    sourceClient: own,
    targetPrincipal: impersonate,
    targetScopes: [SCOPE],
    delegates: [],
    lifetime: 3_600,
  });
}

async function ownClient(credentials: BigquerySinkOptions['credentials']): Promise<AuthClient> {
  switch (credentials.kind) {
    case 'none':
      return new PassThroughClient();
    case 'client':
      return credentials.client;
    case 'key': {
      const { client_email: email, private_key: key } = parseKey(credentials);
      return new JWT({ email, key, scopes: [SCOPE] });
    }
    case 'default':
      try {
        return await new GoogleAuth({ scopes: [SCOPE] }).getClient();
      } catch {
        // The library's message names files and environment; what helps is in the fix.
        throw new RowsealError('RS-BQ-002', { detail: 'no Application Default Credentials were found' });
      }
  }
}

/** Other kinds of credential files name programs to run and addresses to ask: only a plain key is taken (allow-list). */
function parseKey(key: { readonly json: string; readonly file: string }): {
  readonly client_email: string;
  readonly private_key: string;
} {
  const refuse = (why: string): RowsealError =>
    new RowsealError('RS-BQ-016', { detail: `${key.file}: ${why}` });
  let parsed: unknown;
  try {
    parsed = JSON.parse(key.json);
  } catch {
    // JSON.parse quotes its input.
    throw refuse('not JSON');
  }
  const fields = (typeof parsed === 'object' && parsed !== null ? parsed : {}) as Record<string, unknown>;
  const { type, client_email, private_key, token_uri, universe_domain } = fields;
  if (type !== 'service_account') throw refuse('type is not service_account');
  if (typeof client_email !== 'string' || typeof private_key !== 'string')
    throw refuse('client_email or private_key is missing');
  if (token_uri !== undefined && token_uri !== 'https://oauth2.googleapis.com/token')
    throw refuse('another token_uri');
  if (universe_domain !== undefined && universe_domain !== 'googleapis.com')
    throw refuse('another universe_domain');
  return { client_email, private_key };
}
