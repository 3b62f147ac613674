import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { CommandModule } from 'yargs';
import { type ErasePlan, eraseRow, type KeySpaces, keySpacesOf, planErasure } from '../../audit/erase.ts';
import { NodeDisk } from '../../audit/node-disk.ts';
import { describeNeed } from '../../audit/sink-need.ts';
import { tableDirectory } from '../../audit/table-directory.ts';
import {
  loadConfig,
  loadMaskKeys,
  type RowsealConfig,
  refuseDangerousEnvironment,
} from '../../config/load.ts';
import { Exit } from '../../error/exit.ts';
import { RowsealError } from '../../error/rowseal-error.ts';
import { rowKeyTag } from '../../mask/key-tagger.ts';
import { askSinks, furthestBehind, furthestBehindOfAnswering } from '../ask-sinks.ts';
import { type Terminal, terminal } from '../context.ts';
import { openLog } from '../open-log.ts';
import { tableNamed } from '../table-choice.ts';

interface EraseArguments {
  readonly config: string;
  readonly table: string;
  readonly key: readonly string[];
  readonly actor: string;
  readonly reason: string;
  readonly yes: boolean;
  readonly 'regardless-of-sinks': boolean;
  readonly json: boolean;
}

export const eraseCommand: CommandModule<object, EraseArguments> = {
  command: 'erase',
  describe: "Erase a row's images from the log, with a signed record of it; every proof stays valid",
  builder: (yargs) =>
    yargs
      .option('config', { type: 'string', default: 'rowseal.yaml', describe: 'Configuration file' })
      .option('table', { type: 'string', demandOption: true, describe: 'schema.table' })
      .option('key', {
        type: 'string',
        array: true,
        nargs: 1,
        demandOption: true,
        describe: 'Key of the row as the source prints it; once for each column of the primary key',
      })
      .option('actor', {
        type: 'string',
        demandOption: true,
        describe: 'Who has it erased; goes into the log',
      })
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
      .example(
        '$0 audit erase --table public.customers --key 4711 --actor dpo@example.com --reason "request 17"',
        'what would go',
      )
      .epilogue(
        'Stop `rowseal run` first. Neither key nor values are recorded: actor and reason are, so keep them free of personal data of the row. Sinks, backups and copies of the log are not touched: what a sink has not had, above all that the row was deleted, it would never get, so that is refused. Exit code 2 without --yes.',
      ),
  handler: async (argv) => {
    refuseDangerousEnvironment(process.env);
    const t = terminal(argv.json);
    const config = loadConfig(argv.config, process.env);
    const { directory } = config.audit;
    for (const option of ['table', 'actor', 'reason'] as const) {
      // Given twice an option is an array, whatever its type says.
      if (typeof argv[option] !== 'string' || argv[option].trim() === '')
        throw new RowsealError('RS-CLI-001', { detail: `--${option} must be given once and not be empty` });
    }
    const table = tableDirectory(tableNamed(argv.table));
    // Opening makes a log where none is.
    if (!existsSync(join(directory, 'tables', table)))
      throw new RowsealError('RS-AUD-011', { detail: `no table ${argv.table} in ${directory}` });
    const disk = new NodeDisk();
    const { log } = await openLog(config);
    try {
      // One that has no group has nothing of the row either: leaving all of it out is right.
      const sinks = argv['regardless-of-sinks']
        ? []
        : (await askSinks(config)).filter((asked) => asked.kind === 'silent' || asked.cursor !== null);
      const spaces = await keySpacesOf(disk, directory, table);
      const request = {
        table,
        tags: tagsOfKey(config, spaces, argv.key),
        actor: argv.actor,
        reason: argv.reason,
      };
      if (!argv.yes) {
        const need = furthestBehindOfAnswering(sinks, t);
        const plan = await planErasure(disk, directory, request, need);
        t.out(`${describePlan(plan)} would be erased`);
        warn(t, plan, directory);
        if (plan.undelivered > 0 && need !== null)
          t.out(
            `${t.paint('yellow', '!')} of these images ${plan.undelivered} are still to be delivered: ${describeNeed(need)}; let \`rowseal run\` do that first`,
          );
        t.out('nothing was erased; to do it add --yes');
        t.result({ ...plan, erased: 0, recorded: false });
        process.exitCode = Exit.usage;
        return;
      }
      const report = await eraseRow(disk, directory, log, request, furthestBehind(sinks));
      t.out(
        report.recorded
          ? `${describePlan(report)} erased, with a signed record by ${argv.actor}`
          : `${report.erased} row images erased that earlier records name; no new record was due`,
      );
      warn(t, report, directory);
      t.result(report);
    } finally {
      await log.close();
    }
  },
};

/** One tag for each mask key that the log was written under: epochs come of one secret. */
export function tagsOfKey(
  config: RowsealConfig,
  spaces: KeySpaces,
  key: readonly string[],
): readonly string[] {
  const { table } = spaces;
  const columns = table.key.map((index) => table.columns[index]!.name);
  if (columns.length === 0)
    throw new RowsealError('RS-AUD-011', {
      detail: 'the table has no key, so its rows cannot be told apart',
    });
  if (key.length !== columns.length)
    throw new RowsealError('RS-CLI-001', {
      detail: `the key has ${columns.length} columns (${columns.join(', ')}), given ${key.length} with --key`,
    });
  return spaces.keys.map(({ epoch, fingerprint }) => {
    const keys = loadMaskKeys(config, process.env, epoch);
    if (keys.fingerprint !== fingerprint)
      throw new RowsealError('RS-AUD-011', {
        detail: `epoch ${epoch} of the log was masked under the key ${fingerprint}, configured is ${keys.fingerprint}`,
      });
    return rowKeyTag(keys, table, key);
  });
}

function describePlan(plan: ErasePlan): string {
  return `${plan.images} row images of ${plan.records} records under ${plan.keys} keys`;
}

function warn(t: Terminal, plan: ErasePlan, directory: string): void {
  const mark = t.paint('yellow', '!');
  if (plan.alive)
    t.out(
      `${mark} the source still has the row, as far as the log knows: its next change is sealed again; delete it there first`,
    );
  if (existsSync(join(directory, 'quarantine')))
    t.out(
      `${mark} ${join(directory, 'quarantine')} holds unsealed bytes, which are not searched: remove it by hand`,
    );
}
