import type { Socket } from 'node:net';
import { TcpProxy } from './tcp-proxy.ts';

const NOTHING = Buffer.alloc(0);

interface Line {
  /** Bytes from the server that still come through; null: all. */
  left: number | null;
  end(): void;
}

/** Cuts connections off in the middle of whatever they are at, or lets nothing through and says nothing. */
export class UnreliableProxy extends TcpProxy {
  readonly #lines = new Set<Line>();
  cuts = 0;
  #frozen = false;

  /** Each connection at once, or after some more bytes: in the middle of a message, too. */
  cut(random: () => number): void {
    for (const line of this.#lines) {
      const roll = random();
      if (roll < 0.3) this.#end(line);
      else if (roll < 0.8) line.left = Math.floor(random() * 20_000);
    }
  }

  /** From now on nothing comes through, and nobody is told. */
  freeze(): void {
    this.#frozen = true;
  }

  thaw(): void {
    this.#frozen = false;
    // Some of their bytes are gone.
    for (const line of this.#lines) this.#end(line);
  }

  #end(line: Line): void {
    if (this.#lines.delete(line)) this.cuts++;
    line.end();
  }

  protected override join(client: Socket, server: Socket): void {
    const line: Line = {
      left: null,
      end: () => {
        client.destroy();
        server.destroy();
      },
    };
    this.#lines.add(line);
    const over = (): void => {
      this.#lines.delete(line);
      line.end();
    };
    for (const socket of [client, server]) socket.on('error', over).on('close', over);
    forward(client, server, (chunk) => (this.#frozen ? NOTHING : chunk));
    forward(server, client, (chunk) => {
      if (this.#frozen) return NOTHING;
      if (line.left === null) return chunk;
      if (line.left >= chunk.length) {
        line.left -= chunk.length;
        return chunk;
      }
      // What has come through until now still arrives.
      client.write(chunk.subarray(0, line.left), () => this.#end(line));
      return null;
    });
  }
}

function forward(from: Socket, to: Socket, through: (chunk: Buffer) => Buffer | null): void {
  from.on('data', (chunk: Buffer) => {
    const passed = through(chunk);
    if (passed === null || !to.write(passed)) from.pause();
  });
  to.on('drain', () => from.resume());
}
