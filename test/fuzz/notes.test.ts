import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CosignatureVerifier, parseWitnessKey } from '../../src/audit/cosignature.ts';
import { nodeEd25519 } from '../../src/audit/ed25519/node-ed25519.ts';
import { generateSigningKeyFile, parseSigningKey, verifierKeyOf } from '../../src/audit/keys.ts';
import {
  formatNote,
  formatVerifierKey,
  keyId,
  MAX_NOTE_LENGTH,
  type NoteSignature,
  parseCheckpoint,
  parseNote,
  parseSignedHead,
  parseVerifierKey,
  SignatureType,
} from '../../src/audit/note.ts';
import { signHead } from '../../src/audit/signers/signer.ts';
import { HeadVerifier } from '../../src/audit/verify/signature.ts';
import { parseWitnessPolicy } from '../../src/audit/witness-policy.ts';

const origin = 'log.example/shop';
const signer = parseSigningKey(generateSigningKeyFile());
const verifier = new HeadVerifier(parseVerifierKey(verifierKeyOf(signer, origin))!, nodeEd25519);
const head = { origin, size: 7, root: 'r'.repeat(32) };
const good = String(signHead(head, origin, [signer]));
const { body, signatures } = parseNote(good)!;
const ours = signatures[0]!;

/** Lines as an attacker, an unknown witness or a broken tool may add them. */
const strangeLine: fc.Arbitrary<string> = fc.oneof(
  fc
    .record({
      name: fc.constantFrom(origin, 'other.example', 'ünï.example', '—'),
      id: fc.oneof(fc.constant(ours.keyId), fc.uint8Array({ minLength: 4, maxLength: 4 })),
      signature: fc.uint8Array({ minLength: 1, maxLength: 3000 }),
    })
    .map(({ name, id, signature }) => formatNote('', [{ name, keyId: id, signature }]).slice(1)),
  fc.string({ maxLength: 80 }).map((text) => `— ${text}\n`),
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.constantFrom(
    '\n',
    '\r\n',
    '— \n',
    '—  AAAA\n',
    '— a b\n',
    '- a AAAAAAAA\n',
    '— a AAAAAAAA\0\n',
    '— a+b AAAAAAAA\n',
  ),
);

describe('notes', () => {
  it('with strange lines are refused, or verify as what was signed', () => {
    fc.assert(
      fc.property(fc.array(strangeLine, { maxLength: 20 }), fc.nat(20), (lines, at) => {
        const place = Math.min(at, lines.length);
        const line = good.slice(body.length + 1);
        const note = `${body}\n${[...lines.slice(0, place), line, ...lines.slice(place)].join('')}`;
        const parsed = parseSignedHead(note);
        if (parsed === null) return;
        expect(parsed.body).toBe(body);
        const claims = parsed.signatures.filter((signature) => verifier.isOurs(signature));
        // Exactly one line may claim to be by the key, and then it is the good one.
        expect(verifier.signedByKey(parsed)).toBe(claims.length === 1);
      }),
      { numRuns: 1500 },
    );
  });

  it('changed anywhere are refused', () => {
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.string({ unit: 'binary', maxLength: 3 }), (at, text) => {
        const note = good.slice(0, at) + text + good.slice(at + 1);
        if (note === good) return;
        expect(verifier.check(note, head)).not.toBe('ok');
      }),
      { numRuns: 1500 },
    );
  });

  it('a line twice, a wrong line beside the good one: not signed', () => {
    const wrong: NoteSignature = { ...ours, signature: Uint8Array.from(ours.signature).fill(1) };
    for (const lines of [[ours, ours], [ours, wrong], [wrong, ours], [wrong], []]) {
      const parsed = parseSignedHead(formatNote(body, lines));
      expect(parsed !== null && verifier.signedByKey(parsed)).toBe(false);
    }
    // The same key under another id, or another name, is another key.
    const renamed = { ...ours, name: 'other.example' };
    expect(verifier.signedByKey(parseSignedHead(formatNote(body, [renamed, ours]))!)).toBe(true);
    expect(verifier.signedByKey(parseSignedHead(formatNote(body, [renamed]))!)).toBe(false);
  });

  it('sixteen signatures are read (C2SP), hundreds and huge ones are not', () => {
    const line = (i: number, length = 2428): NoteSignature => ({
      name: `w${i}.example`,
      keyId: Uint8Array.of(0, 0, 0, i),
      signature: new Uint8Array(length),
    });
    const many = (count: number, length?: number): string =>
      formatNote(body, [ours, ...Array.from({ length: count }, (_, i) => line(i, length))]);
    expect(verifier.signedByKey(parseSignedHead(many(15))!)).toBe(true);
    expect(parseSignedHead(many(200, 64))).toBeNull();
    expect(parseSignedHead(many(1, MAX_NOTE_LENGTH))).toBeNull();
  });

  it('the example of C2SP signed-note verifies', () => {
    const key = parseVerifierKey('example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k')!;
    const note =
      'This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n';
    const example = new HeadVerifier(key, nodeEd25519);
    expect(example.signedByKey(parseNote(note)!)).toBe(true);
    expect(example.signedByKey(parseNote(note.replace('an example', 'no example'))!)).toBe(false);
    // A text may have empty lines: the last one ends it.
    expect(parseNote(`a\n\nb\n\n${note.split('\n\n')[1]}`)?.body).toBe('a\n\nb\n');
    expect(parseCheckpoint(note)).toBeNull();
  });

  it('the checkpoints of C2SP tlog-checkpoint and tlog-cosignature are read', () => {
    const note = `example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
`;
    const parsed = parseSignedHead(note)!;
    expect(parsed.head).toMatchObject({ origin: 'example.com/behind-the-sofa', size: 20_852_163 });
    expect(parsed.signatures.map(({ name }) => name)).toEqual([
      'example.com/behind-the-sofa',
      'witness.example.com/w1',
    ]);
    expect(formatNote(parsed.body, parsed.signatures)).toBe(note);
  });
});

describe('checkpoints', () => {
  it.each([
    ['no size', 'o\n\n'],
    ['a size with a leading zero', 'o\n07\n'],
    ['a negative size', 'o\n-7\n'],
    ['a size beyond what a number holds', 'o\n9007199254740993\n'],
    ['a root cut short', `o\n7\n${Buffer.alloc(31).toString('base64')}\n`],
    ['a root with spare bits', `o\n7\n${'A'.repeat(42)}B=\n`],
    ['an empty origin', `\n7\n${Buffer.alloc(32).toString('base64')}\n`],
    ['an empty extension line', `o\n7\n${Buffer.alloc(32).toString('base64')}\n\nx\n`],
  ])('%s', (_what, text) => {
    expect(parseCheckpoint(formatNote(text, [ours]))).toBeNull();
  });

  it('any bodies: read or refused', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 60 }), { maxLength: 6 }), (lines) => {
        const parsed = parseCheckpoint(formatNote(`${lines.join('\n')}\n`, [ours]));
        if (parsed === null) return;
        expect(parsed.head.root.length).toBe(32);
        expect(Number.isSafeInteger(parsed.head.size)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('keys and cosignatures', () => {
  it('a key of one type is none of another, and any damage is seen', () => {
    const log = verifierKeyOf(signer, origin);
    const witness = formatVerifierKey(origin, signer.publicKey, SignatureType.cosignature);
    expect(parseWitnessKey(log)).toBeNull();
    expect(parseVerifierKey(witness)).toBeNull();
    expect(keyId(origin, signer.publicKey)).not.toEqual(
      keyId(origin, signer.publicKey, SignatureType.cosignature),
    );
    fc.assert(
      fc.property(fc.nat(log.length - 1), fc.string({ unit: 'binary', maxLength: 2 }), (at, text) => {
        const key = log.slice(0, at) + text + log.slice(at + 1);
        if (key.trim() === log) return;
        expect(parseVerifierKey(key)).toBeNull();
      }),
      { numRuns: 800 },
    );
  });

  it('cosignatures of any length and time are judged, never thrown at', () => {
    const key = parseWitnessKey(formatVerifierKey('w', signer.publicKey, SignatureType.cosignature))!;
    const cosigner = new CosignatureVerifier(key, nodeEd25519);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (signature) => {
        const note = parseNote(formatNote(body, [ours, { name: 'w', keyId: key.keyId, signature }]))!;
        expect(cosigner.timeOf(note)).toBe('invalid');
      }),
    );
  });
});

describe('policies of witnesses (C2SP tlog-policy)', () => {
  const vkey = (n: number): string =>
    formatVerifierKey(`w${n}`, parseSigningKey(Buffer.alloc(32, n)).publicKey, SignatureType.cosignature);
  const logKey = verifierKeyOf(signer, origin);
  const example = `# as in the specification
log ${logKey} https://log.example
witness X1 ${vkey(1)}
witness X2\t${vkey(2)} https://w2.example
  witness X3 ${vkey(3)}
group X-witnesses 2 X1 X2 X3
witness Y1 ${vkey(4)}
witness Y2 ${vkey(5)}
group Y-witnesses any Y1 Y2
group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
`;

  it('groups in groups', () => {
    const policy = parseWitnessPolicy(example);
    if ('wrong' in policy) throw new Error(policy.wrong);
    expect(policy.witnesses.length).toBe(5);
    const holds = (...names: string[]): boolean => policy.satisfied(new Set(names));
    expect(holds('X1', 'X3', 'Y2')).toBe(true);
    expect(holds('X1', 'Y1', 'Y2')).toBe(false);
    expect(holds('X1', 'X2', 'X3')).toBe(false);
    const none = parseWitnessPolicy('quorum none\n');
    expect('wrong' in none ? none.wrong : none.satisfied(new Set())).toBe(true);
  });

  it.each([
    ['no quorum', example.replace('quorum X-and-Y\n', ''), /no quorum/],
    ['two', `${example}quorum X1\n`, /line 12: a second quorum/],
    ['a name before it is defined', example.replace('quorum X-and-Y', 'quorum Z'), /line 11/],
    ['a name twice', example.replace('witness Y1', 'witness X1'), /line 7: the name X1 is taken/],
    ['a key twice', example.replace(vkey(5), vkey(4)), /line 8: the witness is there twice/],
    ['a member of two groups', example.replace('any Y1 Y2', 'any Y1 X1'), /line 9: X1 is in a group already/],
    ['a threshold beyond', example.replace('2 X1 X2 X3', '4 X1 X2 X3'), /line 6/],
    ['a threshold of nothing', example.replace('2 X1 X2 X3', '0 X1 X2 X3'), /line 6/],
    ['the key of a log as a witness', example.replace(vkey(1), logKey), /line 3/],
    ['another word', `${example}allow all\n`, /line 12/],
    ['no end', 'x\n'.repeat(2000), /more than 1000 lines/],
  ])('%s', (_what, text, said) => {
    const policy = parseWitnessPolicy(text);
    expect('wrong' in policy ? policy.wrong : '').toMatch(said);
  });
});
