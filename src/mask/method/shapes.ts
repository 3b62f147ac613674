import { countrySpecs } from 'ibantools';
import { RowsealError } from '../../error/rowseal-error.ts';
import type { ColumnType } from '../../model/type.ts';
import { RankCipher } from '../cipher/rank-cipher.ts';
import type { KeySpace } from '../key-space.ts';
import { type CompiledMethod, type MaskResult, TEXT, UNFIT } from '../method.ts';
import type { MethodDocument } from '../policy-document.ts';
import { compileFpe, valueOrNull } from './fpe.ts';
import { unpad } from './normalize.ts';

/** Identifiers with a form of their own: card numbers, IBAN, US social security numbers, UUIDs, e-mail addresses. */

type Direction = 'encrypt' | 'decrypt';

/** Card numbers: FF1 on the digits, the Luhn sum kept. The floor is checked for the shortest number that is accepted. */
export function compilePan(
  options: Extract<MethodDocument, { method: 'pan' }>,
  space: KeySpace,
  type: ColumnType,
  where: string,
): CompiledMethod {
  requireText('pan', type, where);
  const { keepFirst, keepLast, minDigits, maxDigits } = options;
  const compiled = compileFpe(
    {
      alphabet: 'digits',
      keepFirst,
      keepLast,
      separators: ' -',
      checkDigit: 'luhn',
      normalize: [],
      minCharacters: minDigits,
      maxCharacters: maxDigits,
    },
    space,
    // A column too narrow for a card number is refused by its number of digits, not by its width.
    { kind: 'text', maxLength: null, padded: type.kind === 'text' && type.padded },
    where,
  );
  return {
    ...compiled,
    type: textOf(type),
    description: {
      method: 'pan',
      domain: space.name,
      keep_first: keepFirst,
      keep_last: keepLast,
      min_digits: minDigits,
      max_digits: maxDigits,
    },
  };
}

const SSN = /^(\s*)(\d{3})([- ]?)(\d{2})\3(\d{4})(\s*)$/;
/** Areas 001-665 and 667-899, groups 01-99, serials 0001-9999 (SSA, POMS RM 10201.035). */
const SSN_SIZE = 898n * 99n * 9999n;

export function compileSsn(space: KeySpace, type: ColumnType, where: string): CompiledMethod {
  requireText('us_ssn', type, where);
  const cipher = new RankCipher(space.secret('fpe', 32), SSN_SIZE, Buffer.from('us_ssn'));
  const apply = (value: string, direction: Direction): MaskResult => {
    const match = SSN.exec(value);
    if (match === null) return UNFIT.foreign;
    const [area, group, serial] = [Number(match[2]), Number(match[4]), Number(match[5])];
    if (area === 0 || area === 666 || area > 899 || group === 0 || serial === 0) return UNFIT.foreign;
    const rank = ((area > 666 ? area - 2 : area - 1) * 99 + group - 1) * 9999 + serial - 1;
    const masked = cipher[direction](BigInt(rank));
    if (masked === null) return UNFIT.range;
    const number = Number(masked);
    const a = Math.floor(number / (99 * 9999)) + 1;
    const g = (Math.floor(number / 9999) % 99) + 1;
    const digits = (part: number, width: number): string => String(part).padStart(width, '0');
    const [, before, , between, , , after] = match;
    return `${before}${digits(a >= 666 ? a + 1 : a, 3)}${between}${digits(g, 2)}${between}${digits((number % 9999) + 1, 4)}${after}`;
  };
  return shaped('us_ssn', space, type, apply);
}

const CLASSES: Readonly<Record<string, string>> = {
  '0-9': '0123456789',
  'A-Z': 'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
  'A-Z0-9': '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ',
  '0-9A-Z': '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ',
};

interface BbanForm {
  /** The characters allowed at each place. */
  readonly places: readonly string[];
  readonly cipher: RankCipher;
}

/**
 * IBANs (ISO 13616): country and length stay, the account part is permuted within the classes of characters that the
 * country's registry entry gives each place, the check digits are made anew. National check digits do not stay right.
 */
export function compileIban(
  space: KeySpace,
  type: ColumnType,
  where: string,
  exact: boolean,
): CompiledMethod {
  requireText('iban', type, where);
  const forms = new Map<string, BbanForm | null>();
  const formOf = (country: string): BbanForm | null => {
    let form = forms.get(country);
    if (form === undefined) {
      form = bbanForm(country, space.secret('fpe', 32));
      forms.set(country, form);
    }
    return form;
  };
  const apply = (value: string, direction: Direction): MaskResult => {
    const iban = value.replaceAll(' ', '').toUpperCase();
    if (exact && value !== value.toUpperCase()) return UNFIT.foreign;
    if (!/^[A-Z]{2}\d{2}[A-Z0-9]{10,30}$/.test(iban)) return UNFIT.foreign;
    const country = iban.slice(0, 2);
    const form = formOf(country);
    const bban = iban.slice(4);
    if (form === null || bban.length !== form.places.length) return UNFIT.foreign;
    if (iban.slice(2, 4) !== ibanCheckDigits(country, bban)) return UNFIT.foreign;
    let rank = 0n;
    for (let i = 0; i < bban.length; i++) {
      const at = form.places[i]!.indexOf(bban[i]!);
      if (at < 0) return UNFIT.foreign;
      rank = rank * BigInt(form.places[i]!.length) + BigInt(at);
    }
    let masked = form.cipher[direction](rank);
    if (masked === null) return UNFIT.range;
    let changed = '';
    for (let i = bban.length - 1; i >= 0; i--) {
      const size = BigInt(form.places[i]!.length);
      changed = form.places[i]![Number(masked % size)]! + changed;
      masked /= size;
    }
    return spacedLike(value, country + ibanCheckDigits(country, changed) + changed);
  };
  return shaped('iban', space, type, apply);
}

function bbanForm(country: string, key: Buffer): BbanForm | null {
  const spec = (countrySpecs as Readonly<Record<string, { readonly bban_regexp?: string | null }>>)[country];
  const expression = spec?.bban_regexp;
  if (expression === undefined || expression === null) return null;
  const places: string[] = [];
  for (const [, characters, count] of expression.matchAll(/\[([^\]]+)\](?:\{(\d+)\})?/g)) {
    const allowed = CLASSES[characters!];
    if (allowed === undefined) return null;
    for (let i = 0; i < Number(count ?? 1); i++) places.push(allowed);
  }
  const size = places.reduce((product, place) => product * BigInt(place.length), 1n);
  return size < 1_000_000n
    ? null
    : { places, cipher: new RankCipher(key, size, Buffer.from(`iban ${country}`)) };
}

/** ISO 7064 MOD 97-10 over the account, the country and two zeros. */
export function ibanCheckDigits(country: string, bban: string): string {
  let rest = 0;
  for (const character of `${bban}${country}00`) {
    const number = Number.parseInt(character, 36);
    rest = (number > 9 ? rest * 100 + number : rest * 10 + number) % 97;
  }
  return String(98 - rest).padStart(2, '0');
}

/** Puts the spaces of the original where they were. */
function spacedLike(original: string, compact: string): string {
  if (original.length === compact.length) return compact;
  let at = 0;
  return original.replace(/[^ ]/g, () => compact[at++]!);
}

const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/;

const UUID_CHARACTERS = 36;

/** An HMAC in the form of a UUID of version 8 (RFC 9562 §5.8): 122 bits, irreversible. */
export function compileUuid(
  space: KeySpace,
  type: ColumnType,
  where: string,
  exact: boolean,
): CompiledMethod {
  if (type.kind !== 'uuid') requireText('uuid', type, where);
  const hmac = space.hmac();
  return {
    transform: {
      kind: 'map',
      map: (value) => {
        const lower = value.trim().toLowerCase();
        if (!UUID.test(lower)) return UNFIT.foreign;
        if (exact && (value !== lower || value.length !== UUID_CHARACTERS)) return UNFIT.foreign;
        const hex = hmac.text(`uuid\0${lower.replaceAll('-', '')}`, 'hex');
        const variant = '89ab'[Number.parseInt(hex[16]!, 16) & 3];
        return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
      },
    },
    type: type.kind === 'uuid' ? type : TEXT,
    injective: true,
    reversible: false,
    description: { method: 'uuid', domain: space.name },
  };
}

const LOCAL_DIGITS = 24;
const HOST_DIGITS = 12;
const HOSTS_REMEMBERED = 4096;
/** Labels of letters, digits and dashes, the last one of letters (RFC 1123 §2.1, RFC 5890 for other scripts). */
const HOST =
  /^(?:[\p{L}\p{N}](?:[\p{L}\p{M}\p{N}-]{0,61}[\p{L}\p{M}\p{N}])?\.){1,16}(?:[\p{L}\p{M}]{2,63}|xn--[a-z\d-]{2,59})$/u;

/**
 * An address of the same form: the part before the @ becomes 96 bits of HMAC over the whole address, the part after
 * it stays, is replaced, or becomes a token under the reserved domain `example` (RFC 2606). Case and outer spaces do not
 * matter.
 *
 * @param exact for keys: only one spelling of an address, so that two rows cannot become one
 */
export function compileEmail(
  host: 'token' | 'keep' | { readonly replace: string },
  space: KeySpace,
  type: ColumnType,
  where: string,
  exact: boolean,
): CompiledMethod {
  requireText('email', type, where);
  const hmac = space.hmac();
  const hosts = new Map<string, string>();
  const hostOf = (name: string): string => {
    if (host === 'keep') return name;
    if (typeof host === 'object') return host.replace;
    let masked = hosts.get(name);
    if (masked === undefined) {
      masked = `${hmac.text(`host\0${name}`, 'hex').slice(0, HOST_DIGITS)}.example`;
      if (hosts.size >= HOSTS_REMEMBERED) hosts.clear();
      hosts.set(name, masked);
    }
    return masked;
  };
  return {
    transform: {
      kind: 'map',
      map: (value) => {
        const address = value.trim().toLowerCase();
        if (exact && address !== value) return UNFIT.foreign;
        const at = address.lastIndexOf('@');
        if (at < 1 || at > 64 || at === address.length - 1 || address.length > 320) return UNFIT.foreign;
        if (/[\s\0]/.test(address) || !address.isWellFormed()) return UNFIT.foreign;
        // What is kept must be a host, not whatever somebody wrote after an @.
        if (host === 'keep' && !HOST.test(address.slice(at + 1))) return UNFIT.foreign;
        return `${hmac.text(`email\0${address}`, 'hex').slice(0, LOCAL_DIGITS)}@${hostOf(address.slice(at + 1))}`;
      },
    },
    type: TEXT,
    injective: true,
    reversible: false,
    description: { method: 'email', domain: space.name, host },
  };
}

function shaped(
  method: string,
  space: KeySpace,
  type: ColumnType,
  apply: (value: string, direction: Direction) => MaskResult,
): CompiledMethod {
  const padded = type.kind === 'text' && type.padded;
  return {
    transform: { kind: 'map', map: (value) => apply(padded ? unpad(value) : value, 'encrypt') },
    type: textOf(type),
    injective: true,
    reversible: true,
    reverse: (token) => valueOrNull(apply(token, 'decrypt')),
    description: { method, domain: space.name },
  };
}

function requireText(method: string, type: ColumnType, where: string): void {
  if (type.kind !== 'text')
    throw new RowsealError('RS-MASK-005', {
      detail: `${where}: ${method} needs text, the column is ${type.kind}`,
    });
}

function textOf(type: ColumnType): ColumnType {
  return type.kind === 'text' ? { kind: 'text', maxLength: type.maxLength, padded: false } : TEXT;
}
