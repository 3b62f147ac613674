import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generateMaskKeyFile, MaskKeys } from '../../../src/mask/keys.ts';
import { DROPPED, type RawCell, UNCHANGED } from '../../../src/model/cell.ts';
import { Image, Op, type RowRun } from '../../../src/model/change.ts';
import type { TableSchema } from '../../../src/model/table.ts';
import {
  domain,
  drop,
  keep,
  method,
  policy,
  redact,
  schema,
  TEST_KEYS,
  token,
} from '../../support/policies.ts';
import { ReferenceMask } from '../../support/reference-mask.ts';

const people = schema({
  id: { kind: 'int', bits: 64, unsigned: false },
  name: null,
  email: null,
  secret: null,
});

function run(
  table: TableSchema,
  rows: readonly { op: number; before?: RawCell[]; after?: RawCell[] }[],
): RowRun {
  return {
    table,
    count: rows.length,
    ops: Uint8Array.from(rows.map((row) => row.op)),
    images: Uint8Array.from(
      rows.map((row) => (row.before ? Image.before : 0) | (row.after ? Image.after : 0)),
    ),
    cells: rows.flatMap((row) => [...(row.before ?? []), ...(row.after ?? [])]),
    firstOrdinal: 0,
    bytes: 0,
  };
}

const full = policy({ id: keep, name: redact, email: token, secret: drop });

describe('masking a run of rows', () => {
  it('treats before, after and key images alike, and leaves no raw value of a masked column', () => {
    const masked = full.compileMasker(people, 'start').mask(
      run(people, [
        { op: Op.create, after: ['1', 'Zoë', 'a@example.com', 's1'] },
        {
          op: Op.update,
          before: ['1', 'Zoë', 'a@example.com', 's1'],
          after: ['1', 'Ann', 'b@example.com', 's2'],
        },
        { op: Op.delete, before: ['1', UNCHANGED, UNCHANGED, UNCHANGED] },
        { op: Op.read, after: ['2', null, null, null] },
      ]),
    );
    const [a, b] = [masked.cells[2], masked.cells[10]];
    expect(masked.cells).toEqual([
      ...['1', null, a, DROPPED],
      ...['1', null, a, DROPPED],
      ...['1', null, b, DROPPED],
      ...['1', UNCHANGED, UNCHANGED, DROPPED],
      ...['2', null, null, DROPPED],
    ]);
    expect(a).toMatch(/^tok_[\w-]{22}$/);
    expect(a).not.toBe(b);
  });

  it('keeps unchanged unchanged in every method: it is a state, not a null (law 7)', () => {
    const rules = {
      id: keep,
      name: redact,
      email: token,
      secret: method({ method: 'partial', keepFirst: 1, keepLast: 0, fill: '*' }),
    };
    const masked = policy(rules)
      .compileMasker(people, 'start')
      .mask(run(people, [{ op: Op.update, after: ['1', UNCHANGED, UNCHANGED, UNCHANGED] }]));
    expect(masked.cells).toEqual(['1', UNCHANGED, UNCHANGED, UNCHANGED]);
  });

  it('does not touch the raw run', () => {
    const raw = run(people, [{ op: Op.create, after: ['1', 'n', 'e', 's'] }]);
    full.compileMasker(people, 'start').mask(raw);
    expect(raw.cells).toEqual(['1', 'n', 'e', 's']);
  });

  it('refuses a run whose cells are not what its images promise', () => {
    const raw = {
      ...run(people, [{ op: Op.create, after: ['1', 'n', 'canary-value', 's'] }]),
      cells: ['1', 'canary-value'],
    };
    const masker = full.compileMasker(people, 'start');
    expect(() => masker.mask(raw)).toThrow(expect.objectContaining({ code: 'RS-MASK-007' }));
    try {
      masker.mask(raw);
    } catch (error) {
      expect(String(error)).not.toContain('canary');
    }
  });

  it('agrees with the plain reference for any text', () => {
    const file = generateMaskKeyFile();
    const reference = new ReferenceMask(file);
    const masker = policy(
      {
        id: keep,
        name: token,
        email: domain('email'),
        secret: method({ method: 'partial', keepFirst: 0, keepLast: 2, fill: '#' }),
      },
      { domains: new Map([['email', { method: 'token', normalize: [], prefix: 'tok_' }]]) },
      MaskKeys.parse(file, 1),
    ).compileMasker(people, 'start');
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        fc.string({ unit: 'binary-ascii' }),
        fc.string({ unit: 'grapheme' }),
        (name, email, secret) => {
          const masked = masker.mask(run(people, [{ op: Op.create, after: ['1', name, email, secret] }]));
          expect(masked.cells).toEqual([
            '1',
            reference.token('column:public.people.name', name),
            reference.token('domain:email', email),
            reference.keepLast(2, '#', secret),
          ]);
        },
      ),
    );
  });
});

describe('row-key tags', () => {
  const tagOf = (after: RawCell[], table = people): string => {
    const masked = full.compileMasker(table, 'running').mask(run(table, [{ op: Op.create, after }]));
    return Buffer.from(masked.keyTags).toString('hex');
  };

  it('are equal for one row in every change and differ between rows and tables', () => {
    expect(tagOf(['1', 'a', 'b', 'c'])).toBe(tagOf(['1', 'x', 'y', 'z']));
    expect(tagOf(['1', 'a', 'b', 'c'])).not.toBe(tagOf(['2', 'a', 'b', 'c']));
    const other = schema({ id: null, name: null, email: null, secret: null }, [0], 'others');
    const others = policy(
      {},
      { undecided: 'redact', tables: new Map([['public.others', new Map([['id', keep]])]]) },
    );
    const masked = others
      .compileMasker(other, 'running')
      .mask(run(other, [{ op: Op.create, after: ['1', 'a', 'b', 'c'] }]));
    expect(Buffer.from(masked.keyTags).toString('hex')).not.toBe(tagOf(['1', 'a', 'b', 'c']));
  });

  it('of a composite key do not run into each other', () => {
    const two = schema({ a: null, b: null }, [0, 1]);
    const rules = policy({ a: keep, b: keep });
    const tag = (after: RawCell[]): string =>
      Buffer.from(
        rules.compileMasker(two, 'start').mask(run(two, [{ op: Op.create, after }])).keyTags,
      ).toString('hex');
    expect(tag(['ab', 'c'])).not.toBe(tag(['a', 'bc']));
  });

  it('give the old key only where an update changed it', () => {
    const masked = full.compileMasker(people, 'start').mask(
      run(people, [
        { op: Op.update, before: ['1', UNCHANGED, UNCHANGED, UNCHANGED], after: ['2', 'a', 'b', 'c'] },
        { op: Op.update, before: ['2', 'a', 'b', 'c'], after: ['2', 'a', 'b', 'd'] },
      ]),
    );
    expect([...masked.oldKeyTags.keys()]).toEqual([0]);
    expect(Buffer.from(masked.oldKeyTags.get(0)!).toString('hex')).toBe(tagOf(['1', '', '', '']));
  });
});

describe('deny by default', () => {
  it('stops the start and names every undecided column of every table', () => {
    expect(() => policy({ id: keep }).check([people])).toThrow(
      expect.objectContaining({
        code: 'RS-MASK-001',
        detail: 'public.people.name, public.people.email, public.people.secret',
      }),
    );
  });

  it('redacts a column that appears while running, from its first value, and says so', () => {
    const wider = schema({ id: null, name: null, email: null, secret: null, nickname: null });
    const masker = full.compileMasker(wider, 'running');
    expect(masker.undecided).toEqual(['nickname']);
    expect(
      masker.mask(run(wider, [{ op: Op.create, after: ['1', 'n', 'e', 's', 'nick'] }])).cells[4],
    ).toBeNull();
  });

  it.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])(
    'does not take a column named %s for decided',
    (name) => {
      const odd = schema({ id: null, [`${name}`]: null });
      const table = { ...odd, columns: [odd.columns[0]!, { ...odd.columns[0]!, name, id: '9' }] };
      expect(() => policy({ id: keep }).check([table])).toThrow(
        expect.objectContaining({ code: 'RS-MASK-001' }),
      );
    },
  );

  it('refuses names that do not exist, with the nearest', () => {
    expect(() => policy({ id: keep, name: redact, emial: token, secret: drop }).check([people])).toThrow(
      /no column `emial`; a similar name exists: `email`/,
    );
    expect(() =>
      policy({ id: domain('mail') }, { domains: new Map([['email', { method: 'keep' }]]) }),
    ).toThrow(/`mail`; a similar name exists: `email`/);
    expect(() => policy({ id: keep }).check([schema({ id: null }, [0], 'peopel')])).toThrow(
      expect.objectContaining({ code: 'RS-MASK-002' }),
    );
  });

  it.each([
    ['drop', drop],
    ['redact', redact],
    ['partial', method({ method: 'partial', keepFirst: 1, keepLast: 1, fill: '*' })],
  ])('refuses %s for a key column: different rows would become one', (_name, rule) => {
    const text = schema({ id: null, name: null });
    expect(() => policy({ id: rule, name: keep }).check([text])).toThrow(
      expect.objectContaining({ code: 'RS-MASK-004' }),
    );
  });

  it('refuses partial for a number and a constant that does not fit', () => {
    const number = schema({ id: null, amount: { kind: 'decimal', precision: 10, scale: 2 } });
    expect(() =>
      policy({ id: keep, amount: method({ method: 'partial', keepFirst: 0, keepLast: 1, fill: '*' }) }).check(
        [number],
      ),
    ).toThrow(expect.objectContaining({ code: 'RS-MASK-005' }));
    expect(() =>
      policy({ id: keep, amount: method({ method: 'redact', with: { constant: 'x' } }) }).check([number]),
    ).toThrow(expect.objectContaining({ code: 'RS-MASK-005' }));
  });
});

describe('mask keys', () => {
  it('print as nothing', () => {
    expect(inspect(TEST_KEYS)).toBe('[mask keys]');
    expect(JSON.stringify({ keys: TEST_KEYS })).toBe('{"keys":"[mask keys]"}');
  });

  it.each([
    '',
    'x',
    'rowseal-mask-key-v1:',
    'rowseal-mask-key-v1:AAAA',
    `rowseal-mask-key-v1:${'A'.repeat(60)}`,
  ])('refuse the key file %j', (file) => {
    expect(() => MaskKeys.parse(file, 1)).toThrow(expect.objectContaining({ code: 'RS-MASK-006' }));
  });

  it('give other tokens under another key, epoch or domain', () => {
    const value = (keys: MaskKeys, rule = token): unknown =>
      policy(
        { id: keep, name: redact, email: rule, secret: drop },
        { domains: new Map([['d', { method: 'token', normalize: [], prefix: 'tok_' }]]) },
        keys,
      )
        .compileMasker(people, 'start')
        .mask(run(people, [{ op: Op.create, after: ['1', '', 'a@example.com', ''] }])).cells[2];
    const file = generateMaskKeyFile();
    const all = [
      value(TEST_KEYS),
      value(MaskKeys.parse(file, 1)),
      value(MaskKeys.parse(file, 2)),
      value(MaskKeys.parse(file, 1), domain('d')),
    ];
    expect(new Set(all).size).toBe(4);
  });
});
