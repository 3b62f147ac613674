import { afterEach, describe, expect, it } from 'vitest';
import type { PostgresPosition } from '../../src/model/position.ts';
import { noPostgres } from '../support/needs.ts';
import { startPostgres, startStandby, type TestPostgres } from '../support/postgres.ts';
import { connectionTo, postgresOptions, postgresReader, resumed } from '../support/postgres-source.ts';
import { until } from '../support/project.ts';

const running: TestPostgres[] = [];

afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
});

describe('several hosts', () => {
  it.skipIf(noPostgres(18))(
    'a standby is passed over until it is promoted; then the stream goes on there, and never back on the old timeline',
    { timeout: 300_000 },
    async () => {
      const primary = await startPostgres(18);
      running.push(primary);
      const standby = await startStandby(primary, 'standby', {
        hot_standby_feedback: 'on',
        sync_replication_slots: 'on',
      });
      running.push(standby);
      let client = await primary.client();
      // Nothing is sent to a reader before the standby has it.
      await client.query("ALTER SYSTEM SET synchronized_standby_slots = 'standby'");
      await client.query('SELECT pg_reload_conf()');
      await client.query('CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1)');
      const hosts = (first: TestPostgres, second: TestPostgres, more = '') =>
        connectionTo(
          `postgres://postgres:test@127.0.0.1:${first.port},127.0.0.1:${second.port}/postgres${more}`,
        );
      const options = postgresOptions(primary, ['t'], {
        failoverSlot: true,
        connection: hosts(standby, primary),
      });
      const first = postgresReader(options);
      await first.until('the copy', () => first.last?.phase === 'stream');
      await client.query('INSERT INTO t VALUES (2)');
      await first.until('the stream', () => first.rows('public.t').length === 2);
      expect((first.last as PostgresPosition).timeline).toBe(1);
      const onStandby = await standby.client();
      await until('the standby keeps the slot', async () => {
        await client.query('SELECT pg_log_standby_snapshot()');
        const { rows } = await onStandby.query(
          "SELECT 1 FROM pg_replication_slots WHERE slot_name = 'rowseal_it' AND synced AND NOT temporary",
        );
        return rows.length === 1;
      });
      // By itself a standby is no source; it is said as what it is.
      expect(
        await postgresReader({ ...options, connection: connectionTo(standby.url()) }, first.last).fails(),
      ).toMatchObject({ code: 'RS-PG-046', kind: 'transient' });
      await client.query("INSERT INTO t VALUES (3, 'before the failover')");
      await first.until('the last row', () => first.rows('public.t').length === 3);
      await client.end();

      const down = Promise.withResolvers<void>();
      const back = Promise.withResolvers<void>();
      const returned = primary.restart(() => {
        down.resolve();
        return back.promise;
      });
      await down.promise;
      expect(await first.fails()).toMatchObject({ kind: 'transient' });
      // Nobody has been promoted yet.
      expect(await resumed(options, first).fails()).toMatchObject({ code: 'RS-PG-045', kind: 'transient' });
      await onStandby.query('SELECT pg_promote()');
      await onStandby.query("INSERT INTO t VALUES (4, 'after the failover'); DELETE FROM t WHERE id = 1");
      const second = resumed({ ...options, connection: hosts(primary, standby) }, first);
      await second.until(
        'the new primary',
        () => second.rows('public.t').length === 3 && second.rows('public.t')[2]![0] === '4',
      );
      expect(second.rows('public.t').map(([id]) => id)).toEqual(['2', '3', '4']);
      expect((second.last as PostgresPosition).timeline).toBe(2);
      await second.close();

      // The old primary comes back as one: what it says now is another history.
      back.resolve();
      await returned;
      client = await primary.client();
      await client.query("INSERT INTO t VALUES (5, 'of the old primary')");
      await client.end();
      const alone = resumed({ ...options, connection: connectionTo(primary.url()) }, second);
      expect(await alone.fails()).toMatchObject({ code: 'RS-PG-010', kind: 'source-lost' });
      await onStandby.query("INSERT INTO t VALUES (6, 'of the new primary')");
      const third = resumed({ ...options, connection: hosts(primary, standby) }, second);
      await third.until('the new primary again', () => third.rows('public.t').length === 4);
      expect(third.rows('public.t').map(([id]) => id)).toEqual(['2', '3', '4', '6']);
      await third.close();
      await onStandby.end();
    },
  );
});
