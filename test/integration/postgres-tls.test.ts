import { appendFile, chown, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chooseServer } from '../../connectors/sources/postgres/server-choice.ts';
import type { PostgresTlsConfig } from '../../src/config/postgres-connection.ts';
import { isRowsealError } from '../../src/error/rowseal-error.ts';
import type { PostgresConnection } from '../../src/model/postgres-connection.ts';
import { makeAuthority, makeCertificate, type TestCertificate } from '../support/certificates.ts';
import { noPostgres } from '../support/needs.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { connectionTo, postgresOptions, postgresReader } from '../support/postgres-source.ts';

const authority = makeAuthority('Rowseal test authority');
const stranger = makeAuthority('Another authority');

const ROLES = `
  SET password_encryption = 'scram-sha-256';
  CREATE ROLE either LOGIN PASSWORD 'canary-either';
  CREATE ROLE tls_only LOGIN PASSWORD 'canary-tls';
  CREATE ROLE plain_only LOGIN PASSWORD 'canary-plain';
  CREATE ROLE clear LOGIN PASSWORD 'canary-clear';
  CREATE ROLE certified LOGIN SUPERUSER;`;
const HBA = `
local all all scram-sha-256
hostssl all certified 127.0.0.1/32 cert
hostssl all tls_only 127.0.0.1/32 scram-sha-256
hostnossl all plain_only 127.0.0.1/32 scram-sha-256
hostssl all clear 127.0.0.1/32 password
host all either,postgres all scram-sha-256
`;

let server: TestPostgres;
let directory: string;
let data: string;

async function serve(certificate: TestCertificate): Promise<void> {
  const { uid, gid } = await stat(data);
  for (const [name, text] of [
    ['server.crt', certificate.chain],
    ['server.key', certificate.key],
    ['root.crt', authority.pem],
  ] as const) {
    await writeFile(join(data, name), text, { mode: 0o600 });
    await chown(join(data, name), uid, gid);
  }
}

async function file(name: string, content: string): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, content, { mode: 0o600 });
  return path;
}

beforeAll(async () => {
  if (noPostgres(18)) return;
  directory = await mkdtemp(join(tmpdir(), 'rowseal-tls-'));
  server = await startPostgres(18);
  const client = await server.client();
  await client.query(ROLES);
  await client.end();
  await server.restart(async (dataDirectory) => {
    data = dataDirectory;
    await serve(makeCertificate(authority, 'server', { hosts: ['127.0.0.1'] }));
    await writeFile(join(data, 'pg_hba.conf'), HBA);
    await appendFile(
      join(data, 'postgresql.conf'),
      `ssl = on\nssl_ca_file = 'root.crt'\nunix_socket_directories = '${data}'\n`,
    );
  });
});

afterAll(async () => {
  await server?.stop();
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
});

/** Whether the session is covered, or the code of what went wrong. */
async function outcome(connection: PostgresConnection): Promise<string> {
  try {
    const { client } = await chooseServer(connection);
    const { rows } = await client.query<{ ssl: boolean }>(
      'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()',
    );
    await client.end();
    return rows[0]!.ssl ? 'tls' : 'plain';
  } catch (thrown) {
    if (!isRowsealError(thrown)) throw thrown;
    expect(`${thrown.message} ${thrown.fix} ${thrown.stack}`).not.toContain('canary');
    return thrown.code;
  }
}

function as(
  user: string,
  query = '',
  tls: Partial<PostgresTlsConfig> = {},
  host = '127.0.0.1',
): PostgresConnection {
  const password = user === 'certified' ? '' : `:canary-${user.replace('_only', '')}`;
  return connectionTo(`postgres://${user}${password}@${host}:${server.port}/postgres?${query}`, tls);
}

describe.skipIf(noPostgres(18))('TLS as libpq has it', () => {
  it('covers what the mode says, tries what the mode allows, and verifies what it promises', async () => {
    const ours = await file('ours.crt', authority.pem);
    const other = await file('other.crt', stranger.pem);
    const cases: readonly (readonly [string, PostgresConnection, string])[] = [
      ['loopback, nothing said', as('either'), 'plain'],
      ['disable', as('either', 'sslmode=disable'), 'plain'],
      ['disable, and the server wants TLS', as('tls_only', 'sslmode=disable'), 'RS-PG-002'],
      ['allow', as('either', 'sslmode=allow'), 'plain'],
      ['allow, and the server wants TLS', as('tls_only', 'sslmode=allow'), 'tls'],
      ['prefer', as('either', 'sslmode=prefer'), 'tls'],
      ['prefer, and the server wants none', as('plain_only', 'sslmode=prefer'), 'plain'],
      ['prefer, not verified', as('either', `sslmode=prefer&sslrootcert=${other}`), 'plain'],
      ['require', as('either', 'sslmode=require'), 'tls'],
      ['require, and the server wants none', as('plain_only', 'sslmode=require'), 'RS-PG-002'],
      [
        'require with an authority is verify-ca',
        as('either', `sslmode=require&sslrootcert=${other}`),
        'RS-PG-017',
      ],
      ['verify-ca', as('either', '', { mode: 'verify-ca', caFile: ours }), 'tls'],
      [
        'verify-ca of another name',
        as('either', '', { mode: 'verify-ca', caFile: ours }, 'localhost'),
        'tls',
      ],
      ['verify-ca, wrong authority', as('either', '', { mode: 'verify-ca', caFile: other }), 'RS-PG-017'],
      ['verify-full', as('either', '', { mode: 'verify-full', caFile: ours }), 'tls'],
      [
        'verify-full of another name',
        as('either', '', { mode: 'verify-full', caFile: ours }, 'localhost'),
        'RS-PG-041',
      ],
      ['verify-full, no authority', as('either', 'sslmode=verify-full'), 'RS-PG-017'],
      ['system', as('either', 'sslrootcert=system'), 'RS-PG-017'],
      ['direct', as('either', '', { mode: 'verify-full', caFile: ours, negotiation: 'direct' }), 'tls'],
      ['TLS 1.2', as('either', 'sslmode=require&ssl_max_protocol_version=TLSv1.2'), 'tls'],
    ];
    const found = [];
    for (const [name, connection] of cases) found.push([name, await outcome(connection)]);
    expect(found).toEqual(cases.map(([name, , expected]) => [name, expected]));
  });

  it('shows its own certificate, and says what is wrong with it', async () => {
    const ca = await file('ours.crt', authority.pem);
    const good = makeCertificate(authority, 'certified', { passphrase: 'canary-key' });
    const bad = makeCertificate(stranger, 'certified');
    const old = makeCertificate(authority, 'certified', { expired: true });
    const key = await file('good.key', good.key);
    const tls = { mode: 'verify-full', caFile: ca } as const;
    const shown = async (name: string, { chain, key }: TestCertificate, keyPassword: string | null = null) =>
      as('certified', '', {
        ...tls,
        certFile: await file(`${name}.crt`, chain),
        keyFile: await file(`${name}.key`, key),
        keyPassword,
      });
    const withKey = await shown('good', good, 'canary-key');
    expect(await outcome(withKey)).toBe('tls');
    expect(await outcome(as('certified', '', tls))).toBe('RS-PG-043');
    expect(await outcome(await shown('bad', bad))).toBe('RS-PG-043');
    expect(await outcome(await shown('old', old))).toBe('RS-PG-043');
    expect(await outcome(await shown('good', good, 'canary-wrong'))).toBe('RS-PG-044');
    expect(await outcome(await shown('good', good))).toBe('RS-PG-044');
    expect(await outcome(await shown('mixed', { chain: bad.chain, key: old.key }))).toBe('RS-PG-044');
    expect(() => as('certified', '', { ...tls, keyFile: key })).toThrow(
      expect.objectContaining({ code: 'RS-PG-044' }),
    );
    // Copy and stream go the same way.
    const client = await server.client();
    await client.query('CREATE TABLE covered (id int PRIMARY KEY); INSERT INTO covered VALUES (1)');
    const reader = postgresReader({ ...postgresOptions(server, ['covered']), connection: withKey });
    await reader.until('the copy', () => reader.rows('public.covered').length === 1);
    await client.query('INSERT INTO covered VALUES (2)');
    await reader.until('the stream', () => reader.rows('public.covered').length === 2);
    await expect
      .poll(
        async () => {
          const { rows } = await client.query(
            "SELECT bool_and(ssl) AS all, count(*) > 1 AS several FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'rowseal'",
          );
          return rows;
        },
        { timeout: 120_000 },
      )
      .toEqual([{ all: true, several: true }]);
    await reader.close();
    await client.end();
  });

  it('binds the password to the connection, or sends none', async () => {
    const bound = 'sslmode=require&channel_binding=require';
    expect(await outcome(as('either', bound))).toBe('tls');
    expect(await outcome(as('either', 'sslmode=disable&channel_binding=require'))).toBe('RS-PG-047');
    expect(await outcome(as('clear', 'sslmode=require'))).toBe('tls');
    expect(await outcome(as('clear', bound))).toBe('RS-PG-047');
    const { chain, key } = makeCertificate(authority, 'certified');
    const certified = { certFile: await file('c.crt', chain), keyFile: await file('c.key', key) };
    expect(await outcome(as('certified', bound, certified))).toBe('RS-PG-047');
    expect(await outcome(as('either', 'sslmode=require&channel_binding=disable'))).toBe('tls');
  });

  it('knows a certificate whose time is over, and reaches a socket file', async () => {
    const ca = await file('ours.crt', authority.pem);
    await serve(makeCertificate(authority, 'server', { hosts: ['127.0.0.1'], expired: true }));
    const client = await server.client();
    await client.query('SELECT pg_reload_conf()');
    const tls = { mode: 'verify-full', caFile: ca } as const;
    await expect.poll(() => outcome(as('either', '', tls)), { timeout: 120_000 }).toBe('RS-PG-042');
    const socket = encodeURIComponent(data);
    const through = (query: string): PostgresConnection =>
      connectionTo(`postgres://either:canary-either@/postgres?host=${socket}&port=${server.port}${query}`);
    expect(await outcome(through(''))).toBe('plain');
    // Nothing covers it, and nobody is on the way (manual 34.19.1).
    expect(await outcome(through('&sslmode=verify-full'))).toBe('plain');
    await client.end();
  });

  it('says that a password is missing', async () => {
    expect(await outcome(connectionTo(`postgres://either@127.0.0.1:${server.port}/postgres`))).toBe(
      'RS-PG-002',
    );
  });
});
