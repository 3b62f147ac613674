import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { PostgresPosition } from '../../src/model/position.ts';
import { noPostgres } from '../support/needs.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { postgresOptions, postgresReader, resumed } from '../support/postgres-source.ts';
import { until } from '../support/project.ts';

/** Traps 3 and 4 of research/cdc.md §4: they take a server of their own each. */
describe('what a server can lose', () => {
  let server: TestPostgres | null = null;

  afterEach(async () => {
    await server?.stop();
    server = null;
  });

  it.skipIf(noPostgres(18))(
    '3: a slot that the server gave up is a hole, at the start and in the middle of the stream; it is told before',
    { timeout: 300_000 },
    async () => {
      server = await startPostgres(18, {
        max_slot_wal_keep_size: '160MB',
        max_wal_size: '32MB',
        min_wal_size: '32MB',
      });
      const client = await server.client();
      await client.query('CREATE TABLE t (id int PRIMARY KEY)');
      const options = postgresOptions(server, ['t']);
      const reader = postgresReader(options);
      await reader.until('streaming', () => reader.last?.phase === 'stream');
      // Takes nothing any more, so it confirms nothing.
      const paused = Promise.withResolvers<void>();
      reader.pause(paused.promise);
      await client.query('INSERT INTO t VALUES (1)');
      await until('the warning', async () => {
        await client.query(
          "SELECT pg_logical_emit_message(false, 'x', repeat('y', 1000000)), pg_switch_wal()",
        );
        // It looks once a second; not a segment is written before it has seen this one.
        const { rows } = await client.query<{ safe: string }>(
          'SELECT safe_wal_size AS safe FROM pg_replication_slots',
        );
        await until('a look', () => {
          const { retention } = reader.source.stats();
          return retention?.safeBytes != null && retention.safeBytes <= Number(rows[0]!.safe);
        });
        return (reader.source.stats().warnings ?? []).length > 0;
      });
      expect(reader.source.stats().warnings![0]).toMatchObject({ code: 'RS-PG-026' });
      expect(reader.source.stats().retention!.safeBytes).toBeLessThan(40 << 20);
      await until('the slot is lost', async () => {
        await client.query(
          "SELECT pg_logical_emit_message(false, 'x', repeat('y', 1000000)), pg_switch_wal()",
        );
        await client.query('CHECKPOINT');
        const { rows } = await client.query<{ status: string }>(
          'SELECT wal_status AS status FROM pg_replication_slots',
        );
        return rows[0]!.status === 'lost';
      });
      // Though nothing was taken from it, the connection did not keep the server from its checkpoint.
      paused.resolve();
      // The middle of the stream ends as a lost connection or a lost slot; the start says what it was.
      expect(await reader.fails()).toMatchObject({ code: expect.stringMatching(/RS-PG-016|RS-PG-019/) });
      const again = postgresReader(options, reader.last);
      expect(await again.fails()).toMatchObject({ code: 'RS-PG-019', kind: 'source-lost' });
      await client.end();
    },
  );

  it.skipIf(noPostgres(18))(
    '4: another timeline is a hole, unless a failover slot and all that was sealed are on it',
    { timeout: 300_000 },
    async () => {
      server = await startPostgres(18);
      let client = await server.client();
      await client.query('CREATE TABLE t (id int PRIMARY KEY)');
      const plain = postgresOptions(server, ['t'], { slot: 'plain', publication: 'plain' });
      const failover = postgresOptions(server, ['t'], {
        slot: 'kept',
        publication: 'kept',
        failoverSlot: true,
      });
      const first = postgresReader(plain);
      const second = postgresReader(failover);
      for (const reader of [first, second]) {
        await reader.until('streaming', () => reader.last?.phase === 'stream');
        await reader.close();
      }
      await client.query('INSERT INTO t VALUES (1)');
      await client.end();
      // As a standby that has received everything and is promoted.
      await server.restart(async (data) => {
        await writeFile(join(data, 'recovery.signal'), '');
        await writeFile(join(data, 'postgresql.auto.conf'), "restore_command = 'false'\n");
      });
      client = await server.client();
      await client.query('INSERT INTO t VALUES (2)');
      expect(await postgresReader(plain, first.last).fails()).toMatchObject({
        code: 'RS-PG-010',
        kind: 'source-lost',
      });
      const phantom = { ...(second.last as PostgresPosition), lsn: 1n << 40n };
      expect(await postgresReader(failover, phantom).fails()).toMatchObject({ code: 'RS-PG-010' });
      const reader = resumed(failover, second);
      await reader.until('both rows', () => reader.rows('public.t').length === 2);
      expect((reader.last as PostgresPosition).timeline).toBe(2);
      await reader.close();
      await client.end();
    },
  );

  it.skipIf(noPostgres(15))('4: an older server says that it has no failover slots', async () => {
    server = await startPostgres(15);
    const client = await server.client();
    await client.query('CREATE TABLE t (id int PRIMARY KEY)');
    await client.end();
    const options = postgresOptions(server, ['t'], { failoverSlot: true });
    expect(await postgresReader(options).fails()).toMatchObject({ code: 'RS-PG-032', kind: 'config' });
  });
});
