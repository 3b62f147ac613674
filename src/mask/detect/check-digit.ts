/** Check digits of published schemes; each takes the bare characters. */

/** Luhn (ISO/IEC 7812-1, annex B). */
export function luhn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(digits.length - 1 - i) - 48;
    const weighed = i % 2 === 1 ? digit * 2 : digit;
    sum += weighed > 9 ? weighed - 9 : weighed;
  }
  return digits.length > 1 && sum % 10 === 0;
}

/** ISO 7064 MOD 97-10: the number modulo 97, letters as 10 to 35. */
export function mod97(text: string): number {
  let rest = 0;
  for (const character of text) {
    const number = Number.parseInt(character, 36);
    rest = (number > 9 ? rest * 100 + number : rest * 10 + number) % 97;
  }
  return rest;
}

/** ISO 7064 MOD 11,10, the last digit being the check digit. */
export function mod11_10(digits: string): boolean {
  let product = 10;
  for (const digit of digits.slice(0, -1)) {
    const sum = (Number(digit) + product) % 10 || 10;
    product = (sum * 2) % 11;
  }
  return (11 - product) % 10 === Number(digits.at(-1));
}

/** Sum of digits times weights. */
export function weighted(digits: string, weights: readonly number[]): number {
  return weights.reduce((sum, weight, i) => sum + weight * Number(digits[i]), 0);
}

const D5 = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((row) =>
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((column) => {
    // The dihedral group of order ten: rotations 0-4, reflections 5-9.
    const [a, b] = [row % 5, column % 5];
    if (row < 5) return column < 5 ? (a + b) % 5 : 5 + ((a + b) % 5);
    return column < 5 ? 5 + ((a - b + 5) % 5) : (a - b + 5) % 5;
  }),
);
const VERHOEFF = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];

/** Verhoeff's scheme (1969): the dihedral group of order ten and powers of one permutation. */
export function verhoeff(digits: string): boolean {
  let check = 0;
  for (let i = 0; i < digits.length; i++) {
    let digit = Number(digits[digits.length - 1 - i]);
    for (let power = 0; power < i % 8; power++) digit = VERHOEFF[digit]!;
    check = D5[check]![digit]!;
  }
  return check === 0;
}
