import type { CommandModule } from 'yargs';
import type { HttpAccess } from '../../config/http.ts';
import {
  loadConfig,
  loadHttpAccess,
  type RowsealConfig,
  refuseDangerousEnvironment,
} from '../../config/load.ts';
import { Exit, exitCodeOf } from '../../error/exit.ts';
import { RowsealError } from '../../error/rowseal-error.ts';
import { toRowsealError } from '../../error/unexpected.ts';
import type { OpsServer } from '../../ops/http.ts';
import { createLogger, type LevelledLogger, type Logger } from '../../ops/log.ts';
import { loadConfigDirectory } from '../config-directory.ts';
import { PipelineUnit } from '../pipeline-unit.ts';
import { serveOps } from '../serve-ops.ts';
import { supervise } from '../supervise.ts';
import { DRAIN_MS } from '../wire.ts';

export interface RunArguments {
  readonly config: string;
  readonly 'config-dir': string | undefined;
  readonly 'exit-on-halt': boolean;
  readonly 'allow-weaker': boolean;
}

export const runCommand: CommandModule<object, RunArguments> = {
  command: 'run',
  describe: 'Capture, mask, seal and deliver until told to stop',
  builder: (yargs) =>
    yargs
      .option('config', { type: 'string', default: 'rowseal.yaml', describe: 'Configuration file' })
      .option('config-dir', {
        type: 'string',
        describe: 'Run every *.yaml of this directory, each as a pipeline of its own',
      })
      .option('exit-on-halt', {
        type: 'boolean',
        default: false,
        describe: 'Exit with the code of the halt instead of staying up for a person',
      })
      .option('allow-weaker', {
        type: 'boolean',
        default: false,
        describe: 'On SIGHUP, take over a mask policy also when it shows more than the one in force',
      })
      .example('$0 run', 'with ./rowseal.yaml')
      .example('$0 run --config /etc/rowseal/rowseal.yaml', 'as the container does')
      .example('$0 run --config-dir /etc/rowseal', 'several pipelines in one process')
      .epilogue(
        'SIGTERM or SIGINT: seals what is whole, delivers what is sealed, exit code 0; a second one: at once, exit code 4. SIGHUP: reads the section `mask`, the token, the certificates and `log.level` again, and tries halted sinks at once.',
      ),
  handler: async (argv) => {
    process.exitCode = await run(argv);
    // Requests that nobody waits for any more would keep the process alive until they are answered.
    setTimeout(() => process.exit(), LINGER_MS).unref();
  },
};

/** How long a sink may hang in the batch in hand after the time for delivering is over. */
const GRACE_MS = 5_000;

/** What signals ask for. Installed at the very start: the first process of a container has no defaults, it would be deaf. */
class Signals {
  readonly stop = new AbortController();
  #logger: Logger | null = null;
  #onStop: () => void = () => process.exit(Exit.ok);
  #onReload: () => void = () => {};

  readonly #stopAsked = (): void => {
    // What is sealed is safe, the rest is read again.
    if (this.stop.signal.aborted) process.exit(Exit.cutShort);
    this.#logger?.log('info', { message: 'stopping: sealing what is whole, delivering what is sealed' });
    this.stop.abort();
    this.#onStop();
    setTimeout(() => {
      const error = new RowsealError('RS-RUN-014');
      this.#logger?.log('error', { message: error.message, code: error.code, fix: error.fix });
      process.exit(Exit.cutShort);
    }, DRAIN_MS + GRACE_MS).unref();
  };
  readonly #reloadAsked = (): void => this.#onReload();

  constructor() {
    process.on('SIGTERM', this.#stopAsked);
    process.on('SIGINT', this.#stopAsked);
    process.on('SIGHUP', this.#reloadAsked);
  }

  serve(logger: Logger, onStop: () => void, onReload: () => void): void {
    this.#logger = logger;
    this.#onStop = onStop;
    this.#onReload = onReload;
  }

  close(): void {
    process.off('SIGTERM', this.#stopAsked);
    process.off('SIGINT', this.#stopAsked);
    process.off('SIGHUP', this.#reloadAsked);
  }
}
const LINGER_MS = 1_000;

async function run(argv: RunArguments): Promise<number> {
  refuseDangerousEnvironment(process.env);
  const signals = new Signals();
  try {
    return argv['config-dir'] === undefined
      ? await runOne(argv, signals)
      : await runDirectory(argv['config-dir'], argv, signals);
  } finally {
    signals.close();
  }
}

async function runOne(argv: RunArguments, signals: Signals): Promise<number> {
  const config = loadConfig(argv.config, process.env);
  const access = loadHttpAccess(config, process.env);
  const logger = loggerOf(config, false);
  let server: OpsServer | null = null;
  const unit = await PipelineUnit.make(config, logger, {
    shared: false,
    allowWeaker: argv['allow-weaker'],
    door: (changed) => server?.changeDoor(changed),
  });
  try {
    return await supervise(unit, {
      stop: signals.stop.signal,
      exitOnHalt: argv['exit-on-halt'],
      failures: 'leave',
      begun: async () => {
        server = await serveOps([unit], config.http, access, logger);
        signals.serve(
          logger,
          () => unit.stop(),
          () => void unit.reload(),
        );
      },
    });
  } finally {
    await (server as OpsServer | null)?.close();
    await unit.close();
  }
}

async function runDirectory(directory: string, argv: RunArguments, signals: Signals): Promise<number> {
  const { configs, door } = loadConfigDirectory(directory, process.env);
  const access: HttpAccess = loadHttpAccess(door, process.env);
  let server: OpsServer | null = null;
  const make = (config: RowsealConfig): Promise<PipelineUnit> =>
    PipelineUnit.make(config, loggerOf(config, true), {
      shared: configs.length > 1,
      allowWeaker: argv['allow-weaker'],
      door: (changed) => {
        if (config === door) server?.changeDoor(changed);
      },
    });
  const [first, ...others] = await Promise.all(configs.map(make));
  const units = [first!, ...others] as const;
  const beginAgain = new Map<PipelineUnit, () => void>();
  signals.serve(
    first!.logger,
    () => {
      for (const unit of units) unit.stop();
    },
    () => {
      for (const unit of units)
        void unit.reload().then((taken) => {
          if (taken) beginAgain.get(unit)?.();
        });
    },
  );
  try {
    server = await serveOps(units, door.http, access, first!.logger);
    const codes = await Promise.all(
      units.map(async (unit) => {
        const code = await supervise(unit, {
          stop: signals.stop.signal,
          exitOnHalt: argv['exit-on-halt'],
          failures: 'again',
          onHalt: (again) => {
            if (again === null) beginAgain.delete(unit);
            else beginAgain.set(unit, again);
          },
        }).catch((thrown: unknown) => {
          const error = toRowsealError(thrown);
          unit.rest('halted', error);
          return exitCodeOf(error);
        });
        await unit.end();
        return code;
      }),
    );
    return codes.find((code) => code !== Exit.ok) ?? Exit.ok;
  } finally {
    await server?.close();
    for (const unit of units) await unit.close();
  }
}

function loggerOf(config: RowsealConfig, named: boolean): LevelledLogger {
  const interactive = process.stderr.isTTY === true;
  return createLogger({
    pipeline: config.pipeline,
    level: config.log.level,
    format: config.log.format === 'auto' ? (interactive ? 'pretty' : 'json') : config.log.format,
    colour: interactive && process.env['NO_COLOR'] === undefined,
    named,
    write: (text) => process.stderr.write(text),
  });
}
