import { closest } from 'fastest-levenshtein';
import type { CommandModule } from 'yargs';
import { type ErrorCode, errorCodes } from '../../error/codes.ts';
import { RowsealError } from '../../error/rowseal-error.ts';
import { terminal } from '../context.ts';

interface ExplainArguments {
  readonly code: string;
  readonly json: boolean;
}

export const explainCommand: CommandModule<object, ExplainArguments> = {
  command: 'explain <code>',
  describe: 'What an error code means and how to mend it',
  builder: (yargs) =>
    yargs
      .positional('code', { type: 'string', demandOption: true, describe: 'For example RS-PG-004' })
      .option('json', { type: 'boolean', default: false, describe: 'One JSON document on stdout' })
      .example('$0 explain RS-PG-004', ''),
  handler: (argv) => {
    const t = terminal(argv.json);
    const code = argv.code.toUpperCase();
    if (!Object.hasOwn(errorCodes, code)) {
      throw new RowsealError('RS-CLI-001', {
        detail: `no code \`${argv.code}\`; a similar code exists: \`${closest(code, Object.keys(errorCodes))}\``,
      });
    }
    const entry = errorCodes[code as ErrorCode];
    t.out(
      `${t.paint('bold', code)}: ${entry.title}  (${entry.kind})\n\n${entry.explain}\n\n${t.paint('green', 'fix:')} ${entry.fix}`,
    );
    t.result({ code, ...entry });
  },
};
