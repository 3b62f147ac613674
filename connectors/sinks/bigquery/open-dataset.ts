import type { GroupIndex } from '../../../src/audit/audit-log.ts';
import { WriteChannel } from './append-stream.ts';
import { BaseRows } from './base-rows.ts';
import { Bookkeeping, type TakenOver } from './bookkeeping.ts';
import { Catalog, checkLocation } from './catalog.ts';
import { BigqueryClient } from './client.ts';
import { Jobs } from './jobs.ts';
import { KnownTables } from './known-tables.ts';
import { labelValue } from './names.ts';
import { type BigquerySinkOptions, defaultPatience } from './options.ts';
import { Relations } from './relations.ts';
import { CURSOR, Statements } from './statements.ts';

/** What is there while the sink is open. */
export interface OpenDataset {
  readonly jobs: Jobs;
  readonly catalog: Catalog;
  readonly statements: Statements;
  readonly bookkeeping: Bookkeeping;
  readonly tables: KnownTables;
  readonly channel: WriteChannel;
  readonly baseRows: BaseRows;
  readonly pipeline: string;
  readonly epoch: bigint;
}

/**
 * Takes the dataset over for a writer.
 *
 * @param cursor the last group whose rows are durable, whenever it is asked
 * @param leaving aborted when the process ends and waits for nothing any more
 */
export async function openDataset(
  options: BigquerySinkOptions,
  pipeline: string,
  epoch: bigint,
  cursor: () => GroupIndex | null,
  leaving: AbortSignal,
): Promise<{ readonly open: OpenDataset; readonly taken: TakenOver }> {
  const { project, dataset, location, maxStalenessMs } = options;
  const client = await BigqueryClient.connect(options, leaving);
  const { catalog, jobs, place } = await reach(client, options, pipeline);
  checkLocation({ location: place }, location, `${project}.${dataset}`);
  const statements = new Statements(project, dataset);
  const bookkeeping = new Bookkeeping(jobs, catalog, statements, pipeline, epoch);
  const taken = await bookkeeping.takeOver();
  const relations = new Relations(catalog, statements, options);
  await relations.showAll(taken.targets.values());
  const open = {
    jobs,
    catalog,
    statements,
    bookkeeping,
    tables: new KnownTables({ catalog, statements, bookkeeping, relations, cursor }, options, taken.targets),
    channel: new WriteChannel(client.token, options.endpoints),
    baseRows: new BaseRows(jobs, statements, maxStalenessMs !== null),
    pipeline,
    epoch,
  };
  return { open, taken };
}

/** The signed head that is stored with the cursor, without taking anything over; null: there is none. */
export async function readHead(options: BigquerySinkOptions): Promise<string | null> {
  const client = await BigqueryClient.connect(options);
  const { catalog, jobs } = await reach(client, options, '');
  if ((await catalog.read(CURSOR)) === null) return null;
  return new Bookkeeping(jobs, catalog, new Statements(options.project, options.dataset), '', 0n).head();
}

async function reach(
  client: BigqueryClient,
  options: BigquerySinkOptions,
  pipeline: string,
): Promise<{ readonly catalog: Catalog; readonly jobs: Jobs; readonly place: string }> {
  const owned = Object.fromEntries(options.labels);
  const { dataset, stagingExpirationMs } = options;
  const catalog = new Catalog(client, dataset, labelValue(pipeline), owned, stagingExpirationMs);
  const { location } = await catalog.readDataset();
  return {
    catalog,
    jobs: new Jobs(client, location, owned, options.patience ?? defaultPatience),
    place: location,
  };
}
