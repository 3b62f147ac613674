import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { PackedRunner, packBlock } from '../../../connectors/duckdb-engine/packed.ts';
import { packProofs, proofExpressions } from '../../../connectors/sinks/duckdb/packed-proofs.ts';
import type { RowProof } from '../../../src/deliver/warehouse/row-proof.ts';

const proof: fc.Arbitrary<RowProof> = fc.record({
  op: fc.constantFrom('c', 'u', 'r'),
  group: fc.integer({ min: 0, max: 3 }),
  seq: fc.nat(1_000_000),
  commitTimeUs: fc.constantFrom(0n, -1n, 1_700_000_000_000_001n, 9_000_000_000_000_000n),
});

it('what is bound once for many rows comes back as it was for each, in order, as text and as JSON', async () => {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  const runner = new PackedRunner(connection);
  const cell = fc.constantFrom('a', null, 'has \u001f in it');
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(proof, cell), { minLength: 1, maxLength: 60 }), async (rows) => {
      const proofs = rows.map(([one]) => one);
      const packed = packProofs(proofs);
      const own = packed.places === null ? [packed.seq] : [packed.seq, packed.places];
      const block = packBlock([rows.map(([, text]) => text), ...own], packed.shared);
      const columns = proofExpressions(packed, 1, 1 + own.length + 1).join(', ');
      await connection.run(
        'CREATE OR REPLACE TABLE t (v VARCHAR, op VARCHAR, grp BIGINT, seq BIGINT, made TIMESTAMPTZ)',
      );
      runner.forget();
      await runner.run(block, (unpacked) => `INSERT INTO t SELECT c0, ${columns} FROM (${unpacked})`);
      const reader = await connection.runAndReadAll(
        'SELECT v, op, grp, seq, epoch_us(made) FROM t ORDER BY rowid',
      );
      expect(reader.getRowsJS()).toEqual(
        rows.map(([{ op, group, seq, commitTimeUs }, v]) => [
          v,
          op,
          BigInt(group),
          BigInt(seq),
          commitTimeUs,
        ]),
      );
    }),
    { numRuns: 60 },
  );
  runner.forget();
  connection.closeSync();
  instance.closeSync();
}, 180_000);
