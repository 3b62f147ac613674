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

/** Statements that go with a COPY, so that all of them take one round trip and not three. */
export interface CopyCompany {
  readonly before: string;
  readonly after: string;
}

/**
 * @param into table and columns, quoted
 * @param company statements without parameters: a simple query may hold several, and COPY among them (55.2.2.1)
 */
export async function copyIn(
  client: Client,
  into: string,
  data: Buffer,
  company: CopyCompany | null = null,
): Promise<void> {
  const copy = `COPY ${into} FROM STDIN`;
  const sql = company === null ? copy : `${company.before}; ${copy}; ${company.after}`;
  await client.query(new CopyIn(sql, data)).done;
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
