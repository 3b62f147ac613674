import type { Terminal } from './context.ts';

const WIDTH = 28;
const REDRAW_MS = 100;

/** How far a command has got, with the time it will take, on the terminal; nothing where errors go to a file. */
export class Progress {
  readonly #shown: boolean;
  #label = '';
  #startedMs = 0;
  #drawnMs = 0;

  constructor(terminal: Terminal) {
    this.#shown = process.stderr.isTTY === true && !terminal.json;
  }

  /** @param label what is counted; another one than before begins anew */
  update(label: string, done: number, total: number): void {
    if (!this.#shown) return;
    const now = performance.now();
    if (label !== this.#label) {
      this.#label = label;
      this.#startedMs = now;
      this.#drawnMs = 0;
    }
    if (now - this.#drawnMs < REDRAW_MS && done < total) return;
    this.#drawnMs = now;
    process.stderr.write(`\r\x1b[K  ${progressLine(label, done, total, now - this.#startedMs)}`);
  }

  end(): void {
    if (this.#shown) process.stderr.write('\r\x1b[K');
  }
}

/** @param elapsedMs since the first of them */
export function progressLine(label: string, done: number, total: number, elapsedMs: number): string {
  const share = total === 0 ? 1 : Math.min(1, Math.max(0, done / total));
  const filled = Math.round(share * WIDTH);
  const bar = `${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)}`;
  const percent = `${String(Math.floor(share * 100)).padStart(3)}%`;
  const numbers = `${done.toLocaleString('en')} of ${total.toLocaleString('en')} ${label}`;
  // The first moments say little of the rest.
  const left = share <= 0 || elapsedMs < 1_000 ? '' : `, ${duration((elapsedMs / share) * (1 - share))} left`;
  return `${bar} ${percent}  ${numbers}${left}`;
}

function duration(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes} min ${seconds % 60} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
