import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConsistencyProver } from '../../../src/audit/consistency/proof.ts';
import { CosignatureVerifier, cosign, parseWitnessKey } from '../../../src/audit/cosignature.ts';
import { nodeEd25519 } from '../../../src/audit/ed25519/node-ed25519.ts';
import { type Digest, leafHash } from '../../../src/audit/hashing.ts';
import { generateSigningKeyFile, parseSigningKey, verifierKeyOf } from '../../../src/audit/keys.ts';
import { CompactRange } from '../../../src/audit/merkle.ts';
import { NodeDisk } from '../../../src/audit/node-disk.ts';
import {
  formatNote,
  formatVerifierKey,
  headBody,
  parseCheckpoint,
  parseNote,
  parseVerifierKey,
  SignatureType,
} from '../../../src/audit/note.ts';
import { LocalSigner } from '../../../src/audit/signers/local-signer.ts';
import { signHead } from '../../../src/audit/signers/signer.ts';
import { formatAddCheckpoint, MAX_REQUEST_BYTES, parseAddCheckpoint } from '../../../src/witness/request.ts';
import { startWitnessServer, type WitnessServer } from '../../../src/witness/server.ts';
import { originHash, WitnessStore } from '../../../src/witness/store.ts';
import { Witness } from '../../../src/witness/witness.ts';

const origin = 'log.example/shop';
const logSigner = parseSigningKey(generateSigningKeyFile());
const logKey = verifierKeyOf(logSigner, origin);
const name = 'witness.example/w1';
const witnessSigner = parseSigningKey(generateSigningKeyFile());
const vkey = formatVerifierKey(name, witnessSigner.publicKey, SignatureType.cosignature);
const leaf = (i: number, word = ''): Digest => leafHash(Buffer.from(`${word}${i}`));

function treeOf(size: number, word = ''): CompactRange {
  const tree = new CompactRange();
  for (let i = 0; i < size; i++) tree.append(leaf(i, word));
  return tree;
}
function proofOf(from: number, to: number, word = ''): readonly Digest[] {
  const prover = new ConsistencyProver(treeOf(from, word));
  for (let i = from; i < to; i++) prover.append(leaf(i, word));
  return prover.proof();
}
const noteOf = (size: number, word = '', by = logSigner): string =>
  String(signHead({ origin, size, root: treeOf(size, word).root() }, origin, [by]));

let directory: string;
let server: WitnessServer;
let witness: Witness;

const start = (more: readonly string[] = []): Witness =>
  new Witness({
    name,
    signer: witnessSigner,
    logs: [logKey, ...more].map((key) => parseVerifierKey(key)!),
    store: new WitnessStore(new NodeDisk(), directory),
    nowS: () => 1_700_000_000,
  });

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rowseal-witness-'));
  witness = start();
  server = await startWitnessServer('127.0.0.1', 0, witness, () => {});
});
afterEach(async () => {
  await server.close();
  await rm(directory, { recursive: true, force: true });
});

async function post(
  body: string | Uint8Array,
): Promise<{ status: number; type: string | null; text: string }> {
  const response = await fetch(`${server.address}/add-checkpoint`, { method: 'POST', body: body as string });
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
}
const add = (oldSize: number, size: number, proof = proofOf(oldSize, size), note = noteOf(size)) =>
  post(formatAddCheckpoint(oldSize, oldSize === 0 ? [] : proof, note));

describe('add-checkpoint (C2SP tlog-witness)', () => {
  it('200: the answer is a cosignature on the checkpoint, and the newest one is served', async () => {
    for (const [from, to] of [
      [0, 3],
      [3, 3],
      [3, 8],
      [8, 13],
    ] as const) {
      const { status, text } = await add(from, to);
      expect(status).toBe(200);
      expect(text).toMatch(/^— witness\.example\/w1 [A-Za-z0-9+/=]+\n$/);
      const verifier = new CosignatureVerifier(parseWitnessKey(vkey)!, nodeEd25519);
      expect(verifier.timeOf(parseNote(noteOf(to) + text)!)).toBe(1_700_000_000);
    }
    const response = await fetch(`${server.address}/${originHash(origin)}/checkpoint`);
    expect(response.status).toBe(200);
    const served = parseCheckpoint(await response.text())!;
    expect(served.head.size).toBe(13);
    expect(served.signatures.map((line) => line.name)).toEqual([origin, name]);
  });

  it('409 with the size, for an old size that is not that of the latest checkpoint', async () => {
    await add(0, 5);
    for (const old of [0, 3, 6]) {
      const { status, type, text } = await add(old, 8);
      expect([status, type, text]).toEqual([409, 'text/x.tlog.size', '5\n']);
    }
  });

  it('422 for another history, a wrong proof, and a proof where none is due', async () => {
    await add(0, 5);
    expect((await add(5, 8, proofOf(5, 8, 'fork'), noteOf(8, 'fork'))).status).toBe(422);
    expect((await add(5, 5, [], noteOf(5, 'fork'))).status).toBe(422);
    expect((await add(5, 8, proofOf(4, 8))).status).toBe(422);
    expect((await add(5, 8, [])).status).toBe(422);
    expect((await add(5, 5, [leaf(1)])).status).toBe(422);
    expect((await add(5, 8)).status).toBe(200);
  });

  it('422 for an empty tree with another root, and a proof from the empty one', async () => {
    const empty = String(signHead({ origin, size: 0, root: leaf(0) }, origin, [logSigner]));
    expect((await post(formatAddCheckpoint(0, [], empty))).status).toBe(422);
    expect((await post(formatAddCheckpoint(0, [leaf(1)], noteOf(4)))).status).toBe(422);
    expect((await add(0, 0, [], noteOf(0))).status).toBe(200);
    expect((await add(0, 4)).status).toBe(200);
  });

  it('403 without a signature by the log, and for a wrong one beside a good one', async () => {
    const stranger = parseSigningKey(generateSigningKeyFile());
    expect((await add(0, 3, [], noteOf(3, '', stranger))).status).toBe(403);
    const good = parseNote(noteOf(3))!;
    const [line] = good.signatures;
    const wrong = { ...line!, signature: Uint8Array.from(line!.signature).fill(7) };
    expect((await add(0, 3, [], formatNote(good.body, [line!, wrong]))).status).toBe(403);
    expect((await add(0, 3, [], formatNote(good.body, [wrong]))).status).toBe(403);
    // Keys that it does not know are ignored.
    const unknown = { ...line!, name: 'stranger.example' };
    expect((await add(0, 3, [], formatNote(good.body, [unknown, line!, line!]))).status).toBe(200);
  });

  it('404 for a log that it does not know', async () => {
    const other = String(
      signHead({ origin: 'other.example', size: 1, root: leaf(0) }, 'other.example', [logSigner]),
    );
    expect((await post(formatAddCheckpoint(0, [], other))).status).toBe(404);
    expect((await fetch(`${server.address}/${originHash('other.example')}/checkpoint`)).status).toBe(404);
    expect((await fetch(`${server.address}/${originHash(origin)}/checkpoint`)).status).toBe(404);
  });

  it('400 for what is no request', async () => {
    const good = formatAddCheckpoint(0, [], noteOf(3));
    for (const body of [
      '',
      '\n\n',
      good.replace('old 0', 'old 00'),
      good.replace('old 0', 'old -1'),
      good.replace('old 0', 'old 9999999999999999999'),
      good.replace('old 0', 'old  0'),
      good.replace('old 0\n', 'old 0\nxx\n'),
      good.replace('old 0\n', `old 0\n${'AAAA\n'.repeat(3)}`),
      good.replace('old 0\n', `old 0\n${`${Buffer.alloc(32).toString('base64')}\n`.repeat(64)}`),
      good.replace('old 0\n', 'old 0\r\n'),
      good.replace('\n3\n', '\n03\n'),
      good.replace('\n3\n', '\n3 \n'),
      good.slice(0, -1),
      Buffer.concat([Buffer.from(good), Buffer.of(0xff, 0x0a)]),
    ])
      expect((await post(body)).status, JSON.stringify(String(body)).slice(0, 80)).toBe(400);
    expect((await add(5, 3, [])).status).toBe(400);
  });

  it('extension lines are cosigned as they are', async () => {
    const body = `${headBody({ origin, size: 2, root: treeOf(2).root() })}extension\n`;
    const signed = formatNote(body, [
      { ...parseNote(noteOf(2))!.signatures[0]!, signature: logSigner.sign(Buffer.from(body)) },
    ]);
    const { status, text } = await post(formatAddCheckpoint(0, [], signed));
    expect(status).toBe(200);
    const verifier = new CosignatureVerifier(parseWitnessKey(vkey)!, nodeEd25519);
    expect(verifier.timeOf(parseNote(signed + text)!)).toBe(1_700_000_000);
  });

  it('several keys of one log, as after a change of keys', async () => {
    await server.close();
    const next = parseSigningKey(generateSigningKeyFile());
    witness = start([verifierKeyOf(next, origin)]);
    server = await startWitnessServer('127.0.0.1', 0, witness, () => {});
    expect((await add(0, 3)).status).toBe(200);
    expect((await add(3, 5, proofOf(3, 5), noteOf(5, '', next))).status).toBe(200);
  });

  it('requests at once: one history is cosigned, whoever comes first', async () => {
    await add(0, 4);
    const bodies = Array.from({ length: 40 }, (_, i) => {
      const word = i % 2 === 0 ? '' : 'fork';
      const size = 5 + (i % 5);
      return formatAddCheckpoint(4, proofOf(4, size, word), noteOf(size, word));
    });
    const answers = await Promise.all(bodies.map((body) => post(body)));
    const accepted = answers.filter(({ status }) => status === 200);
    expect(accepted.length).toBe(1);
    expect(answers.filter(({ status }) => status === 422 || status === 409).length).toBe(39);
    const kept = await (await fetch(`${server.address}/${originHash(origin)}/checkpoint`)).text();
    expect(kept).toContain(accepted[0]!.text.trim());
  });

  it('a damaged memory is never taken for none', async () => {
    await add(0, 4);
    const [file] = await new NodeDisk().list(directory);
    await writeFile(join(directory, file!), (await readFile(join(directory, file!), 'utf8')).slice(0, 40));
    expect((await add(0, 2)).status).toBe(500);
    expect((await fetch(`${server.address}/${originHash(origin)}/checkpoint`)).status).toBe(500);
  });

  it('other addresses, methods and bodies without end', async () => {
    expect((await fetch(server.address)).status).toBe(404);
    expect((await fetch(`${server.address}/add-checkpoint`)).status).toBe(405);
    expect(
      (await fetch(`${server.address}/${originHash(origin)}/checkpoint`, { method: 'POST' })).status,
    ).toBe(405);
    expect((await fetch(`${server.address}/../../etc/passwd`)).status).toBe(404);
    const endless = await post(Buffer.alloc(MAX_REQUEST_BYTES + 1, 0x61)).catch(() => ({ status: 413 }));
    expect(endless.status).toBe(413);
  });

  it('nothing that is sent makes it crash, hang or cosign', async () => {
    const good = formatAddCheckpoint(4, proofOf(4, 9), noteOf(9));
    await add(0, 4);
    const status = async (body: Uint8Array): Promise<number> => (await witness.addCheckpoint(body)).status;
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 4096 }), async (body) => {
        expect(await status(body)).toBe(400);
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.nat(255), async (at, byte) => {
        const body = Buffer.from(good);
        if (body[at] === byte) return;
        body[at] = byte;
        expect([400, 403, 404, 409, 422]).toContain(await status(body));
      }),
      { numRuns: 500 },
    );
    expect(await status(Buffer.from(good))).toBe(200);
  });
});

describe('requests and cosignatures', () => {
  it('the request of the specification is read', () => {
    const body = `old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
`;
    const request = parseAddCheckpoint(Buffer.from(body))!;
    expect(request.oldSize).toBe(20_852_014);
    expect(request.proof.length).toBe(4);
    expect(request.checkpoint.head).toMatchObject({
      origin: 'example.com/behind-the-sofa',
      size: 20_852_163,
    });
    expect(formatAddCheckpoint(request.oldSize, request.proof, body.slice(body.indexOf('\n\n') + 2))).toBe(
      body,
    );
  });

  it('a cosignature has the bytes that were published for it', async () => {
    // RFC 8032 test 2 as the witness (research/audit.md, made with other code).
    const signer = LocalSigner.fromSeed(
      Buffer.from('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb', 'hex'),
    );
    const note = `audit.example.com/pg1/app/public.customers
8
XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=

— audit.example.com/pg1/app/public.customers 3DiaXuVPWxlmsIrt8FaUu4jfXVb0f5eom013DM52piXw6TGMhWFohvDwLVHN3cerByKA2K8PEXGA4sm6mweMuyDJUgk=
— witness.example.com/w1 6EmBcgAAAABkGFDLUuQrhtLlwVRDTrsZ9vi1ayG8pEOVcaT3xzOf60xyHTM/lMjv737qxFsXJQzblP/BtiBnqQXv/o7HjcaQc8KvBg==
`;
    const parsed = parseNote(note)!;
    const cosignature = await cosign(parsed.body, 1_679_315_147, 'witness.example.com/w1', signer);
    expect(formatNote(parsed.body, [parsed.signatures[0]!, cosignature])).toBe(note);
    const key = formatVerifierKey('witness.example.com/w1', signer.publicKey, SignatureType.cosignature);
    const verifier = new CosignatureVerifier(parseWitnessKey(key)!, nodeEd25519);
    expect(verifier.timeOf(parsed)).toBe(1_679_315_147);
    expect(verifier.timeOf(parseNote(note.replace('\n8\n', '\n9\n'))!)).toBe('invalid');
    expect(verifier.timeOf(parseNote(noteOf(3))!)).toBeNull();
  });
});
