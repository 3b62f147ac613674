#!/usr/bin/env node
import { closest } from 'fastest-levenshtein';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { Exit, exitCodeOf } from '../error/exit.ts';
import { errorJson, renderError } from '../error/render.ts';
import { RowsealError } from '../error/rowseal-error.ts';
import { toRowsealError } from '../error/unexpected.ts';
import { acceptGapCommand } from './commands/accept-gap.ts';
import { auditCommand } from './commands/audit.ts';
import { checkCommand } from './commands/check.ts';
import { demoCommand } from './commands/demo.ts';
import { explainCommand } from './commands/explain.ts';
import { healthCommand } from './commands/health.ts';
import { initCommand } from './commands/init.ts';
import { keysCommand } from './commands/keys.ts';
import { maskCommand } from './commands/mask.ts';
import { previewCommand } from './commands/preview.ts';
import { queryCommand } from './commands/query.ts';
import { resnapshotCommand } from './commands/resnapshot.ts';
import { runCommand } from './commands/run.ts';
import { scanCommand } from './commands/scan.ts';
import { statusCommand } from './commands/status.ts';
import { packageVersion, renderOptions, terminal } from './context.ts';
import { OPTION_NAMES } from './option-names.ts';

/** argv in, exit code out. */
async function main(argv: readonly string[]): Promise<void> {
  const json = argv.includes('--json');
  const parser = yargs([...argv])
    .scriptName('rowseal')
    .usage('$0 <command>\n\nReplicate a production database with every change masked, sealed and provable.')
    .command(demoCommand)
    .command(initCommand)
    .command(scanCommand)
    .command(checkCommand)
    .command(previewCommand)
    .command(runCommand)
    .command(statusCommand)
    .command(queryCommand)
    .command(healthCommand)
    .command(auditCommand)
    .command(maskCommand)
    .command(resnapshotCommand)
    .command(acceptGapCommand)
    .command(keysCommand)
    .command(explainCommand)
    .completion('completion', 'Print a completion script for bash or zsh')
    .demandCommand(1, 'a command is needed')
    .strict()
    .recommendCommands()
    .version(packageVersion())
    .alias('h', 'help')
    .wrap(Math.min(110, process.stdout.columns ?? 100))
    .epilogue('First look: npm run demo      Docs: docs/')
    .exitProcess(false)
    .fail((message, error) => {
      if (error instanceof Error) throw error;
      throw new RowsealError('RS-CLI-001', { detail: hint(message ?? '', argv) });
    });
  try {
    await parser.parseAsync();
  } catch (thrown) {
    const error = toRowsealError(thrown);
    const t = terminal(json);
    if (json) process.stdout.write(`${JSON.stringify(errorJson(error))}\n`);
    else process.stderr.write(renderError(error, renderOptions(t)));
    process.exitCode = exitCodeOf(error) === Exit.ok ? Exit.failure : exitCodeOf(error);
  }
}

/** yargs suggests commands but not options: the nearest known option is named here. */
function hint(message: string, argv: readonly string[]): string {
  const command = /^Did you mean (\S+)\?$/.exec(message.trim())?.[1];
  if (command !== undefined) return `unknown command; a similar command exists: ${command}`;
  const unknown = /^Unknown arguments?: (.+)$/.exec(message)?.[1]?.split(', ')[0];
  const text = message.split('\n')[0]!.replace(/^[A-Z]/, (letter) => letter.toLowerCase());
  if (unknown === undefined || !argv.some((word) => word.startsWith(`--${unknown}`))) return text;
  return `${text}; a similar option exists: --${closest(unknown, OPTION_NAMES)}`;
}

// A reader that has seen enough (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(process.exitCode ?? Exit.ok);
  throw error;
});

await main(hideBin(process.argv));
