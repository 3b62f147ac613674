import type { CommandModule } from 'yargs';
import { loadConfig, refuseDangerousEnvironment } from '../../config/load.ts';
import { Exit } from '../../error/exit.ts';
import { RowsealError } from '../../error/rowseal-error.ts';
import { displayName } from '../../model/table.ts';
import { terminal } from '../context.ts';
import { type Choose, copyAgain, sealedState } from '../copy-again.ts';
import { planCopies, printPlan, reportCopies } from '../copy-report.ts';

interface ResnapshotArguments {
  readonly config: string;
  readonly table: readonly string[];
  readonly changed: boolean;
  readonly yes: boolean;
  readonly json: boolean;
}

export const resnapshotCommand: CommandModule<object, ResnapshotArguments> = {
  command: 'resnapshot',
  describe: 'Copy tables again, in the middle of the stream and without a lock',
  builder: (yargs) =>
    yargs
      .option('config', { type: 'string', default: 'rowseal.yaml', describe: 'Configuration file' })
      .option('table', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [],
        describe: 'schema.table; may be given several times',
      })
      .option('changed', {
        type: 'boolean',
        default: false,
        describe: 'Every table whose mask policy changed since it was copied',
      })
      .option('yes', {
        type: 'boolean',
        default: false,
        describe: 'Do it; without it only says what would be done',
      })
      .option('json', { type: 'boolean', default: false, describe: 'One JSON document on stdout' })
      .example('$0 resnapshot --table public.orders --yes', '')
      .example('$0 resnapshot --changed', 'which tables are masked otherwise now')
      .epilogue(
        'Stop `rowseal run` first. A mirror is emptied and filled again; history and audit log keep what they hold and record the new copy. A new mask key goes with `mask rotate`. Broken off, the next run goes on. Exit code 2 without --yes.',
      ),
  handler: async (argv) => {
    refuseDangerousEnvironment(process.env);
    const t = terminal(argv.json);
    if (argv.table.length === 0 && !argv.changed)
      throw new RowsealError('RS-CLI-001', { detail: 'name tables with --table, or give --changed' });
    const config = loadConfig(argv.config, process.env);
    const choose = named(argv.table, argv.changed);
    if (argv.yes) {
      reportCopies(t, {}, await copyAgain(t, config, choose));
      return;
    }
    const plan = await planCopies(config, await sealedState(config), choose);
    printPlan(t, null, plan);
    t.out('nothing was changed; to do it add --yes');
    t.result({ ...plan, changed: false });
    process.exitCode = Exit.usage;
  },
};

function named(names: readonly string[], alsoChanged: boolean): Choose {
  return async ({ tables, changedSinceCopy }) => {
    const asked = names.map((name) => {
      const table = tables.find((candidate) => displayName(candidate) === name);
      if (table === undefined)
        throw new RowsealError('RS-CLI-001', { detail: `--table ${name} is not captured by this pipeline` });
      return { table, why: 'asked' as const };
    });
    const others = alsoChanged ? await changedSinceCopy() : [];
    return [...asked, ...others.map((table) => ({ table, why: 'policy' as const }))];
  };
}
