import { once } from 'node:events';
import type { CommandModule } from 'yargs';
import { loadConfig, loadHttpAccess, refuseDangerousEnvironment } from '../../config/load.ts';
import { Exit, exitCodeOf } from '../../error/exit.ts';
import { createLogger } from '../../ops/log.ts';
import { Metrics } from '../../ops/metrics.ts';
import { OpsMemory } from '../../ops/ops-memory.ts';
import { packageVersion } from '../context.ts';
import { observe } from '../running.ts';
import { serveOps } from '../serve-ops.ts';
import { serveQueries } from '../serve-queries.ts';
import { wirePipeline } from '../wire.ts';

export interface RunArguments {
  readonly config: string;
  readonly 'exit-on-halt': boolean;
}

export const runCommand: CommandModule<object, RunArguments> = {
  command: 'run',
  describe: 'Capture, mask, seal and deliver until told to stop',
  builder: (yargs) =>
    yargs
      .option('config', { type: 'string', default: 'rowseal.yaml', describe: 'Configuration file' })
      .option('exit-on-halt', {
        type: 'boolean',
        default: false,
        describe: 'Exit with the code of the halt instead of staying up for a person',
      })
      .example('$0 run', 'with ./rowseal.yaml')
      .example('$0 run --config /etc/rowseal/rowseal.yaml', 'as the container does'),
  handler: async (argv) => {
    process.exitCode = await run(argv);
  },
};

async function run(argv: RunArguments): Promise<number> {
  refuseDangerousEnvironment(process.env);
  const config = loadConfig(argv.config, process.env);
  const access = loadHttpAccess(config, process.env);
  const interactive = process.stderr.isTTY === true;
  const logger = createLogger({
    pipeline: config.pipeline,
    level: config.log.level,
    format: config.log.format === 'auto' ? (interactive ? 'pretty' : 'json') : config.log.format,
    colour: interactive && process.env['NO_COLOR'] === undefined,
    write: (text) => process.stderr.write(text),
  });
  const metrics = new Metrics(
    config.pipeline,
    packageVersion(),
    config.sinks.map((sink) => sink.name),
  );
  const memory = new OpsMemory(config.http.recentChanges);
  const { pipeline, notices, tables, close } = await wirePipeline(
    config,
    observe(logger, metrics, memory),
    undefined,
    metrics.latency,
  );
  for (const { level, subject, code, detail, fix } of notices) {
    logger.log(level === 'ok' ? 'info' : 'warn', {
      message: level === 'ok' ? `${subject} ${detail}` : detail,
      ...(code === null ? {} : { code }),
      ...(fix === null ? {} : { fix }),
    });
  }
  const server = await serveOps({ config, pipeline, metrics, memory, tables }, access, logger);
  const sinks = pipeline.deliveries.map(({ sink }) => sink);
  const stopAnswering = await serveQueries(config, sinks, logger);
  let stops = 0;
  const stopped = new AbortController();
  const onSignal = (): void => {
    stops++;
    // The second signal means now: what is sealed is safe, the rest is read again.
    if (stops > 1) process.exit(Exit.ok);
    logger.log('info', { message: 'stopping: sealing what is whole, delivering what is sealed' });
    stopped.abort();
    pipeline.stop();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  try {
    const outcome = await pipeline.run();
    if (outcome.kind === 'stopped') return Exit.ok;
    if (outcome.kind === 'failed' || argv['exit-on-halt']) return exitCodeOf(outcome.error);
    // A restart cannot mend a halt and would hide page and metrics: stay until a person comes.
    if (!stopped.signal.aborted)
      await Promise.race([once(stopped.signal, 'abort'), keepAlive(stopped.signal)]);
    return exitCodeOf(outcome.error);
  } finally {
    process.off('SIGTERM', onSignal);
    process.off('SIGINT', onSignal);
    await server?.close();
    await stopAnswering();
    await close();
  }
}

/** A pending promise does not keep a process alive; a timer does. */
async function keepAlive(signal: AbortSignal): Promise<void> {
  const timer = setInterval(() => {}, 60_000);
  await once(signal, 'abort');
  clearInterval(timer);
}
