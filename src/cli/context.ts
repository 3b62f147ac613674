import { readFileSync } from 'node:fs';
import { styleText } from 'node:util';
import type { RenderOptions } from '../error/render.ts';

/** What a command prints with: results to stdout, talk to stderr, colour only on a terminal. */
export interface Terminal {
  readonly json: boolean;
  readonly interactive: boolean;
  /** A line of result. */
  out(text: string): void;
  /** A line of talk; silent under `--json`. */
  say(text: string): void;
  /** One JSON document; only under `--json`. */
  result(value: unknown): void;
  paint(style: 'red' | 'yellow' | 'green' | 'bold' | 'gray' | 'cyan', text: string): string;
}

export function terminal(json: boolean): Terminal {
  const colour = process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined && !json;
  return {
    json,
    interactive: process.stdout.isTTY === true && !json,
    out: (text) => {
      if (!json) process.stdout.write(`${text}\n`);
    },
    say: (text) => {
      if (!json) process.stderr.write(`${text}\n`);
    },
    result: (value) => {
      if (json)
        process.stdout.write(
          `${JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? String(item) : item))}\n`,
        );
    },
    paint: (style, text) => (colour ? styleText(style, text, { validateStream: false }) : text),
  };
}

export function renderOptions(t: Terminal): RenderOptions {
  return {
    paint: (style, text) => t.paint(style, text),
    lineOf: (file, line) => {
      try {
        return readFileSync(file, 'utf8').split('\n')[line - 1] ?? null;
      } catch {
        return null;
      }
    },
  };
}

export function packageVersion(): string {
  // From the sources: ../../package.json; from dist/src/cli: one level more.
  for (const up of ['../../package.json', '../../../package.json']) {
    try {
      const parsed = JSON.parse(readFileSync(new URL(up, import.meta.url), 'utf8')) as {
        name?: string;
        version?: string;
      };
      if (parsed.name === 'rowseal' && parsed.version !== undefined) return parsed.version;
    } catch {
      // The other place has it.
    }
  }
  return 'unknown';
}
