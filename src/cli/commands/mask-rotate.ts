import type { CommandModule } from 'yargs';
import {
  loadConfig,
  loadMaskKeys,
  type RowsealConfig,
  refuseDangerousEnvironment,
} from '../../config/load.ts';
import { stageKeyEpoch } from '../../config/write-epoch.ts';
import { Exit } from '../../error/exit.ts';
import { RowsealError } from '../../error/rowseal-error.ts';
import { terminal } from '../context.ts';
import { type Choose, copyAgain, decideEpoch, sealedState } from '../copy-again.ts';
import { planCopies, printPlan, reportCopies } from '../copy-report.ts';

interface RotateArguments {
  readonly config: string;
  readonly yes: boolean;
  readonly json: boolean;
}

/** Tables whose tokens change with the key. */
const keyed: Choose = ({ changed }) =>
  changed.filter(({ change }) => change === 'key').map(({ table }) => ({ table, why: 'key' }));

export const rotateCommand: CommandModule<object, RotateArguments> = {
  command: 'rotate',
  describe: 'Move on to a new epoch of the mask key and copy the tables again whose tokens change',
  builder: (yargs) =>
    yargs
      .option('config', { type: 'string', default: 'rowseal.yaml', describe: 'Configuration file' })
      .option('yes', {
        type: 'boolean',
        default: false,
        describe: 'Do it; without it only says what would be done',
      })
      .option('json', { type: 'boolean', default: false, describe: 'One JSON document on stdout' })
      .example('$0 mask rotate', 'which tables would be copied again')
      .example('$0 mask rotate --yes', 'raises mask.key.epoch in the file, then copies')
      .epilogue(
        'Stop `rowseal run` first. For a new secret: put it under mask.key, raise mask.key.epoch, and name the old one under mask.key.previous. Broken off, the next run (or this command) goes on. Exit code 2 without --yes.',
      ),
  handler: async (argv) => {
    refuseDangerousEnvironment(process.env);
    const t = terminal(argv.json);
    const configured = loadConfig(argv.config, process.env);
    const sealed = await sealedState(configured);
    const decision = decideEpoch(sealed, loadMaskKeys(configured, process.env));
    if (decision.kind === 'refused') throw new RowsealError('RS-MASK-014', { detail: decision.why });
    const config = decision.kind === 'raise' ? withEpoch(configured, decision.to) : configured;
    const { keyEpoch } = config.mask.policy;
    if (!argv.yes) {
      const plan = await planCopies(config, sealed, keyed);
      printPlan(t, `epoch ${keyEpoch}`, plan);
      t.out('nothing was changed; to do it add --yes');
      t.result({ epoch: keyEpoch, ...plan, changed: false });
      process.exitCode = Exit.usage;
      return;
    }
    // In place only when the log asks for the copies: a run in between would find tables of another key.
    const commit = decision.kind === 'raise' ? stageKeyEpoch(config.file, decision.to) : () => {};
    const outcome = await copyAgain(t, config, keyed, () => {
      commit();
      if (decision.kind === 'raise') t.say(`mask.key.epoch is now ${decision.to} in ${argv.config}`);
    });
    reportCopies(t, { epoch: keyEpoch }, outcome);
  },
};

function withEpoch(config: RowsealConfig, keyEpoch: number): RowsealConfig {
  return { ...config, mask: { ...config.mask, policy: { ...config.mask.policy, keyEpoch } } };
}
