import { isRepeated, luhn, mod11_2, mod11_10, mod97, verhoeff, weighted } from './check-digit.ts';

/** How one country numbers its people: form and check digits as its authority publishes them. */
export interface NationalIdScheme {
  /** ISO 3166, two letters. */
  readonly country: string;
  readonly title: string;
  /** Of the bare number: without spaces, dots, dashes and slashes, upper case. */
  readonly form: RegExp;
  readonly valid: (id: string) => boolean;
  /** As written in running text, in digits, where that is telling enough to be looked for; bounded, no anchors. */
  readonly digits?: RegExp;
  /** The same with a capital letter in it. */
  readonly lettered?: RegExp;
  /**
   * How telling one valid number is: the share of chance numbers of the form that are refused, roughly. Below 0.8 the
   * scheme has dates and form only.
   */
  readonly strength: number;
}

const YYMMDD = '\\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\\d|3[01])';
const form = (source: string): RegExp => new RegExp(`^(?:${source})$`);

export const nationalIdSchemes: readonly NationalIdScheme[] = [
  {
    country: 'AT',
    title: 'Sozialversicherungsnummer',
    form: form('[1-9]\\d{3}(?:0[1-9]|[12]\\d|3[01])(?:0[1-9]|1[0-5])\\d{2}'),
    valid: (id) => weighted(id, [3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11 === Number(id[3]),
    digits: /\d{4} \d{6}/,
    strength: 0.98,
  },
  {
    country: 'AU',
    title: 'tax file number',
    form: form('\\d{9}'),
    valid: (id) => !isRepeated(id) && weighted(id, [1, 4, 3, 7, 5, 8, 6, 9, 10]) % 11 === 0,
    strength: 0.9,
  },
  {
    country: 'BE',
    title: 'rijksregisternummer',
    form: form('\\d{2}(?:[024][1-9]|[135][0-2]|[02468]0)\\d{7}'),
    valid: (id) =>
      [id.slice(0, 9), `2${id.slice(0, 9)}`].some((number) => 97 - mod97(number) === Number(id.slice(9))),
    digits: /\d{2}\.\d{2}\.\d{2}-\d{3}[.-]\d{2}/,
    strength: 0.98,
  },
  {
    country: 'BG',
    title: 'EGN',
    form: form('\\d{2}(?:[024][1-9]|[135][0-2])(?:0[1-9]|[12]\\d|3[01])\\d{4}'),
    valid: (id) => (weighted(id, [2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11) % 10 === Number(id[9]),
    strength: 0.95,
  },
  {
    country: 'BR',
    title: 'CPF',
    form: form('\\d{11}'),
    valid: brazilian,
    digits: /\d{3}\.\d{3}\.\d{3}-\d{2}/,
    strength: 0.99,
  },
  {
    country: 'CA',
    title: 'SIN',
    form: form('[1-79]\\d{8}'),
    valid: luhn,
    digits: /[1-79]\d{2}(?: \d{3} |-\d{3}-)\d{3}/,
    strength: 0.9,
  },
  {
    country: 'CH',
    title: 'AHV number',
    form: form('756\\d{10}'),
    valid: (id) => weighted(id, [1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]) % 10 === 0,
    digits: /756\.\d{4}\.\d{4}\.\d{2}/,
    strength: 0.99,
  },
  {
    country: 'CL',
    title: 'RUT',
    form: form('\\d{7,8}[\\dK]'),
    valid: chilean,
    // One digit before the first dot: a number of somebody born before 1970 or so, and one digit fewer to check.
    digits: /\d{2}\.\d{3}\.\d{3}-\d/,
    lettered: /\d{1,2}\.\d{3}\.\d{3}-K/,
    strength: 0.9,
  },
  {
    country: 'CN',
    title: 'resident identity number',
    form: form('[1-8]\\d{5}(?:19|20)\\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\\d|3[01])\\d{3}[\\dX]'),
    valid: mod11_2,
    digits: /[1-8]\d{5}(?:19|20)\d{10}/,
    lettered: /[1-8]\d{5}(?:19|20)\d{9}X/,
    strength: 0.99,
  },
  {
    country: 'CZ',
    title: 'rodné číslo',
    form: form('\\d{2}(?:[05][1-9]|[16][0-2]|[27][1-9]|[38][0-2])(?:0[1-9]|[12]\\d|3[01])\\d{4}'),
    valid: (id) => (Number(id.slice(0, 9)) % 11) % 10 === Number(id[9]),
    digits: /\d{6}\/\d{4}/,
    strength: 0.95,
  },
  {
    country: 'DE',
    title: 'Steuer-ID',
    form: form('[1-9]\\d{10}'),
    valid: german,
    digits: /[1-9]\d \d{3} \d{3} \d{3}/,
    strength: 0.97,
  },
  {
    country: 'DK',
    title: 'CPR number',
    form: form('(?:0[1-9]|[12]\\d|3[01])(?:0[1-9]|1[0-2])\\d{6}'),
    valid: (id) => id.slice(6) !== '0000',
    // Since 2007 numbers are given out whose check digit does not hold.
    strength: 0.6,
  },
  {
    country: 'EE',
    title: 'isikukood or asmens kodas',
    form: form(`[1-6]${YYMMDD}\\d{4}`),
    valid: baltic,
    strength: 0.96,
  },
  {
    country: 'ES',
    title: 'DNI or NIE',
    form: form('[XYZ\\d]\\d{7}[A-HJ-NP-TV-Z]'),
    valid: spanish,
    lettered: /[XYZ\d]-?\d{7}-?[A-Z]/,
    strength: 0.97,
  },
  {
    country: 'FI',
    title: 'henkilötunnus',
    form: form('(?:0[1-9]|[12]\\d|3[01])(?:0[1-9]|1[0-2])\\d{2}[A-FU-Y]?\\d{3}[0-9A-FHJ-NPR-Y]'),
    valid: finnish,
    digits: /\d{6}-\d{4}/,
    lettered: /\d{6}(?:-\d{3}[A-FHJ-NPR-Y]|[A-FU-Y]\d{3}[0-9A-FHJ-NPR-Y])/,
    strength: 0.98,
  },
  {
    country: 'FR',
    title: 'NIR',
    form: form('[1-478]\\d{2}(?:0[1-9]|1[0-2]|[2-9]\\d)\\d[\\dAB]\\d{8}'),
    valid: french,
    digits: /[1-478] ?\d{2} ?\d{2} ?\d{2} ?\d{3} ?\d{3} ?\d{2}/,
    lettered: /[1-478] ?\d{2} ?\d{2} ?2[AB] ?\d{3} ?\d{3} ?\d{2}/,
    strength: 0.99,
  },
  {
    country: 'GB',
    title: 'National Insurance number',
    form: form('[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\\d{6}[A-D]'),
    valid: (id) => !/^(?:BG|GB|KN|NK|NT|TN|ZZ)/.test(id),
    lettered: /[A-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]/,
    strength: 0.95,
  },
  {
    country: 'GB',
    title: 'NHS number',
    form: form('[1-9]\\d{9}'),
    valid: (id) => !isRepeated(id) && weighted(id, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]) % 11 === 0,
    strength: 0.9,
  },
  {
    country: 'HK',
    title: 'identity card',
    form: form('[A-Z]{1,2}\\d{6}[\\dA]'),
    valid: hongKong,
    lettered: /[A-Z]{1,2}\d{6}\([\dA]\)/,
    strength: 0.9,
  },
  { country: 'HR', title: 'OIB', form: form('\\d{11}'), valid: mod11_10, strength: 0.9 },
  {
    country: 'IE',
    title: 'PPS number',
    // A second letter of W, T or X is of numbers given to wives before 2000, and is not part of the sum.
    form: form('\\d{7}[A-W][A-IWTX]?'),
    valid: (id) => {
      const second = id.length === 9 && id[8]! <= 'I' ? id.charCodeAt(8) - 64 : 0;
      return (
        (weighted(id, [8, 7, 6, 5, 4, 3, 2]) + second * 9) % 23 === 'WABCDEFGHIJKLMNOPQRSTUV'.indexOf(id[7]!)
      );
    },
    lettered: /\d{7}[A-W][A-IWTX]?/,
    strength: 0.97,
  },
  {
    country: 'IL',
    title: 'mispar zehut',
    form: form('\\d{9}'),
    valid: (id) => id !== '000000000' && luhn(id),
    strength: 0.9,
  },
  {
    country: 'IN',
    title: 'Aadhaar',
    form: form('[2-9]\\d{11}'),
    valid: (id) => !isRepeated(id) && verhoeff(id),
    digits: /[2-9]\d{3}(?: \d{4} |-\d{4}-)\d{4}/,
    strength: 0.9,
  },
  {
    country: 'IT',
    title: 'codice fiscale',
    form: form('[A-Z]{6}[\\dLMNP-V]{2}[A-EHLMPRST][\\dLMNP-V]{2}[A-Z][\\dLMNP-V]{3}[A-Z]'),
    valid: italian,
    // Letters may stand for digits where two numbers would be equal (omocodia), in text not in the day.
    lettered: /[A-Z]{3} ?[A-Z]{3} ?[\dLMNP-V]{2}[A-EHLMPRST]\d{2} ?[A-Z][\dLMNP-V]{3}[A-Z]/,
    strength: 0.99,
  },
  {
    country: 'JP',
    title: 'My Number',
    form: form('\\d{12}'),
    valid: (id) => {
      const rest = weighted(id, [6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
      return !isRepeated(id) && (rest <= 1 ? 0 : 11 - rest) === Number(id[11]);
    },
    strength: 0.9,
  },
  {
    country: 'KR',
    title: 'resident registration number',
    form: form(`${YYMMDD}[1-8]\\d{6}`),
    valid: (id) => (11 - (weighted(id, [2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]) % 11)) % 10 === Number(id[12]),
    digits: /\d{6}-[1-8]\d{6}/,
    strength: 0.97,
  },
  {
    country: 'MX',
    title: 'CURP',
    form: form(`[A-Z]{4}${YYMMDD}[HMX][A-Z]{2}[B-DF-HJ-NP-TV-Z]{3}[A-Z\\d]\\d`),
    valid: mexican,
    lettered: /[A-Z]{4}\d{6}[HMX][A-Z]{5}[A-Z\d]\d/,
    strength: 0.99,
  },
  {
    country: 'NL',
    title: 'BSN',
    form: form('\\d{9}'),
    valid: (id) => !isRepeated(id) && weighted(id, [9, 8, 7, 6, 5, 4, 3, 2, -1]) % 11 === 0,
    strength: 0.9,
  },
  {
    country: 'NO',
    title: 'fødselsnummer',
    form: form('(?:[04][1-9]|[1256]\\d|[37][01])(?:[048][1-9]|[159][0-2])\\d{7}'),
    valid: norwegian,
    digits: /\d{6} \d{5}/,
    strength: 0.99,
  },
  {
    country: 'PL',
    title: 'PESEL',
    form: form('\\d{2}(?:[02468][1-9]|[13579][0-2])(?:0[1-9]|[12]\\d|3[01])\\d{5}'),
    valid: (id) => weighted(id, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]) % 10 === 0,
    strength: 0.95,
  },
  {
    country: 'PT',
    title: 'NIF',
    form: form('(?:[1-35689]\\d|45)\\d{7}'),
    valid: (id) => {
      const rest = weighted(id, [9, 8, 7, 6, 5, 4, 3, 2]) % 11;
      return (rest <= 1 ? 0 : 11 - rest) === Number(id[8]);
    },
    strength: 0.9,
  },
  {
    country: 'RO',
    title: 'CNP',
    form: form(`[1-9]${YYMMDD}(?:0[1-9]|[1-4]\\d|5[12]|70)\\d{4}`),
    valid: (id) => {
      const rest = weighted(id, [2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
      return (rest === 10 ? 1 : rest) === Number(id[12]);
    },
    strength: 0.98,
  },
  {
    country: 'SE',
    title: 'personnummer',
    form: form('(?:19|20)?\\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\\d|3[01]|[67]\\d|8\\d|9[01])\\d{4}'),
    valid: (id) => luhn(id.slice(-10)),
    digits: /(?:19|20)?\d{6}[-+]\d{4}/,
    strength: 0.95,
  },
  {
    country: 'SG',
    title: 'NRIC or FIN',
    form: form('[STFGM]\\d{7}[A-Z]'),
    valid: singaporean,
    lettered: /[STFGM]\d{7}[A-Z]/,
    strength: 0.97,
  },
  {
    country: 'TR',
    title: 'T.C. kimlik no',
    form: form('[1-9]\\d{10}'),
    valid: turkish,
    strength: 0.99,
  },
  {
    country: 'ZA',
    title: 'identity number',
    form: form(`${YYMMDD}\\d{4}[012]\\d{2}`),
    valid: luhn,
    digits: /\d{6} \d{4} [012]\d{2}/,
    strength: 0.97,
  },
];

/** Carlos Chagas' two digits modulo 11 (Receita Federal). */
function brazilian(id: string): boolean {
  const check = (length: number): number => {
    const weights = Array.from({ length }, (_, i) => length + 1 - i);
    return ((weighted(id, weights) * 10) % 11) % 10;
  };
  return !isRepeated(id) && check(9) === Number(id[9]) && check(10) === Number(id[10]);
}

/** Modulo 11 with weights 2 to 7 from the right; K for ten. */
function chilean(id: string): boolean {
  const body = id.slice(0, -1);
  let sum = 0;
  for (let i = 0; i < body.length; i++) sum += Number(body[body.length - 1 - i]) * ((i % 6) + 2);
  const check = 11 - (sum % 11);
  return id.at(-1) === (check === 11 ? '0' : check === 10 ? 'K' : String(check));
}

/** ISO 7064 MOD 11,10; of the first ten digits exactly one occurs twice or three times, the others at most once. */
function german(id: string): boolean {
  const counts = new Array<number>(10).fill(0);
  for (let i = 0; i < 10; i++) counts[id.charCodeAt(i) - 48]!++;
  const repeated = counts.filter((count) => count > 1);
  return repeated.length === 1 && repeated[0]! <= 3 && mod11_10(id);
}

/** Estonia and Lithuania: two rounds of weights modulo 11. */
function baltic(id: string): boolean {
  const first = weighted(id, [1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
  const rest = first < 10 ? first : weighted(id, [3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11;
  return rest % 10 === Number(id[10]);
}

function spanish(id: string): boolean {
  const number = Number(id.slice(0, 8).replace(/^[XYZ]/, (letter) => String('XYZ'.indexOf(letter))));
  return id.at(-1) === 'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23];
}

/** Modulo 31 over birth date and serial; the century sign is not part of it. */
function finnish(id: string): boolean {
  const number = Number(id.slice(0, 6) + id.slice(-4, -1));
  return id.at(-1) === '0123456789ABCDEFHJKLMNPRSTUVWXY'[number % 31];
}

/** 97 less the number modulo 97; Corsica's 2A and 2B count as 19 and 18. */
function french(id: string): boolean {
  const number = id.replace(/^(.{5})2A/, '$119').replace(/^(.{5})2B/, '$118');
  return /^\d{15}$/.test(number) && 97 - mod97(number.slice(0, 13)) === Number(number.slice(13));
}

/** Letters as 10 to 35, an absent first one as 36; weights 9 down to 1. */
function hongKong(id: string): boolean {
  const body = id.padStart(9, ' ');
  let sum = 0;
  for (let i = 0; i < 9; i++)
    sum += (9 - i) * (body[i] === ' ' ? 36 : i === 8 && body[i] === 'A' ? 10 : Number.parseInt(body[i]!, 36));
  return sum % 11 === 0;
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

/** Weights 18 down to 2 over places in an alphabet that has Ñ after N; modulo 10. */
function mexican(id: string): boolean {
  let sum = 0;
  for (let i = 0; i < 17; i++) sum += (18 - i) * '0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ'.indexOf(id[i]!);
  return (10 - (sum % 10)) % 10 === Number(id[17]);
}

function norwegian(id: string): boolean {
  return (
    weighted(id, [3, 7, 6, 1, 8, 9, 4, 5, 2, 1]) % 11 === 0 &&
    weighted(id, [5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11 === 0
  );
}

function singaporean(id: string): boolean {
  const series = id[0]!;
  const offset = series === 'T' || series === 'G' ? 4 : series === 'M' ? 3 : 0;
  const rest = (weighted(id.slice(1), [2, 7, 6, 5, 4, 3, 2]) + offset) % 11;
  const letters =
    series === 'S' || series === 'T' ? 'JZIHGFEDCBA' : series === 'M' ? 'XWUTRQPNJLK' : 'XWUTRQPNMLK';
  return id[8] === letters[rest];
}

/** Tenth digit from odd and even places, eleventh from the sum of ten. */
function turkish(id: string): boolean {
  const odd = weighted(id, [1, 0, 1, 0, 1, 0, 1, 0, 1]);
  const even = weighted(id, [0, 1, 0, 1, 0, 1, 0, 1]);
  const tenth = (((odd * 7 - even) % 10) + 10) % 10;
  return tenth === Number(id[9]) && weighted(id, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]) % 10 === Number(id[10]);
}
