import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generateSigningKeyFile, parseSigningKey } from '../../../src/audit/keys.ts';
import { openAuditLog } from '../../../src/audit/open.ts';
import { generateMaskKeyFile, MaskKeys } from '../../../src/mask/keys.ts';
import type { ColumnRule, Rule } from '../../../src/mask/policy-document.ts';
import { type SinkColumns, SinkMask, type SinkMaskServices } from '../../../src/mask/sink-mask.ts';
import { DROPPED, type MaskedCell, type RawCell, UNCHANGED } from '../../../src/model/cell.ts';
import { Image, Op } from '../../../src/model/change.ts';
import type { MaskedRun } from '../../../src/model/masked.ts';
import { at, begin } from '../../support/masked.ts';
import { domain, keep, method, policy, redact, schema, TEST_KEYS, token } from '../../support/policies.ts';

const INT = { kind: 'int', bits: 64, unsigned: false } as const;
const table = schema({ id: INT, email: null, phone: null, born: { kind: 'date' }, notes: null });
const email: Rule = { method: 'token', normalize: ['trim', 'lower'], prefix: 'e_' };
const DOMAINS = new Map<string, Rule>([['email', email]]);
const RULES = {
  id: keep,
  email: domain('email'),
  phone: method({ method: 'partial', keepFirst: 0, keepLast: 4, fill: '*' }),
  born: method({ method: 'generalize', to: { kind: 'date', unit: 'day', oldestYear: null } }),
  notes: keep,
};
const sealing = (keys = TEST_KEYS) => policy(RULES, { domains: DOMAINS }, keys);

const services = (keys: readonly MaskKeys[] = [TEST_KEYS]): SinkMaskServices => ({
  domains: DOMAINS,
  policy: sealing(keys[0]),
  keyed: (epoch) => {
    const of = keys.find((one) => one.epoch === epoch)!;
    return { policy: sealing(of), fingerprint: of.fingerprint };
  },
});

function sinkMask(columns: Partial<SinkColumns>, name = 'lake', keys?: readonly MaskKeys[]): SinkMask {
  const whole = { leaveOut: null, only: null, rules: new Map<string, ColumnRule>() };
  return new SinkMask(
    name,
    { tables: new Map([['public.people', { ...whole, ...columns }]]), others: false },
    services(keys),
  );
}

function sealed(cells: readonly RawCell[], keys?: MaskKeys): MaskedRun {
  return sealing(keys)
    .compileMasker(table, 'start')
    .mask({
      table,
      count: cells.length / 5,
      ops: new Uint8Array(cells.length / 5).fill(Op.create),
      images: new Uint8Array(cells.length / 5).fill(Image.after),
      cells,
      firstOrdinal: 0,
      bytes: 0,
    });
}

const ROW = ['7', 'Ann@Example.com', '555 010 1234', '1980-05-17', 'likes tea'];

describe('what a sink gets of a table', () => {
  it('is the sealed row itself when nothing is asked', () => {
    const run = sealed(ROW);
    const view = sinkMask({}).viewOf(run.table)!;
    expect(view.table).toBe(run.table);
    expect(view.mask(run)).toBe(run);
    expect(sinkMask({}).viewOf({ ...run.table, name: 'others' })).toBeNull();
  });

  it('is without columns that are left out, and with stricter ones', () => {
    const run = sealed(ROW);
    const view = sinkMask({
      leaveOut: new Set(['notes']),
      rules: new Map([
        ['email', redact],
        ['phone', method({ method: 'partial', keepFirst: 0, keepLast: 2, fill: '*' })],
        ['born', method({ method: 'generalize', to: { kind: 'date', unit: 'year', oldestYear: 1990 } })],
      ]),
    }).viewOf(run.table)!;
    expect(view.mask(run).cells).toEqual(['7', null, '**********34', '1990-01-01', DROPPED]);
    expect(view.table.columns.map((column) => column.method)).toEqual([
      'keep',
      'redact',
      'partial',
      'generalize',
      'drop',
    ]);
    expect(view.changes.map(({ column, change }) => `${column} ${change}`)).toEqual([
      'email redact',
      'phone partial',
      'born generalize',
      'notes left out',
    ]);
    // What the log says of a column stands beside what the sink does with it.
    expect(JSON.parse(view.table.policy)).toContainEqual([
      'notes',
      { method: 'drop', sink: 'lake', sealed: { method: 'keep' } },
    ]);
    expect(run.cells[4]).toBe('likes tea');
  });

  it('is what is named, and nothing that comes later', () => {
    const view = sinkMask({ only: new Set(['id', 'born']) }).viewOf(sealed(ROW).table)!;
    expect(view.mask(sealed(ROW)).cells).toEqual(['7', DROPPED, DROPPED, '1980-05-17', DROPPED]);
  });

  it('keeps nulls and cells that were not sent', () => {
    const run = sealed(['7', null, UNCHANGED, null, UNCHANGED]);
    const rules = new Map([
      ['email', token],
      ['phone', redact],
      ['notes', token],
    ]);
    const view = sinkMask({ rules }).viewOf(run.table)!;
    expect(view.mask(run).cells).toEqual(['7', null, UNCHANGED, null, UNCHANGED]);
  });

  it('joins by a domain where the policy keeps, and has tokens of its own elsewhere', () => {
    const run = sealed(['7', 'tea@x.org', '1', '1980-05-17', 'tea@x.org']);
    const notes = (columns: Partial<SinkColumns>, name: string): MaskedCell => {
      const view = sinkMask(columns, name).viewOf(run.table)!;
      return view.mask(run).cells[4]!;
    };
    // The policy's own token of an equal value.
    expect(notes({ rules: new Map([['notes', domain('email')]]) }, 'a')).toBe(run.cells[1]);
    const own = (name: string): MaskedCell => notes({ rules: new Map([['notes', token]]) }, name);
    expect(own('a')).toMatch(/^tok_/);
    expect(own('a')).not.toBe(own('b'));
  });

  it('refuses what is looser, cannot be made, or loses the key', () => {
    const { table: of } = sealed(ROW);
    const attempt = (columns: Partial<SinkColumns>): (() => unknown) => {
      const mask = sinkMask(columns);
      return () => mask.check(of);
    };
    const rule = (column: string, of: ColumnRule): Partial<SinkColumns> => ({
      rules: new Map([[column, of]]),
    });
    const code = (name: string) => expect.objectContaining({ code: name });
    expect(attempt(rule('email', keep))).toThrow(code('RS-SINK-002'));
    expect(attempt(rule('email', keep))).toThrow(
      /public.people.email is sealed by token, sink lake wants keep, which would show: the value itself; sealed shows: which values are equal/,
    );
    expect(attempt(rule('phone', token))).toThrow(code('RS-SINK-002'));
    expect(attempt(rule('phone', method({ method: 'email', host: 'token' })))).toThrow(code('RS-SINK-002'));
    expect(
      attempt(rule('notes', method({ method: 'date_shift', maxDays: 3, by: 'id', entity: null }))),
    ).toThrow(code('RS-SINK-003'));
    expect(attempt(rule('id', redact))).toThrow(code('RS-SINK-004'));
    expect(attempt({ leaveOut: new Set(['id']) })).toThrow(code('RS-SINK-004'));
    expect(attempt({ only: new Set(['email']) })).toThrow(code('RS-SINK-004'));
    expect(attempt({ leaveOut: new Set(['note']) })).toThrow(/no column `note`; did you mean `notes`/);
    expect(attempt(rule('notes', domain('mail')))).toThrow(code('RS-MASK-003'));
    expect(attempt(rule('notes', method({ method: 'round', to: '10' })))).toThrow(code('RS-MASK-005'));
    expect(attempt(rule('id', token))).not.toThrow();
  });

  it('is nulls of a version in which nobody had decided yet, whatever the rule is meant for', () => {
    const { notes: _, ...before } = RULES;
    const run = policy(before, { domains: DOMAINS })
      .compileMasker(table, 'running')
      .mask({
        table,
        count: 1,
        ops: new Uint8Array([Op.create]),
        images: new Uint8Array([Image.after]),
        cells: ROW,
        firstOrdinal: 0,
        bytes: 0,
      });
    for (const rule of [
      method({ method: 'partial', keepFirst: 1, keepLast: 0, fill: '*' }),
      domain('email'),
      keep,
    ]) {
      const mask = sinkMask({ rules: new Map([['notes', rule]]) });
      expect(mask.viewOf(run.table)!.mask(run).cells).toEqual(run.cells);
      expect(run.cells[4]).toBeNull();
    }
    const rules = new Map([['notes', method({ method: 'partial', keepFirst: 1, keepLast: 0, fill: '*' })]]);
    expect(sinkMask({ rules }).viewOf(sealed(ROW).table)!.mask(sealed(ROW)).cells[4]).toBe('l********');
  });

  it('is made under the keys that the rows were masked with, or not at all', () => {
    const later = MaskKeys.parse(generateMaskKeyFile(), 2);
    const rules = new Map([['notes', token]]);
    const run = sealed(ROW);
    const live = sinkMask({ rules }).viewOf(run.table)!.mask(run).cells;
    // Replayed after the key was rotated.
    expect(sinkMask({ rules }, 'lake', [later, TEST_KEYS]).viewOf(run.table)!.mask(run).cells).toEqual(live);
    const another = MaskKeys.parse(generateMaskKeyFile(), 1);
    expect(() => sinkMask({ rules }, 'lake', [another]).viewOf(run.table)).toThrow(
      expect.objectContaining({ code: 'RS-SINK-005' }),
    );
  });

  it('is without places of a document that it does not get, and with moved dates cut', () => {
    const of = schema({ id: INT, born: { kind: 'date' }, profile: { kind: 'json' } });
    const document = (paths: Readonly<Record<string, ColumnRule>>): ColumnRule =>
      method({
        method: 'json',
        paths: Object.entries(paths).map(([path, rule]) => ({ path, rule })),
        otherwise: 'redact',
      });
    const rules = {
      id: keep,
      born: method({ method: 'date_shift', maxDays: 30, by: 'id', entity: null }),
      profile: document({ '$.mail': token, '$.city': keep, '$.tags[*]': keep }),
    };
    const run = policy(rules, {})
      .compileMasker(of, 'start')
      .mask({
        table: of,
        count: 1,
        ops: new Uint8Array([Op.create]),
        images: new Uint8Array([Image.after]),
        cells: ['7', '1980-05-17', '{"mail":"ann@example.com","city":"Ulm","tags":["a"],"ssn":"1"}'],
        firstOrdinal: 0,
        bytes: 0,
      });
    const view = sinkMask({
      rules: new Map<string, ColumnRule>([
        ['born', method({ method: 'generalize', to: { kind: 'date', unit: 'month', oldestYear: null } })],
        ['profile', document({ '$.mail': keep, '$.tags': redact })],
      ]),
    }).viewOf(run.table)!;
    const [, moved, sealedProfile] = run.cells as string[];
    const { mail } = JSON.parse(sealedProfile!) as { mail: string };
    expect(mail).toMatch(/^tok_/);
    expect(view.mask(run).cells).toEqual([
      '7',
      `${moved!.slice(0, 7)}-01`,
      JSON.stringify({ mail, tags: [null] }),
    ]);
    expect(view.takeUnfit()).toEqual([]);
  });

  it('is the same from the log as it was live', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'rowseal-sink-mask-'));
    const cell = fc.option(fc.string({ maxLength: 12 }), { nil: null });
    const row = fc.tuple(
      fc.bigInt({ min: 0n, max: 1n << 40n }).map(String),
      cell,
      cell,
      fc.constantFrom('1980-05-17', '2001-12-31', null),
      cell,
    );
    const columns: Partial<SinkColumns> = {
      leaveOut: new Set(['phone']),
      rules: new Map([
        ['id', token],
        ['email', method({ method: 'token', normalize: [], prefix: 'x_' })],
        ['born', method({ method: 'generalize', to: { kind: 'date', unit: 'month', oldestYear: null } })],
        ['notes', domain('email')],
      ]),
    };
    try {
      const signer = parseSigningKey(generateSigningKeyFile());
      const live: (readonly MaskedCell[])[] = [];
      const { log } = await openAuditLog({ directory, origin: 'rowseal/p', signer });
      const mask = sinkMask(columns);
      for (const rows of fc.sample(fc.array(row, { minLength: 1, maxLength: 5 }), { numRuns: 20, seed: 1 })) {
        const run = sealed(rows.flat());
        const group = log.begin();
        await group.append([begin(1), { kind: 'rows', run }]);
        for await (const events of (await group.seal(at(live.length + 1))).chunks())
          for (const event of events)
            if (event.kind === 'rows') live.push(mask.viewOf(event.run.table)!.mask(event.run).cells);
      }
      await log.close();
      const again = await openAuditLog({ directory, origin: 'rowseal/p', signer });
      const replayed: (readonly MaskedCell[])[] = [];
      const other = sinkMask(columns);
      for await (const group of again.log.read(0))
        for await (const events of group.chunks())
          for (const event of events)
            if (event.kind === 'rows') replayed.push(other.viewOf(event.run.table)!.mask(event.run).cells);
      await again.log.close();
      expect(replayed).toEqual(live);
      expect(live.flat()).not.toContain('1980-05-17');
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});
