import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cosign, parseWitnessKey } from '../../../src/audit/cosignature.ts';
import { nodeEd25519 } from '../../../src/audit/ed25519/node-ed25519.ts';
import type { KeyChange } from '../../../src/audit/key-change.ts';
import { generateSigningKeyFile, parseSigningKey, verifierKeyOf } from '../../../src/audit/keys.ts';
import { lockDirectory } from '../../../src/audit/lock.ts';
import { NodeDisk } from '../../../src/audit/node-disk.ts';
import {
  formatNote,
  formatVerifierKey,
  parseSignedHead,
  SignatureType,
  signatureLine,
} from '../../../src/audit/note.ts';
import { openAuditLog } from '../../../src/audit/open.ts';
import { type AskedWitnesses, checkProof } from '../../../src/audit/proof/check-proof.ts';
import { makeProof } from '../../../src/audit/proof/make-proof.ts';
import { encodeProof, type Proof } from '../../../src/audit/proof/proof-file.ts';
import { addKey } from '../../../src/audit/signers/rotation.ts';
import type { Signer } from '../../../src/audit/signers/signer.ts';
import { exitOf } from '../../../src/audit/verify/report.ts';
import { thresholdPolicy } from '../../../src/audit/witness-policy.ts';
import { checkProof as checkIndependently } from '../../support/independent-verifier/proof.ts';
import { at, begin, rows } from '../../support/masked.ts';
import { people, proofVerifier, tagOf } from '../../support/proof-log.ts';

const origin = 'rowseal/proofs';
const disk = new NodeDisk();
const newSigner = (): Signer => parseSigningKey(generateSigningKeyFile());
const [first, second, third] = [newSigner(), newSigner(), newSigner()] as const;
const keyOf = (signer: Signer): string => verifierKeyOf(signer, origin);
let root: string;

const open = async (directory: string, signer: Signer) =>
  (await openAuditLog({ directory, origin, signer, headIntervalMs: 0, segmentMaxBytes: 2_500 })).log;

async function write(directory: string, signer: Signer, from: number, to: number): Promise<void> {
  const log = await open(directory, signer);
  for (let n = from; n < to; n++) {
    const group = log.begin();
    await group.append([
      begin(n),
      rows(people, 0, [{ op: 'c', after: [String(n % 3), `tok_${n}`, 'Cork'] }]),
    ]);
    await group.seal(at(n * 10 + 5));
  }
  await log.close();
}

async function add(directory: string, present: Signer, next: Signer): Promise<void> {
  const log = await open(directory, present);
  await addKey(disk, directory, origin, log, present, next, lockDirectory);
  await log.close();
}

async function change(directory: string, signer: Signer, by: KeyChange): Promise<void> {
  const log = await open(directory, signer);
  await log.changeKeys([by], null);
  await log.close();
}

const proofOf = (directory: string): Promise<Proof> =>
  makeProof(disk, {
    directory,
    table: people,
    subject: { kind: 'row', tags: [tagOf(1)] },
    atUs: null,
    columns: null,
  });

/** Both checkers' verdict, which must be one. */
function verdict(
  proof: Proof,
  pinned: readonly Signer[],
  witnesses?: readonly string[],
  quorum?: number,
): number {
  const text = encodeProof(proof);
  const named = (witnesses ?? []).map((vkey) => ({ name: vkey, key: parseWitnessKey(vkey)! }));
  const asked: AskedWitnesses | null =
    witnesses === undefined
      ? null
      : { policy: thresholdPolicy(named, quorum ?? named.length), ed25519: nodeEd25519 };
  const exit = exitOf(
    checkProof(
      text,
      pinned.map((signer) => proofVerifier(keyOf(signer))),
      asked,
    ),
  );
  const count = quorum ?? named.length;
  const independent = checkIndependently(
    text,
    pinned.map(keyOf),
    witnesses === undefined ? undefined : { witnesses, count },
  );
  expect(independent.exit, independent.reason).toBe(exit);
  return exit;
}

let rotated: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'rowseal-proof-keys-'));
  rotated = join(root, 'rotated');
  // Groups 0-5 by the first, 6 adds the second, 7 retires the first, 8 to 13 by the second.
  await write(rotated, first, 0, 6);
  await add(rotated, first, second);
  await change(rotated, second, { action: 'retire', key: keyOf(first) });
  await write(rotated, second, 6, 12);
});
afterAll(() => rm(root, { recursive: true, force: true }));

describe('a proof of a log whose key was changed', () => {
  it('is proven by the first key and by the present one, and by no other', async () => {
    const proof = await proofOf(rotated);
    expect(proof.keys).toHaveLength(2);
    expect(verdict(proof, [first])).toBe(0);
    expect(verdict(proof, [second])).toBe(0);
    expect(verdict(proof, [first, second])).toBe(0);
    expect(verdict(proof, [third])).toBe(12);
  });

  it('of a log whose key was never changed shows no change', async () => {
    const directory = join(root, 'one-key');
    await write(directory, first, 0, 40);
    const proof = await proofOf(directory);
    expect(proof.keys).toEqual([]);
    expect(verdict(proof, [first])).toBe(0);
  });

  it('from which the changes were taken, or put in another order, is not proven by the first key', async () => {
    const proof = await proofOf(rotated);
    expect(verdict({ ...proof, keys: [] }, [first])).toBe(12);
    expect(verdict({ ...proof, keys: [] }, [second])).toBe(0);
    expect(verdict({ ...proof, keys: [...proof.keys].reverse() }, [first])).toBe(10);
    expect(verdict({ ...proof, keys: [proof.keys[0]!, proof.keys[0]!] }, [first])).toBe(10);
    const [added, retired] = proof.keys as [Proof['keys'][number], Proof['keys'][number]];
    expect(verdict({ ...proof, keys: [{ ...added, note: retired.note }, retired] }, [first])).toBe(10);
    expect(verdict({ ...proof, keys: [{ ...added, own: [] }, retired] }, [first])).toBe(10);
    expect(verdict({ ...proof, keys: [{ ...added, path: added.own }, retired] }, [first])).toBe(10);
    // The line of the first key taken from the note of the addition.
    const { body, signatures } = parseSignedHead(added.note)!;
    for (const line of signatures) {
      const half = { ...added, note: formatNote(body, [line]) };
      expect(verdict({ ...proof, keys: [half, retired] }, [first])).toBe(12);
    }
  });

  it('whose head a retired key signed is refused', async () => {
    const proof = await proofOf(rotated);
    const { body } = parseSignedHead(proof.journal.note)!;
    const { keyId } = proofVerifier(keyOf(first)).key;
    const signature = await first.sign(new TextEncoder().encode(body));
    const note = formatNote(body, [{ name: origin, keyId, signature }]);
    const forged = { ...proof, journal: { ...proof.journal, note } };
    expect(verdict(forged, [first])).toBe(12);
    // Pinned is the present one: nobody goes back from it to an older.
    expect(verdict(forged, [second])).toBe(12);
    // A line of the first key that does not verify spoils the note.
    const spoilt =
      proof.journal.note +
      signatureLine({ name: origin, keyId, signature: signature.map((byte) => byte ^ 1) });
    expect(verdict({ ...proof, journal: { ...proof.journal, note: spoilt } }, [first])).toBe(12);
  });

  it('whose head a revoked key signed is refused from the leaf on that the revocation names', async () => {
    const directory = join(root, 'revoked');
    await write(directory, first, 0, 6);
    await add(directory, first, second);
    await write(directory, second, 6, 9);
    await add(directory, second, third);
    await change(directory, third, { action: 'revoke', key: keyOf(second), from: 8 });
    await write(directory, third, 9, 12);
    const proof = await proofOf(directory);
    for (const pinned of [first, second, third]) expect(verdict(proof, [pinned])).toBe(0);
    const { notes } = checkProof(encodeProof(proof), [proofVerifier(keyOf(first))]);
    expect(notes.join('\n')).toMatch(/was revoked from group 8 on/);
    const { body } = parseSignedHead(proof.journal.note)!;
    const { keyId } = proofVerifier(keyOf(second)).key;
    const signature = await second.sign(new TextEncoder().encode(body));
    const note = formatNote(body, [{ name: origin, keyId, signature }]);
    for (const pinned of [first, second, third])
      expect(verdict({ ...proof, journal: { ...proof.journal, note } }, [pinned])).toBe(12);
  });
});

describe('a proof with cosignatures', () => {
  it('is held to the witnesses that are asked for', async () => {
    const directory = join(root, 'cosigned');
    await write(directory, first, 0, 5);
    const signers = [newSigner(), newSigner(), newSigner()];
    const vkeys = signers.map(({ publicKey }, i) =>
      formatVerifierKey(`w/${i}`, publicKey, SignatureType.cosignature),
    );
    const head = (await proofOf(directory)).journal.note;
    const { body } = parseSignedHead(head)!;
    const lines = await Promise.all(
      [0, 1].map(async (i) => signatureLine(await cosign(body, 1_764_000_000 + i, `w/${i}`, signers[i]!))),
    );
    expect(verdict(await proofOf(directory), [first], vkeys.slice(0, 1))).toBe(12);
    await writeFile(join(directory, 'journal', 'cosigned'), head + lines.join(''));
    const proof = await proofOf(directory);
    expect(proof.journal.note).toContain('— w/1 ');
    expect(verdict(proof, [first])).toBe(0);
    expect(verdict(proof, [first], vkeys.slice(0, 2))).toBe(0);
    expect(verdict(proof, [first], vkeys, 2)).toBe(0);
    expect(verdict(proof, [first], vkeys)).toBe(12);
    const wrong = proof.journal.note.replace(
      lines[0]!,
      lines[0]!.replace(/ (\S{8})./, (all, start) => ` ${start}${all.endsWith('A') ? 'B' : 'A'}`),
    );
    const edited = { ...proof, journal: { ...proof.journal, note: wrong } };
    expect(verdict(edited, [first], vkeys.slice(0, 2), 1)).toBe(12);
    expect(verdict(edited, [first])).toBe(0);
  });
});
