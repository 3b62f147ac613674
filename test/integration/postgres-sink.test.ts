import type { Socket } from 'node:net';
import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clientConfig } from '../../connectors/sinks/postgres/connection.ts';
import { fitName } from '../../connectors/sinks/postgres/identifier.ts';
import type { PostgresSinkOptions } from '../../connectors/sinks/postgres/options.ts';
import { createPostgresSink } from '../../connectors/sinks/postgres/sink.ts';
import { column, INT, rows, table } from '../support/masked.ts';
import { noPostgres } from '../support/needs.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { deliver, GroupMaker } from '../support/sink/groups.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

/** From some moment on nothing comes through any more, as if the host had lost its power. */
class VanishingProxy extends TcpProxy {
  readonly #joined: Socket[] = [];

  vanish(): void {
    for (const socket of this.#joined) socket.unpipe().pause();
  }

  protected override join(client: Socket, server: Socket): void {
    for (const socket of [client, server]) socket.on('error', () => {});
    client.pipe(server).pipe(client);
    this.#joined.push(client, server);
  }
}

let server: TestPostgres;
let client: Client;

describe.skipIf(noPostgres(18))('the Postgres sink', () => {
  beforeAll(async () => {
    server = await startPostgres(18);
    await server.createDatabase('warehouse');
    client = await server.client('warehouse');
    await client.query("CREATE ROLE loader LOGIN PASSWORD 'secret'");
    await client.query('REVOKE TEMPORARY ON DATABASE warehouse FROM PUBLIC');
  });

  afterAll(async () => {
    await client?.end();
    await server?.stop();
  });

  const options = (changes: Partial<PostgresSinkOptions> = {}): PostgresSinkOptions => ({
    name: 'w',
    url: `postgres://loader@127.0.0.1:${server.port}/warehouse`,
    password: 'secret',
    tlsMode: null,
    tlsCa: null,
    stateSchema: '_rowseal',
    schemaPrefix: '',
    fillfactor: 85,
    history: 'none',
    proof: true,
    maxDeadLetters: 10,
    ...changes,
  });

  it('says which privileges are missing, and works with just those', async () => {
    const sink = createPostgresSink(options({ schemaPrefix: 'least_' }));
    const missing = await sink.preflight();
    expect(missing.map(({ code }) => code)).toEqual(['RS-PGS-008', 'RS-PGS-008']);
    for (const { fix } of missing) await client.query(fix!);
    expect((await sink.preflight()).map(({ level }) => level)).toEqual(['ok']);
    await sink.open('p', 1n);
    const t = table('t', [column('id', 1, INT), column('v', 2)]);
    const group = new GroupMaker().seal([rows(t, 0, [{ op: 'c', after: ['1', 'x'] }])]);
    await deliver(sink, null, [group]);
    await sink.close();
    const { rows: found } = await client.query('SELECT id, v, _rowseal_op, _rowseal_seq FROM least_public.t');
    expect(found).toEqual([{ id: '1', v: 'x', _rowseal_op: 'c', _rowseal_seq: '3' }]);
  });

  it.each([
    ['a wrong password', { password: 'wrong' }, 'RS-PGS-002'],
    ['a database that is not there', { url: 'postgres://loader@127.0.0.1:%d/nowhere' }, 'RS-PGS-002'],
    ['a port where nobody listens', { url: 'postgres://loader@127.0.0.1:1/warehouse' }, 'RS-PGS-001'],
    ['TLS that the server does not speak', { tlsMode: 'verify-full' }, 'RS-PGS-009'],
    ['query parameters', { url: 'postgres://loader@127.0.0.1:%d/warehouse?sslmode=require' }, 'RS-PGS-011'],
    ['no URL', { url: 'warehouse' }, 'RS-PGS-011'],
  ] as const)('names %s', async (_, changes, code) => {
    const url = 'url' in changes ? changes.url.replace('%d', String(server.port)) : options().url;
    const sink = createPostgresSink(options({ ...changes, url }));
    const [finding] = await sink.preflight();
    expect(finding).toMatchObject({ level: 'error', code });
    expect(JSON.stringify(finding)).not.toMatch(/secret|wrong/);
    await expect(sink.open('p', 1n)).rejects.toMatchObject({ code });
  });

  it('stops where a view stands in the way of a schema change, and goes on when it is gone', async () => {
    const places = { stateSchema: 'state_view', schemaPrefix: 'view_' };
    const before = table('t', [column('id', 1, INT), column('v', 2)]);
    const after = table('t', [column('id', 1, INT)]);
    const maker = new GroupMaker();
    const sink = createPostgresSink(options({ ...places, url: server.url('warehouse'), password: null }));
    await sink.open('p', 1n);
    await deliver(sink, null, [maker.seal([rows(before, 0, [{ op: 'c', after: ['1', 'x'] }])])]);
    await client.query('CREATE VIEW mine AS SELECT v FROM view_public.t');
    const next = maker.seal([rows(after, 0, [{ op: 'c', after: ['2'] }])]);
    await expect(deliver(sink, 0, [next])).rejects.toMatchObject({ code: 'RS-PGS-010', kind: 'schema' });
    await client.query('DROP VIEW mine');
    expect(await deliver(sink, 0, [next])).toBe(1);
    await sink.close();
  });

  it('stops at a second row with one key, and says nothing of its value', async () => {
    const places = { stateSchema: 'state_twice', schemaPrefix: 'twice_' };
    const t = table('t', [column('id', 1)]);
    const maker = new GroupMaker();
    const sink = createPostgresSink(options({ ...places, url: server.url('warehouse'), password: null }));
    await sink.open('p', 1n);
    await deliver(sink, null, [maker.seal([rows(t, 0, [{ op: 'c', after: ['private'] }])])]);
    const again = deliver(sink, 0, [maker.seal([rows(t, 0, [{ op: 'c', after: ['private'] }])])]);
    await expect(again).rejects.toMatchObject({ code: 'RS-PGS-013', kind: 'data' });
    await expect(again).rejects.not.toMatchObject({ message: expect.stringContaining('private') });
    await sink.close();
  });

  it('asks a silent host after a minute whether it is there, and takes leave of one that is gone', async () => {
    expect(clientConfig(options())).toMatchObject({ keepAlive: true, keepAliveInitialDelayMillis: 60_000 });
    const proxy = new VanishingProxy('127.0.0.1', server.port);
    const url = new URL(server.url('warehouse'));
    url.host = `127.0.0.1:${await proxy.listen()}`;
    const sink = createPostgresSink(options({ stateSchema: 'state_gone', url: url.href, password: null }));
    try {
      await sink.open('p', 1n);
      proxy.vanish();
      const began = performance.now();
      await sink.close();
      expect(performance.now() - began).toBeLessThan(15_000);
    } finally {
      await proxy.close();
    }
  });

  it('keeps names of more than 63 bytes apart', () => {
    const a = fitName(`${'é'.repeat(40)}a`, '');
    const b = fitName(`${'é'.repeat(40)}b`, '');
    expect(Buffer.byteLength(a)).toBeLessThanOrEqual(63);
    expect(a).not.toBe(b);
    expect(fitName('x'.repeat(63), '__history')).toMatch(/^x+_[0-9a-f]{8}__history$/);
    expect(fitName('short', '_2')).toBe('short_2');
  });
});
