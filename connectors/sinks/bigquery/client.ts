import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { BigQuery } from '@google-cloud/bigquery';
import { type AuthClient, GoogleAuth, Impersonated, JWT, PassThroughClient } from 'google-auth-library';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { bigqueryError, type Failure, failureOf, isPassing } from './errors.ts';
import { type BigquerySinkOptions, defaultPatience } from './options.ts';

const SCOPE = 'https://www.googleapis.com/auth/bigquery';
/** An answer that does not come in this time never will. */
const REQUEST_TIMEOUT_MS = 120_000;

/** A request that was answered with an error, or not at all, after all attempts. */
export class RequestFailed extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.reason);
    this.failure = failure;
  }
}

export interface RestRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Below the project, for example `/datasets/d/tables/t`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number>>;
  readonly body?: object;
}

/**
 * The BigQuery REST interface (https://cloud.google.com/bigquery/docs/reference/rest/v2) over Google's client library:
 * its authentication and transport, our own rules for what is tried again.
 */
export class BigqueryClient {
  readonly project: string;
  /** Signs requests to the Storage Write interface too. */
  readonly auth: AuthClient;
  readonly #bigquery: BigQuery;
  readonly #options: BigquerySinkOptions;

  private constructor(options: BigquerySinkOptions, auth: AuthClient) {
    this.project = options.project;
    this.auth = auth;
    this.#options = options;
    this.#bigquery = new BigQuery({
      projectId: options.project,
      // The library's types want the class of its own copy of the auth library; it is the same package.
      authClient: auth,
      userAgent: 'rowseal',
      retryOptions: { autoRetry: false },
      ...(options.endpoints === undefined ? {} : { apiEndpoint: options.endpoints.rest }),
    });
    this.#bigquery.timeout = REQUEST_TIMEOUT_MS;
  }

  /** @throws RowsealError RS-BQ-002, -016 */
  static async connect(options: BigquerySinkOptions): Promise<BigqueryClient> {
    return new BigqueryClient(options, await authClient(options));
  }

  /**
   * Sends a request until it is answered or patience ends.
   *
   * @throws RequestFailed
   */
  async send(request: RestRequest): Promise<Record<string, unknown>> {
    return this.#persist(() =>
      this.#once({
        method: request.method,
        uri: request.path,
        ...(request.query === undefined ? {} : { qs: request.query }),
        ...(request.body === undefined ? { json: true } : { json: request.body }),
      }),
    );
  }

  /**
   * As `send`, with a media part: `uploadType=multipart`, RFC 2387.
   *
   * @param media called once per attempt
   */
  async upload(metadata: object, media: () => Iterable<Buffer>): Promise<Record<string, unknown>> {
    return this.#persist(() =>
      this.#once({
        method: 'POST',
        uri: `${this.#bigquery.apiEndpoint}/upload/bigquery/v2/projects/${this.project}/jobs`,
        qs: { uploadType: 'multipart' },
        multipart: [
          { 'Content-Type': 'application/json', body: JSON.stringify(metadata) },
          { 'Content-Type': 'application/octet-stream', body: Readable.from(media(), { objectMode: false }) },
        ],
      }),
    );
  }

  async #persist<T>(attempt: () => Promise<T>): Promise<T> {
    const { firstMs, maxMs, attempts } = this.#options.patience ?? defaultPatience;
    for (let n = 1; ; n++) {
      try {
        return await attempt();
      } catch (thrown) {
        const failure = failureOf(thrown);
        if (n >= attempts || !isPassing(failure)) throw new RequestFailed(failure);
        const step = Math.min(maxMs, firstMs * 2 ** (n - 1));
        await sleep(step / 2 + (step / 2) * Math.random());
      }
    }
  }

  #once(request: object): Promise<Record<string, unknown>> {
    return new Promise((resolve, reject) => {
      this.#bigquery.request(
        request as Parameters<BigQuery['request']>[0],
        (error: unknown, body: unknown) => {
          if (error !== null && error !== undefined) reject(error);
          else resolve(typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {});
        },
      );
    });
  }
}

/** A request's failure as ours. */
export function requestError(thrown: unknown, doing: string): RowsealError {
  if (thrown instanceof RowsealError) return thrown;
  return bigqueryError(thrown instanceof RequestFailed ? thrown.failure : failureOf(thrown), doing);
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
