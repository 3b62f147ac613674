import type { ConfigDocument } from './schema.ts';

/** Options that a running process takes over: when it is told to read its configuration again, or logs in the next time. */
const LIVE = [
  /^mask\./,
  /^source\.password$/,
  /^sinks\.[^.]+\.(password|tls\.ca_file|key_file|s3\.access_key_id|s3\.secret_access_key)$/,
  /^http\.token(\.|$)/,
  /^http\.tls\.(cert_file|key_file)$/,
  /^log\.level$/,
];

/** Names of options whose values differ, as people write them, in order. Never the values: some are secrets. */
export function changedOptions(before: ConfigDocument, after: ConfigDocument): readonly string[] {
  return differences(before, after, '').sort();
}

/**
 * Those of them that a running process cannot change.
 *
 * @param fixed sections of which nothing is taken over this time
 */
export function needRestart(options: readonly string[], fixed: readonly string[] = []): readonly string[] {
  return options.filter(
    (option) =>
      fixed.some((section) => option.startsWith(`${section}.`)) || !LIVE.some((live) => live.test(option)),
  );
}

function differences(before: unknown, after: unknown, path: string): string[] {
  if (isObject(before) && isObject(after)) {
    const names = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...names].flatMap((name) =>
      differences(
        Object.hasOwn(before, name) ? before[name] : undefined,
        Object.hasOwn(after, name) ? after[name] : undefined,
        path === '' ? name : `${path}.${name}`,
      ),
    );
  }
  return JSON.stringify(before) === JSON.stringify(after) ? [] : [path];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
