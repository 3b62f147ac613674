import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import type { CommandModule } from 'yargs';
import { loadConfig, refuseDangerousEnvironment } from '../../config/load.ts';
import { Exit } from '../../error/exit.ts';
import { RowsealError } from '../../error/rowseal-error.ts';
import { type Terminal, terminal } from '../context.ts';
import { type Consent, findGap, type GapPlan, sealGap } from '../gap.ts';
import { openLog } from '../open-log.ts';

interface AcceptGapArguments {
  readonly config: string;
  readonly actor: string | undefined;
  readonly reason: string | undefined;
  readonly force: boolean;
  readonly yes: boolean;
  readonly json: boolean;
}

export const acceptGapCommand: CommandModule<object, AcceptGapArguments> = {
  command: 'accept-gap',
  describe: 'Go on after the source was lost: puts the gap on record and begins a new copy',
  builder: (yargs) =>
    yargs
      .option('config', { type: 'string', default: 'rowseal.yaml', describe: 'Configuration file' })
      .option('actor', { type: 'string', describe: 'Who accepts it; goes into the log' })
      .option('reason', { type: 'string', describe: 'Why; goes into the log' })
      .option('force', {
        type: 'boolean',
        default: false,
        describe: 'Also where the source could go on: past something in the stream that cannot be taken',
      })
      .option('yes', {
        type: 'boolean',
        default: false,
        describe: 'Do it without asking; without it, and without a terminal, only says what would be lost',
      })
      .option('json', { type: 'boolean', default: false, describe: 'One JSON document on stdout' })
      .example('$0 accept-gap', 'what is lost, and why')
      .example('$0 accept-gap --actor ops@example.com --reason "binlog purged, incident 17" --yes', '')
      .epilogue(
        'Stop `rowseal run` first. What the source did in the gap is never in the log, which says so for ever, signed. The next run copies every table again: mirrors become equal to the source, rows that vanished included. Exit codes: 0 accepted, or no gap; 2 not accepted.',
      ),
  handler: async (argv) => {
    refuseDangerousEnvironment(process.env);
    const t = terminal(argv.json);
    const config = loadConfig(argv.config, process.env);
    const consent = consentOf(argv);
    const { log } = await openLog(config);
    try {
      const found = await findGap(config, log);
      const { plan } = found;
      if (plan.hole === null && !argv.force) {
        t.out(`${t.paint('green', '✔')} no gap: the source can go on exactly after ${plan.from_server}`);
        t.out('a stream that halts at something it cannot take is passed over with --force');
        t.result({ ...plan, accepted: false });
        return;
      }
      printPlan(t, plan);
      if (consent === null || !(argv.yes || (await confirmed(t, config.pipeline)))) {
        t.out(
          `nothing was changed${consent === null ? '; to accept it give --actor, --reason and --yes' : ''}`,
        );
        t.result({ ...plan, accepted: false });
        process.exitCode = Exit.usage;
        return;
      }
      const { index } = await sealGap(config, log, found, consent);
      t.out(
        `${t.paint('green', '✔')} the gap is on record in group ${index}, by ${consent.actor}; go on with \`rowseal run\``,
      );
      t.result({ ...plan, accepted: true, group: index });
    } finally {
      await log.close();
    }
  },
};

/** Both or neither. */
function consentOf(argv: AcceptGapArguments): Consent | null {
  if (argv.actor === undefined && argv.reason === undefined && !argv.yes) return null;
  for (const option of ['actor', 'reason'] as const) {
    const value: unknown = argv[option];
    // Given twice an option is an array, whatever its type says.
    if (typeof value !== 'string' || value.trim() === '')
      throw new RowsealError('RS-CLI-001', { detail: `--${option} must be given once and not be empty` });
  }
  return { actor: argv.actor!, reason: argv.reason! };
}

function printPlan(t: Terminal, plan: GapPlan): void {
  const line = (word: string, text: string): void => t.out(`  ${t.paint('gray', word.padEnd(8))}${text}`);
  t.out(
    plan.hole === null
      ? t.paint('bold', 'the source could go on; this gap is asked for')
      : `${t.paint('red', '✘')} ${plan.hole.code} ${plan.hole.title}${plan.hole.detail === null ? '' : `: ${plan.hole.detail}`}`,
  );
  line('from', `${plan.from_server}, sealed at ${plan.sealed_at}`);
  line('to', plan.to_server);
  line('lost', plan.lost ?? 'what happened in between; the server cannot tell how much that is');
  line('tables', plan.tables.join(', '));
  line(
    'then',
    plan.copied
      ? 'every table is copied again: mirrors are emptied and filled; histories keep what they hold'
      : 'nothing is copied, because source.snapshot is `never`: rows that changed in the gap stay wrong until they change again',
  );
  if (plan.effect !== null) line('server', plan.effect);
}

/** False where nobody can be asked. */
async function confirmed(t: Terminal, pipeline: string): Promise<boolean> {
  if (!t.interactive || process.stdin.isTTY !== true) return false;
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  try {
    // Ctrl-C and the end of the input are an answer too.
    const answered = prompt.question(`type ${pipeline} to accept the gap: `).catch(() => '');
    const ended = once(prompt, 'close').then(() => '');
    return (await Promise.race([answered, ended])).trim() === pipeline;
  } finally {
    prompt.close();
  }
}
