/** Check digits of published schemes. Each takes the bare characters; digits unless it says otherwise. */

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

/** ISO 7064 MOD 97-10: the number modulo 97, letters of either case as 10 to 35. */
export function mod97(text: string): number {
  let rest = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    // '0' is 48, 'A' 65; bit 5 set or not is the only difference between 'a' and 'A'.
    rest = (code < 58 ? rest * 10 + code - 48 : rest * 100 + (code & 0x5f) - 55) % 97;
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

/** ISO 7064 MOD 11-2, the last character being the check character, X for ten. */
export function mod11_2(text: string): boolean {
  let product = 0;
  for (const digit of text.slice(0, -1)) product = ((product + Number(digit)) * 2) % 11;
  const check = (12 - product) % 11;
  return text.at(-1) === (check === 10 ? 'X' : String(check));
}

/** Sum of the leading digits times the weights. */
export function weighted(digits: string, weights: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < weights.length; i++) sum += weights[i]! * (digits.charCodeAt(i) - 48);
  return sum;
}

/** The same digit over and over: fillers pass many schemes. */
export function isRepeated(digits: string): boolean {
  return digits === digits.charAt(0).repeat(digits.length);
}

const TEN = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

/** Products of the dihedral group of order ten: rotations 0-4, reflections 5-9. */
const PRODUCTS = TEN.map((row) =>
  TEN.map((column) => {
    const [a, b] = [row % 5, column % 5];
    if (row < 5) return column < 5 ? (a + b) % 5 : 5 + ((a + b) % 5);
    return column < 5 ? 5 + ((a - b + 5) % 5) : (a - b + 5) % 5;
  }),
);

/** Powers 0 to 7 of Verhoeff's permutation, each as the images of 0 to 9. */
const POWERS = [TEN];
for (let power = 1; power < 8; power++)
  POWERS.push(POWERS[power - 1]!.map((digit) => [1, 5, 7, 6, 2, 8, 3, 0, 9, 4][digit]!));

/** Verhoeff's scheme (1969): the dihedral group of order ten and powers of one permutation. */
export function verhoeff(digits: string): boolean {
  let check = 0;
  for (let i = 0; i < digits.length; i++)
    check = PRODUCTS[check]![POWERS[i % 8]![digits.charCodeAt(digits.length - 1 - i) - 48]!]!;
  return check === 0;
}
