import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { CopySocket } from '../../connectors/sources/postgres/copy-socket.ts';
import { pgoutputOptions } from '../../connectors/sources/postgres/stream-options.ts';
import { type PostgresMajor, startPostgres, type TestPostgres } from './postgres.ts';

/**
 * Records what real servers send with protocol version 2: `node test/support/make-postgres-fixtures.ts 18`. The scene and
 * what must come of it are in test/unit/postgres/golden.test.ts.
 */
const DIRECTORY = fileURLToPath(new URL('../golden/postgres/', import.meta.url));

const XLOG_DATA = 0x77;
const XLOG_HEADER_BYTES = 25;

for (const major of process.argv.slice(2).map((text) => Number(text) as PostgresMajor)) {
  // Before 16 only size makes a transaction come before its end: there the scene shows messages alone.
  const server = await startPostgres(
    major,
    major >= 16 ? { debug_logical_replication_streaming: 'immediate' } : {},
  );
  try {
    const messages = await record(server);
    mkdirSync(DIRECTORY, { recursive: true });
    writeFileSync(`${DIRECTORY}${major}.json`, `${JSON.stringify({ major, messages }, null, 1)}\n`);
  } finally {
    await server.stop();
  }
}

async function record(server: TestPostgres): Promise<readonly string[]> {
  const [client, other] = [await server.client(), await server.client()];
  await client.query('CREATE TABLE g (id int PRIMARY KEY, note text)');
  await client.query('CREATE PUBLICATION g FOR TABLE g');
  await client.query("SELECT pg_create_logical_replication_slot('g', 'pgoutput')");
  await play(client, other);
  const replication = new Client({
    connectionString: server.url(),
    replication: 'database',
  } as ConstructorParameters<typeof Client>[0]);
  await replication.connect();
  const socket = new CopySocket(replication, 'recording', 1 << 20);
  socket.start(
    `START_REPLICATION SLOT g LOGICAL 0/0 (${pgoutputOptions({ publication: 'g', streaming: true, origin: 'any' })})`,
  );
  const messages: string[] = [];
  let ended = false;
  while (!ended) {
    const bytes = await socket.read();
    if (bytes === null) break;
    await socket.split(bytes, (buffer, start, end) => {
      if (buffer[start] !== XLOG_DATA) return 'go-on';
      messages.push(buffer.toString('hex', start + XLOG_HEADER_BYTES, end));
      ended ||= buffer.includes('the end', start);
      return 'go-on';
    });
  }
  socket.discard();
  await replication.end();
  await client.end();
  await other.end();
  return messages;
}

async function play(client: Client, other: Client): Promise<void> {
  const emit = (by: Client, transactional: boolean, content: string): Promise<unknown> =>
    by.query('SELECT pg_logical_emit_message($1, $2, $3)', [transactional, 'audit.x', content]);
  await client.query('BEGIN');
  await client.query("INSERT INTO g VALUES (1, 'one')");
  await client.query('SAVEPOINT s');
  await client.query("INSERT INTO g VALUES (2, 'taken back')");
  await client.query('ROLLBACK TO s');
  await emit(client, true, 'inside');
  await other.query("INSERT INTO g VALUES (10, 'ten, é')");
  await emit(other, false, 'outside');
  await other.query('BEGIN');
  await other.query("INSERT INTO g VALUES (11, 'given up')");
  await other.query('ROLLBACK');
  await client.query('UPDATE g SET id = 3, note = NULL WHERE id = 1');
  await client.query('DELETE FROM g WHERE id = 3');
  await client.query('COMMIT');
  await client.query('TRUNCATE g');
  await emit(client, true, 'the end');
}
