import { tmpdir } from 'node:os';
import type { CommandModule } from 'yargs';
import { GroupReader } from '../../audit/group-reader.ts';
import { NodeDisk } from '../../audit/node-disk.ts';
import { newestGroup } from '../../audit/sealed-groups.ts';
import { loadConfig, type RowsealConfig, refuseDangerousEnvironment } from '../../config/load.ts';
import type { SinkConfig } from '../../config/sinks.ts';
import type { MirrorView } from '../../deliver/mirror-reader.ts';
import { selectedGroups } from '../../deliver/selected-tables.ts';
import { Exit } from '../../error/exit.ts';
import { RowsealError } from '../../error/rowseal-error.ts';
import { differing, reconcile } from '../../reconcile/reconcile.ts';
import type { Difference, ReconcileReport } from '../../reconcile/report.ts';
import { type Terminal, terminal } from '../context.ts';
import { count, oneLine } from '../layout.ts';
import { makeMirrorReader } from '../make-sink.ts';
import { Progress } from '../progress.ts';
import { chooseSink } from '../sink-choice.ts';
import { sinkMask } from '../sink-masks.ts';

interface ReconcileArguments {
  readonly config: string;
  readonly sink: string | undefined;
  readonly limit: number;
  readonly 'work-dir': string | undefined;
  readonly json: boolean;
}

export const reconcileCommand: CommandModule<object, ReconcileArguments> = {
  command: 'reconcile',
  describe: 'Compare the rows of a sink with the log; names what was changed, added or removed behind it',
  builder: (yargs) =>
    yargs
      .option('config', { type: 'string', default: 'rowseal.yaml', describe: 'Configuration file' })
      .option('sink', { type: 'string', describe: 'Name of the sink; needed where there are several' })
      .option('limit', { type: 'number', default: 100, describe: 'Differences to print; all are counted' })
      .option('work-dir', {
        type: 'string',
        describe:
          'Where a scratch file with masked rows may be made; default: the directory for temporary files',
      })
      .option('json', { type: 'boolean', default: false, describe: 'One JSON document on stdout' })
      .example('$0 audit reconcile --sink warehouse', '')
      .epilogue(
        'Compares at the cursor of the sink: groups sealed since are not looked at. Shown are masked values of the log; of what was put into the warehouse instead only the length. The log itself is checked by `audit verify`. Exit codes: 0 equal, 10 differences, 11 the sink is ahead of the log.',
      ),
  handler: async (argv) => {
    refuseDangerousEnvironment(process.env);
    const t = terminal(argv.json);
    const config = loadConfig(argv.config, process.env);
    if (!Number.isInteger(argv.limit) || argv.limit < 0)
      throw new RowsealError('RS-CLI-001', { detail: '--limit must be a whole number from 0 on' });
    const report = await run(t, config, chooseSink(config, argv.sink), argv);
    print(t, report);
    process.exitCode = report.equal ? Exit.ok : Exit.tampered;
  },
};

async function run(
  t: Terminal,
  config: RowsealConfig,
  sink: SinkConfig,
  { limit, 'work-dir': workDirectory }: ReconcileArguments,
): Promise<ReconcileReport> {
  const { directory } = config.audit;
  const reader = await makeMirrorReader(sink);
  const view = await reader.open();
  if (view === null) throw new RowsealError('RS-REC-001', { detail: `sink ${sink.name}` });
  const progress = new Progress(t);
  try {
    // Read after the view was opened, so that every group in it is sealed.
    const sealed = await newestGroup(new NodeDisk(), directory);
    const cursor = comparableCursor(view, config, sink, sealed);
    return await reconcile({
      sink: sink.name,
      view,
      groups: selectedGroups(
        new GroupReader(new NodeDisk(), directory, 'tell').read(0, cursor),
        sinkMask(config, sink),
      ),
      sealed: sealed!,
      workDirectory: workDirectory ?? tmpdir(),
      limit,
      progress: {
        reading: (groups, of) => progress.update('groups read from the log', groups, of),
        comparing: (rows, of) => progress.update('rows compared', rows, of),
      },
    });
  } finally {
    progress.end();
    await view.close();
  }
}

function comparableCursor(
  view: MirrorView,
  config: RowsealConfig,
  sink: SinkConfig,
  sealed: number | null,
): number {
  if (view.pipeline !== config.pipeline)
    throw new RowsealError('RS-REC-001', { detail: `sink ${sink.name} holds pipeline ${view.pipeline}` });
  if (view.cursor === null)
    throw new RowsealError('RS-REC-001', { detail: `sink ${sink.name}: nothing was delivered yet` });
  if (sealed === null || view.cursor > sealed)
    throw new RowsealError('RS-REC-004', {
      detail: `sink ${sink.name} has group ${view.cursor}, the newest in the log is ${sealed ?? 'none'}`,
    });
  return view.cursor;
}

function print(t: Terminal, report: ReconcileReport): void {
  const { sink, cursor, sealed, tables, differences, equal } = report;
  t.out(
    `sink ${sink} at group ${cursor}${sealed > cursor ? `; ${count(sealed - cursor, 'group')} sealed since are not compared` : ''}`,
  );
  for (const difference of differences) t.out(`${t.paint('red', '✘')} ${oneLine(describe(difference))}`);
  const all = tables.reduce((sum, table) => sum + differing(table), 0);
  if (all > differences.length) t.out(`  and ${count(all - differences.length, 'difference')} more`);
  for (const table of tables) {
    const parts = [
      count(table.rows, 'row'),
      ...(table.changed > 0 ? [`${table.changed} changed`] : []),
      ...(table.added > 0 ? [`${table.added} added`] : []),
      ...(table.removed > 0 ? [`${table.removed} removed`] : []),
      ...(table.deadLetters > 0 ? [`${table.deadLetters} held as dead letters`] : []),
      ...(table.untold > 0 ? [`${table.untold} whose images are erased or expired, not compared`] : []),
      ...(table.uncomparedCells > 0 ? [`${table.uncomparedCells} cells not compared`] : []),
    ];
    const mark = differing(table) === 0 ? t.paint('green', '✔') : t.paint('red', '✘');
    t.out(`${mark} ${oneLine(table.table)}: ${parts.join(', ')}`);
  }
  t.out(
    equal
      ? `${t.paint('green', '✔')} equal`
      : `${t.paint('red', '✘')} the warehouse is not what was delivered`,
  );
  t.result({ ...report, exit: equal ? Exit.ok : Exit.tampered });
}

function describe(difference: Difference): string {
  if (difference.kind === 'table') return `${difference.table}: ${difference.reason}`;
  const key = Object.entries(difference.key)
    .map(([name, value]) => `${name}=${value === null ? 'null' : JSON.stringify(value)}`)
    .join(', ');
  const which = `${difference.table} ${key === '' ? 'a row' : key}`;
  switch (difference.kind) {
    case 'added':
      return `${which}: added${difference.foundSeq === null ? '' : `, it claims record ${difference.foundSeq}`}`;
    case 'removed':
      return `${which}: removed; record ${difference.seq}`;
    case 'changed': {
      const columns = difference.columns.map(
        ({ name, expected, found }) => `${name} is ${found}, was ${JSON.stringify(expected)}`,
      );
      const claims =
        difference.foundSeq === null || difference.foundSeq === difference.seq
          ? []
          : [`it claims record ${difference.foundSeq}`];
      return `${which}: changed; record ${difference.seq}; ${[...columns, ...claims].join('; ')}`;
    }
  }
}
