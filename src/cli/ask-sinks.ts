import type { GroupIndex, NeedFrom } from '../audit/audit-log.ts';
import { parseSignedHead } from '../audit/note.ts';
import type { RowsealConfig } from '../config/load.ts';
import type { SinkConfig } from '../config/sinks.ts';
import { RowsealError } from '../error/rowseal-error.ts';
import { toRowsealError } from '../error/unexpected.ts';
import type { Terminal } from './context.ts';
import { makeSink } from './make-sink.ts';

/** What a sink says that it has, or why it says nothing. */
export type AskedSink =
  | { readonly kind: 'has'; readonly sink: string; readonly cursor: GroupIndex | null }
  | { readonly kind: 'silent'; readonly sink: string; readonly error: RowsealError };

/** Asks every configured sink for the head that it stores with its cursor: that fences none, and changes nothing. */
export function askSinks(config: RowsealConfig): Promise<readonly AskedSink[]> {
  return Promise.all(config.sinks.map((sink) => ask(sink, config)));
}

async function ask(config: SinkConfig, all: RowsealConfig): Promise<AskedSink> {
  const { name } = config;
  try {
    const sink = await makeSink(config, all);
    try {
      const note = await sink.head();
      return { kind: 'has', sink: name, cursor: note === null ? null : cursorOf(note, name, all) };
    } finally {
      await sink.close().catch(() => {});
    }
  } catch (thrown) {
    return { kind: 'silent', sink: name, error: toRowsealError(thrown) };
  }
}

function cursorOf(note: string, sink: string, { audit }: RowsealConfig): GroupIndex {
  const head = parseSignedHead(note)?.head;
  if (head?.origin === audit.origin) return head.size - 1;
  throw new RowsealError('RS-RUN-006', {
    detail:
      head === undefined
        ? `what sink ${sink} holds as a head is none`
        : `sink ${sink} holds a head of the log ${head.origin}`,
  });
}

/** The sink that is furthest behind; null: none lacks anything. @throws RowsealError RS-AUD-034 when one cannot be asked */
export function furthestBehind(asked: readonly AskedSink[]): NeedFrom | null {
  let need: NeedFrom | null = null;
  for (const answer of asked) {
    if (answer.kind === 'silent') throw silent(answer);
    const group = (answer.cursor ?? -1) + 1;
    if (need === null || group < need.group) need = { kind: 'from', group, sink: answer.sink };
  }
  return need;
}

/** For who only wants to know: sinks that do not answer are told, and left out. */
export function furthestBehindOfAnswering(asked: readonly AskedSink[], t: Terminal): NeedFrom | null {
  for (const answer of asked)
    if (answer.kind === 'silent') t.out(`${t.paint('yellow', '!')} ${silent(answer).message}`);
  return furthestBehind(asked.filter(({ kind }) => kind === 'has'));
}

function silent({ sink, error }: Extract<AskedSink, { kind: 'silent' }>): RowsealError {
  return new RowsealError('RS-AUD-034', {
    detail: `sink ${sink} cannot be asked what it has (${error.code})`,
    state: 'nothing was changed',
    fix: 'make the sink reachable; if it is never to get these changes, add --regardless-of-sinks',
  });
}
