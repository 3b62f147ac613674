import { describe, expect, it } from 'vitest';
import { type TokenMaker, type TokenOrigin, tokenMaker } from '../../../src/mask/detokenize.ts';
import { noCustomFunctions } from '../../../src/mask/method/custom.ts';
import { CompiledPolicy } from '../../../src/mask/policy.ts';
import type { ColumnRule, PolicyDocument, Rule } from '../../../src/mask/policy-document.ts';
import { Image, Op } from '../../../src/model/change.ts';
import type { MaskedTable } from '../../../src/model/masked.ts';
import type { TableSchema } from '../../../src/model/table.ts';
import { domain, fpe, keep, method, schema, TEST_KEYS } from '../../support/policies.ts';

const BIGINT = { kind: 'int', bits: 64, unsigned: false } as const;
const pan = (keepLast: number): ColumnRule =>
  method({ method: 'pan', keepFirst: 0, keepLast, minDigits: 13, maxDigits: 19 });
const CARD = '4111111111111111';

interface Made {
  readonly document: PolicyDocument;
  readonly sealed: MaskedTable;
  readonly tokens: readonly string[];
}

/** A table under a policy, with one masked row. */
function made(
  table: TableSchema,
  rules: Readonly<Record<string, ColumnRule>>,
  cells: readonly string[],
  domains: Readonly<Record<string, Rule>> = {},
): Made {
  const document: PolicyDocument = {
    undecided: 'halt',
    keyEpoch: 1,
    domains: new Map(Object.entries(domains)),
    tables: new Map([['public.people', new Map(Object.entries(rules))]]),
    leakGuard: { oneIn: null, action: 'alert', except: new Set() },
  };
  const policy = new CompiledPolicy(document, TEST_KEYS, noCustomFunctions);
  const masker = policy.compileMasker(table, 'start');
  const run = masker.mask({
    table,
    count: 1,
    ops: Uint8Array.of(Op.create),
    images: Uint8Array.of(Image.after),
    cells,
    firstOrdinal: 0,
    bytes: 0,
  });
  return { document, sealed: masker.table, tokens: run.cells as readonly string[] };
}

/** A policy as a command compiles it: it never saw the tables of the source. */
function ask(
  document: PolicyDocument,
  origin: { readonly domain: string } | { readonly column: string; readonly path?: string },
  sealed: readonly MaskedTable[],
): TokenMaker {
  const newest = sealed.at(-1)!;
  const whole: TokenOrigin =
    'domain' in origin
      ? { kind: 'domain', domain: origin.domain }
      : {
          kind: 'column',
          table: newest,
          column: newest.columns.find(({ name }) => name === origin.column)!,
          path: origin.path ?? null,
        };
  return tokenMaker(document, new CompiledPolicy(document, TEST_KEYS, noCustomFunctions), whole, sealed);
}

function answer({ wayBack }: TokenMaker, token: string): string | null {
  return wayBack.kind === 'open' ? wayBack.reverse(token) : 'closed';
}

describe('what made a token', () => {
  const cards = schema({ id: null, card: null });
  const four = made(cards, { id: keep, card: pan(4) }, ['1', CARD]);
  const none = made(cards, { id: keep, card: pan(0) }, ['1', CARD]);
  const kept = made(cards, { id: keep, card: keep }, ['1', CARD]);

  it('is the rule that the log has, and no other', () => {
    expect(answer(ask(four.document, { column: 'card' }, [four.sealed]), four.tokens[1]!)).toBe(CARD);
    expect(answer(ask(four.document, { column: 'card' }, [none.sealed]), four.tokens[1]!)).toBe('closed');
    expect(answer(ask(four.document, { column: 'card' }, [kept.sealed]), four.tokens[1]!)).toBe('closed');
  });

  it('cannot be told where two rules made values that look alike', () => {
    expect(answer(ask(none.document, { column: 'card' }, [four.sealed, none.sealed]), none.tokens[1]!)).toBe(
      'closed',
    );
    // What was kept, or handled otherwise, is no token of another rule.
    const halting = made(cards, { id: keep, card: method({ ...rule(pan(4)), onError: 'halt' }) }, [
      '1',
      CARD,
    ]);
    const versions = [kept.sealed, four.sealed, halting.sealed];
    expect(answer(ask(four.document, { column: 'card' }, versions), four.tokens[1]!)).toBe(CARD);
  });

  it('tells itself where it is reversible', () => {
    const reversible = made(cards, { id: keep, card: method({ method: 'reversible' }) }, ['1', CARD]);
    const maker = ask(reversible.document, { column: 'card' }, [four.sealed, reversible.sealed]);
    expect(answer(maker, reversible.tokens[1]!)).toBe(CARD);
    expect(answer(maker, four.tokens[1]!)).toBeNull();
  });

  it('is in the space of the referenced column, or of the place in a domain', () => {
    const table = schema({ id: BIGINT, boss: BIGINT, profile: { kind: 'json' } });
    const linked: TableSchema = {
      ...table,
      columns: table.columns.map((column) =>
        column.name === 'boss'
          ? { ...column, references: { namespace: 'public', name: 'people', column: 'id' } }
          : column,
      ),
    };
    const number = method({ ...fpe, min: '0' });
    const rules = { id: number, boss: number, profile: domain('docs') };
    const docs: Rule = {
      method: 'json',
      paths: [{ path: '$.ssn', rule: method({ method: 'us_ssn' }) }],
      otherwise: 'redact',
    };
    const { document } = made(table, rules, ['1', '2', '{}'], { docs });
    const running = new CompiledPolicy(document, TEST_KEYS, noCustomFunctions);
    running.check([linked]);
    const masker = running.compileMasker(linked, 'start');
    const { cells } = masker.mask({
      table: linked,
      count: 1,
      ops: Uint8Array.of(Op.create),
      images: Uint8Array.of(Image.after),
      cells: ['40900123', '40900124', '{"ssn":"536-22-8726"}'],
      firstOrdinal: 0,
      bytes: 0,
    });
    const log = [masker.table];
    const boss = ask(document, { column: 'boss' }, log);
    expect([boss.space, answer(boss, String(cells[1]))]).toEqual(['column:public.people.id', '40900124']);
    const ssn = ask(document, { column: 'profile', path: '$.ssn' }, log);
    const token = (JSON.parse(String(cells[2])) as { readonly ssn: string }).ssn;
    expect([ssn.space, answer(ssn, token)]).toEqual(['place:docs:$.ssn', '536-22-8726']);
  });

  it('in a domain of numbers and texts is told by column only', () => {
    const table = schema({ id: null, number: BIGINT, text: null });
    const both = made(
      table,
      { id: keep, number: domain('n'), text: domain('n') },
      ['1', '40900123', '40900123'],
      { n: { ...fpe, min: '0' } },
    );
    expect(answer(ask(both.document, { domain: 'n' }, [both.sealed]), both.tokens[2]!)).toBe('closed');
    expect(answer(ask(both.document, { column: 'number' }, [both.sealed]), both.tokens[1]!)).toBe('40900123');
    expect(answer(ask(both.document, { column: 'text' }, [both.sealed]), both.tokens[2]!)).toBe('40900123');
    // A sink may have tokens of a domain that is nowhere in the log.
    expect(answer(ask(both.document, { domain: 'n' }, [four.sealed]), both.tokens[2]!)).toBe('40900123');
  });

  it('in a domain of networks and addresses too', () => {
    const plain = schema({ id: null, net: { kind: 'other' }, host: null });
    const table: TableSchema = {
      ...plain,
      columns: plain.columns.map((column) =>
        column.name === 'net' ? { ...column, sourceType: 'cidr' } : column,
      ),
    };
    const rules = { id: keep, net: domain('ip'), host: domain('ip') };
    const both = made(table, rules, ['1', '10.1.0.0/16', '10.1.2.3'], { ip: { method: 'ip' } });
    expect(answer(ask(both.document, { domain: 'ip' }, [both.sealed]), both.tokens[1]!)).toBe('closed');
    expect(answer(ask(both.document, { column: 'net' }, [both.sealed]), both.tokens[1]!)).toBe('10.1.0.0/16');
  });
});

function rule(of: ColumnRule): Rule {
  if (of.kind === 'domain') throw new Error('no method of its own');
  return of.method;
}
