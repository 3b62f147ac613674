import type { Terminal } from '../context.ts';

const WIDTH = 32;
const REDRAW_MS = 100;

/** A bar on a terminal; nothing where the output is a file or a pipe. */
export class ProgressBar {
  readonly #terminal: Terminal;
  readonly #label: string;
  readonly #total: number;
  #drawnMs = 0;

  constructor(terminal: Terminal, label: string, total: number) {
    this.#terminal = terminal;
    this.#label = label;
    this.#total = total;
  }

  update(done: number): void {
    const now = performance.now();
    if (!this.#terminal.interactive || now - this.#drawnMs < REDRAW_MS) return;
    this.#drawnMs = now;
    const share = Math.min(1, Math.max(0, done / this.#total));
    const filled = Math.round(share * WIDTH);
    process.stdout.write(
      `\r  ${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)} ${String(Math.floor(share * 100)).padStart(3)}%  ${Math.max(0, done).toLocaleString('en')} ${this.#label}`,
    );
  }

  done(): void {
    if (this.#terminal.interactive) process.stdout.write(`\r${' '.repeat(WIDTH + 50)}\r`);
  }
}
