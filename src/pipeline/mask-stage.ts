import type { UnfitCount } from '../mask/column-mask.ts';
import type { LeakCount } from '../mask/leak-guard.ts';
import type { TableMasker } from '../mask/masker.ts';
import type { ChangeEvent, RowRun } from '../model/change.ts';
import type { MaskedEvent, MaskedTable } from '../model/masked.ts';
import type { TableSchema } from '../model/table.ts';

/** Compiles a masker for a table version that appears in the stream: undecided columns are redacted (law 2). */
export type MaskerCompiler = (table: TableSchema) => TableMasker;

/** What happens in the mask and somebody should know of; names and counts, no values. */
export interface MaskWatch {
  newVersion(masker: TableMasker): void;
  /** Values that did not fit their column's method. */
  unfit(table: MaskedTable, counts: readonly UnfitCount[]): void;
  /** What the leak guard met in kept columns. */
  leaks(table: MaskedTable, counts: readonly LeakCount[]): void;
}

/**
 * Raw events in, masked events out; nothing raw leaves. One masker per table version, compiled when the version is
 * first met. commit and idle carry no rows and end here: the group's position says the same.
 */
export class MaskStage {
  readonly #compile: MaskerCompiler;
  readonly #watch: MaskWatch;
  readonly #maskers = new Map<TableSchema, TableMasker>();
  #haltFindings: MaskedEvent[] = [];

  constructor(compile: MaskerCompiler, watch: MaskWatch) {
    this.#compile = compile;
    this.#watch = watch;
  }

  mask(events: readonly ChangeEvent[]): readonly MaskedEvent[] {
    const masked: MaskedEvent[] = [];
    for (const event of events) {
      switch (event.kind) {
        case 'begin':
          masked.push(event);
          break;
        case 'rows':
          this.#mask(event.run, masked);
          break;
        case 'truncate':
        case 'snapshot':
          masked.push({ ...event, table: this.#masker(event.table).table });
          break;
        case 'commit':
        case 'idle':
          break;
      }
    }
    return masked;
  }

  /** The policy changed: maskers are compiled anew. */
  renew(): void {
    this.#maskers.clear();
  }

  /** What the guard met in rows that halted the run, and so are in no group. */
  takeHaltFindings(): readonly MaskedEvent[] {
    const findings = this.#haltFindings;
    this.#haltFindings = [];
    return findings;
  }

  #mask(run: RowRun, masked: MaskedEvent[]): void {
    const masker = this.#masker(run.table);
    try {
      masked.push({ kind: 'rows', run: masker.mask(run) });
    } catch (error) {
      this.#tell(masker, this.#haltFindings);
      throw error;
    }
    this.#tell(masker, masked);
  }

  /** Also when a value halts the run: what was met up to there is counted. */
  #tell(masker: TableMasker, findings: MaskedEvent[]): void {
    const unfit = masker.takeUnfit();
    if (unfit.length > 0) this.#watch.unfit(masker.table, unfit);
    const columns = masker.takeLeaks();
    if (columns.length === 0) return;
    this.#watch.leaks(masker.table, columns);
    findings.push({
      kind: 'finding',
      table: masker.table,
      finding: { action: masker.guardAction, columns },
    });
  }

  #masker(table: TableSchema): TableMasker {
    let masker = this.#maskers.get(table);
    if (masker === undefined) {
      this.#forgetOlderVersions(table);
      masker = this.#compile(table);
      this.#maskers.set(table, masker);
      this.#watch.newVersion(masker);
    }
    return masker;
  }

  /** A stream that alters a table every minute must not grow this map for ever. */
  #forgetOlderVersions(table: TableSchema): void {
    for (const known of this.#maskers.keys()) {
      if (known.name === table.name && known.namespace === table.namespace) this.#maskers.delete(known);
    }
  }
}
