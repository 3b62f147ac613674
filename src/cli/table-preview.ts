import { errorJson } from '../error/render.ts';
import { RowsealError } from '../error/rowseal-error.ts';
import { classOfColumnName } from '../mask/detect/column-name.ts';
import type { DataClass } from '../mask/detect/data-class.ts';
import type { CompiledPolicy, PolicyDecision } from '../mask/policy.ts';
import type { PolicyDocument } from '../mask/policy-document.ts';
import { describeRule } from '../mask/review/disclosure-text.ts';
import { rawShape } from '../mask/review/raw-shape.ts';
import { maskerFor, type TriedCell, tryRow } from '../mask/review/trial.ts';
import type { SinkMask } from '../mask/sink-mask.ts';
import { DROPPED, type RawCell, UNCHANGED } from '../model/cell.ts';
import { type Column, displayName, type TableSchema } from '../model/table.ts';
import { oneLine } from './layout.ts';

/** A few rows of a table with what a run would make of them. */
export interface TablePreview {
  readonly table: TableSchema;
  readonly rows: number;
  readonly columns: readonly ColumnPreview[];
  readonly problem: RowsealError | null;
}

export interface ColumnPreview {
  readonly column: Column;
  readonly isKey: boolean;
  readonly decision: PolicyDecision | null;
  /** What a run does without a decision. */
  readonly undecided: 'halt' | 'redact' | null;
  readonly dataClass: DataClass | null;
  /** What the sink that is looked at does with it beyond the policy; null: nothing. */
  readonly inSink: string | null;
  readonly cells: readonly { readonly raw: RawCell; readonly tried: TriedCell | null }[];
}

export function previewTable(
  policy: CompiledPolicy,
  document: PolicyDocument,
  table: TableSchema,
  cells: readonly RawCell[],
  sink: SinkMask | null = null,
): TablePreview {
  const width = table.columns.length;
  const rows = Array.from({ length: width === 0 ? 0 : cells.length / width }, (_, row) =>
    cells.slice(row * width, (row + 1) * width),
  );
  let problem: RowsealError | null = null;
  let tried: (readonly TriedCell[])[] = [];
  let changes: ReadonlyMap<string, string> = new Map();
  try {
    const masker = policy.compileMasker(table, 'running');
    const view = sink?.check(masker.table) ?? null;
    if (view !== null) changes = new Map(view.changes.map(({ column, change }) => [column, change]));
    const all = view === null ? masker : maskerFor(masker, view);
    tried = rows.map((row) => tryRow(all, table, row));
  } catch (thrown) {
    if (!(thrown instanceof RowsealError)) throw thrown;
    problem = thrown;
  }
  return {
    table,
    rows: rows.length,
    problem,
    columns: table.columns.map((column, index) => {
      const decision = policy.decision(table, column);
      const found = classOfColumnName(displayName(table), column);
      return {
        column,
        isKey: table.key.includes(index),
        decision,
        undecided: decision === null ? document.undecided : null,
        dataClass: found?.class ?? null,
        inSink: changes.get(column.name) ?? null,
        cells: rows.map((row, i) => ({ raw: row[index]!, tried: tried[i]?.[index] ?? null })),
      };
    }),
  };
}

export interface PreviewSummary {
  /** What keeps a run from starting. */
  readonly blocked: readonly { readonly what: string; readonly code: string }[];
  readonly undecided: readonly string[];
  readonly halts: readonly { readonly column: string; readonly code: string; readonly rows: number }[];
  readonly unfit: readonly { readonly column: string; readonly reason: string; readonly rows: number }[];
  readonly leaks: readonly { readonly column: string; readonly kind: string; readonly rows: number }[];
}

export function summarizePreviews(previews: readonly TablePreview[]): PreviewSummary {
  const columns = previews.flatMap(({ table, columns: list }) =>
    list.map((column) => ({ ...column, where: `${displayName(table)}.${column.column.name}` })),
  );
  const tally = <T>(
    words: (tried: TriedCell) => readonly string[],
    make: (where: string, word: string, rows: number) => T,
  ): T[] =>
    columns.flatMap(({ where, cells }) => {
      const counts = new Map<string, number>();
      for (const { tried } of cells)
        for (const word of tried === null ? [] : words(tried)) counts.set(word, (counts.get(word) ?? 0) + 1);
      return [...counts].map(([word, rows]) => make(where, word, rows));
    });
  return {
    blocked: [
      ...previews.flatMap(({ table, problem }) =>
        problem === null ? [] : [{ what: displayName(table), code: problem.code }],
      ),
      ...columns
        .filter(({ undecided }) => undecided === 'halt')
        .map(({ where }) => ({ what: where, code: 'RS-MASK-001' })),
    ],
    undecided: columns.filter(({ decision }) => decision === null).map(({ where }) => where),
    halts: tally(
      (tried) => (tried.kind === 'halt' ? [tried.code] : []),
      (column, code, rows) => ({ column, code, rows }),
    ),
    unfit: tally(
      (tried) => (tried.kind === 'cell' ? tried.unfit : tried.code === 'RS-MASK-010' ? [tried.reason] : []),
      (column, reason, rows) => ({ column, reason, rows }),
    ),
    leaks: tally(
      (tried) => (tried.kind === 'cell' ? tried.leaks : []),
      (column, kind, rows) => ({ column, kind, rows }),
    ),
  };
}

export function rawText(raw: RawCell, { type }: Column, reveal: boolean): string {
  if (raw === null || typeof raw !== 'string') return 'null';
  if (raw === '') return '(empty)';
  return reveal ? oneLine(raw.slice(0, 1000)) : rawShape(raw, type);
}

/** Shapes and masked values; never a raw one, unless the policy keeps it. */
export function tablePreviewJson({ table, rows, columns, problem }: TablePreview): unknown {
  return {
    table: displayName(table),
    rows,
    ...(problem === null ? {} : errorJson(problem)),
    columns: columns.map(({ column, isKey, decision, undecided, dataClass, inSink, cells }) => ({
      column: column.name,
      type: column.sourceType,
      key: isKey,
      rule: decision === null ? null : describeRule(decision.rule),
      domain: decision?.domain ?? null,
      undecided,
      data_class: dataClass,
      ...(inSink === null ? {} : { in_sink: inSink }),
      cells: cells.map(({ raw, tried }) => ({ shape: rawText(raw, column, false), ...cellJson(tried) })),
    })),
  };
}

function cellJson(tried: TriedCell | null): Readonly<Record<string, unknown>> {
  if (tried === null) return {};
  if (tried.kind === 'halt') return { halts: tried.code, reason: tried.reason };
  const { cell, unfit, leaks } = tried;
  return {
    ...(cell === DROPPED
      ? { dropped: true }
      : { masked: cell === UNCHANGED || leaks.length > 0 ? null : cell }),
    ...(unfit.length === 0 ? {} : { unfit }),
    ...(leaks.length === 0 ? {} : { leaks }),
  };
}
