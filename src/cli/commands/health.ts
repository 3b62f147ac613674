import type { CommandModule } from 'yargs';
import { loadConfig } from '../../config/load.ts';
import { Exit } from '../../error/exit.ts';
import { askRunning, localAddress } from '../ask-running.ts';
import { terminal } from '../context.ts';

interface HealthArguments {
  readonly config: string;
  readonly ready: boolean;
}

export const healthCommand: CommandModule<object, HealthArguments> = {
  command: 'health',
  describe: 'Ask the running process on this machine whether it is well; for health checks',
  builder: (yargs) =>
    yargs
      .option('config', { type: 'string', default: 'rowseal.yaml', describe: 'Configuration file' })
      .option('ready', {
        type: 'boolean',
        default: false,
        describe: 'Whether it is working (/readyz), instead of alive (/healthz)',
      })
      .example('$0 health', 'exit code 0: alive, 1: not'),
  handler: async (argv) => {
    const config = loadConfig(argv.config, process.env);
    const t = terminal(false);
    if (!config.http.enabled) {
      t.say('not checked: http.enabled is false, so there is nobody to ask');
      return;
    }
    const answer = await askRunning(config, argv.ready ? '/readyz' : '/healthz', process.env);
    const { host, port } = localAddress(config);
    t.out(answer === null ? `no answer on ${host}:${port}` : answer.body.trim());
    process.exitCode = answer?.status === 200 ? Exit.ok : Exit.failure;
  },
};
