import { type ClientConfig, Connection } from 'pg';
import { RowsealError } from '../../../src/error/rowseal-error.ts';

const BOUND = 'SCRAM-SHA-256-PLUS';

/**
 * `channel_binding=require`: the server proves with the password that the certificate is its own (RFC 5802 §6, RFC 5929). No password
 * is sent, in whatever form, and no session begins, unless it is so: an impostor could relay any other way to log in.
 */
export class RequiredBinding {
  /** For the client, which listens to it after this. */
  readonly connection: Connection;
  #offered = false;
  #proven = false;

  constructor(ssl: ClientConfig['ssl'], sslNegotiation: string) {
    this.connection = new Connection({ ssl, sslNegotiation, keepAlive: true } as never);
    const events = this.connection as NodeJS.EventEmitter;
    events.on('authenticationSASL', ({ mechanisms }: { readonly mechanisms: readonly string[] }) => {
      this.#offered = ssl !== false && mechanisms.includes(BOUND);
    });
    events.on('authenticationSASLFinal', () => {
      this.#proven = this.#offered;
    });
    events.on('authenticationOk', () => {
      if (!this.#proven) this.connection.emit('error', refusal());
    });
  }

  /** @throws RowsealError RS-PG-047 */
  check(): void {
    if (!this.#offered) throw refusal();
  }
}

function refusal(): RowsealError {
  return new RowsealError('RS-PG-047');
}
