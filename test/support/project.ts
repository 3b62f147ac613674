import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { generateSigningKeyFile } from '../../src/audit/keys.ts';
import { generateMaskKeyFile } from '../../src/mask/keys.ts';
import { parseLsn } from '../../src/model/position.ts';
import { freePort } from './postgres.ts';

export interface TestProject {
  readonly directory: string;
  readonly configFile: string;
  readonly auditDirectory: string;
  readonly warehouseFile: string;
  readonly maskKey: string;
  readonly httpPort: number;
  /** Writes the configuration again with changes merged into its top level. */
  configure(changes: Readonly<Record<string, unknown>>): Promise<void>;
  remove(): Promise<void>;
}

/** A working directory with keys and a configuration for a pipeline `test` into DuckDB. */
export async function makeProject(options: {
  /** `postgres://…` or `mysql://…` */
  readonly url: string;
  readonly tables: readonly string[];
  readonly mask: Readonly<Record<string, unknown>>;
  readonly history?: boolean;
}): Promise<TestProject> {
  const directory = await mkdtemp(join(tmpdir(), 'rowseal-project-'));
  const maskKey = generateMaskKeyFile();
  await writeFile(join(directory, 'mask.key'), maskKey, { mode: 0o600 });
  await writeFile(join(directory, 'signing.key'), generateSigningKeyFile(), { mode: 0o600 });
  const httpPort = await freePort();
  const configFile = join(directory, 'rowseal.yaml');
  const base: Record<string, unknown> = {
    pipeline: 'test',
    source: {
      type: options.url.startsWith('mysql:') ? 'mysql' : 'postgres',
      url: options.url,
      tables: options.tables,
      idle_interval_ms: 300,
    },
    mask: { key: { file: 'mask.key' }, ...options.mask },
    audit: { dir: 'audit', key: { file: 'signing.key' } },
    sinks: { warehouse: { type: 'duckdb', path: 'warehouse.duckdb', history: options.history ?? false } },
    http: { port: httpPort },
    log: { format: 'json' },
  };
  const configure = async (changes: Readonly<Record<string, unknown>>): Promise<void> => {
    await writeFile(configFile, stringify({ ...base, ...changes }), { mode: 0o600 });
  };
  await configure({});
  return {
    directory,
    configFile,
    auditDirectory: join(directory, 'audit'),
    warehouseFile: join(directory, 'warehouse.duckdb'),
    maskKey,
    httpPort,
    configure,
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

/** What the running pipeline says of itself; null while nobody listens, never because a machine is slow. */
export async function readStatus(project: TestProject): Promise<Readonly<Record<string, unknown>> | null> {
  try {
    const response = await fetch(`http://127.0.0.1:${project.httpPort}/status.json`, ASKING());
    return (await response.json()) as Readonly<Record<string, unknown>>;
  } catch {
    return null;
  }
}

/** A connection for one question: one that was kept may be closed by the process in the moment of the next. */
export const ASKING = (): RequestInit => ({
  headers: { connection: 'close' },
  signal: AbortSignal.timeout(30_000),
});

/** Everything up to `end` is sealed and in every sink. */
export async function hasDelivered(project: TestProject, end: bigint): Promise<boolean> {
  const status = (await readStatus(project)) as unknown as {
    source: { position: string | null };
    sinks: { behind_groups: number }[];
  } | null;
  const position = parseLsn(status?.source.position?.split(' ')[0] ?? '');
  return position !== null && position >= end && status!.sinks.every((sink) => sink.behind_groups === 0);
}

export async function until(
  what: string,
  condition: () => Promise<boolean> | boolean,
  timeoutMs = 120_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`timed out waiting: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
