import { hash } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import type { SealedGroup } from '../../src/audit/audit-log.ts';
import type { MirrorReader } from '../../src/deliver/mirror-reader.ts';
import type { Sink } from '../../src/deliver/sink.ts';
import type { MaskedEvent, MaskedTable } from '../../src/model/masked.ts';
import { visibleColumns } from '../../src/model/schema-diff.ts';
import { deliver, GroupMaker } from '../support/sink/groups.ts';
import { normalText } from '../support/sink/normal-text.ts';
import {
  type HistoryRow,
  type Proof,
  ReferenceWarehouse,
  type WarehouseRow,
} from '../support/sink/reference-warehouse.ts';
import { crashLaws } from './cases/crash.ts';
import { fencingLaws } from './cases/fencing.ts';
import { headLaws } from './cases/head.ts';
import { rowLaws } from './cases/rows.ts';
import { schemaLaws } from './cases/schema.ts';
import { sizeLaws } from './cases/size.ts';
import { valueLaws } from './cases/values.ts';

/** What the contract suite needs of a sink to put it through every case. */
export interface SinkHarness {
  readonly kind: 'atomic' | 'convergent';
  /** Why nothing of this can run here; null: it can. */
  readonly skip: string | null;
  /** Two processes can have one target open at a time: an older writer may still be alive. */
  readonly concurrentWriters: boolean;
  /** Most columns a table of the warehouse may have. */
  readonly maxColumns: number;
  /** The warehouse tells `Name` and `name` apart. */
  readonly caseSensitiveNames: boolean;
  /** Rows with unchanged cells are completed when they are written, not when they are read. */
  readonly completesRows: boolean;
  /** A key of other columns holds for the rows before it too. */
  readonly keyMayChange: boolean;
  /** URL of a module that exports {@link SinkChildModule}; it is loaded in a process of its own, to be killed. */
  readonly childModule: string;
  /** A server, for example; before and after all cases. */
  setUp?(): Promise<void>;
  tearDown?(): Promise<void>;
  /** A fresh, empty target. */
  make(): Promise<SinkTarget>;
}

/** What the process that is killed loads. */
export interface SinkChildModule {
  openSink(address: unknown): Sink;
  /** Has `step` called before each request to the warehouse, from now on and for good. */
  watchSteps(step: () => void): void;
}

export interface SinkTarget {
  /** What `openSink` of the child module makes the same sink from; goes through JSON. */
  readonly address: unknown;
  sink(options?: { readonly maxDeadLetters?: number }): Sink;
  /** A sink whose next commit is cut off: the commit happens (or not), the answer is lost. */
  cutSink(): Promise<CutSink>;
  /**
   * The mirror's rows as canonical text, cells in the order of the visible columns of `table`; no sink is open then.
   * null: the warehouse has no such table.
   */
  mirror(table: MaskedTable): Promise<readonly TargetRow[] | null>;
  /** null: this sink keeps no histories. */
  history(table: MaskedTable): Promise<readonly HistoryRow[] | null>;
  deadLetters(): Promise<readonly DeadLetterRow[]>;
  /** As `audit reconcile` reads it; no sink is open then. */
  reader(): MirrorReader;
  /** Makes a table that is not the sink's own, named like the mirror of `table`. */
  occupy(table: MaskedTable): Promise<void>;
  drop(): Promise<void>;
}

export interface TargetRow {
  readonly cells: readonly (string | null)[];
  /** null: this target does not carry it. */
  readonly proof: Proof | null;
}

export interface CutSink {
  readonly sink: Sink;
  /** The next commit is lost `before` it reaches the warehouse, or `after` it happened. */
  cutNextCommit(when: 'before' | 'after'): void;
  close(): Promise<void>;
}

export interface DeadLetterRow {
  readonly group: number;
  readonly table: string;
  /** Name in the source or the warehouse; empty: of the whole row. */
  readonly column: string;
  readonly value: string | null;
  readonly reason: string;
}

export type Law = (name: string, body: (bench: Bench) => Promise<void>, options?: LawOptions) => void;

export interface LawOptions {
  /** Why the case does not apply; null: it does. */
  readonly skip?: (harness: SinkHarness) => string | null;
  readonly timeoutMs?: number;
}

/** Registers every case for one sink; the table sink × case is printed when all tests are done. */
export function describeSinkContract(name: string, harness: SinkHarness): void {
  describe.skipIf(harness.skip !== null)(`the sink contract: ${name}`, () => {
    const outcomes = new Map<string, string>();
    const benches = new Set<Bench>();
    beforeAll(() => harness.setUp?.(), 240_000);
    afterEach(async (context) => {
      outcomes.set(context.task.name, context.task.result?.state === 'fail' ? 'FAILED' : 'pass');
      for (const bench of benches) await bench.end();
      benches.clear();
    });
    afterAll(async () => {
      for (const [law, outcome] of outcomes)
        appendFileSync(inject('sinkContractReport'), `${JSON.stringify({ sink: name, law, outcome })}\n`);
      await harness.tearDown?.();
    }, 120_000);
    const law: Law = (title, body, options = {}) => {
      const why = options.skip?.(harness) ?? null;
      outcomes.set(title, why === null ? 'not run' : `– (${why})`);
      it.skipIf(why !== null)(
        title,
        async () => {
          const bench = new Bench(harness, await harness.make());
          benches.add(bench);
          await body(bench);
        },
        options.timeoutMs ?? 120_000,
      );
    };
    for (const register of [crashLaws, fencingLaws, headLaws, rowLaws, schemaLaws, sizeLaws, valueLaws])
      register(law);
  });
}

/** One target, what was delivered to it, and what it must hold. */
export class Bench {
  readonly harness: SinkHarness;
  readonly target: SinkTarget;
  readonly maker = new GroupMaker();
  readonly model = new ReferenceWarehouse();
  cursor: number | null = null;
  #sink: Sink | null = null;
  #epoch = 0n;

  constructor(harness: SinkHarness, target: SinkTarget) {
    this.harness = harness;
    this.target = target;
  }

  /** Opens the sink under the next epoch. */
  async open(options?: { readonly maxDeadLetters?: number }): Promise<Sink> {
    this.#sink = this.target.sink(options);
    this.cursor = await this.#sink.open('p', ++this.#epoch);
    return this.#sink;
  }

  get sink(): Sink {
    return this.#sink!;
  }

  /** Each list of events becomes a group; all go in one batch. */
  async deliver(...groups: readonly (readonly MaskedEvent[])[]): Promise<void> {
    await this.deliverSealed(groups.map((events) => this.maker.seal(events)));
  }

  async deliverSealed(groups: readonly SealedGroup[]): Promise<void> {
    this.cursor = await deliver(this.sink, this.cursor, groups);
    expect(this.cursor).toBe(groups.at(-1)!.index);
    await this.model.apply(groups);
  }

  async close(): Promise<void> {
    await this.#sink?.close();
  }

  /** The target holds what the plain fold says; the sink is closed. */
  async expectAsModel(...tables: readonly MaskedTable[]): Promise<void> {
    await this.close();
    for (const table of tables) await expectEqual(this.target, this.model, table);
  }

  async expectDeadLetters(
    expected: readonly { readonly column: string; readonly value: string | null }[],
  ): Promise<void> {
    const found = (await this.target.deadLetters()).map(({ column, value }) => ({ column, value }));
    expect(sortedJson(found)).toEqual(sortedJson(expected));
  }

  async end(): Promise<void> {
    await this.#sink?.close().catch(() => {});
    await this.target.drop();
  }
}

/** Mirror (with proofs where it carries them) and history of one table against the model. */
export async function expectEqual(
  target: SinkTarget,
  model: ReferenceWarehouse,
  table: MaskedTable,
): Promise<void> {
  await expectEqualMirror(target, model, table);
  await expectEqualHistory(target, model, table);
}

async function expectEqualMirror(
  target: SinkTarget,
  model: ReferenceWarehouse,
  table: MaskedTable,
): Promise<void> {
  const mirror = await target.mirror(table);
  expect(mirror, `${table.name} is in the warehouse`).not.toBeNull();
  // Of equal rows without a key nobody can say which one was deleted.
  const proven = table.key.length > 0 && mirror!.some((row) => row.proof !== null);
  const shown = (row: WarehouseRow | TargetRow): unknown => {
    if (!proven) return normalCells(table, row.cells);
    const proof = 'seq' in row ? row : row.proof;
    return [normalCells(table, row.cells), proof === null ? null : [proof.op, proof.group, proof.seq]];
  };
  expectSame(mirror!, model.mirror(table), shown, `mirror of ${table.name}`);
}

async function expectEqualHistory(
  target: SinkTarget,
  model: ReferenceWarehouse,
  table: MaskedTable,
): Promise<void> {
  const history = await target.history(table);
  if (history === null) return;
  const counts = history.every((row) => row.unchanged !== null);
  const version = (row: HistoryRow): unknown => [
    row.op,
    row.group,
    row.seq,
    counts ? row.unchanged : null,
    normalCells(table, row.cells),
  ];
  expectSame(history, model.history(table), version, `history of ${table.name}`);
}

function normalCells(table: MaskedTable, cells: readonly (string | null)[]): readonly (string | null)[] {
  return visibleColumns(table).map((column, i) => short(normalText(column.type, cells[i]!)));
}

/** A giant cell is compared by its hash: a test's report must stay readable. */
function short(text: string | null): string | null {
  if (text === null || text.length < 500) return text;
  return `${text.slice(0, 40)}… ${text.length} characters, ${hash('sha256', text)}`;
}

/**
 * The same rows, in whatever order. Compared by digests: the texts of millions of rows would not fit. Of what differs only
 * the first is shown.
 */
function expectSame<A, B>(
  actual: readonly A[],
  wanted: readonly B[],
  show: (row: A | B) => unknown,
  what: string,
): void {
  const a = digests(actual, show);
  const b = digests(wanted, show);
  const at = b.findIndex((digest, i) => digest !== a[i]);
  if (at < 0) {
    expect(actual.length, `rows: ${what}`).toBe(wanted.length);
    return;
  }
  // The smaller of two that differ is missing on the other side.
  const lost = a[at] === undefined || b[at]! < a[at]!;
  const only = <T extends A | B>(rows: readonly T[], digest: bigint): string | undefined =>
    rows.map((row) => JSON.stringify(show(row))).find((text) => digestOf(text) === digest);
  expect(lost ? undefined : only(actual, a[at]!), `${what}, ${actual.length} rows for ${wanted.length}`).toBe(
    lost ? only(wanted, b[at]!) : undefined,
  );
}

function digests<T>(rows: readonly T[], show: (row: T) => unknown): BigUint64Array {
  const list = new BigUint64Array(rows.length);
  for (let i = 0; i < rows.length; i++) list[i] = digestOf(JSON.stringify(show(rows[i]!)));
  return list.sort();
}

function digestOf(text: string): bigint {
  return BigInt(`0x${hash('sha256', text).slice(0, 16)}`);
}

function sortedJson(list: readonly unknown[]): readonly string[] {
  return list.map((row) => JSON.stringify(row)).sort();
}
