import { once } from 'node:events';
import type { CommandModule } from 'yargs';
import { loadConfig, loadHttpAccess, refuseDangerousEnvironment } from '../../config/load.ts';
import { Exit, exitCodeOf } from '../../error/exit.ts';
import { createLogger } from '../../ops/log.ts';
import { Metrics } from '../../ops/metrics.ts';
import { OpsMemory } from '../../ops/ops-memory.ts';
import type { Pipeline } from '../../pipeline/pipeline.ts';
import { packageVersion } from '../context.ts';
import { startOutside } from '../outside.ts';
import { observe } from '../running.ts';
import { familiesOf, serveOps } from '../serve-ops.ts';
import { serveQueries } from '../serve-queries.ts';
import { startTelemetry } from '../telemetry.ts';
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
    // Requests that nobody waits for any more would keep the process alive until they are answered.
    setTimeout(() => process.exit(), LINGER_MS).unref();
  },
};

const LINGER_MS = 1_000;

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
  let stops = 0;
  let toStop: Pipeline | null = null;
  const stopped = new AbortController();
  // From the very start: the first process of a container has no default for signals, it would be deaf.
  const onSignal = (): void => {
    stops++;
    // Nothing runs yet, or a second signal, which means now: what is sealed is safe, the rest is read again.
    if (toStop === null || stops > 1) process.exit(Exit.ok);
    logger.log('info', { message: 'stopping: sealing what is whole, delivering what is sealed' });
    stopped.abort();
    toStop.stop();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  const metrics = new Metrics(
    config.pipeline,
    packageVersion(),
    config.sinks.map((sink) => sink.name),
  );
  const memory = new OpsMemory(config.http.recentChanges);
  const telemetry = await startTelemetry(config, logger);
  const { pipeline, notices, tables, close } = await wirePipeline(
    config,
    observe(logger, metrics, memory, telemetry?.traces ?? null),
    undefined,
    metrics.latency,
  );
  const outside = await startOutside(config, logger, metrics).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  for (const { level, subject, code, detail, fix } of notices) {
    logger.log(level === 'ok' ? 'info' : 'warn', {
      message: level === 'ok' ? `${subject} ${detail}` : detail,
      ...(code === null ? {} : { code }),
      ...(fix === null ? {} : { fix }),
    });
  }
  const running = { config, pipeline, metrics, memory, tables, outside };
  telemetry?.measure(() => familiesOf(running));
  const server = await serveOps(running, access, logger);
  const sinks = pipeline.deliveries.map(({ sink }) => sink);
  const stopAnswering = await serveQueries(config, sinks, logger);
  toStop = pipeline;
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
    await outside.stop();
    await telemetry?.close();
    await close();
  }
}

/** A pending promise does not keep a process alive; a timer does. */
async function keepAlive(signal: AbortSignal): Promise<void> {
  const timer = setInterval(() => {}, 60_000);
  await once(signal, 'abort');
  clearInterval(timer);
}
