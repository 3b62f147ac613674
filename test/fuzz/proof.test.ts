import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateSigningKeyFile, parseSigningKey, verifierKeyOf } from '../../src/audit/keys.ts';
import { NodeDisk } from '../../src/audit/node-disk.ts';
import { checkProof } from '../../src/audit/proof/check-proof.ts';
import { encodeProof, type Proof, parseProof } from '../../src/audit/proof/proof-file.ts';
import { prove } from '../../src/audit/proof/prove.ts';
import { exitOf } from '../../src/audit/verify/report.ts';
import { checkProof as checkIndependently } from '../support/independent-verifier/proof.ts';
import {
  PROOF_KEY,
  PROOF_ORIGIN,
  people,
  proofVerifier,
  tagOf,
  writeProofLog,
} from '../support/proof-log.ts';

let directory: string;
/** Proofs of rows with whole images, and with single columns. */
let whole: string;
let columns: string;

async function proofOf(name: string, seed: number, disclosure: 'row' | 'column'): Promise<string> {
  const audit = join(directory, name);
  await writeProofLog(audit, { seed, groups: 30, disclosure });
  const { text, report } = await prove(
    new NodeDisk(),
    {
      directory: audit,
      table: people,
      subject: { kind: 'row', tags: [tagOf(3)] },
      atUs: null,
      columns: disclosure === 'row' ? null : ['city'],
    },
    [proofVerifier()],
  );
  expect(report.problems).toEqual([]);
  expect(report.versions.length).toBeGreaterThan(2);
  return text;
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rowseal-fuzz-'));
  whole = await proofOf('a', 31, 'row');
  columns = await proofOf('b', 32, 'column');
});

afterAll(() => rm(directory, { recursive: true, force: true }));

/** Ours; the checker that was written from the specification must come to the same. */
function verdict(text: string, key = PROOF_KEY): number {
  const exit = exitOf(checkProof(text, [proofVerifier(key)]));
  const independent = checkIndependently(text, [key]);
  expect(independent.exit, independent.reason).toBe(exit);
  return exit;
}

describe('a proof file', () => {
  it('that is whole is proven', () => {
    expect(verdict(whole)).toBe(0);
    expect(verdict(columns)).toBe(0);
  });

  it('with any character changed is refused, and nothing else happens', { timeout: 180_000 }, () => {
    for (const text of [whole, columns]) {
      fc.assert(
        fc.property(
          fc.nat(text.length - 1),
          fc.constantFrom('A', 'B', '0', '1', '9', '"', '}', '[', ',', ' ', 'ž', '\0', '\\', '='),
          (at, character) => {
            if (text[at] === character) return;
            const edited = text.slice(0, at) + character + text.slice(at + 1);
            expect([10, 11, 12]).toContain(verdict(edited));
          },
        ),
        { numRuns: 1_500 },
      );
    }
  });

  it('that is cut off says so', () => {
    fc.assert(
      fc.property(fc.nat(whole.length - 2), (length) => {
        const exit = verdict(whole.slice(0, length));
        expect([10, 11]).toContain(exit);
        if (length > 20) expect(exit).toBe(11);
      }),
      { numRuns: 200 },
    );
  });

  it('with more or fewer members, or members of another kind, is refused', () => {
    const values = fc.oneof(
      fc.constant(null),
      fc.constant(-1),
      fc.constant(1e300),
      fc.constant('AAAA'),
      fc.constant([]),
      fc.constant({}),
      fc.constant({ __proto__: null, constructor: 1 }),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(
        fc.nat(),
        fc.constantFrom('add', 'remove', 'replace', 'repeat'),
        values,
        (pick, how, value) => {
          const json = JSON.parse(whole) as object;
          const places = objectsIn(json);
          const place = places[pick % places.length]! as Record<string, unknown>;
          const names = Object.keys(place);
          const name = names[pick % Math.max(1, names.length)] ?? 'x';
          if (how === 'add') {
            if (Array.isArray(place)) place.push(value);
            else place['extra'] = value;
          } else if (how === 'remove') {
            if (Array.isArray(place)) place.pop();
            else delete place[name];
          } else if (how === 'replace') place[name] = value;
          else if (Array.isArray(place) && place.length > 0) place.push(place[0]);
          const text = `${JSON.stringify(json)}\n`;
          if (text === whole) return;
          // A proof that claims less is still one; any other is refused.
          const exit = verdict(text);
          if (exit === 0)
            expect((JSON.parse(text) as { row: unknown }).row === null || how !== 'add').toBe(true);
          else expect([10, 11, 12]).toContain(exit);
        },
      ),
      { numRuns: 400 },
    );
  });

  it('that is nested deeply, huge, or nothing at all is refused at once', () => {
    const began = process.cpuUsage();
    for (const text of [
      '',
      '\0',
      '[]',
      'null',
      '"x"',
      '['.repeat(2_000_000),
      `{"format":${'['.repeat(500_000)}${']'.repeat(500_000)}}`,
      whole.replace('"index":', '"index":9007199254740993,"x":'),
      whole.replace(/"first":\d+/, '"first":9007199254740991'),
      whole.replace(/"records":"[^"]{40}/, `"records":"${'/'.repeat(4_000_000)}`),
      whole.replace(/"number":\d+/, '"number":4294967296'),
      whole.replaceAll('"path":"', `"path":"${'A'.repeat(1_000_000)}`),
    ])
      expect([10, 11], text.slice(0, 40)).toContain(verdict(text));
    const { user, system } = process.cpuUsage(began);
    expect((user + system) / 1e6).toBeLessThan(30);
  });

  it('that leaves something of the row out is refused', () => {
    const proof = parseProof(whole);
    const without = (change: (proof: Proof) => Proof): number => verdict(encodeProof(change(proof)));
    const row = proof.row!;
    proof.records.forEach((_, i) => {
      expect(without((p) => ({ ...p, records: p.records.toSpliced(i, 1) }))).toBe(10);
    });
    expect(row.ranges.length).toBeGreaterThan(1);
    row.ranges.forEach((range, i) => {
      expect(without((p) => ({ ...p, row: { ...row, ranges: row.ranges.toSpliced(i, 1) } }))).toBe(10);
      range.pages.forEach((_, page) => {
        const fewer = { ...range, pages: range.pages.toSpliced(page, 1) };
        expect(without((p) => ({ ...p, row: { ...row, ranges: row.ranges.with(i, fewer) } }))).toBe(10);
      });
    });
    expect(
      without((p) => ({
        ...p,
        row: { ...row, tail: { ...row.tail, records: row.tail.records.slice(0, -1) } },
      })),
    ).toBe(10);
    expect(without((p) => ({ ...p, row: { ...row, tags: [] } }))).toBe(10);
    expect(without((p) => ({ ...p, row: { ...row, tags: [tagOf(4)] } }))).toBe(10);
    expect(without((p) => ({ ...p, versions: [] }))).toBe(10);
    // Not showing an image is allowed, and said; hiding it as one that was erased is not.
    const change = proof.records.findIndex(({ after }) => after !== null);
    const as = (kind: 'withheld' | 'gone'): number =>
      without((p) => ({ ...p, records: p.records.with(change, { ...p.records[change]!, after: { kind } }) }));
    expect(as('withheld')).toBe(0);
    expect(as('gone')).toBe(10);
  });

  it('of another log, or under another key, is refused', () => {
    const other = parseSigningKey(generateSigningKeyFile());
    expect(verdict(whole, verifierKeyOf(other, PROOF_ORIGIN))).toBe(12);
    expect(verdict(whole, verifierKeyOf(other, 'rowseal/another'))).toBe(10);
    const [a, b] = [parseProof(whole), parseProof(columns)];
    expect(verdict(encodeProof({ ...a, journal: b.journal }))).toBe(10);
    expect(verdict(encodeProof({ ...a, row: b.row }))).toBe(10);
    expect(verdict(encodeProof({ ...a, records: b.records, versions: b.versions }))).toBe(10);
  });
});

function objectsIn(json: unknown): object[] {
  if (typeof json !== 'object' || json === null) return [];
  return [json, ...Object.values(json).flatMap(objectsIn)];
}
