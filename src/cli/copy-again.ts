import type { AuditLog } from '../audit/audit-log.ts';
import type { RowsealConfig } from '../config/load.ts';
import { Exit } from '../error/exit.ts';
import { RowsealError } from '../error/rowseal-error.ts';
import { type ChangedTable, changedTables } from '../mask/changed-tables.ts';
import type { MaskKeys } from '../mask/keys.ts';
import type { CompiledPolicy } from '../mask/policy.ts';
import type { MaskedTable } from '../model/masked.ts';
import { isMessageLog } from '../model/message-log.ts';
import { isCopying, type Position, withCopying } from '../model/position.ts';
import { displayName, type TableName, type TableSchema, tableKey } from '../model/table.ts';
import type { PipelineObserver } from '../pipeline/observer.ts';
import { changedSinceCopy } from './changed-since-copy.ts';
import type { Terminal } from './context.ts';
import { ProgressBar } from './demo/progress-bar.ts';
import { openLog } from './open-log.ts';
import { wirePipeline } from './wire.ts';

const LOOK_MS = 100;

/** What the log holds, looked at before anything is decided. */
export interface SealedState {
  readonly position: Position;
  readonly tables: readonly MaskedTable[];
}

/** @throws RowsealError RS-RUN-009 when no finished copy is there to be made again, RS-AUD-006 while a run goes on */
export async function sealedState(config: RowsealConfig): Promise<SealedState> {
  if (config.source.snapshot === 'never')
    throw new RowsealError('RS-RUN-009', { detail: 'source.snapshot is `never`' });
  const { log } = await openLog(config);
  try {
    if (log.last === null) throw new RowsealError('RS-RUN-009', { detail: 'nothing is sealed yet' });
    if (log.last.position.phase === 'snapshot')
      throw new RowsealError('RS-RUN-009', { detail: 'the first copy is not finished' });
    return { position: log.last.position, tables: log.tables() };
  } finally {
    await log.close();
  }
}

/** What `mask rotate` does about the epoch. */
export type EpochDecision =
  | { readonly kind: 'raise'; readonly to: number }
  /** The configuration already names the new one. */
  | { readonly kind: 'configured' }
  | { readonly kind: 'refused'; readonly why: string };

/** @param keys of the configuration */
export function decideEpoch(
  sealed: SealedState,
  keys: Pick<MaskKeys, 'epoch' | 'fingerprint'>,
): EpochDecision {
  const newest = Math.max(0, ...sealed.tables.map((table) => table.keyEpoch));
  if (keys.epoch > newest) return { kind: 'configured' };
  if (keys.epoch < newest)
    return { kind: 'refused', why: `the log was masked under epoch ${newest}, configured is ${keys.epoch}` };
  // An unfinished rotation is finished, not followed by the next one.
  const due = new Set((sealed.position.copying ?? []).map(tableKey));
  if (sealed.tables.some((table) => due.has(tableKey(table)) && table.keyEpoch < keys.epoch))
    return { kind: 'configured' };
  const same = sealed.tables.every(
    (table) => table.keyEpoch !== newest || table.keyFingerprint === keys.fingerprint,
  );
  return same
    ? { kind: 'raise', to: newest + 1 }
    : {
        kind: 'refused',
        why: `epoch ${newest} has another secret in the log; a new secret needs epoch ${newest + 1}, and the old one a place under mask.key.previous`,
      };
}

/** A table that is to be copied again. */
export interface DueTable {
  readonly table: string;
  readonly why: 'key' | 'policy' | 'asked' | 'unfinished';
}

export interface Chosen {
  readonly table: TableName;
  readonly why: DueTable['why'];
}

/** What a choice is made of. */
export interface Choice {
  /** Masked otherwise, as far as the newest sealed version tells. */
  readonly changed: readonly ChangedTable[];
  /** All that can be copied. */
  readonly tables: readonly TableSchema[];
  /** See {@link changedSinceCopy}: reads the log. */
  changedSinceCopy(): Promise<readonly TableName[]>;
}

export type Choose = (choice: Choice) => readonly Chosen[] | Promise<readonly Chosen[]>;

export function choiceOf(
  { audit }: Pick<RowsealConfig, 'audit'>,
  policy: CompiledPolicy,
  tables: readonly TableSchema[],
  sealed: readonly MaskedTable[],
): Choice {
  return {
    changed: changedTables(policy, tables, sealed),
    tables: tables.filter((table) => !isMessageLog(table)),
    changedSinceCopy: () => changedSinceCopy(policy, tables, sealed, audit.directory),
  };
}

/** Those that an earlier request left unfinished, then the chosen ones; each once. */
export function chooseDue(chosen: readonly Chosen[], position: Position): readonly Chosen[] {
  const due = new Map<string, Chosen>();
  for (const table of position.copying ?? []) due.set(tableKey(table), { table, why: 'unfinished' });
  for (const { table, why } of chosen) {
    const { namespace, name } = table;
    if (!due.has(tableKey(table))) due.set(tableKey(table), { table: { namespace, name }, why });
  }
  return [...due.values()];
}

export type CopyOutcome =
  /** Copied, sealed and delivered to every sink that gets on. */
  | {
      readonly kind: 'copied';
      readonly tables: readonly DueTable[];
      readonly stoppedSinks: readonly string[];
    }
  /** Asked to stop before the end; the next run goes on. */
  | { readonly kind: 'unfinished'; readonly tables: readonly DueTable[] }
  | { readonly kind: 'nothing' };

/**
 * Seals that tables are due, then runs the pipeline until they are copied and delivered. Interrupted at any point, the
 * next run goes on from what is sealed.
 *
 * @param asked called when it is sealed that the tables are due
 */
export async function copyAgain(
  t: Terminal,
  config: RowsealConfig,
  choose: Choose,
  asked: () => void = () => {},
): Promise<CopyOutcome> {
  let due: readonly Chosen[] = [];
  const { pipeline, close } = await wirePipeline(config, telling(t), async ({ policy, log, tables }) => {
    due = chooseDue(await choose(choiceOf(config, policy, tables, log.tables())), log.last!.position);
    await sealRequest(log, log.last!.position, due);
    asked();
  });
  const shown = due.map(({ table, why }): DueTable => ({ table: displayName(table), why }));
  let stopping = false;
  const stop = (): void => {
    // What is sealed is safe, the rest is read again.
    if (stopping) process.exit(Exit.cutShort);
    stopping = true;
    pipeline.stop();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  const bars = new CopyBars(t);
  let finished = shown.length === 0;
  const timer = setInterval(() => {
    bars.update(pipeline.source?.stats().snapshot ?? null);
    const { sealed } = pipeline.progress;
    if (sealed === null || isCopying(sealed.position)) return;
    const waiting = pipeline.deliveries.some(
      (delivery) => delivery.state.kind !== 'halted' && (delivery.cursor ?? -1) < sealed.index,
    );
    if (waiting) return;
    finished = true;
    pipeline.stop();
  }, LOOK_MS);
  try {
    if (finished) return { kind: 'nothing' };
    const outcome = await pipeline.run();
    bars.done();
    if (outcome.kind !== 'stopped') throw outcome.error;
    if (!finished) return { kind: 'unfinished', tables: shown };
    const stoppedSinks = pipeline.deliveries
      .filter((delivery) => delivery.state.kind === 'halted')
      .map((delivery) => delivery.sink.name);
    return { kind: 'copied', tables: shown, stoppedSinks };
  } finally {
    clearInterval(timer);
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
    await close();
  }
}

/** A group without rows: nothing came from the source, its position is where it was. */
async function sealRequest(log: AuditLog, position: Position, due: readonly Chosen[]): Promise<void> {
  if (due.length === (position.copying ?? []).length) return;
  await log.begin().seal(
    withCopying(
      position,
      due.map(({ table }) => table),
    ),
  );
}

/** A bar for each table on a terminal. */
class CopyBars {
  readonly #terminal: Terminal;
  #table = '';
  #bar: ProgressBar | null = null;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  update(
    snapshot: { readonly table: string; readonly rows: number; readonly estimatedRows: number | null } | null,
  ): void {
    if (snapshot === null) return;
    if (snapshot.table !== this.#table) {
      this.done();
      this.#table = snapshot.table;
      this.#bar = new ProgressBar(this.#terminal, `rows of ${snapshot.table}`, snapshot.estimatedRows ?? 1);
    }
    this.#bar?.update(snapshot.rows);
  }

  done(): void {
    this.#bar?.done();
    this.#bar = null;
  }
}

/** Says what it waits for: once, until it is something else. */
function telling(t: Terminal): PipelineObserver {
  let said = '';
  const say = (who: string, { message, fix }: RowsealError): void => {
    const text = `${who}: ${message}; fix: ${fix}`;
    if (text !== said) t.say(`${t.paint('yellow', '!')} ${text}`);
    said = text;
  };
  return {
    stateChanged: () => {},
    masked: () => {},
    groupSealed: () => {},
    batchDelivered: () => {},
    problem: (where, name, error) => say(where === 'sink' ? `sink ${name}` : 'source', error),
    warning: () => {},
    sinkFailed: (sink, error) => say(`sink ${sink}`, error),
    storageFailed: () => {},
    undecidedColumns: () => {},
    unfitValues: () => {},
    leaks: () => {},
  };
}
