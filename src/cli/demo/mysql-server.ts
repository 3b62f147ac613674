import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DebianServer, tailOf } from './debian-packages.ts';

export interface RunningServer {
  readonly port: number;
  readonly socket: string;
  readonly pid: number;
  /** Clean shutdown; the data stays. */
  stop(): Promise<void>;
}

/** Seconds that a shutdown may take, on a busy machine too. */
const STOP_ATTEMPTS = 60;
/** Looks at whether a server is ready, 50 ms apart. */
const READY_LOOKS = 2_400;

/** Run at every start. Names are not looked up, so `root@localhost` alone would be out of reach over TCP. */
const INIT = [
  'SET sql_log_bin = 0',
  "CREATE USER IF NOT EXISTS 'root'@'127.0.0.1' IDENTIFIED BY ''",
  "GRANT ALL ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION",
];

/**
 * Initialises `directory` if it is empty and starts a server on the loopback interface, with what Rowseal needs: row
 * events, full images and metadata, GTIDs. `root` has no password and may come from the loopback interface only.
 *
 * @param options further server options, for example `--server-id=2`; they override
 */
export async function startMysqlServer(
  server: DebianServer,
  directory: string,
  port: number,
  options: readonly string[] = [],
): Promise<RunningServer> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const socket = join(directory, 'db.sock');
  const log = join(directory, 'error.log');
  const base = [
    `--basedir=${server.usr}`,
    `--datadir=${directory}/data`,
    `--socket=${socket}`,
    `--port=${port}`,
    '--bind-address=127.0.0.1',
    `--pid-file=${directory}/db.pid`,
    `--log-error=${log}`,
    '--secure-file-priv=',
    `--tmpdir=${directory}`,
    '--server-id=1',
    '--log-bin=binlog',
    '--binlog-format=ROW',
    '--binlog-row-image=FULL',
    '--binlog-row-metadata=FULL',
    '--skip-name-resolve',
    `--init-file=${directory}/init.sql`,
    '--innodb-buffer-pool-size=64M',
    '--innodb-flush-log-at-trx-commit=0',
    '--sync-binlog=0',
    '--performance-schema=OFF',
    ...(process.getuid?.() === 0 ? ['--user=root'] : []),
    ...(server.flavor === 'mysql' ? mysqlOptions(server) : await mariadbOptions(server)),
  ];
  if (!(await exists(join(directory, 'data')))) {
    await writeFile(join(directory, 'init.sql'), '');
    try {
      await (server.flavor === 'mysql'
        ? finish(server, 'mysqld', [...base, '--initialize-insecure'], null)
        : bootstrapMariadb(server, directory, base));
    } catch (error) {
      await rm(join(directory, 'data'), { recursive: true, force: true });
      throw new Error(`${error instanceof Error ? error.message : 'failed'}\n${await tailOf(log)}`);
    }
  }
  await writeFile(join(directory, 'init.sql'), `${INIT.join(';\n')};\n`);
  const [program, ...args] = await server.command(server.flavor === 'mysql' ? 'mysqld' : 'mariadbd');
  const child = spawn(program, [...args, '--no-defaults', ...base, ...options], { stdio: 'ignore' });
  await ready(child, join(directory, 'db.pid'), socket, log);
  return {
    port,
    socket,
    pid: child.pid!,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      // A server that has only just begun to listen may miss the first one.
      for (let i = 0; i < STOP_ATTEMPTS && child.exitCode === null && child.signalCode === null; i++) {
        child.kill(i === STOP_ATTEMPTS - 1 ? 'SIGKILL' : 'SIGTERM');
        await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 1_000))]);
      }
      await ended;
    },
  };
}

function mysqlOptions(server: DebianServer): readonly string[] {
  return [
    `--lc-messages-dir=${server.usr}/share/mysql`,
    `--plugin-dir=${server.usr}/lib/mysql/plugin`,
    '--gtid-mode=ON',
    '--enforce-gtid-consistency=ON',
    '--mysqlx=OFF',
  ];
}

async function mariadbOptions(server: DebianServer): Promise<readonly string[]> {
  const share = await mariadbShare(server);
  const plugins = (await readdir(join(server.usr, 'lib'), { recursive: true, withFileTypes: true })).find(
    (entry) => entry.name === 'auth_ed25519.so',
  );
  return [
    `--lc-messages-dir=${share}`,
    `--character-sets-dir=${share}/charsets`,
    ...(plugins === undefined ? [] : [`--plugin-dir=${plugins.parentPath}`]),
  ];
}

async function mariadbShare(server: DebianServer): Promise<string> {
  for (const name of ['mariadb', 'mysql']) {
    const share = join(server.usr, 'share', name);
    if ((await readdir(share).catch(() => [])).some((file) => file.endsWith('_system_tables.sql')))
      return share;
  }
  throw new Error('the unpacked server has no system tables');
}

async function bootstrapMariadb(
  server: DebianServer,
  directory: string,
  base: readonly string[],
): Promise<void> {
  const share = await mariadbShare(server);
  await mkdir(join(directory, 'data', 'mysql'), { recursive: true });
  const files = await readdir(share);
  const prefix = files.includes('mariadb_system_tables.sql') ? 'mariadb' : 'mysql';
  const parts = ['system_tables', 'performance_tables', 'system_tables_data'].map(
    (part) => `${prefix}_${part}.sql`,
  );
  const sql = ['use mysql;'];
  for (const part of parts) sql.push(await readFile(join(share, part), 'utf8'));
  const script = join(directory, 'bootstrap.sql');
  await writeFile(script, sql.join('\n'));
  await finish(server, 'mariadbd', [...base, '--skip-log-bin', '--bootstrap'], script);
  await rm(script);
}

/** Runs a program of the folder to its end. */
async function finish(
  server: DebianServer,
  name: string,
  options: readonly string[],
  input: string | null,
): Promise<void> {
  const [program, ...args] = await server.command(name);
  const child = spawn(program, [...args, '--no-defaults', ...options], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.stdin.on('error', () => {});
  child.stdin.end(input === null ? '' : await readFile(input));
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${name} could not be initialised (exit ${code})`);
}

async function ready(child: ChildProcess, pidFile: string, socket: string, log: string): Promise<void> {
  for (let i = 0; i < READY_LOOKS; i++) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`the server ended while starting\n${await tailOf(log)}`);
    const written = await stat(pidFile).then(
      (file) => file.size > 0,
      () => false,
    );
    if (written && (await exists(socket))) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  child.kill('SIGKILL');
  throw new Error(`the server was not ready after two minutes\n${await tailOf(log)}`);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
