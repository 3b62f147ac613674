import { createInterface } from 'node:readline/promises';
import { RowsealError } from '../error/rowseal-error.ts';

/** Whether somebody is there to answer. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

export interface Question<T> {
  readonly ask: string;
  /** What an empty answer means, as it is shown; none: there must be an answer. */
  readonly otherwise?: string;
  /** The answer, or why it is none, to be asked again. */
  readonly read: (text: string) => { readonly value: T } | { readonly wrong: string };
}

/**
 * Asks on the terminal until the answer is one. Questions go to stderr: stdout is for results.
 *
 * @throws RowsealError RS-CLI-003 when the terminal is closed or the person breaks off
 */
export async function askFor<T>({ ask, otherwise, read }: Question<T>): Promise<T> {
  const prompt = createInterface({ input: process.stdin, output: process.stderr, terminal: true });
  const given = new AbortController();
  prompt.on('SIGINT', () => given.abort());
  prompt.on('close', () => given.abort());
  const shown = otherwise === undefined ? '' : ` [${otherwise}]`;
  try {
    for (;;) {
      const text = (await prompt.question(`${ask}${shown}: `, { signal: given.signal })).trim();
      const answer = text === '' ? (otherwise ?? '') : text;
      const judged = read(answer);
      if ('value' in judged) return judged.value;
      process.stderr.write(`  ${judged.wrong}\n`);
    }
  } catch (thrown) {
    if (!given.signal.aborted) throw thrown;
    process.stderr.write('\n');
    throw new RowsealError('RS-CLI-003');
  } finally {
    prompt.close();
  }
}

/** Words separated by commas or spaces; `none` and `all` are no words. */
export function wordsOf(text: string): readonly string[] {
  return text.split(/[\s,]+/).filter((word) => word !== '' && word !== 'none' && word !== 'all');
}
