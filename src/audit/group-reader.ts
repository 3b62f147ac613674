import { join } from 'node:path';
import { RowsealError } from '../error/rowseal-error.ts';
import { Op } from '../model/change.ts';
import type { MaskedTable } from '../model/masked.ts';
import type { GroupIndex, SealedEvent, SealedGroup } from './audit-log.ts';
import { MalformedBytes } from './bytes.ts';
import type { Disk } from './disk.ts';
import { groupInfo, type JournalLeaf, restorePosition, type TouchedTable } from './journal-leaf.ts';
import { type LeafFrame, LeafPlaces, readLeaves } from './journal-reader.ts';
import { LostChanges } from './lost-changes.ts';
import { RecordKind } from './record.ts';
import { readTableEvents, type TablePiece } from './row-reader.ts';
import { TableVersions } from './table-versions.ts';

/** Reads sealed groups back as the events they were sealed from. */
export class GroupReader {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #gone: 'skip' | 'tell';
  readonly #lost: LostChanges;
  readonly #versions = new Map<string, TableVersions>();
  readonly #places = new LeafPlaces();

  /** @param gone changes whose images are erased or expired are told too */
  constructor(disk: Disk, directory: string, gone: 'skip' | 'tell' = 'skip') {
    this.#disk = disk;
    this.#directory = directory;
    this.#gone = gone;
    this.#lost = new LostChanges(disk, directory);
  }

  /** @throws RowsealError RS-AUD-004 when sealed bytes are damaged */
  async *read(from: GroupIndex, to: GroupIndex): AsyncGenerator<SealedGroup> {
    try {
      for await (const frame of readLeaves(this.#disk, this.#directory, from, to, this.#places))
        yield await this.#group(frame, to);
    } catch (error) {
      throw corrupt(error, join(this.#directory, 'journal'));
    }
  }

  /** The signed head that was written with a group; null: there is no such group. @throws RowsealError RS-AUD-004 */
  async head(group: GroupIndex): Promise<string | null> {
    try {
      for await (const { note } of readLeaves(this.#disk, this.#directory, group, group)) return note;
      return null;
    } catch (error) {
      throw corrupt(error, join(this.#directory, 'journal'));
    }
  }

  /**
   * The events of one group: tables merged in the order of transactions and operations.
   *
   * @param last sealed group up to which the log is looked at for what makes up for a change that is gone
   */
  async *chunks(leaf: JournalLeaf, last: GroupIndex): AsyncGenerator<readonly SealedEvent[]> {
    try {
      const streams = leaf.tables.map((touched) =>
        readTableEvents(this.#disk, this.#path(touched), touched, this.#versionsOf(touched), this.#gone),
      );
      if (leaf.gaps.length > 0) yield leaf.gaps.map((gap) => ({ kind: 'gap', gap }));
      yield* merge(leaf, streams, (touched, seq) => this.#isLost(seq, touched, leaf.group, last));
    } catch (error) {
      throw corrupt(error, join(this.#directory, 'tables'));
    }
  }

  async #group({ leaf, note }: LeafFrame, last: GroupIndex): Promise<SealedGroup> {
    const tables: MaskedTable[] = [];
    for (const touched of leaf.tables) tables.push(...(await this.#versionsOf(touched).inGroup(touched)));
    return {
      ...groupInfo(leaf),
      head: note,
      tables,
      resident: false,
      chunks: () => this.chunks(leaf, last),
    };
  }

  async #isLost(seq: number, touched: TouchedTable, group: GroupIndex, last: GroupIndex): Promise<boolean> {
    try {
      return await this.#lost.includes(seq, touched, group, last);
    } catch (error) {
      throw corrupt(error, join(this.#directory, 'tables'));
    }
  }

  #versionsOf(touched: TouchedTable): TableVersions {
    let versions = this.#versions.get(touched.directory);
    if (versions === undefined) {
      versions = new TableVersions(this.#disk, this.#path(touched));
      this.#versions.set(touched.directory, versions);
    }
    return versions;
  }

  #path(touched: TouchedTable): string {
    return join(this.#directory, 'tables', touched.directory);
  }
}

/** k-way merge by (transaction, ordinal); a begin event wherever the transaction changes. */
async function* merge(
  leaf: JournalLeaf,
  streams: readonly AsyncGenerator<TablePiece>[],
  isLost: (touched: TouchedTable, seq: number) => Promise<boolean>,
): AsyncGenerator<readonly SealedEvent[]> {
  const heads = await Promise.all(
    streams.map(async (stream, i) => ({
      stream,
      touched: leaf.tables[i]!,
      piece: (await stream.next()).value as TablePiece | undefined,
    })),
  );
  let transaction = -1;
  while (true) {
    let first: (typeof heads)[number] | null = null;
    for (const head of heads) {
      if (head.piece !== undefined && (first?.piece === undefined || before(head.piece, first.piece)))
        first = head;
    }
    const piece = first?.piece;
    if (first === null || piece === undefined) return;
    const events: SealedEvent[] = [];
    if (piece.record.transactionIndex !== transaction) {
      transaction = piece.record.transactionIndex;
      events.push({
        kind: 'begin',
        transaction: {
          id: piece.record.transaction,
          position: restorePosition(leaf.position, piece.record.position),
          commitTimeUs: piece.record.commitTimeUs,
        },
      });
    }
    const { touched } = first;
    events.push(isGone(piece) ? goneEvent(piece, (seq) => isLost(touched, seq)) : eventOf(piece));
    yield events;
    first.piece = (await first.stream.next()).value as TablePiece | undefined;
  }
}

function before(a: TablePiece, b: TablePiece): boolean {
  const byTransaction = a.record.transactionIndex - b.record.transactionIndex;
  return byTransaction < 0 || (byTransaction === 0 && a.record.ordinal < b.record.ordinal);
}

function isGone({ record, run }: TablePiece): boolean {
  return run === null && record.kind === RecordKind.change;
}

function goneEvent({ record, table }: TablePiece, isLost: (seq: number) => Promise<boolean>): SealedEvent {
  const { seq, op, keyTag, oldKeyTag } = record;
  return { kind: 'gone', table, seq, op, keyTag, oldKeyTag, isLost: () => isLost(seq) };
}

function eventOf(piece: TablePiece): SealedEvent {
  const { seq } = piece.record;
  if (piece.run !== null) return { kind: 'rows', run: piece.run, seq };
  const payload = JSON.parse(piece.record.payload) as Record<string, unknown>;
  if (piece.record.kind === RecordKind.truncate && piece.record.op === Op.truncate) {
    return {
      kind: 'truncate',
      table: piece.table,
      cascade: payload['cascade'] === true,
      restartIdentity: payload['restart_identity'] === true,
      seq,
    };
  }
  return { kind: 'snapshot', table: piece.table, phase: payload['phase'] === 'end' ? 'end' : 'begin', seq };
}

function corrupt(error: unknown, where: string): unknown {
  if (!(error instanceof MalformedBytes)) return error;
  return new RowsealError('RS-AUD-004', { detail: `${error.message}; under ${where}` });
}
