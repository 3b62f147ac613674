import { closest } from 'fastest-levenshtein';
import type { RowsealConfig } from '../config/load.ts';
import type { SinkConfig } from '../config/sinks.ts';
import { RowsealError } from '../error/rowseal-error.ts';

/** The sink of that name; the only one where no name is given. @throws RowsealError RS-CLI-001 */
export function chooseSink({ sinks }: RowsealConfig, name: string | undefined): SinkConfig {
  const names = sinks.map((sink) => sink.name);
  if (name === undefined) {
    if (sinks.length === 1) return sinks[0]!;
    const which = names.length === 0 ? 'none is configured' : `configured are ${names.join(', ')}`;
    throw new RowsealError('RS-CLI-001', { detail: `--sink must name a sink; ${which}` });
  }
  const found = sinks.find((sink) => sink.name === name);
  if (found !== undefined) return found;
  const near = names.length === 0 ? '' : `; a similar one exists: \`${closest(name, names)}\``;
  throw new RowsealError('RS-CLI-001', { detail: `no sink \`${name}\`${near}` });
}
