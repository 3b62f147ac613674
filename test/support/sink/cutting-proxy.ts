import type { Socket } from 'node:net';
import { TcpProxy } from '../tcp-proxy.ts';

/** A simple query `COMMIT` of the Postgres protocol: 'Q', length, text, NUL. */
const COMMIT = Buffer.from([0x51, 0, 0, 0, 11, ...Buffer.from('COMMIT\0')]);

/** Stands between a client and a server, and cuts the connection around a commit when it is told to. */
export class CuttingProxy extends TcpProxy {
  #cut: 'before' | 'after' | null = null;

  cutNextCommit(when: 'before' | 'after'): void {
    this.#cut = when;
  }

  protected override join(client: Socket, server: Socket): void {
    let swallowAnswer = false;
    const end = (): void => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) socket.on('error', end).on('close', end);
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
