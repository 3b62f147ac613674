import { describe, expect, it } from 'vitest';
import { type ColumnScan, scanColumn } from '../../../../src/mask/detect/column-scan.ts';
import type { ColumnType } from '../../../../src/model/type.ts';
import { corpus, Dice, HARD, type LabelledColumn } from '../../../support/scan-corpus.ts';

const TEXT: ColumnType = { kind: 'text', maxLength: null, padded: false };
const JSON_TYPE: ColumnType = { kind: 'json' };

function scan(
  name: string,
  values: readonly (string | null)[],
  type: ColumnType = TEXT,
  table = 'public.t',
  sourceType: string = type.kind,
): ColumnScan {
  return scanColumn({ table, column: { name, type, sourceType, id: null }, values });
}

const repeat = (count: number, make: (row: number) => string): string[] =>
  Array.from({ length: count }, (_, row) => make(row));

/** What counts: a finding that is more likely than not. */
function seen(column: LabelledColumn): string | null {
  const { findings } = scan(column.name, column.values, column.type, column.table, column.sourceType);
  const top = findings[0];
  return top !== undefined && top.confidence >= 0.5 ? top.class : null;
}

interface Tally {
  personal: number;
  found: number;
  rightly: number;
  innocent: number;
  accused: number;
}

function tally(columns: readonly LabelledColumn[]): Tally {
  const counts: Tally = { personal: 0, found: 0, rightly: 0, innocent: 0, accused: 0 };
  for (const column of columns) {
    const found = seen(column);
    if (column.holds.length === 0) {
      counts.innocent++;
      if (found !== null) counts.accused++;
      continue;
    }
    counts.personal++;
    if (found !== null) counts.found++;
    if (found !== null && (column.holds as readonly string[]).includes(found)) counts.rightly++;
  }
  return counts;
}

describe('a labelled corpus of columns in seven languages', () => {
  const plain = corpus.slice(0, corpus.length - HARD);
  const hard = corpus.slice(-HARD);

  it('is large enough to mean something', () => {
    expect(corpus.length).toBeGreaterThanOrEqual(150);
    expect(HARD).toBeGreaterThanOrEqual(50);
  });

  it('is told apart: recall, precision, and few things taken for people', () => {
    const [of, ofHard] = [tally(plain), tally(hard)];
    const figures = (t: Tally): string =>
      `recall ${t.found}/${t.personal}, class right ${t.rightly}/${t.personal}, false alarms ${t.accused}/${t.innocent}, precision ${((100 * t.found) / (t.found + t.accused)).toFixed(1)} %`;
    console.info(`corpus: ${figures(of)}\nhard names: ${figures(ofHard)}`);
    expect(of.found / of.personal).toBeGreaterThanOrEqual(0.98);
    expect(of.rightly / of.personal).toBeGreaterThanOrEqual(0.95);
    expect(of.accused).toBe(0);
    expect(ofHard.found / ofHard.personal).toBeGreaterThanOrEqual(0.85);
    expect(ofHard.accused).toBeLessThanOrEqual(1);
  });

  it('never says a value', () => {
    for (const column of corpus) {
      const said = JSON.stringify(
        scan(column.name, column.values, column.type, column.table, column.sourceType),
      );
      for (const value of column.values)
        if (value !== null && value.length > 6) expect(said, column.name).not.toContain(value);
    }
  });
});

describe('evidence', () => {
  const emails = repeat(10, (row) => `person${row}@example.org`);

  it('counts in words', () => {
    expect(scan('x', emails).findings[0]).toMatchObject({
      class: 'email',
      evidence: ['all 10 sampled values are e-mail addresses'],
    });
    expect(scan('x', [...emails, ...repeat(30, () => 'none')]).findings[0]?.evidence).toEqual([
      '10 of 40 sampled values are e-mail addresses',
    ]);
    expect(scan('x', ['a@example.org']).findings[0]?.evidence).toEqual([
      'the one sampled value is an e-mail address',
    ]);
    expect(scan('x', ['a@example.org', ...repeat(30, () => 'none')]).findings[0]?.evidence).toEqual([
      '1 of 31 sampled values is an e-mail address',
    ]);
  });

  it('of name and values together is stronger than of either', () => {
    const [both, name, values] = [scan('email', emails), scan('email', []), scan('x', emails)].map(
      ({ findings }) => findings[0]!.confidence,
    );
    expect(both).toBeGreaterThan(name!);
    expect(both).toBeGreaterThan(values!);
  });

  it('of values that contradict the name weakens it', () => {
    const { findings } = scan(
      'phone',
      repeat(50, (row) => `model ${'abc'[row % 3]}`),
    );
    expect(findings[0]).toMatchObject({
      class: 'phone',
      evidence: ['the name says so', 'none of the 50 sampled values looks like one'],
    });
    expect(findings[0]!.confidence).toBeLessThan(0.5);
  });

  it('takes the values for what they are where the name says something else of the kind', () => {
    expect(
      scan(
        'user_name',
        repeat(
          40,
          (row) => `${['Anna', 'Peter', 'Maria'][row % 3]} ${['Smith', 'Weber', 'Rossi', 'Garcia'][row % 4]}`,
        ),
      ).findings[0]?.class,
    ).toBe('person_name');
  });

  it('comes from types that say what they hold', () => {
    expect(scan('x', [], { kind: 'other' }, 'public.t', 'inet').findings[0]?.class).toBe('ip');
    expect(scan('x', [], { kind: 'other' }, 'public.t', 'macaddr').findings[0]?.class).toBe('mac');
    expect(scan('x', [], { kind: 'other' }, 'public.t', 'geography(Point,4326)').findings[0]?.class).toBe(
      'coordinates',
    );
  });

  it('of one text of fifty is enough, of a word is not', () => {
    const texts = repeat(49, () => 'The lamp is made of oak and is quick to put together at home.');
    expect(
      scan('body', [...texts, 'Please write to ann@example.org, or the whole thing will go back to you.'])
        .findings[0],
    ).toMatchObject({
      class: 'free_text',
      contains: ['email'],
      evidence: ['all 50 sampled values are texts of many words', '1 of 50 texts contains an e-mail address'],
    });
    expect(scan('body', texts).findings[0]?.contains).toEqual([]);
  });
});

describe('columns of documents', () => {
  const documents = repeat(30, (row) =>
    JSON.stringify({
      id: row,
      contact: { email: `p${row}@example.org`, name: 'Anna Weber' },
      lines: [{ sku: `A-${row}`, note: 'x' }],
      opened_by: { [`user-${row}@example.org`]: true, [`q${row}x`]: 1 },
      active: row % 2 === 0,
    }),
  );

  it('are looked at place by place', () => {
    const { places, documents: read } = scan('payload', documents, JSON_TYPE);
    expect(read).toBe(30);
    const found = new Map(places.map(({ path, findings }) => [path, findings[0]?.class ?? null]));
    expect(found.get('$.contact.email')).toBe('email');
    expect(found.get('$.contact.name')).toBe('person_name');
    expect(found.get('$.lines[*].sku')).toBeNull();
    expect(found.get('$.active')).toBeNull();
    expect([...found.keys()]).toContain('$.opened_by.*');
  });

  it('never say a member name that may be a value', () => {
    const said = JSON.stringify(scan('payload', documents, JSON_TYPE));
    expect(said).not.toContain('user-');
    expect(said).not.toMatch(/q\d+x/);
    const people = repeat(20, () =>
      JSON.stringify({ hours: { Anna: 8, Peter: 7, 'k.weber': 4, u8812345: 1 } }),
    );
    expect(JSON.stringify(scan('sheet', people, JSON_TYPE))).not.toMatch(/Anna|Peter|weber|u88/);
  });

  it('may be texts', () => {
    const { places } = scan('raw', documents, TEXT);
    expect(places.map(({ path }) => path)).toContain('$.contact.email');
  });

  it('that are broken or too many names deep do no harm', () => {
    const odd = ['{', '[1,', 'null', '{"a":1,"a":2}', '['.repeat(300) + ']'.repeat(300), '""', '{"a":{}}'];
    expect(scan('payload', odd, JSON_TYPE)).toMatchObject({ documents: 3 });
    const wide = repeat(3, () =>
      JSON.stringify(Object.fromEntries(repeat(9000, (i) => `n${i}`).map((name) => [name, 1]))),
    );
    expect(scan('payload', wide, JSON_TYPE).places.map(({ path }) => path)).toEqual(['$.*']);
  });
});

describe('other types', () => {
  it('arrays are looked at element by element', () => {
    const { findings, shape } = scan('x', ['{a@example.org,"b c",NULL}', '{}', null], {
      kind: 'array',
      element: TEXT,
    });
    expect(findings[0]?.class).toBe('email');
    expect(shape.filled).toBe(2);
  });

  it('days that spread like births are dates of birth, recent ones are not', () => {
    const dice = new Dice(5);
    const days = (from: number, to: number): string[] =>
      repeat(60, () => `${dice.between(from, to)}-0${dice.between(1, 9)}-11`);
    expect(scan('x', days(1935, 2008), { kind: 'date' }).findings[0]?.class).toBe('date_of_birth');
    expect(scan('x', days(2019, 2025), { kind: 'date' }).findings).toEqual([]);
  });

  it('no values, no findings but those of the name', () => {
    expect(scan('x', [null, '', '  ']).findings).toEqual([]);
    expect(scan('iban', [null]).findings[0]?.class).toBe('iban');
  });

  it('takes 300 long texts in time', () => {
    const started = process.cpuUsage();
    scan(
      'body',
      repeat(300, (row) => `${row} ${'lorem ipsum 12.3 dolor 4711 '.repeat(700)}`),
    );
    const { user, system } = process.cpuUsage(started);
    expect((user + system) / 1e6).toBeLessThan(5);
  });
});
