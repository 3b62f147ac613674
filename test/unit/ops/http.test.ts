import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { accessOf, isLoopback } from '../../../src/config/http.ts';
import { isOpenToOthers } from '../../../src/config/key-file-mode.ts';
import { errorCodes } from '../../../src/error/codes.ts';
import type { Door } from '../../../src/ops/gatekeeper.ts';
import { type OpsServer, startOpsServer } from '../../../src/ops/http.ts';
import { opsRoom } from '../../support/ops-room.ts';

const TOKEN = 'long-enough-to-be-a-token';
const OPEN: Door = { token: null, tls: null };

let server: OpsServer | null = null;

afterEach(async () => {
  await server?.close();
  server = null;
});

async function start(door: Door, room = opsRoom()): Promise<string> {
  server = await startOpsServer({ host: '127.0.0.1', port: 0 }, door, [room]);
  return server.address;
}

const bearer = (token: string): RequestInit => ({ headers: { authorization: `Bearer ${token}` } });
const basic = (token: string): RequestInit => ({
  headers: { authorization: `Basic ${Buffer.from(`anybody:${token}`).toString('base64')}` },
});

describe('the door', () => {
  it('lets nobody in without the token, but answers probes, which learn the state and nothing else', async () => {
    const base = await start({ token: TOKEN, tls: null });
    for (const path of ['/', '/metrics', '/status.json', '/recent.json', '/nowhere']) {
      const refused = await fetch(base + path);
      expect({ path, status: refused.status }).toEqual({ path, status: 401 });
      expect(refused.headers.get('www-authenticate')).toMatch(/^Basic realm=/);
      for (const wrong of [
        bearer('wrong'),
        basic('wrong'),
        bearer(''),
        { headers: { authorization: TOKEN } },
      ])
        expect((await fetch(base + path, wrong)).status).toBe(401);
    }
    expect((await fetch(`${base}/verify`, { method: 'POST' })).status).toBe(401);
    expect(await (await fetch(`${base}/healthz`)).text()).toBe('ok\n');
    expect(await (await fetch(`${base}/readyz`)).json()).toEqual({ ready: true, state: 'streaming' });
    expect(await (await fetch(`${base}/readyz`, bearer(TOKEN))).json()).toHaveProperty('degraded');
  });

  it('takes the token as Bearer, and as the password of Basic, which a browser asks for', async () => {
    const base = await start({ token: TOKEN, tls: null });
    for (const init of [bearer(TOKEN), basic(TOKEN)])
      for (const path of ['/', '/metrics', '/status.json'])
        expect((await fetch(base + path, init)).status).toBe(200);
  });

  it('knows its own names only, on the loopback interface', async () => {
    const base = await start(OPEN);
    const port = new URL(base).port;
    const { status } = await new Promise<{ status: number }>((resolve, reject) => {
      import('node:http').then(({ get }) =>
        get(base, { headers: { host: `evil.example:${port}` } }, (response) => {
          response.resume();
          resolve({ status: response.statusCode! });
        }).on('error', reject),
      );
    });
    expect(status).toBe(421);
  });

  it('starts work for its own page only', async () => {
    let verified = 0;
    const base = await start(
      OPEN,
      opsRoom({
        verify: async () => {
          verified++;
          return { kind: 'elsewhere', why: 'it is large', command: 'rowseal audit verify' };
        },
      }),
    );
    const post = (headers: Record<string, string>): Promise<Response> =>
      fetch(`${base}/verify`, { method: 'POST', headers });
    expect((await post({ origin: 'https://evil.example' })).status).toBe(403);
    expect((await post({ origin: 'null' })).status).toBe(403);
    expect((await fetch(`${base}/verify`)).status).toBe(404);
    expect((await fetch(`${base}/`, { method: 'POST' })).status).toBe(405);
    expect(verified).toBe(0);
    const asked = await post({ origin: base, accept: 'application/json' });
    expect(await asked.json()).toMatchObject({ kind: 'elsewhere' });
    // Without scripts the answer is the page.
    expect(await (await post({ origin: base })).text()).toContain('it is large');
    expect(verified).toBe(2);
  });

  it('names every page and no other', async () => {
    const base = await start(OPEN);
    expect(await (await fetch(`${base}/recent.json`)).text()).toContain('http.recent_changes');
    expect((await fetch(`${base}/x`)).status).toBe(404);
    expect((await fetch(`${base}//`)).status).toBe(404);
    const head = await fetch(base, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });
});

describe('several pipelines behind one door', () => {
  it('are told together, and each by name', async () => {
    const rooms = [
      opsRoom({ metrics: async () => '# HELP a A.\n# TYPE a gauge\na{pipeline="shop"} 1\n' }),
      opsRoom(
        { metrics: async () => '# HELP a A.\n# TYPE a gauge\na{pipeline="clinic"} 2\n' },
        {
          pipeline: 'clinic',
          state: 'halted',
          reason: { code: 'RS-X', title: '<marquee>', detail: null, fix: 'f' },
        },
      ),
    ] as const;
    server = await startOpsServer({ host: '127.0.0.1', port: 0 }, { token: TOKEN, tls: null }, rooms);
    const base = server.address;
    const asked = (path: string, init?: RequestInit): Promise<Response> =>
      fetch(base + path, init ?? bearer(TOKEN));
    const probe = await fetch(`${base}/readyz`);
    expect([probe.status, await probe.json()]).toEqual([503, { ready: false }]);
    expect(await (await asked('/readyz')).json()).toMatchObject({
      ready: false,
      pipelines: { shop: { ready: true }, clinic: { ready: false, state: 'halted' } },
    });
    for (const path of ['/', '/status.json', '/metrics', '/pipelines/shop/', '/pipelines/shop/status.json'])
      expect([path, (await fetch(base + path)).status]).toEqual([path, 401]);
    expect(await (await asked('/metrics')).text()).toBe(
      '# HELP a A.\n# TYPE a gauge\na{pipeline="shop"} 1\na{pipeline="clinic"} 2\n',
    );
    const page = await (await asked('/')).text();
    expect(page).toContain('href="/pipelines/clinic/"');
    expect(page).not.toContain('<marquee>');
    expect(await (await asked('/pipelines/clinic/status.json')).json()).toMatchObject({ pipeline: 'clinic' });
    expect(await (await asked('/pipelines/clinic/')).text()).toContain('halted');
    for (const path of ['/recent.json', '/pipelines/none/', '/pipelines/shop', '/pipelines/shop/x'])
      expect([path, (await asked(path)).status]).toEqual([path, 404]);
    const post = (path: string): Promise<Response> =>
      asked(path, {
        method: 'POST',
        headers: { authorization: `Bearer ${TOKEN}`, accept: 'application/json' },
      });
    expect((await post('/verify')).status).toBe(405);
    expect(await (await post('/pipelines/shop/verify')).json()).toMatchObject({ kind: 'elsewhere' });
  });
});

describe('with TLS', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rowseal-tls-'));
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
  const read = (name: string): string => readFileSync(join(directory, name), 'utf8');
  const made = (() => {
    const issue = (name: string, ca: string): void => {
      openssl(
        'req',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-keyout',
        `${name}.key`,
        '-out',
        `${name}.csr`,
        '-subj',
        `/CN=${name}`,
      );
      openssl(
        'x509',
        '-req',
        '-in',
        `${name}.csr`,
        '-CA',
        `${ca}.pem`,
        '-CAkey',
        `${ca}.key`,
        '-CAcreateserial',
        '-days',
        '2',
        '-out',
        `${name}.pem`,
      );
    };
    try {
      for (const ca of ['ca', 'stranger'])
        openssl(
          'req',
          '-x509',
          '-newkey',
          'rsa:2048',
          '-nodes',
          '-keyout',
          `${ca}.key`,
          '-out',
          `${ca}.pem`,
          '-subj',
          `/CN=${ca}`,
          '-days',
          '2',
        );
      issue('server', 'ca');
      issue('prometheus', 'ca');
      issue('mallory', 'stranger');
      return true;
    } catch {
      console.error('\n!! No openssl here.\n!! THE TESTS OF CLIENT CERTIFICATES ARE SKIPPED.\n');
      return false;
    }
  })();

  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  const get = (base: string, path: string, client: string | null, token?: string): Promise<number> =>
    new Promise((resolve, reject) => {
      request(base + path, {
        ca: read('ca.pem'),
        checkServerIdentity: () => undefined,
        ...(client === null ? {} : { cert: read(`${client}.pem`), key: read(`${client}.key`) }),
        ...(token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }),
      })
        .on('response', (response) => {
          response.resume();
          resolve(response.statusCode!);
        })
        .on('error', reject)
        .end();
    });

  it.skipIf(!made)('a client certificate of the authority lets in, one of another does not', async () => {
    const tls = { cert: read('server.pem'), key: read('server.key'), clientCa: read('ca.pem') };
    const base = await start({ token: null, tls });
    expect(base).toMatch(/^https:/);
    expect(await get(base, '/metrics', 'prometheus')).toBe(200);
    expect(await get(base, '/metrics', null)).toBe(401);
    expect(await get(base, '/metrics', 'mallory')).toBe(401);
    expect(await get(base, '/healthz', null)).toBe(200);
    expect(await get(base, '/readyz', 'mallory')).toBe(200);
  });

  it.skipIf(!made)('token and certificate can be changed while it listens', async () => {
    const tls = { cert: read('server.pem'), key: read('server.key'), clientCa: read('ca.pem') };
    const base = await start({ token: TOKEN, tls });
    const shown = (): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = connect({ port: Number(new URL(base).port), rejectUnauthorized: false }, () => {
          resolve(String(socket.getPeerCertificate().subject.CN));
          socket.destroy();
        });
        socket.on('error', reject);
      });
    expect(await shown()).toBe('server');
    const other = {
      cert: read('prometheus.pem'),
      key: read('prometheus.key'),
      clientCa: read('stranger.pem'),
    };
    server!.changeDoor({ token: `other-${TOKEN}`, tls: other });
    expect(await shown()).toBe('prometheus');
    expect(await get(base, '/', null, TOKEN)).toBe(401);
    expect(await get(base, '/', null, `other-${TOKEN}`)).toBe(200);
    expect(await get(base, '/metrics', 'prometheus')).toBe(401);
    expect(await get(base, '/metrics', 'mallory')).toBe(200);
  });

  it.skipIf(!made)('a token does as well, where both are configured', async () => {
    const tls = { cert: read('server.pem'), key: read('server.key'), clientCa: read('ca.pem') };
    const base = await start({ token: TOKEN, tls });
    expect(await get(base, '/', null, TOKEN)).toBe(200);
    expect(await get(base, '/', 'prometheus')).toBe(200);
    expect(await get(base, '/', 'mallory', 'wrong')).toBe(401);
  });
});

describe('what the configuration may open', () => {
  const files = {
    secret: (file: string): string => (file === '/short' ? 'short\n' : `${TOKEN}\n`),
    open: (): string => 'not a certificate',
  };
  const http = {
    enabled: true,
    host: '0.0.0.0',
    port: 8484,
    token: null,
    tls: null,
    allowUnauthenticated: false,
    recentChanges: 0,
  };

  it('is not everything, to everybody, by accident', () => {
    for (const host of ['0.0.0.0', '::', '10.0.0.7', 'db.internal', '127.0.0.1.example'])
      expect(() => accessOf({ ...http, host }, {}, files)).toThrow(errorCodes['RS-HTTP-001'].title);
    for (const host of ['127.0.0.1', '127.8.8.8', '::1', 'localhost']) {
      expect(isLoopback(host)).toBe(true);
      expect(accessOf({ ...http, host }, {}, files)).toEqual({ token: null, tls: null });
    }
    expect(accessOf({ ...http, allowUnauthenticated: true }, {}, files).token).toBeNull();
    expect(accessOf({ ...http, token: { file: '/token' } }, {}, files).token).toBe(TOKEN);
    expect(accessOf({ ...http, token: { env: 'T' } }, { T: TOKEN }, files).token).toBe(TOKEN);
  });

  it('needs secrets that are there and good', () => {
    const failing =
      (more: object): (() => unknown) =>
      () =>
        accessOf({ ...http, ...more }, {}, files);
    expect(failing({ token: { file: '/short' } })).toThrow(errorCodes['RS-HTTP-002'].title);
    expect(failing({ token: { env: 'T' } })).toThrow(errorCodes['RS-CFG-004'].title);
    // Certificates of a server alone let nobody in, and keep nobody out.
    const tls = { certFile: '/c', keyFile: '/k', clientCaFile: null };
    expect(failing({ tls })).toThrow(errorCodes['RS-HTTP-001'].title);
    expect(failing({ tls: { ...tls, clientCaFile: '/ca' } })).toThrow(errorCodes['RS-HTTP-003'].title);
    expect(failing({ tls, token: { file: '/token' } })).toThrow(errorCodes['RS-HTTP-003'].title);
  });

  it('keeps secret files to their reader', () => {
    // Owner, mode, who asks.
    expect(isOpenToOthers(0o600, 1000, 1000)).toBe(false);
    expect(isOpenToOthers(0o400, 0, 0)).toBe(false);
    // Kubernetes: a file of root, lent to the pod's group.
    expect(isOpenToOthers(0o440, 0, 1000)).toBe(false);
    expect(isOpenToOthers(0o640, 0, 1000)).toBe(false);
    for (const [mode, owner, self] of [
      [0o440, 1000, 1000],
      [0o440, 0, 0],
      [0o440, 1001, 1000],
      [0o460, 0, 1000],
      [0o444, 0, 1000],
      [0o604, 0, 1000],
    ] as const)
      expect(isOpenToOthers(mode, owner, self)).toBe(true);
  });
});
