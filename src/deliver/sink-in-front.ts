import type { GroupIndex } from '../audit/audit-log.ts';
import type { Finding } from '../model/finding.ts';
import type { MaskedTable } from '../model/masked.ts';
import type { DeliveryBatch, Sink, SinkCapabilities, SinkPace, SinkStats } from './sink.ts';
import type { WarehouseReader } from './warehouse-reader.ts';

/** Passes everything on to another sink. All members, so that an optional one cannot be forgotten. */
export abstract class SinkInFront implements Required<Sink> {
  /** The one behind. It may become another one between two calls, of the same kind and abilities. */
  protected abstract get behind(): Sink;

  get name(): string {
    return this.behind.name;
  }

  get kind(): Sink['kind'] {
    return this.behind.kind;
  }

  get capabilities(): SinkCapabilities {
    return this.behind.capabilities;
  }

  get pace(): SinkPace | null {
    return this.behind.pace ?? null;
  }

  get reader(): WarehouseReader | null {
    return this.behind.reader ?? null;
  }

  preflight(): Promise<readonly Finding[]> {
    return this.behind.preflight();
  }

  open(pipeline: string, epoch: bigint): Promise<GroupIndex | null> {
    return this.behind.open(pipeline, epoch);
  }

  alter(table: MaskedTable, at: GroupIndex): Promise<void> {
    return this.behind.alter(table, at);
  }

  write(batch: DeliveryBatch): Promise<GroupIndex> {
    return this.behind.write(batch);
  }

  head(): Promise<string | null> {
    return this.behind.head();
  }

  stats(): SinkStats {
    return this.behind.stats();
  }

  close(): Promise<void> {
    return this.behind.close();
  }

  leave(): void {
    this.behind.leave?.();
  }
}
