import { isRowsealError, type RowsealError } from '../../../src/error/rowseal-error.ts';
import type { Finding } from '../../../src/model/finding.ts';
import { Catalog, checkLocation } from './catalog.ts';
import { BigqueryClient, requestError } from './client.ts';
import { type BigquerySinkOptions, defaultPatience } from './options.ts';

/** Of the dataset; what is not granted is told one by one (tables.testIamPermissions is for tables only). */
const TABLE_WRITES = 'bigquery.tables.create, .get, .getData, .update, .updateData, .delete';

/** Looks at credentials, dataset, location and permissions. Creates nothing: the query is a dry run. */
export async function preflight(options: BigquerySinkOptions): Promise<readonly Finding[]> {
  const subject = `sink ${options.name}`;
  const where = `${options.project}.${options.dataset}`;
  const findings: Finding[] = [];
  const ok = (what: string, detail: string): void => {
    findings.push({ level: 'ok', code: null, subject: `${subject}: ${what}`, detail, fix: null });
  };
  const failed = (what: string, error: RowsealError): readonly Finding[] => [
    ...findings,
    {
      level: 'error',
      code: error.code,
      subject: `${subject}: ${what}`,
      detail: error.message,
      fix: error.fix,
    },
  ];
  let client: BigqueryClient;
  try {
    client = await BigqueryClient.connect({
      ...options,
      patience: { ...(options.patience ?? defaultPatience), attempts: 2 },
    });
  } catch (thrown) {
    return failed('credentials', requestError(thrown, 'reading credentials'));
  }
  let location: string;
  try {
    location = await readLocation(client, options, where);
    ok('dataset', `${where} in ${location}`);
  } catch (thrown) {
    return failed(
      'dataset',
      isRowsealError(thrown) ? thrown : requestError(thrown, `reading dataset ${where}`),
    );
  }
  try {
    await client.send({
      method: 'POST',
      path: '/jobs',
      body: {
        jobReference: { projectId: options.project, location },
        configuration: { dryRun: true, query: { query: 'SELECT 1', useLegacySql: false } },
      },
    });
    ok('jobs', `may run in ${options.project}`);
  } catch (thrown) {
    return failed('jobs', requestError(thrown, `bigquery.jobs.create in project ${options.project}`));
  }
  try {
    await client.send({
      method: 'GET',
      path: `/datasets/${options.dataset}/tables`,
      query: { maxResults: 1 },
    });
    ok('tables', `${where} can be listed`);
  } catch (thrown) {
    return failed('tables', requestError(thrown, `bigquery.tables.list in ${where}`));
  }
  findings.push({
    level: 'not-checked',
    code: null,
    subject: `${subject}: permissions`,
    detail: `writing into ${where} is tried at the first run; it needs ${TABLE_WRITES}`,
    fix: null,
  });
  if (options.mode === 'cdc' && options.maxStalenessMs !== null)
    findings.push({
      level: 'warning',
      code: 'RS-BQ-012',
      subject: `${subject}: max_staleness_ms`,
      detail:
        'cells that the source does not send cannot be looked up, so every update must come with all of its columns',
      fix: 'ALTER TABLE … REPLICA IDENTITY FULL for tables with large values, or mode: merge for those tables, or no max_staleness_ms',
    });
  return findings;
}

async function readLocation(
  client: BigqueryClient,
  options: BigquerySinkOptions,
  where: string,
): Promise<string> {
  const dataset = await new Catalog(client, options.dataset, '', {}, 0).readDataset();
  checkLocation(dataset, options.location, where);
  return dataset.location;
}
