import type { SpillStats } from '../../../src/capture/source.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';

/** What speaks against so many bytes more on the disk; null: nothing. */
export type AskRoom = (bytes: number) => Promise<string | null>;

/** What holds bytes of a {@link SpillSpace}. */
export interface SpaceHolder {
  giveUp(): void;
}

/**
 * The place on the disk where transactions are kept that come before their end: whether there is room, and what is there. It
 * outlives the connections, so it counts for as long as the process lives.
 */
export class SpillSpace {
  readonly directory: string;
  readonly #ask: AskRoom;
  readonly #holders = new Set<SpaceHolder>();
  #bytes = 0;
  #writtenBytes = 0;

  constructor(directory: string, ask: AskRoom) {
    this.directory = directory;
    this.#ask = ask;
  }

  get stats(): SpillStats {
    return { bytes: this.#bytes, transactions: this.#holders.size, writtenBytes: this.#writtenBytes };
  }

  /** Asked before every write, never from memory: others fill the volume too. @throws RowsealError RS-PG-050 */
  async admit(bytes: number): Promise<void> {
    const against = await this.#ask(bytes);
    if (against !== null) throw new RowsealError('RS-PG-050', { detail: against });
  }

  enter(holder: SpaceHolder): void {
    this.#holders.add(holder);
  }

  wrote(bytes: number): void {
    this.#bytes += bytes;
    this.#writtenBytes += bytes;
  }

  /** @param bytes all that it wrote */
  leave(holder: SpaceHolder, bytes: number): void {
    if (this.#holders.delete(holder)) this.#bytes -= bytes;
  }

  /** Everything that is kept here goes now; whoever comes back for it is told so. */
  giveUp(): void {
    for (const holder of [...this.#holders]) holder.giveUp();
  }
}
