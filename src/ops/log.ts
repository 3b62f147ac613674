import { styleText } from 'node:util';
import { pino } from 'pino';
import { LogRepeats } from './log-repeats.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/**
 * One line. Only these fields exist: there is no way to hand a row, an Error or a free object to the logger, because
 * redaction by path is no control (pino prints `err.detail` of a driver as it comes).
 */
export interface LogEvent {
  readonly message: string;
  readonly code?: string;
  readonly state?: string;
  readonly sink?: string;
  readonly table?: string;
  readonly columns?: readonly string[];
  readonly column?: string;
  /** Why a value did not fit; a class of personal data. */
  readonly reason?: string;
  /** Sealed group that the line is about: the same number at the seal, at each sink and in `audit show`. */
  readonly group?: number;
  /** Of a batch of several: its first group; `group` is its last. */
  readonly first_group?: number;
  readonly position?: string;
  readonly detail?: string;
  readonly fix?: string;
  readonly retry_in_ms?: number;
  readonly address?: string;
  readonly rows?: number;
}

export interface Logger {
  log(level: LogLevel, event: LogEvent): void;
}

/** A logger that can be told to say more or less while it is in use. */
export interface LevelledLogger extends Logger {
  level: LogLevel;
}

const WEIGHT: Readonly<Record<LogLevel, number>> = { debug: 10, info: 20, warn: 30, error: 40 };

/** @param write takes whole lines, without a line end in JSON's case */
export function createLogger(options: {
  readonly pipeline: string;
  readonly level: LogLevel;
  readonly format: 'json' | 'pretty';
  readonly colour: boolean;
  /** Lines for people name the pipeline too; JSON always does. */
  readonly named?: boolean;
  readonly write: (text: string) => void;
}): LevelledLogger {
  const emit = options.format === 'json' ? jsonWriter(options) : prettyWriter(options);
  const repeats = new LogRepeats();
  const logger: LevelledLogger = {
    level: options.level,
    log(level, event) {
      if (WEIGHT[level] < WEIGHT[logger.level]) return;
      const now = performance.now();
      for (const held of repeats.due(now)) emit(held.level, counted(held.event, held.times));
      if (repeats.mayPass(level, event, now)) emit(level, event);
    },
  };
  return logger;
}

function counted(event: LogEvent, times: number): LogEvent {
  return { ...event, message: `${event.message} (${times} more ${times === 1 ? 'time' : 'times'})` };
}

type Writer = (level: LogLevel, event: LogEvent) => void;

function jsonWriter(options: { readonly pipeline: string; readonly write: (text: string) => void }): Writer {
  const logger = pino(
    {
      level: 'debug',
      base: { pipeline: options.pipeline },
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: 'message',
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: options.write },
  );
  return (level, { message, ...fields }) => logger[level](fields, message);
}

function prettyWriter(options: {
  readonly pipeline: string;
  readonly colour: boolean;
  readonly named?: boolean;
  readonly write: (text: string) => void;
}): Writer {
  const paint = (format: Parameters<typeof styleText>[0], text: string): string =>
    options.colour ? styleText(format, text, { validateStream: false }) : text;
  return (level, event) => {
    const time = new Date().toISOString().slice(11, 19);
    const word =
      level === 'error'
        ? paint('red', 'error')
        : level === 'warn'
          ? paint('yellow', 'warn ')
          : level === 'debug'
            ? paint('gray', 'debug')
            : 'info ';
    const parts = [
      paint('gray', time),
      options.named === true ? `${word} ${options.pipeline}:` : word,
      event.code === undefined ? '' : `${event.code} `,
      event.message,
    ];
    const facts = [
      event.sink === undefined ? '' : `sink ${event.sink}`,
      event.table ?? '',
      event.columns === undefined ? '' : event.columns.join(', '),
      groupsOf(event),
      event.detail ?? '',
      event.position ?? '',
      event.address ?? '',
      event.rows === undefined ? '' : `${event.rows} rows`,
      event.retry_in_ms === undefined ? '' : `again in ${Math.round(event.retry_in_ms / 100) / 10} s`,
      event.fix === undefined ? '' : `fix: ${event.fix}`,
    ].filter((fact) => fact !== '');
    options.write(
      `${parts[0]} ${parts[1]} ${parts[2]}${parts[3]}${facts.length === 0 ? '' : `  ${paint('gray', facts.join('  '))}`}\n`,
    );
  };
}

function groupsOf({ group, first_group: first }: LogEvent): string {
  if (group === undefined) return '';
  return first === undefined || first === group ? `group ${group}` : `groups ${first}–${group}`;
}
