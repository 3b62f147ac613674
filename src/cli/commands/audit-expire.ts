import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { CommandModule } from 'yargs';
import type { NeedFrom } from '../../audit/audit-log.ts';
import { type ExpiryReport, expireImages } from '../../audit/expire-images.ts';
import { NodeDisk } from '../../audit/node-disk.ts';
import { describeNeed } from '../../audit/sink-need.ts';
import { tableDirectory } from '../../audit/table-directory.ts';
import { loadConfig, refuseDangerousEnvironment } from '../../config/load.ts';
import { Exit } from '../../error/exit.ts';
import { RowsealError } from '../../error/rowseal-error.ts';
import { askSinks, furthestBehind, furthestBehindOfAnswering } from '../ask-sinks.ts';
import { terminal } from '../context.ts';
import { count } from '../layout.ts';
import { imageAgeOf, openLog } from '../open-log.ts';
import { tableNamed } from '../table-choice.ts';

interface ExpireArguments {
  readonly config: string;
  readonly table: string | undefined;
  readonly days: number | undefined;
  readonly actor: string;
  readonly reason: string;
  readonly yes: boolean;
  readonly 'regardless-of-sinks': boolean;
  readonly json: boolean;
}

const DAY_US = 86_400_000_000;

export const expireCommand: CommandModule<object, ExpireArguments> = {
  command: 'expire',
  describe: 'Take row images away that are older than a number of days, with a signed record; records stay',
  builder: (yargs) =>
    yargs
      .option('config', { type: 'string', default: 'rowseal.yaml', describe: 'Configuration file' })
      .option('table', { type: 'string', describe: 'Only this table (schema.table); needs --days' })
      .option('days', {
        type: 'number',
        describe: 'Age since their group was sealed; default: what audit.retention says of each table',
      })
      .option('actor', { type: 'string', demandOption: true, describe: 'Who does it; goes into the log' })
      .option('reason', { type: 'string', demandOption: true, describe: 'Why; goes into the log' })
      .option('yes', {
        type: 'boolean',
        default: false,
        describe: 'Do it; without it only says what would go',
      })
      .option('regardless-of-sinks', {
        type: 'boolean',
        default: false,
        describe: 'Also what a sink has not had, or when one cannot be asked',
      })
      .option('json', { type: 'boolean', default: false, describe: 'One JSON document on stdout' })
      .example('$0 audit expire --days 365 --actor dpo@example.com --reason "retention schedule 3"', '')
      .epilogue(
        'Stop `rowseal run` first; with audit.retention it does the same once a day by itself. What expired cannot be shown, delivered, replayed or reconciled any more, so what a sink has not had is refused. Exit code 2 without --yes.',
      ),
  handler: async (argv) => {
    refuseDangerousEnvironment(process.env);
    const t = terminal(argv.json);
    const config = loadConfig(argv.config, process.env);
    const { directory } = config.audit;
    if (argv.days !== undefined && !(argv.days >= 0))
      throw new RowsealError('RS-CLI-001', { detail: '--days must be a number from 0 on' });
    if (argv.table !== undefined && argv.days === undefined)
      throw new RowsealError('RS-CLI-001', { detail: '--table needs --days' });
    const only = argv.table === undefined ? null : tableDirectory(tableNamed(argv.table));
    if (!existsSync(join(directory, 'journal')))
      throw new RowsealError('RS-AUD-027', { detail: `${directory} has no journal` });
    if (only !== null && !existsSync(join(directory, 'tables', only)))
      throw new RowsealError('RS-AUD-011', { detail: `no table ${argv.table} in ${directory}` });
    const days = argv.days === undefined ? null : BigInt(Math.round(argv.days * DAY_US));
    const age =
      days === null
        ? imageAgeOf(config)
        : { of: (table: string) => (only === null || table === only ? days : null), shortestUs: days };
    if (age === null) throw new RowsealError('RS-CLI-001', { detail: 'give --days, or set audit.retention' });
    const { log } = await openLog(config);
    let report: ExpiryReport;
    let need: NeedFrom | null = null;
    try {
      const sinks = argv['regardless-of-sinks'] ? [] : await askSinks(config);
      need = argv.yes ? furthestBehind(sinks) : furthestBehindOfAnswering(sinks, t);
      const { actor, reason } = argv;
      const nowUs = BigInt(Date.now()) * 1000n;
      report = await expireImages(
        new NodeDisk(),
        directory,
        log,
        age,
        nowUs,
        argv.yes ? { actor, reason } : null,
        need,
      );
    } finally {
      await log.close();
    }
    for (const { table, before } of report.tables)
      t.out(`${table}: row images of ${count(before, 'record')} ${argv.yes ? 'are' : 'would be'} gone`);
    if (report.held && need !== null)
      t.out(
        `${t.paint('yellow', '!')} others that are as old are still to be delivered: ${describeNeed(need)}; let \`rowseal run\` do that first`,
      );
    else if (report.tables.length === 0) t.out('no row images are that old');
    t.out(
      argv.yes
        ? `${count(report.gone, 'row image')} taken away now`
        : 'nothing was changed; to do it add --yes',
    );
    t.result(report);
    if (!argv.yes) process.exitCode = Exit.usage;
  },
};
