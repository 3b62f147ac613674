import { luhn, mod11_10, mod97, verhoeff, weighted } from './check-digit.ts';

interface NationalId {
  readonly country: string;
  readonly title: string;
  readonly form: RegExp;
  readonly valid: (id: string) => boolean;
  /** Its form alone is telling, so that it may be looked for in running text. */
  readonly distinct: boolean;
}

/** Identity numbers with a check digit or a telling form; spaces, dots and dashes are taken out before. */
const ids: readonly NationalId[] = [
  {
    country: 'GB',
    title: 'National Insurance number',
    form: /^[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]$/,
    valid: (id) => !/^(?:BG|GB|KN|NK|NT|TN|ZZ)/.test(id),
    distinct: true,
  },
  {
    country: 'ES',
    title: 'DNI or NIE',
    form: /^[XYZ\d]\d{7}[A-HJ-NP-TV-Z]$/,
    valid: spanish,
    distinct: true,
  },
  {
    country: 'IT',
    title: 'codice fiscale',
    form: /^[A-Z]{6}[\dLMNP-V]{2}[A-EHLMPRST][\dLMNP-V]{2}[A-Z][\dLMNP-V]{3}[A-Z]$/,
    valid: italian,
    distinct: true,
  },
  { country: 'BR', title: 'CPF', form: /^\d{11}$/, valid: brazilian, distinct: false },
  {
    country: 'FR',
    title: 'NIR',
    form: /^[12]\d{2}(?:0[1-9]|1[0-2]|[2-9]\d)\d[\dAB]\d{8}$/,
    valid: french,
    distinct: true,
  },
  {
    country: 'NL',
    title: 'BSN',
    form: /^\d{9}$/,
    valid: (id) => id !== '000000000' && weighted(id, [9, 8, 7, 6, 5, 4, 3, 2, -1]) % 11 === 0,
    distinct: false,
  },
  {
    country: 'BE',
    title: 'rijksregisternummer',
    form: /^\d{2}(?:0\d|1[0-2])[0-3]\d{6}$/,
    valid: belgian,
    distinct: false,
  },
  {
    country: 'PL',
    title: 'PESEL',
    form: /^\d{2}(?:[02468][1-9]|[13579][0-2])[0-3]\d{6}$/,
    valid: (id) => weighted(id, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]) % 10 === 0,
    distinct: false,
  },
  { country: 'DE', title: 'Steuer-ID', form: /^[1-9]\d{10}$/, valid: (id) => mod11_10(id), distinct: false },
  {
    country: 'SE',
    title: 'personnummer',
    form: /^(?:19|20)?\d{2}(?:0[1-9]|1[0-2])[0-3]\d\d{4}$/,
    valid: (id) => luhn(id.slice(-10)),
    distinct: false,
  },
  { country: 'CA', title: 'SIN', form: /^[1-79]\d{8}$/, valid: luhn, distinct: false },
  { country: 'IN', title: 'Aadhaar', form: /^[2-9]\d{11}$/, valid: verhoeff, distinct: false },
];

/** The country's scheme that a bare number satisfies; null: none. */
export function nationalId(
  value: string,
): { readonly country: string; readonly title: string; readonly distinct: boolean } | null {
  const bare = value.replace(/[ .\-/]/g, '').toUpperCase();
  if (bare.length < 8 || bare.length > 16) return null;
  return ids.find(({ form, valid }) => form.test(bare) && valid(bare)) ?? null;
}

const DNI = 'TRWAGMYFPDXBNJZSQVHLCKE';

function spanish(id: string): boolean {
  const number = Number(id.slice(0, 8).replace(/^[XYZ]/, (letter) => String('XYZ'.indexOf(letter))));
  return id.at(-1) === DNI[number % 23];
}

/** Decree of 12 March 1974, Italian Ministry of Finance: odd places by a table, even ones by value. */
const ITALIAN_ODD = [
  1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23,
];

function italian(id: string): boolean {
  let sum = 0;
  for (let i = 0; i < 15; i++) {
    const code = id.charCodeAt(i);
    const value = code < 65 ? code - 48 : code - 65;
    sum += i % 2 === 0 ? ITALIAN_ODD[value]! : value;
  }
  return id.charCodeAt(15) - 65 === sum % 26;
}

function brazilian(id: string): boolean {
  if (/^(\d)\1+$/.test(id)) return false;
  const check = (length: number): number => {
    const weights = Array.from({ length }, (_, i) => length + 1 - i);
    return ((weighted(id, weights) * 10) % 11) % 10;
  };
  return check(9) === Number(id[9]) && check(10) === Number(id[10]);
}

function french(id: string): boolean {
  const number = id.replace('2A', '19').replace('2B', '18');
  return /^\d{15}$/.test(number) && 97 - mod97(number.slice(0, 13)) === Number(number.slice(13));
}

function belgian(id: string): boolean {
  const check = Number(id.slice(9));
  return [id.slice(0, 9), `2${id.slice(0, 9)}`].some((number) => 97 - mod97(number) === check);
}
