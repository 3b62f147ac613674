import { spawnSync } from 'node:child_process';

const BASE_IMAGE = 'docker.io/library/node:24-bookworm-slim';

/** A command line that runs containers here: `docker` or `podman`. */
export class ContainerEngine {
  readonly command: string;

  constructor(command: string) {
    this.command = command;
  }

  /** @throws Error with what the engine printed when it fails */
  run(args: readonly string[], timeoutMs = 300_000): string {
    const result = spawnSync(this.command, args, {
      encoding: 'utf8',
      timeout: timeoutMs,
      maxBuffer: 64 << 20,
    });
    if (result.status === 0) return result.stdout.trim();
    throw new Error(
      `${this.command} ${args.slice(0, 2).join(' ')}: ${result.error?.message ?? result.stderr.slice(-2_000)}`,
    );
  }

  succeeds(args: readonly string[], timeoutMs = 60_000): boolean {
    return spawnSync(this.command, args, { stdio: 'ignore', timeout: timeoutMs }).status === 0;
  }
}

/**
 * The engine of this machine, if one answers and has the base image or can pull it. Unlike a database server it is nothing
 * that a machine must have: where there is none, this says so on stderr, and tests are skipped, in CI too.
 */
export function findContainerEngine(): ContainerEngine | null {
  const why: string[] = [];
  for (const command of ['docker', 'podman']) {
    const engine = new ContainerEngine(command);
    // Docker's client exits 0 without a server unless a field of the server is asked for.
    const question = command === 'docker' ? ['info', '--format', '{{.ServerVersion}}'] : ['info'];
    if (!engine.succeeds(question)) why.push(`${command} does not answer`);
    else if (engine.succeeds(['image', 'inspect', BASE_IMAGE]) || engine.succeeds(['pull', '-q', BASE_IMAGE]))
      return engine;
    else why.push(`${command} has no ${BASE_IMAGE} and cannot pull it`);
  }
  console.error(
    `\n!! No container engine here (${why.join('; ')}).\n!! THE IMAGE IS NEITHER BUILT NOR RUN; ITS TESTS ARE SKIPPED.\n`,
  );
  return null;
}
