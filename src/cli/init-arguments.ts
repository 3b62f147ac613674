import { RowsealError } from '../error/rowseal-error.ts';
import type { PresetName } from '../mask/preset/preset.ts';
import { askPreset, askUrl, askWarehouse } from './init-interview.ts';
import { canAsk } from './interview.ts';
import type { LoginArguments } from './source-login.ts';

/** As given; what is missing is asked for, or has a default. */
export interface InitOptions extends LoginArguments {
  readonly config: string;
  readonly tables: readonly string[];
  readonly exclude: readonly string[];
  readonly 'sample-rows': number;
  readonly sample: boolean;
  readonly preset: PresetName | undefined;
  readonly pipeline: string | undefined;
  readonly sink: string | undefined;
  readonly 'keys-dir': string;
  readonly force: boolean;
  readonly 'dry-run': boolean;
  readonly json: boolean;
}

export interface InitArguments extends InitOptions {
  readonly url: string;
  readonly preset: PresetName;
  readonly sink: string;
  /** Whether a person answers: then the tables are shown before they are read. */
  readonly asking: boolean;
}

/** @throws RowsealError RS-CLI-001 when there is no address and nobody to ask */
export async function complete(given: InitOptions): Promise<InitArguments> {
  const asking = given.url === undefined && !given.json && canAsk();
  if (given.url === undefined && !asking)
    throw new RowsealError('RS-CLI-001', { detail: '--url is needed; on a terminal it is asked for' });
  return {
    ...given,
    asking,
    url: given.url ?? (await askUrl()),
    preset: given.preset ?? (asking ? await askPreset() : 'gdpr'),
    sink: given.sink ?? (asking ? await askWarehouse() : 'duckdb:warehouse.duckdb'),
  };
}

/** @throws RowsealError RS-CLI-001 */
export function sinkOf(text: string): { readonly type: 'duckdb'; readonly path: string } {
  const path = /^duckdb:(.+)$/s.exec(text)?.[1];
  if (path === undefined)
    throw new RowsealError('RS-CLI-001', {
      detail: '--sink must be duckdb:FILE; other sinks are added by hand',
    });
  return { type: 'duckdb', path };
}

/** @throws RowsealError RS-CLI-001 */
export function requirePipelineName(name: string | undefined): void {
  if (name !== undefined && !/^[a-z][a-z0-9_]{0,40}$/.test(name))
    throw new RowsealError('RS-CLI-001', {
      detail: '--pipeline must be lower-case letters, digits and _, beginning with a letter',
    });
}
