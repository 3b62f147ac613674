import { randomUUID } from 'node:crypto';
import fs, { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createParquetMirrorReader } from '../../../connectors/sinks/parquet/mirror-reader.ts';
import type { ParquetSinkOptions } from '../../../connectors/sinks/parquet/options.ts';
import { createParquetSink } from '../../../connectors/sinks/parquet/sink.ts';
import type { MirrorReader } from '../../../src/deliver/mirror-reader.ts';
import type { Sink } from '../../../src/deliver/sink.ts';
import type { MaskedTable } from '../../../src/model/masked.ts';
import { visibleColumns } from '../../../src/model/schema-diff.ts';
import { columnIdentity, tableKey } from '../../../src/model/table.ts';
import type { CutSink, DeadLetterRow, SinkTarget, TargetRow } from '../../contract/sink-contract.ts';
import { queryWarehouse } from '../warehouse.ts';
import { canonicalColumn, unmarked } from './duckdb-text.ts';
import type { HistoryRow } from './reference-warehouse.ts';

interface Known {
  readonly table: MaskedTable;
  readonly columns: readonly { readonly identity: string; readonly name: string; readonly type: string }[];
  readonly historyColumns: Known['columns'];
}

/** A directory of change files for the contract suite; the mirror is what its views.sql says in a DuckDB of the reader's. */
export class ParquetTarget implements SinkTarget {
  readonly address: ParquetSinkOptions;
  protected readonly directory: string;

  constructor() {
    this.directory = join(tmpdir(), `rowseal-contract-${randomUUID()}`);
    this.address = { ...this.base(), place: { kind: 'directory', path: this.directory } };
  }

  protected base(): Omit<ParquetSinkOptions, 'place'> {
    return {
      name: 'w',
      intervalMs: 1_000,
      batchBytes: 1_000_000,
      memoryLimitBytes: 400_000_000,
      maxDeadLetters: 10_000,
      // Merges from the second batch on.
      compaction: { files: 2, maxBytes: 64_000_000 },
    };
  }

  sink(options: { readonly maxDeadLetters?: number } = {}): Sink {
    return createParquetSink({ ...this.address, ...options });
  }

  reader(): MirrorReader {
    return createParquetMirrorReader(this.address);
  }

  /** The commit is the link that gives a manifest its name. */
  async cutSink(): Promise<CutSink> {
    const { link } = fs;
    let cut: 'before' | 'after' | null = null;
    fs.link = async (from, to) => {
      const when = cut;
      if (when === null || !String(to).includes('manifests')) return link(from, to);
      cut = null;
      if (when === 'after') await link(from, to);
      throw Object.assign(new Error('the disk went away'), { code: 'EIO' });
    };
    syncBuiltinESMExports();
    return {
      sink: this.sink(),
      cutNextCommit: (when) => {
        cut = when;
      },
      close: async () => {
        fs.link = link;
        syncBuiltinESMExports();
      },
    };
  }

  /** Brings what is to be read into the directory. */
  protected async refresh(): Promise<void> {}

  async mirror(table: MaskedTable): Promise<readonly TargetRow[] | null> {
    await this.refresh();
    const known = await this.#known(table);
    if (known === null) return null;
    const keyed = known.table.key.length > 0;
    const proof = keyed ? ['_rowseal_op', '_rowseal_group', '_rowseal_seq'] : ["''", '0', '0'];
    const views = await readFile(join(this.directory, 'views.sql'), 'utf8');
    const own = views.slice(
      views.indexOf(`VIEW "${table.namespace}"."${table.name.replaceAll('"', '""')}" AS`),
    );
    if (!own.startsWith('VIEW')) return [];
    const query = own.slice(own.indexOf(' AS\n') + 4).split(';\n', 1)[0]!;
    const rows = await queryWarehouse(
      ':memory:',
      `SELECT ${[...proof, ...texts(table, known.columns)].join(', ')} FROM (${query})`,
    );
    return rows.map(([op, group, seq, ...cells]) => ({
      cells: cells.map(unmarked),
      proof: keyed ? { op: op!, group: Number(group), seq: Number(seq) } : null,
    }));
  }

  async history(table: MaskedTable): Promise<readonly HistoryRow[] | null> {
    await this.refresh();
    const known = await this.#known(table);
    if (known === null) return null;
    const glob = join(this.directory, 'tables', '**', '*.parquet');
    const directory = `%table=${[...Buffer.from(table.name)].map(encoded).join('')}/%`;
    // The delete that is half of an update is not a version of its own.
    const rows = await queryWarehouse(
      ':memory:',
      `SELECT ${['_rowseal_op', '_rowseal_group', '_rowseal_seq', ...texts(table, known.historyColumns)].join(', ')}
       FROM (SELECT *, max(_rowseal_sub) OVER (PARTITION BY _rowseal_seq) AS last
             FROM read_parquet('${glob}', union_by_name = true, filename = true, hive_partitioning = false)
             WHERE filename LIKE '${directory.replaceAll("'", "''")}') WHERE _rowseal_sub = last`,
    );
    return rows.map(([op, group, seq, ...cells]) => ({
      op: op!,
      group: Number(group),
      seq: Number(seq),
      // Columns younger than a row's version are named there too: the views need them.
      unchanged: null,
      cells: cells.map(unmarked),
    }));
  }

  async deadLetters(): Promise<readonly DeadLetterRow[]> {
    await this.refresh();
    const files = await readdir(join(this.directory, 'dead_letters')).catch(() => []);
    if (files.length === 0) return [];
    const rows = await queryWarehouse(
      ':memory:',
      `SELECT group_index, table_name, column_name, '!' || value, reason FROM read_parquet('${join(this.directory, 'dead_letters', '*.parquet')}')`,
    );
    return rows.map(([group, table, column, value, reason]) => ({
      group: Number(group),
      table: table!,
      column: column!,
      value: unmarked(value!),
      reason: reason!,
    }));
  }

  async occupy(table: MaskedTable): Promise<void> {
    const directory = join(this.directory, `tables/schema=${table.namespace}/table=${table.name}`);
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, 'mine.parquet'), '');
  }

  async drop(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }

  async #known(table: MaskedTable): Promise<Known | null> {
    const names = await readdir(join(this.directory, '_rowseal/manifests'));
    // One that was being written when its process was killed has no name of its own.
    const newest = names
      .filter((name) => name.endsWith('.json'))
      .sort()
      .at(-1);
    if (newest === undefined) return null;
    const read = async (path: string): Promise<unknown> =>
      JSON.parse(await readFile(join(this.directory, '_rowseal', path), 'utf8'));
    const { targets } = (await read(join('manifests', newest))) as { targets: Record<string, string> };
    const file = targets[tableKey(table)];
    return file === undefined ? null : ((await read(join('targets', file))) as Known);
  }
}

function texts(table: MaskedTable, known: Known['columns']): readonly string[] {
  return visibleColumns(table).map((column) =>
    canonicalColumn(known.find(({ identity }) => identity === columnIdentity(column))!),
  );
}

function encoded(byte: number): string {
  const character = String.fromCharCode(byte);
  return /[A-Za-z0-9_]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}
