import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nationalIdFinders, nationalIdSchemesOf } from '../../../../src/mask/detect/national-id.ts';
import { nationalIdSchemes } from '../../../../src/mask/detect/national-id-schemes.ts';
import { hintsOf } from '../../../../src/mask/detect/text-finder.ts';
import { TextScanner } from '../../../../src/mask/detect/text-scanner.ts';

/** Specimens and examples that authorities, encyclopedias and test suites of others publish; none of a living person. */
const examples: readonly (readonly [country: string, title: RegExp, id: string])[] = [
  ['AT', /./, '1237 010180'],
  ['AU', /./, '123456782'],
  ['AU', /./, '876543210'],
  ['BE', /./, '85.07.30-033 28'],
  ['BE', /./, '93.05.18-223.61'],
  ['BG', /./, '7523169263'],
  ['BG', /./, '8032056031'],
  ['BR', /./, '111.444.777-35'],
  ['BR', /./, '390.533.447-05'],
  ['CA', /./, '193-456-787'],
  ['CA', /./, '130 692 544'],
  ['CH', /./, '756.9217.0769.85'],
  ['CL', /./, '12.345.678-5'],
  ['CL', /./, '12531909-2'],
  ['CN', /./, '11010519491231002X'],
  ['CZ', /./, '710319/2745'],
  ['DE', /./, '36 574 261 809'],
  ['DE', /./, '86095742719'],
  ['DE', /./, '47036892816'],
  ['DK', /./, '211062-5629'],
  ['EE', /./, '37605030299'],
  ['EE', /./, '33309240064'],
  ['ES', /./, '12345678Z'],
  ['ES', /./, 'X1234567L'],
  ['ES', /./, '54362315K'],
  ['FI', /./, '131052-308T'],
  ['FI', /./, '010594Y9032'],
  ['FR', /./, '255081416802538'],
  ['FR', /./, '2 95 10 99 126 111 93'],
  ['GB', /Insurance/, 'AB123456C'],
  ['GB', /NHS/, '943 476 5919'],
  ['HK', /./, 'A123456(3)'],
  ['HK', /./, 'G123456(A)'],
  ['HK', /./, 'AB987654(3)'],
  ['HR', /./, '33392005961'],
  ['IE', /./, '1234567T'],
  ['IE', /./, '1234567FA'],
  ['IE', /./, '6433435FT'],
  ['IL', /./, '039337423'],
  ['IN', /./, '2341 2341 2346'],
  ['IT', /./, 'MRTMTT25D09F205Z'],
  ['IT', /./, 'RCCMNL83S18D969H'],
  ['JP', /./, '123456789018'],
  ['KR', /./, '900101-1234568'],
  ['MX', /./, 'HEGG560427MVZRRL04'],
  ['MX', /./, 'BOXW310820HNERXN09'],
  ['NL', /./, '111222333'],
  ['NO', /./, '15076500565'],
  ['PL', /./, '44051401359'],
  ['PT', /./, '501964843'],
  ['RO', /./, '1630615123457'],
  ['RO', /./, '1800101221144'],
  ['SE', /./, '811228-9874'],
  ['SE', /./, '19670919-9530'],
  ['SG', /./, 'S1234567D'],
  ['SG', /./, 'T1234567J'],
  ['SG', /./, 'F1234567N'],
  ['SG', /./, 'G1234567X'],
  ['SG', /./, 'M1234567K'],
  ['TR', /./, '10000000146'],
  ['ZA', /./, '8001015009087'],
  ['ZA', /./, '7503305044089'],
];

const schemeOf = (country: string, title: RegExp) =>
  nationalIdSchemes.find((scheme) => scheme.country === country && title.test(scheme.title))!;

describe('national identity numbers', () => {
  it.each(examples)('%s %s %s is one', (country, title, id) => {
    expect(nationalIdSchemesOf(id)).toContain(schemeOf(country, title));
  });

  it('has a published example for every scheme', () => {
    const shown = new Set(examples.map(([country, title]) => schemeOf(country, title)));
    expect(nationalIdSchemes.filter((scheme) => !shown.has(scheme)).map(({ title }) => title)).toEqual([]);
  });

  it.each(examples)(
    '%s %s %s with one character changed is none, as far as the scheme can tell',
    (country, title, id) => {
      const scheme = schemeOf(country, title);
      let refused = 0;
      let tried = 0;
      for (let i = 0; i < id.length; i++) {
        if (!/\d/.test(id[i]!)) continue;
        for (const digit of '0123456789') {
          if (digit === id[i]) continue;
          tried++;
          if (!nationalIdSchemesOf(id.slice(0, i) + digit + id.slice(i + 1)).includes(scheme)) refused++;
        }
      }
      // Without check digits (DK, GB) only impossible dates and forms are refused.
      const hasCheck = scheme.strength >= 0.8 && scheme.title !== 'National Insurance number';
      if (hasCheck) expect(refused / tried).toBeGreaterThan(0.85);
    },
  );

  it.each([
    '',
    '0000000000',
    '00000000000',
    'ABCDEFGHIJK',
    '12',
    '1'.repeat(40),
    '\ud800'.repeat(11),
    '１２３４５６７８２',
  ])('%j is none', (value) => expect(nationalIdSchemesOf(value)).toEqual([]));

  it('never throws', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (value) => void nationalIdSchemesOf(value)));
  });
});

describe('national identity numbers in text', () => {
  const scanner = new TextScanner(['national_id']);
  const written = examples.filter(([country, title, id]) => {
    const { digits, lettered } = schemeOf(country, title);
    return [digits, lettered].some(
      (form) => form !== undefined && new RegExp(`^(?:${form.source})$`).test(id),
    );
  });

  it('are most of the examples', () => expect(written.length).toBeGreaterThan(30));

  it.each(written)('%s %s %s is found in a sentence, whole', (_country, _title, id) => {
    for (const text of [`Her number is ${id}.`, `${id}, see file`, `(${id})`, `no: ${id}`]) {
      expect(scanner.find(text)).toEqual([
        { class: 'national_id', start: text.indexOf(id), end: text.indexOf(id) + id.length },
      ]);
    }
    // Within a longer word or number it is none (groups of it may make another one, by chance).
    for (const text of [`x${id}`, `${id}9`])
      expect(scanner.find(text).some(({ start, end }) => end - start >= id.length)).toBe(false);
  });

  it.each(
    nationalIdSchemes.flatMap((scheme) =>
      (['digits', 'lettered'] as const).flatMap((writing, i) =>
        scheme[writing] === undefined
          ? []
          : [[scheme.country, writing, scheme[writing], nationalIdFinders[i]!] as const],
      ),
    ),
  )('%s, %s: whatever has the form has the hints', (_country, _writing, form, finder) => {
    fc.assert(
      fc.property(fc.stringMatching(new RegExp(`^(?:${form.source})$`)), fc.boolean(), (id, wrapped) => {
        const hints = hintsOf(wrapped ? `${'word '.repeat(20)}${id} word` : id);
        expect(hints & finder.needs).toBe(finder.needs);
      }),
      { numRuns: 200 },
    );
  });
});
