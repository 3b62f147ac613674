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
 * @param first the characters that all ways of writing begin with @param lead what follows from there: most numbers are
 * passed over at once
 */
function finderOf(writing: Writing, needs: number, first: string, lead: string): TextFinder {
  const written = nationalIdSchemes.flatMap((scheme) => {
    const pattern = scheme[writing];
    return pattern === undefined ? [] : [{ scheme, pattern, alone: new RegExp(`^${pattern.source}$`) }];
  });
  const sources = written.map(({ pattern }) => pattern.source).join('|');
  return patternFinder(
    'national_id',
    needs,
    new RegExp(
      `${first}(?<!\\w.)(?<!\\..|[\\dA-Za-z]-.)(?<=(?=${lead})(?=(?<found>${sources})(?!\\w|[.-]\\d)).)`,
      'g',
    ),
    whole((match) => {
      const bare = bareOf(match);
      return written.some(
        ({ scheme, alone }) => alone.test(match) && scheme.form.test(bare) && scheme.valid(bare),
      );
    }),
  );
}

export const nationalIdFinders: readonly TextFinder[] = [
  finderOf('digits', Hint.grouped, '\\d', '\\d{1,8}[ ./+-]\\d|\\d{15}'),
  finderOf('lettered', Hint.lettered, '[\\dA-Z]', '[\\dA-Z]{2}|[XYZ]-|\\d[ .]'),
];

/** Without what people write between; a plus in front is part of a phone number, one between a century (Nordic). */
function bareOf(text: string): string {
  return text.replace(/[ .\-/()]|(?<=\d)\+/g, '').toUpperCase();
}
