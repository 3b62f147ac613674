import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { BigQuery } from '@google-cloud/bigquery';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { AccessToken } from './credentials.ts';
import { bigqueryError, type Failure, failureOf, isPassing, isRefusedToken } from './errors.ts';
import { type BigquerySinkOptions, defaultPatience } from './options.ts';

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
  /** Requests to the Storage Write interface carry it too. */
  readonly token: AccessToken;
  readonly #bigquery: BigQuery;
  readonly #options: BigquerySinkOptions;
  readonly #leaving: AbortSignal | null;

  private constructor(options: BigquerySinkOptions, token: AccessToken, leaving: AbortSignal | null) {
    this.project = options.project;
    this.token = token;
    this.#options = options;
    this.#leaving = leaving;
    this.#bigquery = new BigQuery({
      projectId: options.project,
      // The library's types want the class of its own copy of the auth library; it is the same package.
      authClient: token.auth,
      userAgent: 'rowseal',
      retryOptions: { autoRetry: false },
      ...(options.endpoints === undefined ? {} : { apiEndpoint: options.endpoints.rest }),
    });
    this.#bigquery.timeout = REQUEST_TIMEOUT_MS;
  }

  /**
   * @param leaving aborted when nobody waits for answers any more: then nothing is asked any more either
   * @throws RowsealError RS-BQ-002, -016
   */
  static async connect(
    options: BigquerySinkOptions,
    leaving: AbortSignal | null = null,
  ): Promise<BigqueryClient> {
    return new BigqueryClient(options, await AccessToken.of(options), leaving);
  }

  /** @throws RowsealError RS-RUN-004 */
  async pause(ms: number): Promise<void> {
    await sleep(ms, undefined, this.#leaving === null ? {} : { signal: this.#leaving }).catch(() => {});
    this.#expectStaying();
  }

  #expectStaying(): void {
    if (this.#leaving?.aborted === true)
      throw new RowsealError('RS-RUN-004', { detail: 'BigQuery is left to what it does' });
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
    let renewed = false;
    for (let n = 1; ; n++) {
      this.#expectStaying();
      const { renewals } = this.token;
      try {
        return await attempt();
      } catch (thrown) {
        const failure = failureOf(thrown);
        if (isRefusedToken(failure) && !renewed) {
          // A fresh one that is refused too is no matter of time.
          renewed = true;
          this.token.renew(renewals);
          continue;
        }
        if (n >= attempts || !isPassing(failure)) throw new RequestFailed(failure);
        const step = Math.min(maxMs, firstMs * 2 ** (n - 1));
        await this.pause(step / 2 + (step / 2) * Math.random());
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
