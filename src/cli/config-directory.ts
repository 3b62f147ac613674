import { readdirSync, realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { httpSchema } from '../config/http-schema.ts';
import { loadConfig, type RowsealConfig } from '../config/load.ts';
import type { SinkConfig } from '../config/sinks.ts';
import { isRowsealError, RowsealError } from '../error/rowseal-error.ts';

/** The pipelines of a directory. */
export interface ConfigDirectory {
  readonly configs: readonly [RowsealConfig, ...RowsealConfig[]];
  /** The one whose section `http` is the door of the process. */
  readonly door: RowsealConfig;
}

/**
 * Every `*.yaml` of a directory, each a pipeline of its own. All of them or none: of a file that cannot be read nobody knows
 * what it would share with the others.
 *
 * @throws RowsealError RS-CFG-001 … -004 for a file that cannot be used, RS-CFG-014 for several, RS-CFG-012, RS-CFG-013
 */
export function loadConfigDirectory(
  directory: string,
  env: Readonly<Record<string, string | undefined>>,
): ConfigDirectory {
  const names = namesIn(directory).filter((name) => name.endsWith('.yaml') && !name.startsWith('.'));
  const [first, ...others] = loadAll(
    names.sort().map((name) => join(directory, name)),
    env,
  );
  if (first === undefined) throw new RowsealError('RS-CFG-001', { detail: `${directory} holds no *.yaml` });
  const configs = [first, ...others] as const;
  refuseShared(configs);
  return { configs, door: doorOf(configs) };
}

/** Who mends one file and starts again should not meet the next one then: every file that is broken is named. */
function loadAll(
  files: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): readonly RowsealConfig[] {
  const configs: RowsealConfig[] = [];
  const broken: Broken[] = [];
  for (const file of files) {
    try {
      configs.push(loadConfig(file, env));
    } catch (error) {
      if (!isRowsealError(error)) throw error;
      broken.push({ file, error });
    }
  }
  const [first, ...more] = broken;
  if (first === undefined) return configs;
  const { file, error } = first;
  const state = 'nothing was started';
  if (more.length === 0)
    throw new RowsealError(error.code, {
      ...(error.detail === null ? {} : { detail: error.detail }),
      // Some places are in "the configuration", of which there are several here.
      place: { ...error.place, file },
      state,
      fix: error.fix,
    });
  throw new RowsealError('RS-CFG-014', {
    detail: broken.map((each) => `${placeOf(each)}: ${each.error.code} ${each.error.message}`).join('; '),
    place: { file },
    state,
  });
}

interface Broken {
  readonly file: string;
  readonly error: RowsealError;
}

function placeOf({ file, error: { place } }: Broken): string {
  const line = place?.line === undefined ? '' : `:${place.line}:${place.column ?? 1}`;
  return `${file}${line}${place?.path === undefined ? '' : ` ${place.path}`}`;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    const errno = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new RowsealError('RS-CFG-001', { detail: `${directory} (${errno})`, origin: errno });
  }
}

/** At most one file says where the door is; the others leave `http` out, or say the same. */
function doorOf(configs: ConfigDirectory['configs']): RowsealConfig {
  const plain = httpSchema.parse(undefined);
  const saying = configs.filter(({ document }) => !isDeepStrictEqual(document.http, plain));
  const other = saying.find(({ http }) => !isDeepStrictEqual(http, saying[0]!.http));
  if (other !== undefined)
    throw new RowsealError('RS-CFG-013', { detail: `${saying[0]!.file} and ${other.file} differ` });
  return saying[0] ?? configs[0];
}

function refuseShared(configs: readonly RowsealConfig[]): void {
  const owners = new Map<string, { readonly file: string; readonly option: string }>();
  for (const config of configs) {
    for (const [option, what] of ownedBy(config)) {
      const owner = owners.get(what);
      if (owner !== undefined)
        throw new RowsealError('RS-CFG-012', {
          detail: `${option} of ${config.file} is ${owner.option} of ${owner.file}`,
          place: { file: config.file, path: option },
          state: 'nothing was started',
        });
      owners.set(what, { file: config.file, option });
    }
  }
}

/** What a pipeline must have for itself, by option. */
function ownedBy(config: RowsealConfig): readonly (readonly [option: string, what: string])[] {
  const { source, audit, sinks } = config;
  const server = URL.canParse(source.url) ? new URL(source.url).host : source.url;
  return [
    ['pipeline', `pipeline ${config.pipeline}`],
    ['audit.dir', `directory ${realPath(audit.directory)}`],
    source.type === 'postgres'
      ? ['source.slot', `slot ${server} ${source.slot}`]
      : ['source.server_id', `replica ${server} ${source.serverId}`],
    ...sinks.flatMap((sink) =>
      targetsOf(sink).map(([option, target]) => [`sinks.${sink.name}${option}`, `target ${target}`] as const),
    ),
  ];
}

function targetsOf(sink: SinkConfig): readonly (readonly [option: string, target: string])[] {
  switch (sink.type) {
    case 'duckdb':
      return [
        ['.path', realPath(sink.path)],
        ...(sink.snapshots === null ? [] : [['.snapshots.dir', realPath(sink.snapshots.directory)] as const]),
      ];
    case 'postgres': {
      const { host, pathname } = URL.canParse(sink.url)
        ? new URL(sink.url)
        : { host: sink.url, pathname: '' };
      return [['.state_schema', `postgres ${host}${pathname} ${sink.stateSchema}`]];
    }
    case 'bigquery':
      return [['.dataset', `bigquery ${sink.project}.${sink.dataset}`]];
    case 'parquet':
      return [
        [
          '.dir',
          sink.place.kind === 'directory'
            ? realPath(sink.place.path)
            : `s3 ${sink.place.endpoint ?? ''} ${sink.place.bucket}/${sink.place.prefix}`,
        ],
      ];
  }
}

/** Of what is not there yet: that of the nearest directory that is, and the rest as it is written. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = resolve(path, '..');
    return parent === path ? path : join(realPath(parent), path.slice(parent.length));
  }
}
