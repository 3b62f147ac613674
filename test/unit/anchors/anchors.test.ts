import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DirectoryAnchor } from '../../../connectors/anchors/directory-anchor.ts';
import { HttpAnchor } from '../../../connectors/anchors/http-anchor.ts';
import { S3Anchor } from '../../../connectors/anchors/s3-anchor.ts';
import { generateSigningKeyFile, parseSigningKey, verifierKeyOf } from '../../../src/audit/keys.ts';
import { NodeDisk } from '../../../src/audit/node-disk.ts';
import { exitOf } from '../../../src/audit/verify/report.ts';
import { verifyAudit } from '../../../src/audit/verify/verify.ts';
import type { Anchor } from '../../../src/witness/anchor.ts';
import { Anchoring } from '../../../src/witness/anchoring.ts';
import { writeGroups } from '../../support/audit-log.ts';
import { FakeS3 } from '../../support/sink/fake-s3.ts';

const origin = 'rowseal/anchored';
const signer = parseSigningKey(generateSigningKeyFile());
let root: string;
let log: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'rowseal-anchors-'));
  log = join(root, 'log');
  await writeGroups({ directory: log, origin, signer, from: 0, to: 3 });
});
afterEach(() => rm(root, { recursive: true, force: true }));

function anchoring(anchors: readonly Anchor[], directory = log, timeoutMs = 30_000): Anchoring {
  return new Anchoring({
    disk: new NodeDisk(),
    directory,
    anchors,
    intervalMs: 10,
    timeoutMs,
    observer: { kept: () => {}, failed: () => {} },
  });
}
const head = (directory = log): Promise<string> => readFile(join(directory, 'journal', 'head'), 'utf8');

describe('heads in a directory', () => {
  it('one file each; they show later that the log was cut off or forked', async () => {
    const place = join(root, 'heads');
    const keeping = anchoring([new DirectoryAnchor('vault', place)]);
    await keeping.keepNewest();
    await keeping.keepNewest();
    await writeGroups({ directory: log, origin, signer, from: 3, to: 5 });
    await keeping.keepNewest();
    const names = ['0000000000000003.head', '0000000000000005.head'];
    expect((await readdir(place)).sort()).toEqual(names);
    expect(keeping.state()[0]).toMatchObject({ groups: 5, failures: 0, error: null });
    const kept = await Promise.all(names.map((name) => readFile(join(place, name), 'utf8')));
    expect(kept[1]).toBe(await head());
    const key = verifierKeyOf(signer, origin);
    expect(exitOf(await verifyAudit({ directory: log, key, head: kept }))).toBe(0);
    const fork = join(root, 'fork');
    await writeGroups({ directory: fork, origin, signer, from: 0, to: 5, word: 'fork' });
    expect(exitOf(await verifyAudit({ directory: fork, key, head: kept }))).toBe(10);
    // The anchor sees it by itself, and keeps what it has.
    const forked = anchoring([new DirectoryAnchor('vault', place)], fork);
    await forked.keepNewest();
    expect(forked.state()[0]).toMatchObject({ failures: 1, error: { code: 'RS-WIT-005' } });
    expect(await readFile(join(place, names[1]!), 'utf8')).toBe(kept[1]);
    // After a restart the same head is there already, which is fine.
    const again = anchoring([new DirectoryAnchor('vault', place)]);
    await again.keepNewest();
    expect(again.state()[0]).toMatchObject({ groups: 5, failures: 0 });
  });

  it('that cannot be written is counted, and tried again', async () => {
    const keeping = anchoring([new DirectoryAnchor('vault', join(log, 'journal', 'head', 'no-directory'))]);
    await keeping.keepNewest();
    await keeping.keepNewest();
    expect(keeping.state()[0]).toMatchObject({ groups: null, failures: 2, error: { code: 'RS-WIT-007' } });
    expect(keeping.state()[0]?.error?.message).toMatch(/vault \(E[A-Z]+\)/);
  });

  it('before anything is sealed there is nothing to keep', async () => {
    const keeping = anchoring([new DirectoryAnchor('vault', join(root, 'none'))], join(root, 'no-log'));
    await keeping.keepNewest();
    expect(keeping.state()[0]).toMatchObject({ groups: null, failures: 0 });
  });
});

describe('heads sent to an endpoint', () => {
  let server: Server;
  let url: string;
  let status = 200;
  const received: { readonly body: string; readonly token: string | undefined }[] = [];

  beforeEach(async () => {
    received.length = 0;
    server = createServer(async (request, response) => {
      const pieces: Buffer[] = [];
      for await (const piece of request) pieces.push(piece as Buffer);
      received.push({ body: Buffer.concat(pieces).toString('utf8'), token: request.headers.authorization });
      if (status !== 0) response.writeHead(status).end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook/secret-path`;
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  it('with a token; refusals, silence and another history are told', async () => {
    const keeping = anchoring([new HttpAnchor('hook', url, 'tok')]);
    // Only silence is not waited for.
    const impatient = anchoring([new HttpAnchor('hook', url, 'tok')], log, 300);
    for (const [code, error] of [
      [204, null],
      [500, 'RS-WIT-007'],
      [409, 'RS-WIT-005'],
      [0, 'RS-WIT-007'],
      [302, 'RS-WIT-007'],
      [200, null],
    ] as const) {
      status = code;
      await writeGroups({
        directory: log,
        origin,
        signer,
        from: 3 + received.length,
        to: 4 + received.length,
      });
      const asked = code === 0 ? impatient : keeping;
      await asked.keepNewest();
      expect(asked.state()[0]?.error?.code ?? null).toBe(error);
    }
    expect(received[0]).toMatchObject({ token: 'Bearer tok' });
    expect(received.at(-1)?.body).toBe(await head());
    // A path may be a secret.
    expect(JSON.stringify([keeping.state(), impatient.state()])).not.toContain('secret-path');
  });
});

describe('heads in a bucket', () => {
  it('are created, never written over', async () => {
    const s3 = new FakeS3();
    const endpoint = await s3.listen();
    const options = {
      bucket: 'heads',
      prefix: 'shop/journal',
      region: 'us-east-1',
      endpoint,
      credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
    };
    try {
      const keeping = anchoring([new S3Anchor('bucket', options)]);
      await keeping.keepNewest();
      const key = 'heads/shop/journal/0000000000000003.head';
      expect(s3.objects.get(key)?.toString('utf8')).toBe(await head());
      await anchoring([new S3Anchor('bucket', options)]).keepNewest();
      const fork = join(root, 'fork');
      await writeGroups({ directory: fork, origin, signer, from: 0, to: 3, word: 'fork' });
      const forked = anchoring([new S3Anchor('bucket', options)], fork);
      await forked.keepNewest();
      expect(forked.state()[0]).toMatchObject({ error: { code: 'RS-WIT-005' } });
      expect(s3.objects.get(key)?.toString('utf8')).toBe(await head());
      // The answer is lost after the object was made: the next attempt finds its own.
      await writeGroups({ directory: log, origin, signer, from: 3, to: 4 });
      s3.cut = { key: '0004', when: 'after' };
      await keeping.keepNewest();
      expect(keeping.state()[0]).toMatchObject({ groups: 4, error: null });
    } finally {
      await s3.close();
    }
  });
});
