import { inline, ruleConfig } from '../config/write-rule.ts';
import { type DataClass, dataClasses } from '../mask/detect/data-class.ts';
import type { Preset, PresetRule } from '../mask/preset/preset.ts';
import { PRESET_NAMES, presetOf } from '../mask/preset/presets.ts';

/** The year that the examples of the page are written in; `init` takes the present one. */
const YEAR = 2026;

/** docs/masking-presets.md; `npm run docs` writes it, a test holds it current. */
export function presetDocs(): string {
  const presets = PRESET_NAMES.map((name) => presetOf(name, YEAR));
  return `${HEAD}\n${presets.map(section).join('\n')}\n${HIPAA_NOTES}`;
}

const HEAD = `# Presets

<!-- Generated from src/mask/preset by \`npm run docs\`. -->

A preset says what becomes of each kind of personal data: \`rowseal init --preset gdpr|hipaa|pci\` (default: \`gdpr\`) looks at
names, types and a sample of the values, and writes a policy that applies it, a reason beside every column. A preset is
data, a starting point for review, and not legal advice: it does not know what your data mean, nor on what basis they are
processed.

Of the rules of a class the first that fits the column's type is taken; where none fits, the column is redacted. Row keys
cannot be redacted or made coarser, because rows would become one: a key that holds personal data becomes a token, under
\`hipaa\` with a warning. \`{ domain: … }\` is a token (HMAC-SHA-256) in the token space of its kind, the same in every table, so
that joins survive. What no class was found for is kept when it is harmless for all that can be seen (numbers,
categories, things), scanned (texts about things), or treated as the preset says of unknown data.
`;

function section(preset: Preset): string {
  const rows = Object.entries(preset.classes).map(([name, rule]) => row(name as DataClass, rule));
  return [
    `## \`${preset.name}\`: ${preset.title}`,
    '',
    preset.scope,
    '',
    `Row keys that only number rows: ${preset.surrogateKeys === 'keep' ? 'kept' : 'tokens, in a domain for each table'}. Unknown texts and numbers: ${shown(preset.unknown)}. Other dates: ${preset.otherDates.map(shown).join(', else ')}.`,
    '',
    '| kind of data | becomes | because of |',
    '| --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

function row(name: DataClass, { choices, reference }: PresetRule): string {
  const rules = choices.map(shown).join(', else ');
  const last = choices.at(-1)!;
  const fits = last.kind === 'domain' || ['redact', 'drop', 'keep'].includes(last.method.method);
  return `| ${dataClasses[name].title} | ${rules}${fits ? '' : ', else `redact`'} | ${reference} |`;
}

function shown(rule: Parameters<typeof ruleConfig>[0]): string {
  const text = inline(ruleConfig(rule));
  return `\`${text.length > 90 ? `${text.slice(0, 60)}… }` : text}\``;
}

const HIPAA_NOTES = `## Notes on Safe Harbor

- 45 CFR 164.514(b)(2)(i) lists eighteen identifiers "of the individual or of relatives, employers, or household members";
  they are removed, not tokenised: a code that stays in the data may not be "derived from or related to information about
  the individual", (c)(1). A token of a row key stands for a number that the database made up.
- (B) A ZIP code keeps its first three digits, unless the area of all ZIP codes that begin with them has 20,000 people or
  fewer: then it becomes 000. Those are the 17 prefixes that HHS lists from the census of 2000 (Guidance Regarding Methods
  for De-identification, 2012); the rule wants the current census, so compare the list before you rely on it. Postcodes of five
  digits in other countries cannot be told from ZIP codes: redact those columns. Of another form they become null.
- (C) Dates keep their year, and years of which people are over 89 are moved up to \`oldest_year\`. The year is written into the
  policy, with five years of grace, because a policy is not rewritten every January. Ages are ranges of five years, 90 and more
  being one.
- (R) "Any other unique identifying number, characteristic, or code" is where a program cannot follow: unknown texts and
  numbers are redacted, and what is kept has to be read by a person. So has what (ii) calls actual knowledge.
`;
