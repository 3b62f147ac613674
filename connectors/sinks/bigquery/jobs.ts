import { type BigqueryClient, RequestFailed } from './client.ts';
import { bigqueryError, type Failure, isPassing, jobFailure } from './errors.ts';

/** A statement runs at most this long on BigQuery's side; then BigQuery itself gives it up. */
const JOB_TIMEOUT_MS = 3_600_000;
const MAX_POLL_MS = 2_000;
/** Failed jobs of earlier calls that are passed over. */
const MAX_EARLIER_JOBS = 100;

export interface QueryParameter {
  readonly name: string;
  readonly value: string;
}

export type QueryRow = readonly (string | null)[];

/**
 * Jobs under deterministic ids. Whatever happens to an answer, a job is not done twice: inserting an id again says 409,
 * and then that job is waited for (https://cloud.google.com/bigquery/docs/running-jobs#generate-jobid).
 */
export class Jobs {
  readonly #client: BigqueryClient;
  readonly #location: string;
  readonly #labels: Readonly<Record<string, string>>;
  readonly #pollMs: number;
  readonly #attempts: number;

  constructor(
    client: BigqueryClient,
    location: string,
    labels: Readonly<Record<string, string>>,
    patience: { readonly pollMs: number; readonly attempts: number },
  ) {
    this.#client = client;
    this.#location = location;
    this.#labels = labels;
    this.#pollMs = patience.pollMs;
    this.#attempts = patience.attempts;
  }

  /** Runs statements. @throws RowsealError */
  async query(id: string, sql: string, parameters: readonly QueryParameter[], doing: string): Promise<void> {
    await this.#run(id, doing, (jobReference) => this.#insertQuery(jobReference, sql, parameters));
  }

  /** Runs a SELECT and reads all of its rows; for bookkeeping, so they are few. @throws RowsealError */
  async select(
    id: string,
    sql: string,
    parameters: readonly QueryParameter[],
    doing: string,
  ): Promise<readonly QueryRow[]> {
    const rows: QueryRow[] = [];
    for await (const page of this.pages(id, sql, parameters, doing)) rows.push(...page);
    return rows;
  }

  /** Runs a SELECT and reads its rows page by page, as many as BigQuery puts on one (10 MB). @throws RowsealError */
  async *pages(
    id: string,
    sql: string,
    parameters: readonly QueryParameter[],
    doing: string,
  ): AsyncGenerator<readonly QueryRow[]> {
    const jobId = await this.#run(id, doing, (jobReference) =>
      this.#insertQuery(jobReference, sql, parameters),
    );
    let pageToken: string | null = null;
    do {
      const page = await this.#client.send({
        method: 'GET',
        path: `/queries/${jobId}`,
        query: { location: this.#location, ...(pageToken === null ? {} : { pageToken }) },
      });
      const rows = (page['rows'] ?? []) as { readonly f: readonly { readonly v: string | null }[] }[];
      yield rows.map((row) => row.f.map(({ v }) => v));
      pageToken =
        typeof page['pageToken'] === 'string' && page['pageToken'] !== '' ? page['pageToken'] : null;
    } while (pageToken !== null);
  }

  /** Loads newline-delimited JSON into an empty table. @throws RowsealError */
  async load(
    id: string,
    table: { readonly dataset: string; readonly table: string },
    ndjson: () => Iterable<Buffer>,
    doing: string,
  ): Promise<void> {
    await this.#run(id, doing, (jobReference) =>
      this.#client.upload(
        {
          jobReference,
          configuration: {
            labels: this.#labels,
            jobTimeoutMs: String(JOB_TIMEOUT_MS),
            load: {
              destinationTable: {
                projectId: this.#client.project,
                datasetId: table.dataset,
                tableId: table.table,
              },
              sourceFormat: 'NEWLINE_DELIMITED_JSON',
              encoding: 'UTF-8',
              maxBadRecords: 0,
              ignoreUnknownValues: false,
              createDisposition: 'CREATE_NEVER',
              writeDisposition: 'WRITE_EMPTY',
            },
          },
        },
        ndjson,
      ),
    );
  }

  #insertQuery(
    jobReference: object,
    sql: string,
    parameters: readonly QueryParameter[],
  ): Promise<Record<string, unknown>> {
    return this.#client.send({
      method: 'POST',
      path: '/jobs',
      body: {
        jobReference,
        configuration: {
          labels: this.#labels,
          jobTimeoutMs: String(JOB_TIMEOUT_MS),
          query: {
            query: sql,
            useLegacySql: false,
            ...(parameters.length === 0
              ? {}
              : {
                  parameterMode: 'NAMED',
                  queryParameters: parameters.map(({ name, value }) => ({
                    name,
                    parameterType: { type: 'STRING' },
                    parameterValue: { value },
                  })),
                }),
          },
        },
      },
    });
  }

  /**
   * A job that failed for a passing reason is done again under the next id; so is one that failed in an earlier call,
   * whatever its reason.
   */
  async #run(
    id: string,
    doing: string,
    insert: (jobReference: object) => Promise<Record<string, unknown>>,
  ): Promise<string> {
    for (let n = 0, failures = 0; ; n++) {
      const jobId = n === 0 ? id : `${id}_${n}`;
      const { failure, existed } = await this.#runOnce(jobId, doing, insert);
      if (failure === null) return jobId;
      if (existed && n < MAX_EARLIER_JOBS) continue;
      failures++;
      if (!isPassing(failure) || failures >= this.#attempts)
        throw bigqueryError(failure, `${doing}, job ${jobId}`);
      await this.#client.pause(this.#pollMs * 2 ** failures * (0.5 + Math.random() / 2));
    }
  }

  async #runOnce(
    jobId: string,
    doing: string,
    insert: (jobReference: object) => Promise<Record<string, unknown>>,
  ): Promise<{ readonly failure: Failure | null; readonly existed: boolean }> {
    try {
      const jobReference = { projectId: this.#client.project, jobId, location: this.#location };
      let job: Record<string, unknown> | null = null;
      try {
        job = await insert(jobReference);
      } catch (thrown) {
        // It is there already: an answer was lost, or a restart within this epoch repeats the batch.
        if (!(thrown instanceof RequestFailed) || thrown.failure.status !== 409) throw thrown;
      }
      return { failure: await this.#wait(jobId, job), existed: job === null };
    } catch (thrown) {
      if (thrown instanceof RequestFailed) throw bigqueryError(thrown.failure, `${doing}, job ${jobId}`);
      throw thrown;
    }
  }

  async #wait(jobId: string, inserted: Record<string, unknown> | null): Promise<Failure | null> {
    let job = inserted;
    for (let waitMs = this.#pollMs; ; waitMs = Math.min(MAX_POLL_MS, waitMs * 1.5)) {
      const status = (job?.['status'] ?? {}) as { readonly state?: string; readonly errorResult?: unknown };
      if (status.state === 'DONE')
        return status.errorResult === undefined || status.errorResult === null
          ? null
          : jobFailure(status.errorResult);
      if (job !== null) await this.#client.pause(waitMs);
      job = await this.#client.send({
        method: 'GET',
        path: `/jobs/${jobId}`,
        query: { location: this.#location },
      });
    }
  }
}
