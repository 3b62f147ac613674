import type { PolicyDocument } from '../policy-document.ts';
import type { SinkTables } from '../sink-mask.ts';

/** What a configuration says of who sees what. */
export interface PolicySide {
  readonly policy: PolicyDocument;
  /** The tables that it captures (`namespace.name`). */
  readonly captured: ReadonlySet<string>;
  readonly sinks: SinkSelections;
}

/** What sinks get, by their names; null: everything, as the policy has it. */
export type SinkSelections = ReadonlyMap<string, SinkTables | null>;
