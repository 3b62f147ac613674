import type { Normalizer } from '../policy-document.ts';

/**
 * Makes one text of the spellings that a source takes for equal, before a token is made of it: a collation that ignores
 * case needs `casefold`, one that ignores accents `accents` too, `CHAR(n)` needs `unpad`.
 */
export function normalizeValue(value: string, steps: readonly Normalizer[]): string {
  for (const step of steps) value = normalizers[step](value);
  return value;
}

const normalizers: Readonly<Record<Normalizer, (value: string) => string>> = {
  trim: (value) => value.trim(),
  unpad,
  lower: (value) => value.toLowerCase(),
  upper: (value) => value.toUpperCase(),
  // Upper, then lower: so that ß and ss, final and inner sigma, come together.
  casefold: (value) => value.toUpperCase().toLowerCase(),
  accents: (value) =>
    value
      .normalize('NFD')
      .replace(/\p{Mn}+/gu, '')
      .normalize('NFC'),
  nfc: (value) => value.normalize('NFC'),
  digits: (value) => value.replace(/\D+/g, ''),
};

/** Spaces at the end of a CHAR(n) are not part of its value (SQL:2016 8.2, and Postgres 8.3). */
export function unpad(value: string): string {
  let end = value.length;
  while (end > 0 && value.charCodeAt(end - 1) === 0x20) end--;
  return end === value.length ? value : value.slice(0, end);
}
