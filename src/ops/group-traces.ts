import { createHash } from 'node:crypto';
import type { Context, Link, SpanContext, Tracer } from '@opentelemetry/api';
import type { IdGenerator } from '@opentelemetry/sdk-trace';

/** Of a sealed group: what its spans are made of. Numbers, no names and no values. */
export interface TracedGroup {
  readonly index: number;
  readonly commitTimeUs: bigint | null;
  readonly sealedAtUs: bigint;
  readonly rows: number;
  readonly transactions: number;
  readonly bytes: number;
}

/** Groups of one batch that a span is linked to; a batch that catches up may have thousands. */
const MAX_LINKS = 64;

/**
 * Ids made of the log's name and the group's number: the seal, and each sink that gets the group minutes or a restart later, find
 * the same trace without anything being kept between them, and so does a person with a group index.
 */
export class GroupIds implements IdGenerator {
  readonly #origin: string;
  readonly #random: IdGenerator;
  #traceId: string | null = null;
  #spanId: string | null = null;

  constructor(origin: string, random: IdGenerator) {
    this.#origin = origin;
    this.#random = random;
  }

  /** Trace and root span of a group. */
  of(group: number): SpanContext {
    const digest = createHash('sha256').update(`rowseal/v1/trace\0${this.#origin}\0${group}`).digest('hex');
    return { traceId: digest.slice(0, 32), spanId: digest.slice(32, 48), traceFlags: 1 };
  }

  /** The next span that is started, a root, gets these ids. */
  use({ traceId, spanId }: SpanContext): void {
    this.#traceId = traceId;
    this.#spanId = spanId;
  }

  generateTraceId(): string {
    const id = this.#traceId ?? this.#random.generateTraceId();
    this.#traceId = null;
    return id;
  }

  generateSpanId(): string {
    const id = this.#spanId ?? this.#random.generateSpanId();
    this.#spanId = null;
    return id;
  }
}

/** One trace per group: from the commit until it is sealed, the seal, and each sink's transaction. */
export class GroupTraces {
  readonly #tracer: Tracer;
  readonly #ids: GroupIds;
  readonly #contextOf: (parent: SpanContext) => Context;

  /** @param contextOf a context in which the given span is the parent (`trace.setSpanContext` over the root) */
  constructor(tracer: Tracer, ids: GroupIds, contextOf: (parent: SpanContext) => Context) {
    this.#tracer = tracer;
    this.#ids = ids;
    this.#contextOf = contextOf;
  }

  sealed(group: TracedGroup, durationMs: number): void {
    const endMs = Number(group.sealedAtUs) / 1000;
    const startMs = endMs - durationMs;
    const committedMs = group.commitTimeUs === null ? startMs : Number(group.commitTimeUs) / 1000;
    const root = this.#ids.of(group.index);
    this.#ids.use(root);
    this.#tracer
      .startSpan('group', {
        root: true,
        // Clocks of two machines: a commit is never shown after its seal began.
        startTime: Math.min(committedMs, startMs),
        attributes: {
          'rowseal.group': group.index,
          'rowseal.rows': group.rows,
          'rowseal.transactions': group.transactions,
          'rowseal.bytes': group.bytes,
        },
      })
      .end(endMs);
    this.#tracer
      .startSpan(
        'seal',
        { startTime: startMs, attributes: { 'rowseal.group': group.index } },
        this.#contextOf(root),
      )
      .end(endMs);
  }

  delivered(sink: string, groups: readonly TracedGroup[], durationMs: number): void {
    const last = groups.at(-1);
    if (last === undefined) return;
    const links: Link[] = groups
      .slice(-1 - MAX_LINKS, -1)
      .map(({ index }) => ({ context: this.#ids.of(index) }));
    const endMs = Date.now();
    this.#tracer
      .startSpan(
        'deliver',
        {
          startTime: endMs - durationMs,
          links,
          attributes: {
            'rowseal.sink': sink,
            'rowseal.first_group': groups[0]!.index,
            'rowseal.group': last.index,
            'rowseal.rows': groups.reduce((sum, group) => sum + group.rows, 0),
          },
        },
        this.#contextOf(this.#ids.of(last.index)),
      )
      .end(endMs);
  }
}
