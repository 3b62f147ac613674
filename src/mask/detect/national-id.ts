import { type NationalIdScheme, nationalIdSchemes } from './national-id-schemes.ts';
import { Hint, patternFinder, type TextFinder, whole } from './text-finder.ts';

/** The schemes that a whole value satisfies: several, where countries share a form and chance plays along. */
export function nationalIdSchemesOf(value: string): readonly NationalIdScheme[] {
  if (value.length < 8 || value.length > 24 || /^0+$/.test(value)) return [];
  const bare = bareOf(value);
  if (bare.length < 8 || bare.length > 18) return [];
  return nationalIdSchemes.filter(({ form, valid }) => form.test(bare) && valid(bare));
}

type Writing = 'digits' | 'lettered';

/**
 * In text only where the way of writing, or the check digits, leave little to chance.
 *
 * @param lead the characters that all ways of writing begin with
 */
function finderOf(writing: Writing, needs: number, lead: string): TextFinder {
  const written = nationalIdSchemes.flatMap((scheme) => {
    const pattern = scheme[writing];
    return pattern === undefined ? [] : [{ scheme, pattern, alone: new RegExp(`^${pattern.source}$`) }];
  });
  const sources = written.map(({ pattern }) => pattern.source).join('|');
  return patternFinder(
    'national_id',
    needs,
    new RegExp(`${lead}(?<!\\w.)(?<!\\..|[\\dA-Za-z]-.)(?<=(?=(?<found>${sources})(?!\\w|[.-]\\d)).)`, 'g'),
    whole((match) => {
      const bare = bareOf(match);
      return written.some(
        ({ scheme, alone }) => alone.test(match) && scheme.form.test(bare) && scheme.valid(bare),
      );
    }),
  );
}

export const nationalIdFinders: readonly TextFinder[] = [
  finderOf('digits', Hint.grouped, '\\d'),
  finderOf('lettered', Hint.lettered, '[\\dA-Z]'),
];

/** Without what people write between; a plus in front is part of a phone number, one between a century (Nordic). */
function bareOf(text: string): string {
  return text.replace(/[ .\-/()]|(?<=\d)\+/g, '').toUpperCase();
}
