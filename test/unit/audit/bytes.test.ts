import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteBuilder, ByteReader } from '../../../src/audit/bytes.ts';
import { decodeRecord, encodeRecord, type RecordKind } from '../../../src/audit/record.ts';
import { RecordScan } from '../../../src/audit/record-scan.ts';

describe('the bytes of the log', () => {
  it('texts come back, short and long, ASCII and not', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 90 })), (texts) => {
        const wellFormed = texts.map((text) => text.toWellFormed());
        const builder = new ByteBuilder(16);
        for (const text of wellFormed) builder.text(text);
        const reader = new ByteReader(builder.take());
        expect(wellFormed.map(() => reader.text())).toEqual(wellFormed);
      }),
    );
  });

  it("methods that Node's types leave out write what they should", () => {
    const buffer = Buffer.alloc(8);
    expect(buffer.latin1Write('zoë', 1, 3)).toBe(3);
    expect(buffer.latin1Slice(1, 4)).toBe('zoë');
    expect(buffer.utf8Write('zoë', 4, 4)).toBe(4);
    expect(buffer.utf8Slice(4, 8)).toBe('zoë');
  });
});

describe('a change that is read where it lies', () => {
  const digest = fc
    .uint8Array({ minLength: 32, maxLength: 32 })
    .map((b) => Buffer.from(b).toString('latin1'));
  const tag = fc.uint8Array({ minLength: 16, maxLength: 16 });
  const change = fc
    .record({
      kind: fc.constant(2) as fc.Arbitrary<RecordKind>,
      seq: fc.maxSafeNat(),
      position: fc.uint8Array({ maxLength: 20 }),
      transaction: fc.string({ maxLength: 20 }),
      commitTimeUs: fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }),
      transactionIndex: fc.nat(3),
      ordinal: fc.nat(300),
      op: fc.integer({ min: 0, max: 5 }),
      schema: fc.nat(),
      policy: fc.nat(),
      keyTag: fc.option(tag),
      oldKeyTag: fc.option(tag),
      before: fc.option(digest),
      after: fc.option(digest),
      payload: fc.constant(''),
    })
    .map((record) => {
      const builder = new ByteBuilder();
      encodeRecord(builder, record);
      return builder.take();
    });
  const scan = new RecordScan();
  /** As the full decoder and encoder see it: canonical, and a change. */
  const canonical = (bytes: Buffer): ReturnType<typeof decodeRecord> | null => {
    try {
      const record = decodeRecord(bytes);
      const builder = new ByteBuilder();
      encodeRecord(builder, record);
      return record.kind === 2 && builder.view().equals(bytes) ? record : null;
    } catch {
      return null;
    }
  };
  const agrees = (bytes: Buffer): void => {
    const record = canonical(bytes);
    if (!scan.change(bytes, 0, bytes.length)) return;
    // What it accepts is canonical, and says the same. What it does not, the full decoder looks at.
    expect(record).not.toBeNull();
    expect([scan.seq, scan.schema, scan.policy]).toEqual([record!.seq, record!.schema, record!.policy]);
    const part = (at: number, length: number): string | null =>
      at < 0 ? null : bytes.subarray(at, at + length).toString('latin1');
    expect(part(scan.keyTagAt, 16)).toBe(record!.keyTag && Buffer.from(record!.keyTag).toString('latin1'));
    expect(part(scan.oldKeyTagAt, 16)).toBe(
      record!.oldKeyTag && Buffer.from(record!.oldKeyTag).toString('latin1'),
    );
    expect([part(scan.beforeAt, 32), part(scan.afterAt, 32)]).toEqual([record!.before, record!.after]);
  };

  it('is accepted, and says what the decoder says', () => {
    fc.assert(
      fc.property(change, (bytes) => {
        agrees(bytes);
        if (/^[\0-\x7f]*$/.test(decodeRecord(bytes).transaction))
          expect(scan.change(bytes, 0, bytes.length)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('is refused when it is edited into another form', () => {
    fc.assert(
      fc.property(
        change,
        fc.nat(),
        fc.nat(255),
        fc.constantFrom('set', 'insert', 'remove'),
        (bytes, at, value, how) => {
          const place = at % bytes.length;
          const [head, rest] = [
            bytes.subarray(0, place),
            bytes.subarray(how === 'insert' ? place : place + 1),
          ];
          agrees(Buffer.concat([head, Buffer.from(how === 'remove' ? [] : [value]), rest]));
        },
      ),
      { numRuns: 3_000 },
    );
  });
});
