import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { Announced, isRelation } from '../../../connectors/sources/postgres/announced.ts';
import { InProgress } from '../../../connectors/sources/postgres/in-progress.ts';
import { MessageLogs } from '../../../connectors/sources/postgres/messages.ts';
import { PgoutputDecoder } from '../../../connectors/sources/postgres/pgoutput.ts';
import { SpillSpace } from '../../../connectors/sources/postgres/spill-space.ts';
import { type Op, opLetter, type RowRun } from '../../../src/model/change.ts';
import { streamPosition } from '../../support/postgres-position.ts';

interface Golden {
  readonly major: number;
  /** pgoutput messages in hexadecimal, as the server sent them: test/support/make-postgres-fixtures.ts. */
  readonly messages: readonly string[];
}

/** The scene as it must come out: transactions in the order of their ends, without what was given up. */
const TRANSACTION = [
  'begin',
  'g c [["1","one"]]',
  'notes c [["t","inside"]]',
  'g u [["1",null],["3",null]]',
  'g d [["3",null]]',
  'commit',
];
const OTHER = ['begin', 'g c [["10","ten, é"]]', 'commit'];
const OUTSIDE = ['begin message', 'notes c [["f","outside"]]', 'commit'];
const REST = ['begin', 'truncate g', 'commit', 'begin', 'notes c [["t","the end"]]', 'commit'];

describe.each([15, 16, 17, 18])('what PostgreSQL %i sends of transactions on their way', (major) => {
  const { messages } = JSON.parse(
    readFileSync(new URL(`../../golden/postgres/${major}.json`, import.meta.url), 'utf8'),
  ) as Golden;

  it('has every kind of message', () => {
    const kinds = new Set(messages.map((message) => Buffer.from(message.slice(0, 2), 'hex').toString()));
    expect([...kinds].sort().join('')).toBe(major < 16 ? 'BCDIMRTU' : 'ADEIMRSTUc');
  });

  it('becomes whole transactions', async () => {
    expect(await decode(messages)).toEqual([...OTHER, ...OUTSIDE, ...TRANSACTION, ...REST]);
  });

  it('becomes the same when all of it goes to the disk', async () => {
    expect(await decode(messages, { blockBytes: 1, totalBytes: 1 })).toEqual([
      ...OTHER,
      ...OUTSIDE,
      ...TRANSACTION,
      ...REST,
    ]);
  });
});

async function decode(messages: readonly string[], limits?: { blockBytes: number; totalBytes: number }) {
  const logs = new MessageLogs(
    [{ prefix: 'audit.', table: { namespace: 'logical_message', name: 'notes' } }],
    'UTF8',
  );
  const decoder = new PgoutputDecoder(streamPosition, 0n, logs);
  const held = new InProgress(new SpillSpace(tmpdir(), async () => null), limits);
  const announced = new Announced();
  const feed = (buffer: Buffer, start: number, end: number): void => {
    for (const due of announced.before(buffer, start, end, held.relations)) feed(due, 0, due.length);
    const relation = decoder.decode(buffer, start, end);
    if (relation === null) return;
    const columns = relation.columns.map(({ name, typeOid }, i) => ({
      name,
      type: { kind: 'other' } as const,
      sourceType: `oid ${typeOid}`,
      id: String(i + 1),
    }));
    decoder.setTable(relation.oid, { namespace: relation.namespace, name: relation.name, columns, key: [0] });
  };
  const lines: string[] = [];
  for (const message of messages) {
    const buffer = Buffer.from(message, 'hex');
    const step = await held.take(buffer, 0, buffer.length);
    if (step === 'plain') feed(buffer, 0, buffer.length);
    const committed = held.takeCommitted();
    if (committed !== null) {
      feed(committed.begin, 0, committed.begin.length);
      for await (const block of committed.blocks()) {
        for (const [start, end, relations] of committed.messages(block)) {
          if (isRelation(block, start)) announced.keep(Buffer.from(block.subarray(start, end)), relations);
          else feed(block, start, end);
        }
      }
      feed(committed.commit, 0, committed.commit.length);
      await committed.close();
    }
    for (const event of decoder.take()) {
      if (event.kind === 'begin') lines.push(event.transaction.id === 'message' ? 'begin message' : 'begin');
      else if (event.kind === 'rows') lines.push(...rowLines(event.run));
      else lines.push(event.kind === 'truncate' ? `truncate ${event.table.name}` : event.kind);
    }
  }
  await held.close();
  return lines;
}

function rowLines(run: RowRun): string[] {
  const width = run.table.columns.length;
  let at = 0;
  return Array.from({ length: run.count }, (_, row) => {
    const images = run.images[row]! === 3 ? 2 : 1;
    const cells = Array.from({ length: images }, () => {
      at += width;
      const image = run.cells.slice(at - width, at).map((cell) => (typeof cell === 'symbol' ? null : cell));
      return run.table.name === 'notes' ? [image[2], image[4]] : image;
    });
    return `${run.table.name} ${opLetter[run.ops[row]! as Op]} ${JSON.stringify(cells)}`;
  });
}
