import type { Client, Connection, Submittable } from 'pg';

/**
 * `COPY … FROM STDIN` in text format (PostgreSQL manual, COPY and 55.2.6): a query of the driver that answers the
 * server's request for data with all of it.
 */
class CopyIn implements Submittable {
  readonly done: Promise<void>;
  readonly #sql: string;
  readonly #data: Buffer;
  #resolve: () => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor(sql: string, data: Buffer) {
    this.#sql = sql;
    this.#data = data;
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  submit(connection: Connection): void {
    connection.query(this.#sql);
  }

  handleCopyInResponse(connection: CopyConnection): void {
    connection.sendCopyFromChunk(this.#data);
    connection.endCopyFrom();
  }

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {
    this.#resolve();
  }

  handleError(error: unknown): void {
    this.#reject(error);
  }
}

/** What the driver's connection can do besides what its types say. */
interface CopyConnection {
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

/** @param into table and columns, quoted */
export async function copyIn(client: Client, into: string, data: Buffer): Promise<void> {
  await client.query(new CopyIn(`COPY ${into} FROM STDIN`, data)).done;
}

/** Rows of column arrays in the text format of COPY. */
export function copyText(columns: readonly (readonly (string | null)[])[], count: number): Buffer {
  const width = columns.length;
  let text = '';
  for (let row = 0; row < count; row++) {
    for (let i = 0; i < width; i++) {
      if (i > 0) text += '\t';
      const cell = columns[i]![row]!;
      if (cell === null) text += '\\N';
      else text += SPECIAL.test(cell) ? cell.replace(EACH_SPECIAL, escaped) : cell;
    }
    text += '\n';
  }
  return Buffer.from(text, 'utf8');
}

const SPECIAL = /[\\\t\n\r]/;
const EACH_SPECIAL = /[\\\t\n\r]/g;

function escaped(character: string): string {
  switch (character) {
    case '\t':
      return '\\t';
    case '\n':
      return '\\n';
    case '\r':
      return '\\r';
    default:
      return '\\\\';
  }
}
