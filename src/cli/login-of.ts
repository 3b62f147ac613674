import { loadConfig, type RowsealConfig } from '../config/load.ts';
import { serverPlace } from '../config/server-place.ts';
import { withLoginOf } from '../config/sink-login.ts';
import type { SinkConfig } from '../config/sinks.ts';

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

/**
 * As {@link loginOf}, for a sink.
 *
 * @returns the same object where nothing has changed
 */
export function sinkLoginOf(known: SinkConfig, file: string): SinkConfig {
  const sink = read(file)?.sinks.find(({ name }) => name === known.name);
  return sink === undefined ? known : withLoginOf(known, sink);
}

function newest(file: string, known: string): RowsealConfig['source'] | null {
  const source = read(file)?.source;
  return source !== undefined && serverPlace(source.url) === serverPlace(known) ? source : null;
}

function read(file: string): RowsealConfig | null {
  try {
    return loadConfig(file, process.env);
  } catch {
    // Told where the configuration is read for its own sake: at a start, and on SIGHUP.
    return null;
  }
}
