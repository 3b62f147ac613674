import type { CommandModule } from 'yargs';
import { maskDiffCommand } from './mask-diff.ts';
import { maskExplainCommand } from './mask-explain.ts';
import { maskTestCommand } from './mask-test.ts';

export const maskCommand: CommandModule = {
  command: 'mask <command>',
  describe: 'Test, explain or compare mask policies',
  builder: (yargs) =>
    yargs
      .command(maskTestCommand)
      .command(maskExplainCommand)
      .command(maskDiffCommand)
      .demandCommand(1, 'mask needs a command: test, explain or diff'),
  handler: () => {},
};
