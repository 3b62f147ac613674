import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import { closest } from 'fastest-levenshtein';
import type { Document, Pair } from 'yaml';
import { isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { type ErrorPlace, RowsealError } from '../error/rowseal-error.ts';
import { MaskKeys } from '../mask/keys.ts';
import type { PolicyDocument } from '../mask/policy-document.ts';
import type { TableName } from '../model/table.ts';
import { policyDocument } from './policy.ts';
import { type ConfigDocument, configSchema } from './schema.ts';
import { resolveSecrets } from './secrets.ts';
import { checkSinkTables, type SinkConfig, sinkConfig } from './sinks.ts';

/** The configuration, read, checked and with every path absolute. */
export interface RowsealConfig {
  readonly file: string;
  readonly pipeline: string;
  readonly source: {
    readonly type: 'postgres';
    readonly url: string;
    readonly password: string | null;
    readonly tlsMode: 'disable' | 'require' | 'verify-ca' | 'verify-full' | null;
    readonly tlsCa: string | null;
    readonly slot: string;
    readonly publication: string;
    readonly tables: readonly TableName[];
    readonly snapshot: 'initial' | 'never';
    readonly idleIntervalMs: number;
  };
  readonly mask: {
    readonly key: MaskKeySource;
    /** Secrets of earlier epochs, where they are others than `key`. */
    readonly previousKeys: ReadonlyMap<number, MaskKeySource>;
    readonly policy: PolicyDocument;
  };
  readonly audit: {
    readonly directory: string;
    readonly keyFile: string;
    readonly origin: string;
    readonly groupMaxBytes: number;
    readonly groupMaxMs: number;
    readonly segmentMaxBytes: number;
  };
  readonly sinks: readonly SinkConfig[];
  readonly http: ConfigDocument['http'];
  readonly log: ConfigDocument['log'];
  readonly queueBytes: number;
}

/** Where the mask key comes from. */
export type MaskKeySource =
  | { readonly kind: 'file'; readonly file: string }
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'command'; readonly command: readonly string[]; readonly timeoutMs: number };

/**
 * Reads and checks a configuration file. With `mask/` and `cli/` this is the only code that sees files and environment.
 *
 * @throws RowsealError RS-CFG-001 … -004; the place has line and column
 */
export function loadConfig(path: string, env: Readonly<Record<string, string | undefined>>): RowsealConfig {
  const file = resolve(path);
  const text = readText(file, 'RS-CFG-001');
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const problem = document.errors[0];
  if (problem !== undefined) {
    const at = lines.linePos(problem.pos[0]);
    // The parser's message quotes the line; its code does not.
    throw new RowsealError('RS-CFG-002', {
      detail: problem.code,
      place: { file: path, line: at.line, column: at.col },
    });
  }
  const base = dirname(file);
  const absolute = (name: string): string => (isAbsolute(name) ? name : resolve(base, name));
  const raw = resolveSecrets(document.toJS(), {
    env,
    readFile: (name) => readFileSync(absolute(name), 'utf8'),
  });
  const parsed = configSchema.safeParse(raw ?? {});
  if (!parsed.success) throw invalid(parsed.error, document, lines, path);
  checkSinkTables(parsed.data.sinks, parsed.data.source.tables, path);
  return normalize(parsed.data, file, absolute);
}

/**
 * The keys of an epoch, by default the configured one; of an earlier one those that `previous` names, else those that
 * the present secret gives under that epoch. A command gets no shell; what it prints on stderr is not shown,
 * because it may quote what it handles.
 *
 * @throws RowsealError RS-CFG-004, -005, -006, -009, RS-MASK-006
 */
export function loadMaskKeys(
  config: RowsealConfig,
  env: Readonly<Record<string, string | undefined>>,
  epoch: number = config.mask.policy.keyEpoch,
): MaskKeys {
  const key = config.mask.previousKeys.get(epoch) ?? config.mask.key;
  switch (key.kind) {
    case 'file':
      return MaskKeys.parse(readKeyFile(key.file), epoch);
    case 'env': {
      const value = Object.hasOwn(env, key.name) ? env[key.name] : undefined;
      if (value === undefined) {
        throw new RowsealError('RS-CFG-004', {
          detail: `environment variable ${key.name}`,
          place: { file: 'configuration', path: 'mask.key' },
        });
      }
      return MaskKeys.parse(value, epoch);
    }
    case 'command':
      return MaskKeys.parse(outputOf(key.command, key.timeoutMs), epoch);
  }
}

function outputOf(command: readonly string[], timeoutMs: number): string {
  const [program, ...parameters] = command;
  const result = spawnSync(program!, parameters, {
    encoding: 'utf8',
    timeout: timeoutMs,
    maxBuffer: 65_536,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  if (result.status === 0) return result.stdout;
  const errno = result.error !== undefined && 'code' in result.error ? String(result.error.code) : null;
  const why = errno ?? (result.signal === null ? `exit code ${result.status}` : `ended by ${result.signal}`);
  throw new RowsealError('RS-CFG-009', { detail: `${program} (${why})` });
}

type KeyConfig = Omit<ConfigDocument['mask']['key'], 'previous'>;

function keySource(key: KeyConfig, absolute: (name: string) => string): MaskKeySource {
  if (key.env !== undefined) return { kind: 'env', name: key.env };
  if (key.command !== undefined) return { kind: 'command', command: key.command, timeoutMs: key.timeout_ms };
  return { kind: 'file', file: absolute(key.file ?? '') };
}

/** Content of a key file that nobody else may read. @throws RowsealError RS-CFG-005, -006 */
export function readKeyFile(file: string): string {
  const text = readText(file, 'RS-CFG-006');
  const mode = statSync(file).mode & 0o777;
  if ((mode & 0o077) !== 0) {
    throw new RowsealError('RS-CFG-005', {
      detail: `${file} has mode ${mode.toString(8)}`,
      fix: `chmod 600 ${file}`,
    });
  }
  return text;
}

function readText(file: string, code: 'RS-CFG-001' | 'RS-CFG-006' | 'RS-CFG-008'): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const errno = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new RowsealError(code, { detail: `${file} (${errno})`, origin: errno });
  }
}

/** Switches of the runtime and of libraries that turn off checks or write memory out (research: environment switches). */
const DANGEROUS = [
  'NODE_TLS_REJECT_UNAUTHORIZED',
  'NODE_DEBUG',
  'NODE_V8_COVERAGE',
  'SSLKEYLOGFILE',
  'BIGQUERY_EMULATOR_HOST',
  'GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES',
  'GRPC_TRACE',
  'GRPC_NODE_TRACE',
  'AWS_ENDPOINT_URL',
  'AWS_ENDPOINT_URL_S3',
];

export function refuseDangerousEnvironment(env: Readonly<Record<string, string | undefined>>): void {
  const found = DANGEROUS.find((name) => env[name] !== undefined && env[name] !== '');
  const options = env['NODE_OPTIONS'] ?? '';
  const inspects = /--inspect|--heapsnapshot|--report-uncaught|--cpu-prof-dir|--heap-prof/.test(options);
  if (found !== undefined || inspects)
    throw new RowsealError('RS-CFG-007', { detail: found ?? 'NODE_OPTIONS' });
}

function normalize(config: ConfigDocument, file: string, absolute: (name: string) => string): RowsealConfig {
  const { source, audit } = config;
  const fallback = `rowseal_${config.pipeline}`;
  return {
    file,
    pipeline: config.pipeline,
    source: {
      type: 'postgres',
      url: source.url,
      password: source.password ?? null,
      tlsMode: source.tls.mode ?? null,
      tlsCa: source.tls.ca_file === undefined ? null : readText(absolute(source.tls.ca_file), 'RS-CFG-006'),
      slot: source.slot ?? fallback,
      publication: source.publication ?? fallback,
      tables: source.tables.map((name) => {
        const [namespace, table] = name.split('.') as [string, string];
        return { namespace, name: table };
      }),
      snapshot: source.snapshot,
      idleIntervalMs: source.idle_interval_ms,
    },
    mask: {
      key: keySource(config.mask.key, absolute),
      previousKeys: new Map(config.mask.key.previous.map((key) => [key.epoch, keySource(key, absolute)])),
      policy: policyDocument(config.mask, (path) => readText(absolute(path), 'RS-CFG-008')),
    },
    audit: {
      directory: absolute(audit.dir),
      keyFile: absolute(audit.key.file),
      origin: audit.origin ?? `rowseal/${config.pipeline}`,
      groupMaxBytes: audit.group_max_bytes,
      groupMaxMs: audit.group_max_ms,
      segmentMaxBytes: audit.segment_max_bytes,
    },
    sinks: Object.entries(config.sinks).map(([name, sink]) =>
      sinkConfig(name, sink, {
        absolute,
        read: (path) => readText(absolute(path), 'RS-CFG-006'),
        readSecret: (path) => readKeyFile(absolute(path)),
      }),
    ),
    http: config.http,
    log: config.log,
    queueBytes: config.memory.queue_bytes,
  };
}

type Issue = z.core.$ZodIssue;

/** All mistakes in one error: the first with its place, the others by path. */
function invalid(
  error: z.ZodError,
  document: Document.Parsed,
  lines: LineCounter,
  file: string,
): RowsealError {
  const issues = error.issues.flatMap(unfold);
  const first = issues[0]!;
  const path = first.path.map(String);
  const place: ErrorPlace = { file, ...positionOf(document, lines, path), path: path.join('.') };
  const others = issues.slice(1).map((issue) => `${issue.path.join('.')}: ${say(issue)}`);
  const detail = others.length === 0 ? say(first) : `${say(first)}; also ${others.join('; ')}`;
  return new RowsealError('RS-CFG-003', { detail, place });
}

/** One issue per unknown key; of a union, the alternative that came closest. */
function unfold(issue: Issue): Issue[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ ...issue, keys: [key], path: [...issue.path, key] }));
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const best = [...issue.errors].sort((a, b) => depth(b) - depth(a))[0]!;
    if (depth(best) > 0)
      return best.flatMap((inner) => unfold({ ...inner, path: [...issue.path, ...inner.path] }));
  }
  return [issue];
}

function depth(issues: readonly Issue[]): number {
  return Math.max(
    0,
    ...issues.map((issue) => issue.path.length + (issue.code === 'unrecognized_keys' ? 1 : 0)),
  );
}

function say(issue: Issue): string {
  if (issue.code === 'unrecognized_keys') {
    const key = String(issue.keys[0]);
    const known = knownKeys(issue.path.slice(0, -1).map(String));
    const near = known.length === 0 ? null : closest(key, known);
    return `unknown option \`${key}\`${near === null ? '' : `; a similar option exists: \`${near}\``}`;
  }
  if (issue.code === 'invalid_type') return `must be ${issue.expected}`;
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.map(String).join(', ')}`;
  if (issue.code === 'invalid_union') return 'has none of the allowed forms';
  // Messages of our own schema name rules, never values.
  return issue.message;
}

/** Option names at a path of the schema, for hints. */
function knownKeys(path: readonly string[]): readonly string[] {
  let node: unknown = configSchema;
  for (const name of path) node = descend(unwrap(node), name);
  const shape = shapeOf(unwrap(node));
  return shape === null ? [] : Object.keys(shape);
}

function unwrap(node: unknown): unknown {
  let current = node;
  while (typeof current === 'object' && current !== null && '_zod' in current) {
    const { def } = (current as { _zod: { def: { innerType?: unknown } } })._zod;
    if (def.innerType === undefined) return current;
    current = def.innerType;
  }
  return current;
}

function shapeOf(node: unknown): Readonly<Record<string, unknown>> | null {
  if (typeof node !== 'object' || node === null || !('_zod' in node)) return null;
  const { def } = (node as { _zod: { def: { shape?: Record<string, unknown>; options?: unknown[] } } })._zod;
  if (def.shape !== undefined) return def.shape;
  if (def.options === undefined) return null;
  return Object.assign({}, ...def.options.map((option) => shapeOf(unwrap(option)) ?? {}));
}

function descend(node: unknown, name: string): unknown {
  const shape = shapeOf(node);
  if (shape !== null) return Object.hasOwn(shape, name) ? shape[name] : undefined;
  if (typeof node !== 'object' || node === null || !('_zod' in node)) return undefined;
  return (node as { _zod: { def: { valueType?: unknown } } })._zod.def.valueType;
}

function positionOf(
  document: Document.Parsed,
  lines: LineCounter,
  path: readonly string[],
): { line?: number; column?: number } {
  for (let length = path.length; length > 0; length--) {
    const parent = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    if (!isMap(parent)) continue;
    const pair = (parent.items as Pair[]).find(
      (item) => isScalar(item.key) && String(item.key.value) === path[length - 1],
    );
    if (pair !== undefined && isScalar(pair.key) && pair.key.range) {
      const at = lines.linePos(pair.key.range[0]);
      return { line: at.line, column: at.col };
    }
  }
  return {};
}
