import { loadConfig, type RowsealConfig } from '../config/load.ts';

/**
 * How to log in at the source, as the configuration says it now: a password may have been rotated since the start. A file
 * that cannot be used, or that names another server, leaves what is known.
 */
export function loginOf({
  file,
  source,
}: Pick<RowsealConfig, 'source'> & Partial<Pick<RowsealConfig, 'file'>>): {
  readonly url: string;
  readonly password?: string;
} {
  const { url, password } = (file === undefined ? null : newest(file, source.url)) ?? source;
  return { url, ...(password === null ? {} : { password }) };
}

function newest(file: string, known: string): RowsealConfig['source'] | null {
  try {
    const { source } = loadConfig(file, process.env);
    return placeOf(source.url) === placeOf(known) ? source : null;
  } catch {
    // Told where the configuration is read for its own sake: at a start, and on SIGHUP.
    return null;
  }
}

/** All but who logs in: several hosts, a service and parameters are part of the place. */
function placeOf(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//');
}
