import type { DiscoveredTable } from '../capture/source.ts';
import { isPostgresUrl, parseUrl } from '../config/libpq/url.ts';
import { RowsealError } from '../error/rowseal-error.ts';
import type { PresetName } from '../mask/preset/preset.ts';
import { PRESET_NAMES } from '../mask/preset/presets.ts';
import { displayName } from '../model/table.ts';
import { askFor, wordsOf } from './interview.ts';
import { chooseTables } from './table-patterns.ts';
import { visible } from './visible.ts';

/** Tables named in the question; a larger schema is told by its number. */
const SHOWN_TABLES = 20;

/** Where the data comes from; asked before anything can be looked at. */
export function askUrl(): Promise<string> {
  return askFor({
    ask: 'database (postgres://user@host:5432/name or mysql://user@host:3306/name)',
    read: (text) => {
      if (isPostgresUrl(text)) {
        try {
          parseUrl(text);
          return { value: text };
        } catch (thrown) {
          if (thrown instanceof RowsealError) return { wrong: thrown.detail ?? thrown.fix };
          throw thrown;
        }
      }
      const url = URL.canParse(text) ? new URL(text) : null;
      if (url === null || !/^(mysql|mariadb):$/.test(url.protocol))
        return { wrong: 'it begins with postgres:// or mysql://' };
      if (url.username === '' || url.hostname === '') return { wrong: 'user and host are needed' };
      return { value: text };
    },
  });
}

/** Which tables stay out of it. */
export async function askExcluded(tables: readonly DiscoveredTable[]): Promise<readonly string[]> {
  const names = tables.map(
    ({ table, estimatedRows }) =>
      `  ${visible(displayName(table))}${estimatedRows === null ? '' : `, about ${estimatedRows.toLocaleString('en')} rows`}`,
  );
  const more = names.length - SHOWN_TABLES;
  process.stderr.write(
    `${tables.length} tables:\n${names.slice(0, SHOWN_TABLES).join('\n')}\n${more > 0 ? `  and ${more} more\n` : ''}`,
  );
  return askFor({
    ask: 'leave out (names or patterns such as *_log)',
    otherwise: 'none',
    read: (text) => {
      const excluded = wordsOf(text);
      try {
        chooseTables(tables, [], excluded);
        return { value: excluded };
      } catch (thrown) {
        if (thrown instanceof RowsealError) return { wrong: thrown.detail ?? thrown.message };
        throw thrown;
      }
    },
  });
}

export function askPreset(): Promise<PresetName> {
  return askFor({
    ask: `rules (${PRESET_NAMES.join(', ')})`,
    otherwise: 'gdpr',
    read: (text) => {
      const found = PRESET_NAMES.find((name) => name === text.toLowerCase());
      return found === undefined ? { wrong: `one of ${PRESET_NAMES.join(', ')}` } : { value: found };
    },
  });
}

export function askWarehouse(): Promise<string> {
  return askFor({
    ask: 'DuckDB file to load (other warehouses are added to the configuration by hand)',
    otherwise: 'warehouse.duckdb',
    read: (text) => ({ value: `duckdb:${text.replace(/^duckdb:/, '')}` }),
  });
}
