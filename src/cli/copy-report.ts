import type { RowsealConfig } from '../config/load.ts';
import { Exit } from '../error/exit.ts';
import { displayName, tableKey } from '../model/table.ts';
import type { Terminal } from './context.ts';
import {
  type Choose,
  type CopyOutcome,
  choiceOf,
  chooseDue,
  type DueTable,
  type SealedState,
} from './copy-again.ts';
import { makeSource } from './make-source.ts';
import { makePolicy } from './wire.ts';

/** What would be copied again, and how much that is. */
export interface CopyPlan {
  readonly tables: readonly (DueTable & {
    /** The server's estimate; null: it has none. */
    readonly estimated_rows: number | null;
  })[];
  /** Captured, and as they are. */
  readonly untouched: readonly string[];
}

/** Reads only. */
export async function planCopies(
  config: RowsealConfig,
  sealed: SealedState,
  choose: Choose,
): Promise<CopyPlan> {
  const source = (await makeSource(config))();
  const policy = makePolicy(config);
  try {
    const tables = await source.tables();
    policy.check(tables);
    const due = chooseDue(await choose(choiceOf(config, policy, tables, sealed.tables)), sealed.position);
    const estimates = new Map(
      (await source.discover()).map(({ table, estimatedRows }) => [tableKey(table), estimatedRows]),
    );
    const dueKeys = new Set(due.map(({ table }) => tableKey(table)));
    return {
      tables: due.map(({ table, why }) => ({
        table: displayName(table),
        why,
        estimated_rows: estimates.get(tableKey(table)) ?? null,
      })),
      untouched: tables.filter((table) => !dueKeys.has(tableKey(table))).map(displayName),
    };
  } finally {
    policy.end();
    await source.close();
  }
}

const WHY: Readonly<Record<DueTable['why'], string>> = {
  key: 'its tokens change',
  policy: 'its rules changed',
  asked: 'asked for',
  unfinished: 'an earlier copy is not finished',
};

export function printPlan(t: Terminal, heading: string | null, plan: CopyPlan): void {
  if (heading !== null) t.out(t.paint('bold', heading));
  const width = Math.max(0, ...plan.tables.map(({ table }) => table.length));
  for (const { table, why, estimated_rows } of plan.tables) {
    const rows = estimated_rows === null ? '' : `about ${estimated_rows.toLocaleString('en')} rows, `;
    t.out(`  ${table.padEnd(width)}  ${rows}${WHY[why]}`);
  }
  if (plan.tables.length === 0) t.out('  no table is to be copied again');
  if (plan.untouched.length > 0) t.out(t.paint('gray', `  as they are: ${plan.untouched.join(', ')}`));
}

/** Says how it ended, and sets the exit code. */
export function reportCopies(
  t: Terminal,
  head: Readonly<Record<string, unknown>>,
  outcome: CopyOutcome,
): void {
  t.result({ ...head, ...outcome });
  switch (outcome.kind) {
    case 'nothing':
      t.out('no table is to be copied again');
      return;
    case 'unfinished':
      t.out(`${t.paint('yellow', '!')} broken off; the next \`rowseal run\` goes on with it`);
      process.exitCode = Exit.failure;
      return;
    case 'copied': {
      const count = outcome.tables.length;
      t.out(
        `${t.paint('green', '✔')} ${count} ${count === 1 ? 'table' : 'tables'} copied again, sealed and delivered: ${outcome.tables.map(({ table }) => table).join(', ')}`,
      );
      for (const sink of outcome.stoppedSinks) {
        t.out(`${t.paint('red', '✘')} sink ${sink} is stopped and does not have the copies yet`);
        process.exitCode = Exit.failure;
      }
    }
  }
}
