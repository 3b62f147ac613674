import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { type AccessEntry, accessOrigin, entryBytes, parseAccessLine } from '../../src/audit/access-log.ts';
import { ByteBuilder, MalformedBytes } from '../../src/audit/bytes.ts';
import { nodeEd25519 } from '../../src/audit/ed25519/node-ed25519.ts';
import { erasurePayload, isErased, parseErasure } from '../../src/audit/erased.ts';
import { leafHash, sha256 } from '../../src/audit/hashing.ts';
import { inclusionProof, treeRoot, verifyInclusion } from '../../src/audit/inclusion-proof.ts';
import { CompactRange } from '../../src/audit/merkle.ts';
import { formatVerifierKey, parseSignedHead, parseVerifierKey } from '../../src/audit/note.ts';
import { type AuditRecord, decodeRecord, encodeRecord, type RecordKind } from '../../src/audit/record.ts';
import { LocalSigner } from '../../src/audit/signers/local-signer.ts';
import { signHead } from '../../src/audit/signers/signer.ts';
import { HeadVerifier } from '../../src/audit/verify/signature.ts';

const toHex = (digest: string): string => Buffer.from(digest, 'latin1').toString('hex');

describe('RFC 6962 tree (vectors of transparency-dev/merkle)', () => {
  const leaves = [
    '',
    '00',
    '10',
    '2021',
    '3031',
    '40414243',
    '5051525354555657',
    '606162636465666768696a6b6c6d6e6f',
  ].map((hex) => leafHash(Buffer.from(hex, 'hex')));
  it.each([
    [0, 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    [1, '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d'],
    [7, 'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c'],
    [8, '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328'],
  ])('root of %i leaves', (size, root) => {
    const range = new CompactRange();
    for (const leaf of leaves.slice(0, size)) range.append(leaf);
    expect(toHex(range.root())).toBe(root);
    expect(toHex(treeRoot(leaves.slice(0, size)))).toBe(root);
  });

  it('proofs lead to the root, and to no other leaf, place, size or root', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 70 }), fc.nat(), (size, pick) => {
        const index = pick % size;
        const many = Array.from({ length: size }, (_, i) => leafHash(Buffer.from([i])));
        const root = treeRoot(many);
        const proof = inclusionProof(many, index);
        expect(verifyInclusion(many[index]!, index, size, proof, root)).toBe(true);
        expect(verifyInclusion(leafHash(Buffer.from('other')), index, size, proof, root)).toBe(false);
        expect(verifyInclusion(many[index]!, index, size, proof, sha256(Buffer.from('x')))).toBe(false);
        expect(verifyInclusion(many[index]!, index, size, [...proof, root], root)).toBe(false);
        if (size > 1)
          expect(verifyInclusion(many[index]!, (index + 1) % size, size, proof, root)).toBe(false);
      }),
    );
  });
});

describe('C2SP signed notes', () => {
  /** RFC 8032 §7.1 test 1, as PKCS#8 (RFC 8410). */
  const seed = '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60';
  const key = createPrivateKey({
    key: Buffer.from(`302e020100300506032b657004220420${seed}`, 'hex'),
    format: 'der',
    type: 'pkcs8',
  });
  const origin = 'audit.example.com/pg1/app/public.customers';

  it('the public key of RFC 8032 test 1', () => {
    expect(Buffer.from(new LocalSigner(key).publicKey).toString('hex')).toBe(
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    );
  });

  it('a checkpoint signed by it has the published bytes', () => {
    const root = Buffer.from('XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=', 'base64').toString('latin1');
    expect(signHead({ origin, size: 8, root }, origin, [new LocalSigner(key)])).toBe(
      `${origin}\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n\n— ${origin} 3DiaXuVPWxlmsIrt8FaUu4jfXVb0f5eom013DM52piXw6TGMhWFohvDwLVHN3cerByKA2K8PEXGA4sm6mweMuyDJUgk=\n`,
    );
  });

  it('a verifier key of the specification is read, and one that contradicts its id is not', () => {
    const vkey = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
    expect(parseVerifierKey(vkey)?.name).toBe('PeterNeumann');
    expect(parseVerifierKey(vkey.replace('c74f20a3', 'c74f20a4'))).toBeNull();
    expect(parseVerifierKey('x')).toBeNull();
  });

  it('what one signs the other verifies; anything else is refused', () => {
    const signer = new LocalSigner(key);
    const head = { origin, size: 3, root: sha256(Buffer.from('r')) };
    const note = String(signHead(head, origin, [signer]));
    const verifier = new HeadVerifier(
      parseVerifierKey(formatVerifierKey(origin, signer.publicKey))!,
      nodeEd25519,
    );
    expect(verifier.check(note, head)).toBe('ok');
    expect(verifier.check(note.replace('\n3\n', '\n4\n'), { ...head, size: 4 })).toBe('unsigned');
    expect(verifier.check(note, { ...head, size: 4 })).toBe('other');
    expect(verifier.check(note.slice(0, -2), head)).toBe('malformed');
    expect(verifier.check('', head)).toBe('malformed');
  });

  it('refuses a public key of small order, which would sign everything', () => {
    const weak = Buffer.alloc(32);
    weak[0] = 1;
    const name = 'weak.example';
    const note = `${name}\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— ${name} ${Buffer.concat([Buffer.alloc(4), weak, Buffer.alloc(32)]).toString('base64')}\n`;
    const verifier = new HeadVerifier(
      { name, type: 1, keyId: Buffer.alloc(4), publicKey: weak },
      nodeEd25519,
    );
    expect(verifier.signedByKey(parseSignedHead(note)!)).toBe(false);
  });
});

describe('the access log (docs/audit-format.md §9), bytes made without our code', () => {
  const text =
    '{"time_us":"1700000000000000","actor":"ann@example.com","reason":"ticket 4","space":"domain:email","method":"reversible","key_epoch":1,"outcome":"granted","tokens":["t1.1.abc"]}';
  const note =
    'audit.example.com/pg1/access\n1\nmBIaAcT33AkDy0SeSWW5bhHm0DKNmuDgbyQlnczftI8=\n\n— audit.example.com/pg1 d2kqlMThznsMKr5KxtUykajrBwkx3BgFmW4MvzFb1Y08VIKsu9HHbhAWLdMm53z8n0Wf3wjRU7UZHcu6p2/gG2uewAw=\n';
  const line = `{"entry":${text},"note":${JSON.stringify(note)}}`;

  it('an entry, its leaf, and its signed head', () => {
    const entry = JSON.parse(text) as AccessEntry;
    expect(entryBytes(entry).toString('utf8')).toBe(text);
    expect(toHex(leafHash(entryBytes(entry)))).toBe(
      '98121a01c4f7dc0903cb449e4965b96e11e6d0328d9ae0e06f24259dccdfb48f',
    );
    const publicKey = Buffer.from('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'hex');
    const name = 'audit.example.com/pg1';
    const verifier = new HeadVerifier(parseVerifierKey(formatVerifierKey(name, publicKey))!, nodeEd25519);
    const head = { origin: accessOrigin(name), size: 1, root: leafHash(entryBytes(entry)) };
    expect(verifier.check(note, head)).toBe('ok');
    expect(parseAccessLine(line)).toEqual({ entry, note });
  });

  it.each([
    ['white space', line.replace('"entry":', '"entry": ')],
    [
      'another order',
      line.replace(
        '"actor":"ann@example.com","reason":"ticket 4"',
        '"reason":"ticket 4","actor":"ann@example.com"',
      ),
    ],
    ['a member more', line.replace('"note":', '"more":1,"note":')],
    ['a member more in the entry', line.replace('"tokens":', '"more":1,"tokens":')],
    ['a member less', line.replace('"key_epoch":1,', '')],
  ])('a line with %s is none', (_what, changed) => {
    expect(changed).not.toBe(line);
    expect(parseAccessLine(changed)).toBeNull();
  });
});

describe('erasure (docs/audit-format.md §5.1)', () => {
  const payload =
    '{"tags":["00112233445566778899aabbccddeeff"],"actor":"dpo@example.com","reason":"request 17","images":5}';
  it('a payload is canonical or none', () => {
    const erasure = parseErasure(payload);
    expect(erasure.images).toBe(5);
    expect(erasurePayload(erasure)).toBe(payload);
    for (const changed of [
      payload.replace('00112233', '0011223'),
      payload.replace('aabb', 'AABB'),
      payload.replace('"images":5', '"images":5,"more":1'),
      payload.replace('"images":5', '"images": 5'),
      payload.replace(',"images":5', ''),
      payload.replace('"actor":"dpo@example.com",', ''),
      payload.replace('["', '["00112233445566778899aabbccddeeff","'),
      '{}',
      'null',
      '',
    ])
      expect(() => parseErasure(changed)).toThrow(MalformedBytes);
  });

  it('an image is erased when its salt is all zeros', () => {
    expect(isErased(Buffer.alloc(16))).toBe(true);
    for (let i = 0; i < 16; i++) expect(isErased(Buffer.alloc(16).fill(1, i, i + 1))).toBe(false);
  });
});

describe('records are canonical protobuf', () => {
  const schema = protobuf.parse(readFileSync(new URL('../../docs/record.proto', import.meta.url), 'utf8'), {
    keepCase: true,
  });
  const message = schema.root.lookupType('rowseal.v1.Record');
  const digest = fc
    .uint8Array({ minLength: 32, maxLength: 32 })
    .map((bytes) => Buffer.from(bytes).toString('latin1'));
  const tag = fc.uint8Array({ minLength: 16, maxLength: 16 });
  const arbitrary = fc.record({
    kind: fc.integer({ min: 1, max: 10 }) as fc.Arbitrary<RecordKind>,
    seq: fc.maxSafeNat(),
    position: fc.uint8Array({ maxLength: 40 }),
    transaction: fc.string({ maxLength: 60 }),
    commitTimeUs: fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }),
    transactionIndex: fc.nat(),
    ordinal: fc.nat(),
    op: fc.integer({ min: 0, max: 5 }),
    schema: fc.nat(),
    policy: fc.nat(),
    keyTag: fc.option(tag),
    oldKeyTag: fc.option(tag),
    before: fc.option(digest),
    after: fc.option(digest),
    payload: fc.string({ maxLength: 300 }),
  });

  it('as protobufjs reads and writes them from docs/record.proto', () => {
    fc.assert(
      fc.property(arbitrary, (record: AuditRecord) => {
        const builder = new ByteBuilder();
        encodeRecord(builder, record);
        const bytes = Buffer.from(builder.view());
        const read = message.decode(bytes);
        // The reference writes the same bytes from what it read: field order, defaults and varints agree.
        expect(Buffer.from(message.encode(read).finish()).equals(bytes)).toBe(true);
        const plain = (one: AuditRecord): unknown => ({
          ...one,
          position: [...one.position],
          keyTag: one.keyTag && [...one.keyTag],
          oldKeyTag: one.oldKeyTag && [...one.oldKeyTag],
        });
        expect(plain(decodeRecord(bytes))).toEqual(plain(record));
      }),
      { numRuns: 500 },
    );
  });

  it('and any other bytes are refused, never with another exception', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          const record = decodeRecord(Buffer.from(bytes));
          const builder = new ByteBuilder();
          encodeRecord(builder, record);
          expect(builder.length).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedBytes);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
