import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  generateSigningKeyFile,
  parsePublicKey,
  parseSigningKey,
  seedOfPem,
  verifierKeyOf,
} from '../../../src/audit/keys.ts';
import { CommandSigner } from '../../../src/audit/signers/command-signer.ts';
import { sealKey } from '../../../src/audit/signers/encrypted-key.ts';
import type { Signer } from '../../../src/audit/signers/signer.ts';
import { verifyAudit } from '../../../src/audit/verify/verify.ts';
import { loadSigningKey } from '../../../src/config/signing-key.ts';
import { writeGroups } from '../../support/audit-log.ts';

const pem = generateSigningKeyFile();
const local = parseSigningKey(pem);
const seed = Buffer.from(seedOfPem(pem));
const publicKey = (signer: Signer): string => Buffer.from(signer.publicKey).toString('hex');
const code = (act: () => unknown): string | undefined => {
  try {
    act();
    return undefined;
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe('a key file', () => {
  it.each([
    ['PEM', pem],
    ['32 raw bytes', seed],
    ['hex', `${seed.toString('hex')}\n`],
    ['base64', seed.toString('base64')],
  ])('as %s', (_what, content) => {
    expect(publicKey(parseSigningKey(content))).toBe(publicKey(local));
  });

  it('under a passphrase', () => {
    const file = sealKey(seed, 'corr\u00e9ct horse', 14);
    expect(file).not.toContain(seed.toString('base64'));
    expect(publicKey(parseSigningKey(file, 'corre\u0301ct horse'))).toBe(publicKey(local));
    expect(code(() => parseSigningKey(file))).toBe('RS-AUD-014');
    expect(code(() => parseSigningKey(file, 'wrong'))).toBe('RS-AUD-014');
  });

  it('under a passphrase, any member changed', () => {
    const file = JSON.parse(sealKey(seed, 'x', 14)) as Record<string, unknown>;
    const opened = (changed: Record<string, unknown>): string | undefined =>
      code(() => parseSigningKey(JSON.stringify({ ...file, ...changed }), 'x'));
    expect(opened({})).toBeUndefined();
    expect(opened({ nonce: randomBytes(12).toString('base64') })).toBe('RS-AUD-014');
    expect(opened({ salt: randomBytes(16).toString('base64') })).toBe('RS-AUD-014');
    expect(opened({ log2_n: 15 })).toBe('RS-AUD-014');
    expect(opened({ sealed: randomBytes(48).toString('base64') })).toBe('RS-AUD-014');
    // A file must not choose how much memory it costs to open it, nor how little.
    for (const log2n of [1, 13, 21, 60, -1, 14.5, '14', null])
      expect(opened({ log2_n: log2n })).toBe('RS-AUD-008');
    expect(opened({ salt: '' })).toBe('RS-AUD-008');
    expect(opened({ more: 1 })).toBe('RS-AUD-008');
  });

  it.each([
    ['empty', ''],
    ['text', 'secret'],
    ['31 bytes', seed.subarray(1)],
    ['hex cut short', seed.toString('hex').slice(1)],
    [
      'a public key',
      local.publicKey.length === 32 ? '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----' : '',
    ],
    [
      'a key of another kind',
      generateKeyPairSync('ec', { namedCurve: 'P-256' })
        .privateKey.export({ format: 'pem', type: 'pkcs8' })
        .toString(),
    ],
  ])('that is none: %s', (_what, content) => {
    expect(code(() => parseSigningKey(content))).toBe('RS-AUD-008');
  });

  it('public keys', () => {
    expect(Buffer.from(parsePublicKey(verifierKeyOf(local, 'any'))).toString('hex')).toBe(publicKey(local));
    expect(Buffer.from(parsePublicKey(Buffer.from(local.publicKey).toString('base64'))).toString('hex')).toBe(
      publicKey(local),
    );
    const key = createPublicKey(pem);
    for (const text of [
      key.export({ format: 'pem', type: 'spki' }).toString(),
      key.export({ format: 'der', type: 'spki' }).toString('base64'),
    ])
      expect(Buffer.from(parsePublicKey(text)).toString('hex')).toBe(publicKey(local));
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
    for (const text of ['x', '', other.export({ format: 'pem', type: 'spki' }).toString()])
      expect(code(() => parsePublicKey(text))).toBe('RS-AUD-008');
  });
});

describe('a key elsewhere', () => {
  const message = Buffer.from('head');

  it('its output is taken in three forms, and verified', async () => {
    const signature = Buffer.from(local.sign(message));
    for (const output of [signature, signature.toString('hex'), `${signature.toString('base64')}\n`]) {
      const signer = new CommandSigner(local.publicKey, async () => Buffer.from(output));
      expect(Buffer.from(await signer.sign(message)).equals(signature)).toBe(true);
    }
  });

  it('an outage is waited out', async () => {
    let calls = 0;
    const signer = new CommandSigner(
      local.publicKey,
      async (text) => {
        if (++calls < 4) throw new Error('exit code 1');
        return local.sign(text);
      },
      1,
    );
    expect((await signer.sign(message)).length).toBe(64);
    expect(calls).toBe(4);
  });

  it.each([
    ['prints nonsense', async () => Buffer.from('no')],
    [
      'signs with another key',
      async (text: Uint8Array) => parseSigningKey(generateSigningKeyFile()).sign(text),
    ],
    [
      'fails',
      async () => {
        throw new Error('exit code 1');
      },
    ],
  ])('that %s ends in an error', async (_what, run) => {
    await expect(new CommandSigner(local.publicKey, run, 1).sign(message)).rejects.toMatchObject({
      code: 'RS-AUD-013',
    });
  });

  it('asks for at most eight signatures at once', async () => {
    let running = 0;
    let most = 0;
    const signer = new CommandSigner(local.publicKey, async (text) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running--;
      return local.sign(text);
    });
    await Promise.all(Array.from({ length: 40 }, () => signer.sign(message)));
    expect(most).toBe(8);
  });

  it('writes a log that verifies, heads signed by a real program', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'rowseal-command-'));
    const script = `const {sign,createPrivateKey}=require('node:crypto');const a=[];process.stdin.on('data',d=>a.push(d)).on('end',()=>process.stdout.write(sign(null,Buffer.concat(a),createPrivateKey(process.env.KEY)).toString('base64')))`;
    process.env['KEY'] = pem;
    try {
      const source = {
        kind: 'command',
        command: [process.execPath, '-e', script],
        publicKey: Buffer.from(local.publicKey).toString('base64'),
        timeoutMs: 20_000,
      } as const;
      const material = loadSigningKey(source, {});
      if (material.kind !== 'command') throw new Error('not a command');
      const signer = new CommandSigner(parsePublicKey(material.publicKey), material.run);
      await writeGroups({ directory, origin: 'rowseal/kms', signer, from: 0, to: 3 });
      expect((await verifyAudit({ directory, key: verifierKeyOf(local, 'rowseal/kms') })).problems).toEqual(
        [],
      );
      const failing = loadSigningKey({ ...source, command: [process.execPath, '-e', 'process.exit(3)'] }, {});
      if (failing.kind !== 'command') throw new Error('not a command');
      await expect(failing.run(message)).rejects.toThrow(/^exit code 3$/);
      const missing = loadSigningKey({ ...source, command: ['/nowhere/signer'] }, {});
      if (missing.kind !== 'command') throw new Error('not a command');
      await expect(missing.run(message)).rejects.toThrow(/^ENOENT$/);
      const endless = loadSigningKey(
        { ...source, command: [process.execPath, '-e', 'setInterval(()=>{},1000)'], timeoutMs: 200 },
        {},
      );
      if (endless.kind !== 'command') throw new Error('not a command');
      await expect(endless.run(message)).rejects.toThrow(/SIGKILL/);
    } finally {
      delete process.env['KEY'];
      await rm(directory, { recursive: true, force: true });
    }
  });
});
