import type { GroupIndex } from '../../../src/audit/audit-log.ts';
import type { WriteChannel } from './append-stream.ts';
import { CdcStream } from './cdc-stream.ts';
import type { DeadLetter } from './dead-letters.ts';
import { type BigquerySinkOptions, defaultPatience } from './options.ts';
import { SharedBytes } from './shared-bytes.ts';
import type { Relation } from './target.ts';

/** Rows of all tables that wait to be sent or answered, in bytes. */
const STREAM_BYTES = 32_000_000;

interface OpenStream {
  readonly relation: Relation;
  readonly stream: CdcStream;
  /** `namespace.name` of the source. */
  readonly table: string;
}

/** The open streams, kept over batches: a connection is dearer than an append. */
export class CdcStreams {
  readonly #options: BigquerySinkOptions;
  /** By the base name of their tables. */
  readonly #streams = new Map<string, OpenStream>();
  readonly #memory = new SharedBytes(STREAM_BYTES);

  constructor(options: BigquerySinkOptions) {
    this.#options = options;
  }

  /** One for a table that was changed since learns the new columns. */
  of(channel: WriteChannel, table: string, relation: Relation, history: boolean): CdcStream {
    const known = this.#streams.get(relation.base);
    if (known?.relation === relation) return known.stream;
    known?.stream.close();
    const patience = this.#options.patience ?? defaultPatience;
    const stream = new CdcStream(channel, this.#options, relation, history, patience, this.#memory);
    this.#streams.set(relation.base, { relation, stream, table });
    return stream;
  }

  /** Rows that BigQuery itself did not take since the last call; what they held is in the audit log under their `seq`. */
  takeRefused(group: GroupIndex): readonly DeadLetter[] {
    const reason = 'BigQuery refused the row';
    return [...this.#streams.values()].flatMap(({ stream, table }) =>
      stream
        .takeRefused()
        .map(({ seq, key }) => ({ group, seq, table, key, column: '', value: null, reason })),
    );
  }

  /** What was written and not sent is given up. */
  close(): void {
    for (const { stream } of this.#streams.values()) stream.close();
    this.#streams.clear();
  }
}
