import type { TableMasker } from '../mask/masker.ts';
import type { ChangeEvent } from '../model/change.ts';
import type { MaskedEvent } from '../model/masked.ts';
import type { TableSchema } from '../model/table.ts';

/** Compiles a masker for a table version that appears in the stream: undecided columns are redacted (law 2). */
export type MaskerCompiler = (table: TableSchema) => TableMasker;

/**
 * Raw events in, masked events out; nothing raw leaves. One masker per table version, compiled when the version is
 * first met. commit and idle carry no rows and end here: the group's position says the same.
 */
export class MaskStage {
  readonly #compile: MaskerCompiler;
  readonly #onNewVersion: (masker: TableMasker) => void;
  readonly #maskers = new Map<TableSchema, TableMasker>();

  constructor(compile: MaskerCompiler, onNewVersion: (masker: TableMasker) => void) {
    this.#compile = compile;
    this.#onNewVersion = onNewVersion;
  }

  mask(events: readonly ChangeEvent[]): readonly MaskedEvent[] {
    const masked: MaskedEvent[] = [];
    for (const event of events) {
      switch (event.kind) {
        case 'begin':
          masked.push(event);
          break;
        case 'rows':
          masked.push({ kind: 'rows', run: this.#masker(event.run.table).mask(event.run) });
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

  #masker(table: TableSchema): TableMasker {
    let masker = this.#maskers.get(table);
    if (masker === undefined) {
      this.#forgetOlderVersions(table);
      masker = this.#compile(table);
      this.#maskers.set(table, masker);
      this.#onNewVersion(masker);
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
