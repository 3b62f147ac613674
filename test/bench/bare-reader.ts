import { Client } from 'pg';
import { CopySocket } from '../../connectors/sources/postgres/copy-socket.ts';
import { standbyStatus } from '../../connectors/sources/postgres/standby-status.ts';
import { formatLsn } from '../../src/model/position.ts';

/** Drains a slot without decoding: how fast bytes can be had at all. Resolves with the seconds it took. */
export async function drainBare(
  url: string,
  slot: string,
  publication: string,
  end: bigint,
): Promise<number> {
  const client = new Client({ connectionString: url, replication: 'database' } as ConstructorParameters<
    typeof Client
  >[0]);
  await client.connect();
  const socket = new CopySocket(client, 'draining', 1 << 20);
  const startedMs = performance.now();
  socket.start(
    `START_REPLICATION SLOT "${slot}" LOGICAL 0/0 (proto_version '1', publication_names '"${publication}"')`,
  );
  let reached = 0n;
  while (reached < end) {
    const bytes = await socket.read();
    if (bytes === null) break;
    await socket.split(bytes, (buffer, start) => {
      // Keepalives say how far the server has sent; a commit message ends with its own end position.
      if (buffer[start] === 0x6b) {
        reached = buffer.readBigUInt64BE(start + 1);
        if (buffer[start + 17] === 1) socket.send(standbyStatus(reached, 0n, Date.now()));
      } else if (buffer[start + 25] === 0x43) reached = buffer.readBigUInt64BE(start + 25 + 1 + 1 + 8);
      return 'go-on';
    });
  }
  const seconds = (performance.now() - startedMs) / 1000;
  socket.discard();
  await client.end();
  if (reached < end) throw new Error(`the stream ended at ${formatLsn(reached)}`);
  return seconds;
}
