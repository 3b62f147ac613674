import { styleText } from 'node:util';
import { pino } from 'pino';

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
  readonly group?: number;
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

const WEIGHT: Readonly<Record<LogLevel, number>> = { debug: 10, info: 20, warn: 30, error: 40 };

/** Equal lines in a row are printed at most this often, with a count. */
const REPEAT_MS = 10_000;

/** @param write takes whole lines, without a line end in JSON's case */
export function createLogger(options: {
  readonly pipeline: string;
  readonly level: LogLevel;
  readonly format: 'json' | 'pretty';
  readonly colour: boolean;
  readonly write: (text: string) => void;
}): Logger {
  const emit = options.format === 'json' ? jsonWriter(options) : prettyWriter(options);
  let last = '';
  let lastMs = 0;
  let repeats = 0;
  return {
    log(level, event) {
      if (WEIGHT[level] < WEIGHT[options.level]) return;
      const key = `${level} ${event.code ?? ''} ${event.message} ${event.detail ?? ''}`;
      const now = Date.now();
      if (key === last && now - lastMs < REPEAT_MS) {
        repeats++;
        return;
      }
      emit(
        level,
        repeats > 0 && key === last
          ? { ...event, message: `${event.message} (${repeats + 1} times)` }
          : event,
      );
      last = key;
      lastMs = now;
      repeats = 0;
    },
  };
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

function prettyWriter(options: { readonly colour: boolean; readonly write: (text: string) => void }): Writer {
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
      word,
      event.code === undefined ? '' : `${event.code} `,
      event.message,
    ];
    const facts = [
      event.sink === undefined ? '' : `sink ${event.sink}`,
      event.table ?? '',
      event.columns === undefined ? '' : event.columns.join(', '),
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
