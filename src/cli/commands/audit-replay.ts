import type { CommandModule } from 'yargs';

import { GroupReader } from '../../audit/group-reader.ts';
import { NodeDisk } from '../../audit/node-disk.ts';
import { newestGroup } from '../../audit/sealed-groups.ts';
import { loadConfig, type RowsealConfig, refuseDangerousEnvironment } from '../../config/load.ts';
import { replayTarget } from '../../config/replay-target.ts';
import type { SinkConfig } from '../../config/sinks.ts';
import { type Replayed, replay } from '../../deliver/replay.ts';
import { RowsealError } from '../../error/rowseal-error.ts';
import { type Terminal, terminal } from '../context.ts';
import { count } from '../layout.ts';
import { makeMirrorReader, makeSink } from '../make-sink.ts';
import { openLog } from '../open-log.ts';
import { Progress } from '../progress.ts';
import { chooseSink } from '../sink-choice.ts';

interface ReplayArguments {
  readonly config: string;
  readonly sink: string | undefined;
  readonly into: string | undefined;
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly json: boolean;
}

export const replayCommand: CommandModule<object, ReplayArguments> = {
  command: 'replay',
  describe: 'Build a warehouse from the log alone; production is not read',
  builder: (yargs) =>
    yargs
      .option('config', { type: 'string', default: 'rowseal.yaml', describe: 'Configuration file' })
      .option('sink', { type: 'string', describe: 'Name of the sink; needed where there are several' })
      .option('into', {
        type: 'string',
        describe:
          'A fresh target of its kind: file (duckdb), directory or s3://bucket/prefix (parquet), dataset (bigquery), state schema, and prefix of the other schemas (postgres). Without it: the sink as configured, which must be empty',
      })
      .option('from', {
        type: 'number',
        describe: 'First group; default: 0. Rows that are older are not there then',
      })
      .option('to', {
        type: 'number',
        describe: 'Last group; default: the newest. The warehouse as it was then',
      })
      .option('json', { type: 'boolean', default: false, describe: 'One JSON document on stdout' })
      .example('$0 audit replay --sink warehouse --into /tmp/rebuilt.duckdb', 'beside the live one')
      .example(
        '$0 audit replay --sink warehouse --to 4711 --into /tmp/then.duckdb',
        'as it was after group 4711',
      )
      .epilogue(
        'Never writes over rows: a target that holds any is refused. Rows whose images are erased or expired are left out. Into the configured sink it needs `rowseal run` to be stopped, which then goes on from there.',
      ),
  handler: async (argv) => {
    refuseDangerousEnvironment(process.env);
    const t = terminal(argv.json);
    const config = loadConfig(argv.config, process.env);
    const chosen = chooseSink(config, argv.sink);
    const sink = argv.into === undefined ? chosen : replayTarget(chosen, argv.into, process.cwd());
    const range = await rangeOf(config, argv);
    await refuseLive(sink);
    const configured = argv.into === undefined;
    const replayed = configured
      ? await underLock(config, sink, range, t)
      : await fill(config, sink, 1n, range, t);
    print(t, sink, replayed, range);
  },
};

interface Range {
  readonly from: number;
  readonly to: number;
}

async function rangeOf(config: RowsealConfig, argv: ReplayArguments): Promise<Range> {
  const newest = await newestGroup(new NodeDisk(), config.audit.directory);
  const { from = 0, to = newest ?? -1 } = argv;
  for (const [name, value] of Object.entries({ from, to }))
    if (newest !== null && (!Number.isInteger(value) || value < 0))
      throw new RowsealError('RS-CLI-001', { detail: `--${name} must be a group's number` });
  if (newest === null || from > to || to > newest)
    throw new RowsealError('RS-RPL-002', {
      detail: newest === null ? 'the log is empty' : `groups ${from} to ${to}; the newest is ${newest}`,
    });
  return { from, to };
}

/** Looked at with eyes only: opening a sink would fence the one that writes it. */
async function refuseLive(sink: SinkConfig): Promise<void> {
  const view = await (await makeMirrorReader(sink)).open();
  if (view === null) return;
  const { cursor, pipeline } = view;
  await view.close();
  if (cursor !== null)
    throw new RowsealError('RS-RPL-001', {
      detail: `sink ${sink.name} holds groups up to ${cursor} of pipeline ${pipeline}`,
      state: 'nothing was changed',
    });
}

/** The lock of the log keeps a running pipeline and a replay from filling one sink together. */
async function underLock(
  config: RowsealConfig,
  sink: SinkConfig,
  range: Range,
  t: Terminal,
): Promise<Replayed> {
  const { log, epoch } = await openLog(config);
  try {
    return await fill(config, sink, epoch, range, t);
  } finally {
    await log.close();
  }
}

async function fill(
  config: RowsealConfig,
  sinkConfig: SinkConfig,
  epoch: bigint,
  { from, to }: Range,
  t: Terminal,
): Promise<Replayed> {
  const sink = await makeSink(sinkConfig, config);
  const progress = new Progress(t);
  try {
    const cursor = await sink.open(config.pipeline, epoch);
    // Somebody was faster.
    if (cursor !== null)
      throw new RowsealError('RS-RPL-001', { detail: `sink ${sink.name} holds groups up to ${cursor}` });
    const reader = new GroupReader(new NodeDisk(), config.audit.directory);
    return await replay({
      sink,
      groups: reader.read(from, to),
      batchBytes: sink.pace?.bytes ?? config.queueBytes,
      progress: (group) => progress.update('groups replayed', group - from + 1, to - from + 1),
    });
  } finally {
    progress.end();
    await sink.close();
  }
}

function print(t: Terminal, sink: SinkConfig, replayed: Replayed, { from, to }: Range): void {
  const { groups, rows, cursor, stats } = replayed;
  const deadLetters = Object.fromEntries(stats.deadLetters);
  t.out(
    `${t.paint('green', '✔')} ${count(groups, 'group')} (${from} to ${to}) with ${count(rows, 'row change')} replayed into sink ${sink.name}`,
  );
  const letters = Object.values(deadLetters).reduce((sum, n) => sum + n, 0);
  if (letters > 0) t.out(`${t.paint('yellow', '!')} ${count(letters, 'dead letter')}`);
  t.result({ sink: sink.name, from, to, groups, rows, cursor, dead_letters: deadLetters });
}
