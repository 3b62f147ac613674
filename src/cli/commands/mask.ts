import type { CommandModule } from 'yargs';
import { detokenizeCommand } from './mask-detokenize.ts';
import { maskDiffCommand } from './mask-diff.ts';
import { maskExplainCommand } from './mask-explain.ts';
import { rotateCommand } from './mask-rotate.ts';
import { maskTestCommand } from './mask-test.ts';

export const maskCommand: CommandModule = {
  command: 'mask <command>',
  describe: 'Test, explain or compare mask policies, turn tokens back, move on to a new mask key',
  builder: (yargs) =>
    yargs
      .command(maskTestCommand)
      .command(maskExplainCommand)
      .command(maskDiffCommand)
      .command(detokenizeCommand)
      .command(rotateCommand)
      .demandCommand(1, 'mask needs a command: test, explain, diff, detokenize or rotate'),
  handler: () => {},
};
