import type { Client } from 'pg';
import type { GroupIndex } from '../../../src/audit/audit-log.ts';
import type { DeliveryBatch, Sink, SinkCapabilities, SinkStats } from '../../../src/deliver/sink.ts';
import { DeadLetterBox, DeadLetterCount } from '../../../src/deliver/warehouse/dead-letters.ts';
import { feedGroup, TableTakers } from '../../../src/deliver/warehouse/group-events.ts';
import { Overlap } from '../../../src/deliver/warehouse/overlap.ts';
import { PieceCollector } from '../../../src/deliver/warehouse/piece-collector.ts';
import {
  alterTarget,
  newTarget,
  type Target,
  type TargetStep,
} from '../../../src/deliver/warehouse/target.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import type { Finding } from '../../../src/model/finding.ts';
import type { MaskedTable } from '../../../src/model/masked.ts';
import { displayName, tableKey } from '../../../src/model/table.ts';
import { Bookkeeping } from './bookkeeping.ts';
import { connect, end } from './connection.ts';
import { alterStatements, createHistory, createMirror, dialect, holds } from './dialect.ts';
import { isValueFailure, postgresSinkError } from './errors.ts';
import { qualified, quoteIdentifier, type TargetNames, targetNames } from './identifier.ts';
import { dropKey, makeKey } from './mirror-key.ts';
import type { PostgresSinkOptions } from './options.ts';
import { inspect } from './preflight.ts';
import { TableWriter } from './table-writer.ts';
import { Upserts } from './upsert.ts';

/** Mirrors (and histories) in one Postgres database. Rows, dead letters and cursor commit in one transaction. */
export function createPostgresSink(options: PostgresSinkOptions): Sink {
  return new PostgresSink(options);
}

interface OpenDatabase {
  readonly client: Client;
  readonly pipeline: string;
  readonly epoch: bigint;
}

class PostgresSink implements Sink {
  readonly name: string;
  readonly kind = 'atomic';
  readonly capabilities: SinkCapabilities = {
    partialRows: true,
    keylessTables: true,
    ddlInTransaction: true,
  };
  readonly #options: PostgresSinkOptions;
  readonly #state: Bookkeeping;
  readonly #targets = new Map<string, Target>();
  readonly #deadLetters: DeadLetterCount;
  #upserts = new Upserts();
  #open: OpenDatabase | null = null;
  #cursor: GroupIndex | null = null;
  #rows = 0;

  constructor(options: PostgresSinkOptions) {
    this.name = options.name;
    this.#options = options;
    this.#state = new Bookkeeping(options.stateSchema);
    this.#deadLetters = new DeadLetterCount(options.maxDeadLetters);
  }

  preflight(): Promise<readonly Finding[]> {
    return inspect(this.#options);
  }

  async open(pipeline: string, epoch: bigint): Promise<GroupIndex | null> {
    await this.close();
    const client = await connect(this.#options);
    this.#open = { client, pipeline, epoch };
    this.#upserts = new Upserts();
    return this.#guard('opening', async () => {
      await this.#transaction(client, async () => {
        await this.#state.create(client);
        this.#cursor = await this.#state.takeOver(client, pipeline, epoch, this.name);
      });
      for (const target of await this.#state.loadTargets(client))
        this.#targets.set(tableKey(target.table), target);
      this.#deadLetters.opened(await this.#state.countDeadLetters(client));
      return this.#cursor;
    });
  }

  async alter(table: MaskedTable, at: GroupIndex): Promise<void> {
    await this.#guard(`changing table ${displayName(table)}`, async (database) => {
      const known = this.#targets.get(tableKey(table));
      if (known?.table === table) return;
      const { client } = database;
      let target: Target | null = null;
      await this.#transaction(client, async () => {
        await this.#hold(database);
        target =
          known === undefined
            ? await this.#create(client, table)
            : await this.#alter(client, known, table, at);
        await this.#state.saveTarget(client, target);
      });
      this.#targets.set(tableKey(table), target!);
    });
  }

  async write(batch: DeliveryBatch): Promise<GroupIndex> {
    return this.#guard('writing a batch', async (database) => {
      if (this.#cursor !== null && batch.to <= this.#cursor) return this.#cursor;
      try {
        await this.#apply(database, batch, false);
      } catch (thrown) {
        if (!isValueFailure(thrown)) throw thrown;
        // A value does not fit its type: again, looking at each and keeping aside what does not.
        await this.#apply(database, batch, true);
      }
      this.#cursor = batch.to;
      this.#rows += batch.rows;
      return batch.to;
    });
  }

  async head(): Promise<string | null> {
    if (this.#open !== null) return this.#guard('reading the head', ({ client }) => this.#state.head(client));
    const client = await connect(this.#options);
    try {
      return await this.#state.head(client);
    } catch (thrown) {
      throw postgresSinkError(thrown, `reading the head in sink ${this.name}`);
    } finally {
      await end(client);
    }
  }

  stats(): SinkStats {
    return { rows: this.#rows, deadLetters: this.#deadLetters.counts };
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = null;
    this.#targets.clear();
    if (open !== null) await end(open.client);
  }

  async #apply(database: OpenDatabase, batch: DeliveryBatch, careful: boolean): Promise<void> {
    const { client, pipeline, epoch } = database;
    await this.#transaction(client, async () => {
      // First: the lock keeps any other writer out until the commit.
      if (!(await this.#state.moveCursor(client, pipeline, epoch, batch.after, batch.to, batch.head)))
        throw this.#fenced(epoch);
      const box = new DeadLetterBox(this.#deadLetters, this.name, batch.groups);
      const { keep } = box;
      const overlap = new Overlap();
      const upserts = this.#upserts;
      const takers = new TableTakers(this.#targets, (target) => {
        const history = target.history && this.#keepsHistory(target.table);
        const names = this.#names(target.table);
        return new PieceCollector(
          target,
          history,
          new TableWriter({ client, target, names, overlap, upserts, careful, keep }),
        );
      });
      try {
        for (const group of batch.groups) await feedGroup(group, takers.of);
        for (const taker of takers.all()) await taker.flush();
        await overlap.settled();
      } finally {
        // The rollback must not meet statements that still come.
        await overlap.ended();
      }
      await this.#state.keep(client, box.letters);
    });
  }

  async #create(client: Client, table: MaskedTable): Promise<Target> {
    const names = this.#names(table);
    const target = newTarget(
      table,
      { proof: this.#options.proof, history: this.#keepsHistory(table) },
      dialect,
    );
    await this.#createSchema(client, names);
    await this.#expectFree(client, table, names.schema, names.mirror);
    await client.query(createMirror(target, names, this.#options.fillfactor));
    await makeKey(client, target, names);
    if (target.history) await this.#createHistory(client, target, names);
    return target;
  }

  async #alter(client: Client, known: Target, table: MaskedTable, at: GroupIndex): Promise<Target> {
    const names = this.#names(table);
    const wishes = { proof: this.#options.proof, history: this.#keepsHistory(table) };
    const { target, mirror, history } = alterTarget(known, table, wishes, dialect);
    const newKey = keyIdentities(known) !== keyIdentities(target);
    if (newKey) await dropKey(client, names);
    for (const step of mirror) await this.#step(client, table, names, step, at);
    if (newKey) await makeKey(client, target, names);
    if (history === 'create') await this.#createHistory(client, target, names);
    else
      for (const step of history)
        for (const statement of alterStatements(qualified(names.schema, names.history), step))
          await client.query(statement);
    return target;
  }

  async #step(
    client: Client,
    table: MaskedTable,
    names: TargetNames,
    step: TargetStep,
    group: GroupIndex,
  ): Promise<void> {
    const mirror = qualified(names.schema, names.mirror);
    if (step.kind === 'retype') {
      const reason = `does not fit ${step.to} any more`;
      const kept = await this.#state.keepRetyped(
        client,
        { table: mirror, text: `${quoteIdentifier(step.name)}::text`, where: holds('v', step.to) },
        { group, table: displayName(table), column: step.name, reason },
      );
      this.#deadLetters.add(displayName(table), `column ${step.name} ${reason}`, kept);
    }
    for (const statement of alterStatements(mirror, step)) await client.query(statement);
  }

  async #createHistory(client: Client, target: Target, names: TargetNames): Promise<void> {
    await this.#expectFree(client, target.table, names.schema, names.history);
    await client.query(createHistory(target, names));
  }

  async #createSchema(client: Client, { schema }: TargetNames): Promise<void> {
    const found = await client.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema]);
    if (found.rowCount === 0) await client.query(`CREATE SCHEMA ${quoteIdentifier(schema)}`);
  }

  async #expectFree(client: Client, table: MaskedTable, schema: string, name: string): Promise<void> {
    const found = await client.query(
      'SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2',
      [schema, name],
    );
    if (found.rowCount !== 0)
      throw new RowsealError('RS-PGS-005', { detail: `${schema}.${name}, for ${displayName(table)}` });
  }

  async #hold({ client, pipeline, epoch }: OpenDatabase): Promise<void> {
    if (!(await this.#state.hold(client, pipeline, epoch))) throw this.#fenced(epoch);
  }

  #fenced(epoch: bigint): RowsealError {
    return new RowsealError('RS-PGS-004', { detail: `sink ${this.name}, epoch ${epoch}` });
  }

  #names(table: MaskedTable): TargetNames {
    return targetNames(table, this.#options.schemaPrefix);
  }

  #keepsHistory(table: MaskedTable): boolean {
    const { history } = this.#options;
    if (history === 'none' || history === 'all') return history === 'all';
    return history.has(displayName(table));
  }

  async #transaction(client: Client, action: () => Promise<void>): Promise<void> {
    try {
      await client.query('BEGIN');
      await action();
      this.#deadLetters.check(this.name);
      await client.query('COMMIT');
    } catch (thrown) {
      this.#deadLetters.rolledBack();
      await client.query('ROLLBACK').catch(() => {});
      throw thrown;
    }
    this.#deadLetters.committed();
  }

  async #guard<T>(doing: string, action: (database: OpenDatabase) => Promise<T>): Promise<T> {
    const open = this.#open;
    if (open === null) throw new RowsealError('RS-RUN-000', { detail: `sink ${this.name} is not open` });
    try {
      return await action(open);
    } catch (thrown) {
      throw postgresSinkError(thrown, `${doing} in sink ${this.name}`);
    }
  }
}

function keyIdentities({ table }: Target): string {
  return JSON.stringify(table.key.map((index) => [table.columns[index]!.id, table.columns[index]!.name]));
}
