import type { CommandModule } from 'yargs';
import { loadConfig, type RowsealConfig, refuseDangerousEnvironment } from '../../config/load.ts';
import { loadPolicyFile } from '../../config/policy-file.ts';
import { Exit } from '../../error/exit.ts';
import { RowsealError } from '../../error/rowseal-error.ts';
import { customWorkers } from '../../mask/method/custom-worker.ts';
import { CompiledPolicy } from '../../mask/policy.ts';
import {
  explainPolicy,
  type TableExplanation,
  tablesOfPolicy,
} from '../../mask/review/policy-explanation.ts';
import { syntheticValues } from '../../mask/review/synthetic-values.ts';
import { publishedTestKeys } from '../../mask/review/test-key.ts';
import { displayName, type TableSchema } from '../../model/table.ts';
import { type Terminal, terminal } from '../context.ts';
import {
  blockers,
  type ExplanationReport,
  explanationJson,
  explanationMarkdown,
  printExplanation,
} from '../explanation.ts';
import { makeSource } from '../make-source.ts';
import { costOf } from '../mask-cost.ts';
import { chooseTables } from '../table-choice.ts';

interface MaskExplainArguments {
  readonly config: string;
  readonly table: readonly string[];
  readonly sample: number;
  readonly offline: boolean;
  readonly markdown: boolean;
  readonly json: boolean;
}

export const maskExplainCommand: CommandModule<object, MaskExplainArguments> = {
  command: 'explain',
  describe: 'What the policy does with each column, what can still be learnt, and what it costs',
  builder: (yargs) =>
    yargs
      .option('config', { type: 'string', default: 'rowseal.yaml', describe: 'Configuration file' })
      .option('table', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [],
        describe: 'Only this table (schema.table); may be repeated',
      })
      .option('sample', {
        type: 'number',
        default: 0,
        describe: 'Read this many rows of each table to recognise and measure values; none is shown',
      })
      .option('offline', {
        type: 'boolean',
        default: false,
        describe: 'Do not ask the source: only what the policy names',
      })
      .option('markdown', { type: 'boolean', default: false, describe: 'For a pull request or an audit' })
      .option('json', { type: 'boolean', default: false, describe: 'One JSON document on stdout' })
      .example('$0 mask explain --table public.customers --sample 200', 'one table, by its values too')
      .example('$0 mask explain --offline --markdown', 'in CI: no database, no key')
      .epilogue('Exit code 1 when a run with this policy would not start.'),
  handler: async (argv) => {
    refuseDangerousEnvironment(process.env);
    const t = terminal(argv.json);
    if (!Number.isInteger(argv.sample) || argv.sample < 0)
      throw new RowsealError('RS-CLI-001', { detail: '--sample takes a number of rows' });
    if (argv.offline && argv.sample > 0)
      throw new RowsealError('RS-CLI-001', { detail: '--offline reads no rows: leave out --sample' });
    const { policy: document } = loadPolicyFile(argv.config, process.env);
    const seen = argv.offline ? null : await look(argv, t);
    const tables = chooseTables(seen?.tables ?? tablesOfPolicy(document), argv.table);
    // No token is shown: no key is needed.
    const policy = new CompiledPolicy(document, publishedTestKeys(), customWorkers);
    // Foreign keys lead to tables that were not chosen, too.
    policy.coverage(seen?.tables ?? tables);
    const samples = seen?.samples ?? new Map<string, readonly string[]>();
    const explained = explainPolicy(policy, document, tables, samples, seen !== null);
    const costs = costsOf(explained, samples);
    const report: ExplanationReport = {
      tables: explained,
      costs,
      document,
      live: seen !== null,
      sampled: samples.size > 0,
    };
    if (argv.markdown) t.out(explanationMarkdown(report));
    else printExplanation(t, report);
    t.result(explanationJson(report));
    process.exitCode = blockers(report).length === 0 ? Exit.ok : Exit.failure;
  },
};

interface Seen {
  readonly tables: readonly TableSchema[];
  readonly samples: ReadonlyMap<string, readonly string[]>;
}

/** null: the source did not answer, which is said. */
async function look(argv: MaskExplainArguments, t: Terminal): Promise<Seen | null> {
  const source = (await makeSource(configOf(argv.config)))();
  try {
    const tables = await source.tables();
    const samples = new Map<string, readonly string[]>();
    if (argv.sample > 0) {
      for (const table of chooseTables(tables, argv.table)) {
        const { cells } = await source.sample(table, argv.sample);
        table.columns.forEach((column, index) => {
          const values = cells.filter((_, i) => i % table.columns.length === index);
          samples.set(
            `${displayName(table)}.${column.name}`,
            values.filter((value) => typeof value === 'string'),
          );
        });
      }
    }
    return { tables, samples };
  } catch (thrown) {
    if (!(thrown instanceof RowsealError) || (thrown.kind !== 'transient' && thrown.kind !== 'auth'))
      throw thrown;
    t.say(
      `${t.paint('yellow', '⚠')} the source was not read (${thrown.code}): only what the policy names; undecided columns, types and foreign keys are not known\n`,
    );
    return null;
  } finally {
    await source.close();
  }
}

/** Where a secret of the source is not at hand, as in CI, there is another way. */
function configOf(file: string): RowsealConfig {
  try {
    return loadConfig(file, process.env);
  } catch (thrown) {
    if (!(thrown instanceof RowsealError) || thrown.code !== 'RS-CFG-004') throw thrown;
    throw new RowsealError(thrown.code, {
      ...(thrown.detail === null ? {} : { detail: thrown.detail }),
      ...(thrown.place === null ? {} : { place: thrown.place }),
      fix: `${thrown.fix}; or go without the source: rowseal mask explain --offline`,
    });
  }
}

function costsOf(
  tables: readonly TableExplanation[],
  samples: ReadonlyMap<string, readonly string[]>,
): ReadonlyMap<string, number | null> {
  const costs = new Map<string, number | null>();
  const measured = new Map<string, number | null>();
  for (const { table, columns } of tables) {
    for (const { name, mask, decision, column } of columns) {
      if (mask === null || decision === null) continue;
      const sampled = samples.get(`${table}.${name}`) ?? [];
      // One rule on one type costs the same everywhere, unless its own values were read.
      const key = JSON.stringify([
        decision.rule,
        column.type,
        sampled.length === 0 ? '' : `${table}.${name}`,
      ]);
      const known = measured.get(key);
      const cost =
        known === undefined
          ? costOf(mask, sampled.length === 0 ? syntheticValues(decision.rule, column.type) : sampled)
          : known;
      measured.set(key, cost);
      costs.set(`${table}.${name}`, cost);
    }
  }
  return costs;
}
