import type { CommandModule } from 'yargs';
import type { HttpConfig } from '../../config/http.ts';
import { loadHttp } from '../../config/load.ts';
import { Exit } from '../../error/exit.ts';
import { toRowsealError } from '../../error/unexpected.ts';
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
    const t = terminal(false);
    const http = httpOf(argv.config, (why) => t.say(`not checked: ${why}`));
    if (http === null) return;
    const answer = await askRunning({ http }, argv.ready ? '/readyz' : '/healthz', process.env);
    const { host, port } = localAddress({ http });
    t.out(answer === null ? `no answer on ${host}:${port}` : answer.body.trim());
    process.exitCode = answer?.status === 200 ? Exit.ok : Exit.failure;
  },
};

/** null: it is not known whom to ask. A file that was broken since the start must not have a process killed that works. */
function httpOf(file: string, say: (why: string) => void): HttpConfig | null {
  let http: HttpConfig;
  try {
    http = loadHttp(file, process.env);
  } catch (thrown) {
    const error = toRowsealError(thrown);
    if (error.code === 'RS-CFG-001') throw error;
    say(`${error.code} ${error.message}; the process goes on with what it read before`);
    return null;
  }
  if (http.enabled) return http;
  say('http.enabled is false, so there is nobody to ask');
  return null;
}
