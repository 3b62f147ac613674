import type { LogEvent, LogLevel } from './log.ts';

/** An equal line is printed at most this often. */
const REPEAT_MS = 10_000;
/** Lines remembered; a flood of more kinds than this passes unlimited rather than unseen. */
const MAX_KINDS = 500;

interface Kind {
  readonly level: LogLevel;
  event: LogEvent;
  printedMs: number;
  held: number;
}

/** Lines that were held back, to be told with their count. */
export interface HeldBack {
  readonly level: LogLevel;
  readonly event: LogEvent;
  readonly times: number;
}

/**
 * Keeps equal lines from flooding, also when others come between them. What is held back is not lost: when its time is over,
 * the newest of its kind is told with the count, before the next line of any kind.
 */
export class LogRepeats {
  readonly #kinds = new Map<string, Kind>();

  /** Whether the line is to be printed now; else it is counted. */
  mayPass(level: LogLevel, event: LogEvent, nowMs: number): boolean {
    // Who asks for these wants each.
    if (level === 'debug') return true;
    const key = keyOf(level, event);
    const kind = this.#kinds.get(key);
    if (kind !== undefined) {
      kind.event = event;
      kind.held++;
      return false;
    }
    if (this.#kinds.size < MAX_KINDS) this.#kinds.set(key, { level, event, printedMs: nowMs, held: 0 });
    return true;
  }

  /** What was held back for long enough. */
  due(nowMs: number): readonly HeldBack[] {
    const due: HeldBack[] = [];
    for (const [key, kind] of this.#kinds) {
      if (nowMs - kind.printedMs < REPEAT_MS) continue;
      if (kind.held === 0) {
        this.#kinds.delete(key);
        continue;
      }
      due.push({ level: kind.level, event: kind.event, times: kind.held });
      kind.printedMs = nowMs;
      kind.held = 0;
    }
    return due;
  }
}

/** Equal is what says the same of the same; how long until the next try, and how many rows, may differ. */
function keyOf(level: LogLevel, event: LogEvent): string {
  const { code, message, detail, sink, table, column, columns, reason, group, state } = event;
  return JSON.stringify([level, code, message, detail, sink, table, column, columns, reason, group, state]);
}
