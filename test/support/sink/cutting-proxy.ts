import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A simple query `COMMIT` of the Postgres protocol: 'Q', length, text, NUL. */
const COMMIT = Buffer.from([0x51, 0, 0, 0, 11, ...Buffer.from('COMMIT\0')]);

/** Stands between a client and a server, and cuts the connection around a commit when it is told to. */
export class CuttingProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #cut: 'before' | 'after' | null = null;

  constructor(host: string, port: number) {
    this.#server = createServer((client) => this.#join(client, connect(port, host)));
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  cutNextCommit(when: 'before' | 'after'): void {
    this.#cut = when;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(client: Socket, server: Socket): void {
    let swallowAnswer = false;
    const end = (): void => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on('error', end).on('close', end);
    }
    client.on('data', (chunk: Buffer) => {
      const cut = this.#cut !== null && chunk.includes(COMMIT) ? this.#cut : null;
      if (cut !== null) this.#cut = null;
      if (cut === 'before') return end();
      swallowAnswer ||= cut === 'after';
      server.write(chunk);
    });
    server.on('data', (chunk: Buffer) => {
      // The server answers only when the commit is done.
      if (swallowAnswer) return end();
      client.write(chunk);
    });
  }
}
