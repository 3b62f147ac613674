import { RowsealError } from '../error/rowseal-error.ts';

/** Where secrets come from; the loader brings the real ones. */
export interface SecretSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Content of a file; throws when it cannot be read. */
  readonly readFile: (path: string) => string;
}

/** Replaces `${env:NAME}` and `${file:/path}` in every text of the document. A file's last line end is not part of it. */
export function resolveSecrets(
  value: unknown,
  sources: SecretSources,
  path: readonly (string | number)[] = [],
): unknown {
  if (typeof value === 'string') return resolveText(value, sources, path);
  if (Array.isArray(value)) return value.map((item, i) => resolveSecrets(item, sources, [...path, i]));
  if (value instanceof Map)
    return new Map(
      [...value].map(([key, item]) => [key, resolveSecrets(item, sources, [...path, String(key)])]),
    );
  if (typeof value === 'object' && value !== null) {
    // fromEntries defines `__proto__` as an ordinary member.
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, resolveSecrets(item, sources, [...path, key])]),
    );
  }
  return value;
}

function resolveText(text: string, sources: SecretSources, path: readonly (string | number)[]): string {
  return text.replace(/\$\{(env|file):([^}]+)\}/g, (_, kind: string, name: string) => {
    const value =
      kind === 'env'
        ? Object.hasOwn(sources.env, name)
          ? sources.env[name]
          : undefined
        : readOrUndefined(sources, name);
    if (value === undefined) {
      throw new RowsealError('RS-CFG-004', {
        detail: kind === 'env' ? `environment variable ${name}` : `file ${name}`,
        place: { file: 'configuration', path: path.join('.') },
      });
    }
    return kind === 'file' ? value.replace(/\r?\n$/, '') : value;
  });
}

function readOrUndefined(sources: SecretSources, path: string): string | undefined {
  try {
    return sources.readFile(path);
  } catch {
    return undefined;
  }
}
