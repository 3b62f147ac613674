import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBConnection } from '@duckdb/node-api';
import { createDuckdbMirrorReader } from '../../../connectors/sinks/duckdb/mirror-reader.ts';
import { createDuckdbSink, type DuckdbSinkOptions } from '../../../connectors/sinks/duckdb/sink.ts';
import type { MirrorReader } from '../../../src/deliver/mirror-reader.ts';
import type { MaskedTable } from '../../../src/model/masked.ts';
import { visibleColumns } from '../../../src/model/schema-diff.ts';
import { columnIdentity, tableKey } from '../../../src/model/table.ts';
import type { CutSink, DeadLetterRow, SinkTarget, TargetRow } from '../../contract/sink-contract.ts';
import { queryWarehouse } from '../warehouse.ts';
import { canonicalColumn, unmarked } from './duckdb-text.ts';
import type { HistoryRow } from './reference-warehouse.ts';

const UNCHANGED =
  "CASE WHEN _rowseal_unchanged IS NULL THEN 0 ELSE len(string_split(_rowseal_unchanged, ',')) END";

interface KnownColumn {
  readonly identity: string;
  readonly name: string;
  readonly type: string;
}

/** A DuckDB file for the contract suite. */
export class DuckdbTarget implements SinkTarget {
  readonly path: string;
  readonly address: DuckdbSinkOptions;

  constructor(changes: Partial<DuckdbSinkOptions> = {}) {
    this.path = join(tmpdir(), `rowseal-contract-${randomUUID()}.duckdb`);
    this.address = {
      name: 'w',
      path: this.path,
      history: 'all',
      proof: true,
      memoryLimitBytes: 40_000_000,
      threads: 1,
      maxDeadLetters: 10_000,
      ...changes,
    };
  }

  sink(options: { readonly maxDeadLetters?: number } = {}) {
    return createDuckdbSink({ ...this.address, ...options });
  }

  reader(): MirrorReader {
    return createDuckdbMirrorReader(this.address);
  }

  async cutSink(): Promise<CutSink> {
    const { run } = DuckDBConnection.prototype;
    let cut: 'before' | 'after' | null = null;
    DuckDBConnection.prototype.run = async function (...args) {
      if (cut === null || args[0] !== 'COMMIT') return run.apply(this, args);
      if (cut === 'after') await run.apply(this, args);
      cut = null;
      throw new Error('IO Error: the disk went away');
    };
    return {
      sink: this.sink(),
      cutNextCommit: (when) => {
        cut = when;
      },
      close: async () => {
        DuckDBConnection.prototype.run = run;
      },
    };
  }

  async mirror(table: MaskedTable): Promise<readonly TargetRow[] | null> {
    const known = await this.#known(table);
    if (known === null) return null;
    const names = this.#texts(table, known.columns);
    const proof = this.address.proof ? ['_rowseal_op', '_rowseal_group', '_rowseal_seq'] : ["''", '0', '0'];
    const rows = await queryWarehouse(
      this.path,
      `SELECT ${[...proof, ...names].join(', ')} FROM ${quoted(table.namespace)}.${quoted(table.name)}`,
    );
    return rows.map(([op, group, seq, ...cells]) => ({
      cells: cells.map(unmarked),
      proof: this.address.proof ? { op: op!, group: Number(group), seq: Number(seq) } : null,
    }));
  }

  async history(table: MaskedTable): Promise<readonly HistoryRow[] | null> {
    const known = await this.#known(table);
    if (known === null || this.address.history === 'none') return null;
    const names = this.#texts(table, known.historyColumns);
    const rows = await queryWarehouse(
      this.path,
      `SELECT ${['_rowseal_op', '_rowseal_group', '_rowseal_seq', UNCHANGED, ...names].join(', ')} FROM ${quoted(table.namespace)}.${quoted(`${table.name}__history`)}`,
    );
    return rows.map(([op, group, seq, unchanged, ...cells]) => ({
      op: op!,
      group: Number(group),
      seq: Number(seq),
      unchanged: Number(unchanged),
      cells: cells.map(unmarked),
    }));
  }

  async deadLetters(): Promise<readonly DeadLetterRow[]> {
    const rows = await queryWarehouse(
      this.path,
      'SELECT group_index, table_name, column_name, value, reason FROM _rowseal.dead_letters',
    );
    return rows.map(([group, table, column, value, reason]) => ({
      group: Number(group),
      table: table!,
      column: column!,
      value: value!,
      reason: reason!,
    }));
  }

  async occupy(table: MaskedTable): Promise<void> {
    await queryWarehouse(this.path, `CREATE SCHEMA IF NOT EXISTS ${quoted(table.namespace)}`);
    // DuckDB does not tell names apart that differ in case only.
    const name = quoted(table.name.toUpperCase());
    await queryWarehouse(this.path, `CREATE TABLE ${quoted(table.namespace)}.${name} (mine INT)`);
  }

  async drop(): Promise<void> {
    for (const suffix of ['', '.wal', '.tmp'])
      await rm(`${this.path}${suffix}`, { recursive: true, force: true });
  }

  async #known(table: MaskedTable): Promise<{
    readonly columns: readonly KnownColumn[];
    readonly historyColumns: readonly KnownColumn[];
  } | null> {
    const rows = await queryWarehouse(this.path, 'SELECT table_key, known FROM _rowseal.tables');
    const row = rows.find(([key]) => key === tableKey(table));
    return row === undefined ? null : JSON.parse(row[1]!);
  }

  /** The visible columns as canonical text. */
  #texts(table: MaskedTable, known: readonly KnownColumn[]): readonly string[] {
    return visibleColumns(table).map((column) =>
      canonicalColumn(known.find(({ identity }) => identity === columnIdentity(column))!),
    );
  }
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
