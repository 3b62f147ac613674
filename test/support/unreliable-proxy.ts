import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

const NOTHING = Buffer.alloc(0);

interface Line {
  /** Bytes from the server that still come through; null: all. */
  left: number | null;
  end(): void;
}

/** Stands between clients and a server, and cuts connections off in the middle of whatever they are at. */
export class UnreliableProxy {
  readonly #server: Server;
  readonly #lines = new Set<Line>();
  cuts = 0;
  #frozen = false;

  constructor(host: string, port: number) {
    this.#server = createServer((client) => this.#join(client, connect(port, host)));
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

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
    // Their bytes are gone: what was frozen stays so.
    for (const line of this.#lines) this.#end(line);
  }

  async close(): Promise<void> {
    for (const line of this.#lines) line.end();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #end(line: Line): void {
    if (this.#lines.delete(line)) this.cuts++;
    line.end();
  }

  #join(client: Socket, server: Socket): void {
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
      const rest = chunk.subarray(0, line.left);
      // What has come through until now still arrives.
      client.write(rest, () => this.#end(line));
      return null;
    });
  }
}

function forward(from: Socket, to: Socket, through: (chunk: Buffer) => Buffer | null): void {
  from.on('data', (chunk: Buffer) => {
    const passed = through(chunk);
    if (passed === null) from.pause();
    else if (!to.write(passed)) from.pause();
  });
  to.on('drain', () => from.resume());
}
