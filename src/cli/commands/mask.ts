import type { CommandModule } from 'yargs';
import { detokenizeCommand } from './mask-detokenize.ts';
import { rotateCommand } from './mask-rotate.ts';

export const maskCommand: CommandModule = {
  command: 'mask <command>',
  describe: 'Turn tokens back, or move on to a new mask key',
  builder: (yargs) =>
    yargs
      .command(detokenizeCommand)
      .command(rotateCommand)
      .demandCommand(1, 'mask needs a command: detokenize or rotate'),
  handler: () => {},
};
