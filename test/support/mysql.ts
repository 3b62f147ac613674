import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Connection, createConnection } from 'mysql2/promise';
import { getDebianServer } from '../../src/cli/demo/debian-packages.ts';
import { type RunningServer, startMysqlServer } from '../../src/cli/demo/mysql-server.ts';
import { freePort } from './postgres.ts';

/** What the tests know: `mysql-9` and MariaDB out of Debian, others from containers. */
export type MysqlRelease = 'mysql-9' | 'mariadb-10' | 'mariadb-11';

export const MYSQL_RELEASES: readonly MysqlRelease[] = ['mysql-9', 'mariadb-10', 'mariadb-11'];

const DEBIAN = {
  'mysql-9': { flavor: 'mysql', suite: 'sid' },
  'mariadb-10': { flavor: 'mariadb', suite: 'bookworm' },
  'mariadb-11': { flavor: 'mariadb', suite: 'sid' },
} as const;

const IMAGES: Readonly<Record<MysqlRelease, string>> = {
  'mysql-9': 'mysql:9',
  'mariadb-10': 'mariadb:10.11',
  'mariadb-11': 'mariadb:11.8',
};

/** Servers then run in containers: they do not reach each other, and neither their files nor their processes are at hand. */
export const inContainers = process.env['ROWSEAL_TEST_SERVERS'] === 'containers';

export interface TestMysql {
  readonly release: MysqlRelease;
  readonly flavor: 'mysql' | 'mariadb';
  readonly host: string;
  readonly port: number;
  /** `mysql://root@host:port`; the test servers have no password. */
  readonly url: string;
  client(database?: string): Promise<Connection>;
  /** `90704` for 9.7.4: a container may bring another one than the release says. */
  version(): Promise<number>;
  /** What was renamed in MySQL 8.2. */
  statements(): Promise<{ readonly binlogEnd: string; readonly resetBinlog: string }>;
  /** Stops the server, keeps its data and starts it again on the same port. */
  restart(options?: readonly string[]): Promise<void>;
  /** Stops the server's process as it is, or lets it go on. */
  freeze(frozen: boolean): void;
  /** Ends the server at once, as a crash does; `restart` brings it back. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * A real MySQL or MariaDB of its own, in a temporary directory, gone when stopped.
 *
 * @param options server options, for example `--gtid-mode=OFF`
 */
export async function startMysql(release: MysqlRelease, options: readonly string[] = []): Promise<TestMysql> {
  if (inContainers) return startContainer(release, options);
  const server = await getDebianServer(DEBIAN[release]);
  const directory = await mkdtemp(join(tmpdir(), 'rowseal-my-'));
  await chmod(directory, 0o755);
  const port = await freePort();
  let running: RunningServer = await startMysqlServer(server, join(directory, 'db'), port, options);
  return {
    ...common(release, '127.0.0.1', port),
    restart: async (more = []) => {
      await running.stop();
      running = await startMysqlServer(server, join(directory, 'db'), port, [...options, ...more]);
    },
    freeze: (frozen) => {
      process.kill(running.pid, frozen ? 'SIGSTOP' : 'SIGCONT');
    },
    kill: async () => {
      process.kill(running.pid, 'SIGKILL');
      await running.stop();
    },
    stop: async () => {
      await running.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Another program of the same packages, for example `mysqlbinlog`. */
export async function mysqlProgram(
  release: MysqlRelease,
  program: string,
): Promise<readonly [string, ...string[]]> {
  return (await getDebianServer(DEBIAN[release])).command(program);
}

/** Whether such a server can be had: it is there, and its program runs. @throws Error that says why not */
export async function probeMysql(release: MysqlRelease): Promise<void> {
  if (inContainers) {
    await (await startContainer(release, [])).stop();
    return;
  }
  const server = await getDebianServer(DEBIAN[release]);
  const [program, ...args] = await server.command(server.flavor === 'mysql' ? 'mysqld' : 'mariadbd');
  await promisify(execFile)(program, [...args, '--no-defaults', '--version']);
}

function common(
  release: MysqlRelease,
  host: string,
  port: number,
): Omit<TestMysql, 'restart' | 'freeze' | 'kill' | 'stop'> {
  const { flavor } = DEBIAN[release];
  const version = async (): Promise<number> => {
    const connection = await client();
    try {
      const [rows] = (await connection.query('SELECT VERSION() AS v')) as unknown as [{ v: string }[]];
      const [major, minor, patch] = /(\d+)\.(\d+)\.(\d+)/.exec(rows[0]!.v)!.slice(1).map(Number);
      return major! * 10_000 + minor! * 100 + patch!;
    } finally {
      await connection.end();
    }
  };
  const client = async (database?: string): Promise<Connection> => {
    const connection = await createConnection({
      host,
      port,
      user: 'root',
      multipleStatements: true,
      supportBigNumbers: true,
      bigNumberStrings: true,
      dateStrings: true,
      ...(database === undefined ? {} : { database }),
    });
    connection.on('error', () => {});
    return connection;
  };
  return {
    release,
    flavor,
    host,
    port,
    url: `mysql://root@${host}:${port}`,
    client,
    version,
    statements: async () =>
      flavor === 'mysql' && (await version()) >= 80_200
        ? { binlogEnd: 'SHOW BINARY LOG STATUS', resetBinlog: 'RESET BINARY LOGS AND GTIDS' }
        : { binlogEnd: 'SHOW MASTER STATUS', resetBinlog: 'RESET MASTER' },
  };
}

/** The same from a container: `ROWSEAL_TEST_SERVERS=containers npm test`, where an engine and the image can be had. */
async function startContainer(release: MysqlRelease, options: readonly string[]): Promise<TestMysql> {
  const { GenericContainer, Wait } = await import('testcontainers');
  const { flavor } = DEBIAN[release];
  const image = process.env[`ROWSEAL_${flavor.toUpperCase()}_IMAGE`] ?? IMAGES[release];
  const container = await new GenericContainer(image)
    .withEnvironment({
      [`${flavor.toUpperCase()}_ALLOW_EMPTY_ROOT_PASSWORD`]: '1',
      [`${flavor.toUpperCase()}_ROOT_HOST`]: '%',
    })
    .withCommand([
      '--server-id=1',
      '--log-bin=binlog',
      '--binlog-format=ROW',
      '--binlog-row-image=FULL',
      '--binlog-row-metadata=FULL',
      ...(flavor === 'mysql' ? ['--gtid-mode=ON', '--enforce-gtid-consistency=ON'] : []),
      ...options,
    ])
    .withExposedPorts(3306)
    // Once for the entry point's own initialisation, once for good.
    .withWaitStrategy(Wait.forLogMessage(/ready for connections.*port: 3306/s, 1))
    .start();
  return {
    ...common(release, container.getHost(), container.getMappedPort(3306)),
    restart: () => container.restart(),
    freeze: () => {
      throw new Error('a container cannot be frozen from here');
    },
    kill: async () => {
      await container.stop({ remove: false, timeout: 0 });
    },
    stop: async () => {
      await container.stop();
    },
  };
}
