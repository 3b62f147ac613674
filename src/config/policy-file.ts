import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import type { PolicySide } from '../mask/review/policy-side.ts';
import { CONFIG_CODES, readDocument } from './document.ts';
import { keySource, loggedNames, type MaskKeySource, readText } from './load.ts';
import { policyDocument } from './policy.ts';
import { configSchema } from './schema.ts';
import { resolveSecrets } from './secrets.ts';
import { sinkTables } from './sinks.ts';

/** The policy of a configuration, read without the secrets of source and sinks: for CI, and for old revisions. */
export interface PolicyFile extends PolicySide {
  /** As people named it. */
  readonly file: string;
  readonly key: MaskKeySource;
}

/** @throws RowsealError RS-CFG-001, -002, -003, -004 (secrets of the section `mask` only), -008 */
export function loadPolicyFile(path: string, env: Readonly<Record<string, string | undefined>>): PolicyFile {
  const file = resolve(path);
  const absolute = (name: string): string => absoluteFrom(dirname(file), name);
  return readPolicy(readText(file, 'RS-CFG-001'), path, {
    absolute,
    readModule: (name) => readText(absolute(name), 'RS-CFG-008'),
    resolve: (mask) =>
      resolveSecrets(mask, { env, readFile: (name) => readFileSync(absolute(name), 'utf8') }, ['mask']),
  });
}

/**
 * A policy from a text that is no file, such as an older revision. `${env:…}` and `${file:…}` stay as they are written:
 * no secret is needed to compare two policies.
 *
 * @param path as people name it @param readModule text of a module that a rule names, relative to the configuration
 * @throws RowsealError RS-CFG-002, -003
 */
export function parsePolicyText(
  text: string,
  path: string,
  readModule: (name: string) => string,
): PolicyFile {
  return readPolicy(text, path, {
    absolute: (name) => absoluteFrom(dirname(resolve(path)), name),
    readModule,
    resolve: (mask) => mask,
  });
}

function readPolicy(
  text: string,
  path: string,
  reading: {
    readonly absolute: (name: string) => string;
    readonly readModule: (name: string) => string;
    readonly resolve: (mask: unknown) => unknown;
  },
): PolicyFile {
  const { value } = readDocument(text, path, configSchema, CONFIG_CODES, (raw) =>
    typeof raw === 'object' && raw !== null && 'mask' in raw
      ? { ...raw, mask: reading.resolve(raw.mask) }
      : raw,
  );
  return {
    file: path,
    policy: policyDocument(value.mask, reading.readModule),
    captured: new Set(loggedNames(value.source)),
    sinks: new Map(
      Object.entries(value.sinks).map(([name, { tables }]) => [name, sinkTables(tables, reading.readModule)]),
    ),
    key: keySource(value.mask.key, reading.absolute),
  };
}

function absoluteFrom(base: string, name: string): string {
  return isAbsolute(name) ? name : resolve(base, name);
}
