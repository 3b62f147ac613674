import { mayBeBirthDate } from './birth-date.ts';
import { isPan } from './card.ts';
import { isCoordinates } from './coordinates.ts';
import type { DataClass } from './data-class.ts';
import { isEmail } from './email.ts';
import { isIban } from './iban.ts';
import { isFamilyName, isGivenName, isPersonName } from './names.ts';
import { isIp, isMac } from './network-address.ts';
import { isPhone, mayBePhone } from './phone-number.ts';
import { isSecret } from './secret.ts';
import { isAddress } from './street-address.ts';
import { isSsn } from './us-ssn.ts';
import { isVin } from './vehicle-id.ts';

/** Recognises one class of personal data in whole, trimmed values. */
export interface ValueDetector {
  readonly class: DataClass;
  /** For evidence, of one value and of several: «1 of 200 sampled values is …», «198 of 200 sampled values are …». */
  readonly says: readonly [one: string, many: string];
  /** Confidence that a column is of the class when every value matches, 0 to 1: how little a match can be chance. */
  readonly strength: number;
  /**
   * The share of values from which on a match is more than chance, and of different values that there must be. A check
   * digit alone lets one in ten pass; a list of names knows only some of them.
   */
  readonly share: number;
  readonly distinct: number;
  readonly matches: (value: string) => boolean;
  /** Lenient: what a value of the class may look like when the column's name already says so. Default: `matches`. */
  readonly plausible?: (value: string) => boolean;
}

export const valueDetectors: readonly ValueDetector[] = [
  {
    class: 'email',
    says: ['is an e-mail address', 'are e-mail addresses'],
    strength: 0.99,
    share: 0.02,
    distinct: 1,
    matches: isEmail,
    plausible: (value) => value.includes('@'),
  },
  {
    class: 'iban',
    says: ['is an IBAN (mod 97 holds)', 'are IBANs (mod 97 holds)'],
    strength: 0.99,
    share: 0.02,
    distinct: 1,
    matches: isIban,
  },
  {
    class: 'pan',
    says: [
      'is a card number (issuer range and Luhn digit hold)',
      'are card numbers (issuer range and Luhn digit hold)',
    ],
    strength: 0.97,
    share: 0.4,
    distinct: 2,
    matches: isPan,
    plausible: (value) => /^[\dxX*•.]{2,15}[ -]?(?:[\dxX*•.]{2,6}[ -]?){1,3}\d{2,6}$/.test(value),
  },
  {
    class: 'secret',
    says: [
      'has the form of a key, a token or the hash of a password',
      'have the form of keys, tokens or hashes of passwords',
    ],
    strength: 0.98,
    share: 0.01,
    distinct: 1,
    matches: isSecret,
    plausible: (value) => value.length >= 8 && !value.includes(' '),
  },
  {
    class: 'us_ssn',
    says: ['has the form of a US social security number', 'have the form of US social security numbers'],
    strength: 0.9,
    share: 0.7,
    distinct: 2,
    matches: (value) => value.length === 11 && isSsn(value),
    plausible: (value) => isSsn(value) || /^(?:[*xX]{3}-?[*xX]{2}-?)?\d{4}$/.test(value),
  },
  {
    class: 'mac',
    says: ['is a MAC address', 'are MAC addresses'],
    strength: 0.97,
    share: 0.1,
    distinct: 1,
    matches: isMac,
  },
  {
    class: 'ip',
    says: ['is an IP address', 'are IP addresses'],
    strength: 0.96,
    share: 0.1,
    distinct: 1,
    matches: isIp,
  },
  {
    class: 'phone',
    says: ['is a phone number', 'are phone numbers'],
    strength: 0.92,
    share: 0.2,
    distinct: 2,
    matches: (value) => isPhone(value),
    plausible: mayBePhone,
  },
  {
    class: 'coordinates',
    says: ['is a pair of coordinates', 'are pairs of coordinates'],
    strength: 0.93,
    share: 0.5,
    distinct: 2,
    matches: isCoordinates,
    plausible: (value) => isCoordinates(value) || /^[-+]?\d{1,3}(?:\.\d+)?$|^[([{]|^POINT|^0101/i.test(value),
  },
  {
    class: 'vehicle',
    says: [
      'is a vehicle identification number (check digit holds)',
      'are vehicle identification numbers (check digit holds)',
    ],
    strength: 0.95,
    share: 0.3,
    distinct: 2,
    matches: isVin,
    plausible: (value) => /^[A-Z\d][A-Z\d -]{2,17}$/i.test(value),
  },
  {
    class: 'url',
    says: ['is a web address', 'are web addresses'],
    strength: 0.9,
    share: 0.5,
    distinct: 1,
    matches: (value) => /^https?:\/\/[^\s]{3,2000}$/i.test(value),
    plausible: (value) => value.includes('.'),
  },
  {
    class: 'user_agent',
    says: ['is the name of a browser', 'are names of browsers'],
    strength: 0.95,
    share: 0.3,
    distinct: 1,
    matches: (value) => /^(?:Mozilla|Opera|Dalvik|okhttp|curl|PostmanRuntime)\/\d/.test(value),
    plausible: (value) => value.length > 3,
  },
  {
    class: 'date_of_birth',
    says: ['is a date', 'are dates'],
    // Dates alone say nothing of births: with the column's name, or by the spread of their years, they do.
    strength: 0,
    share: 0.9,
    distinct: 5,
    matches: mayBeBirthDate,
    plausible: (value) => /^\d{4}-\d\d-\d\d|^\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|^\d{8}$/.test(value),
  },
  {
    class: 'person_name',
    says: ['looks like the name of a person', 'look like names of people'],
    strength: 0.9,
    share: 0.25,
    distinct: 4,
    matches: isPersonName,
    plausible: isWords,
  },
  {
    class: 'first_name',
    says: ['is a common given name', 'are common given names'],
    strength: 0.85,
    share: 0.35,
    distinct: 6,
    matches: isGivenName,
    plausible: isWords,
  },
  {
    class: 'last_name',
    says: ['is a common family name', 'are common family names'],
    strength: 0.8,
    share: 0.35,
    distinct: 6,
    matches: isFamilyName,
    plausible: isWords,
  },
  {
    class: 'address',
    says: ['looks like a street with a house number', 'look like streets with house numbers'],
    strength: 0.88,
    share: 0.25,
    distinct: 3,
    matches: isAddress,
    plausible: (value) => /\p{L}{2}/u.test(value),
  },
];

/** No digits, few words: it may be a name. */
function isWords(value: string): boolean {
  return value.length <= 80 && /^[\p{L}\p{M}'’`.,()\- ]+$/u.test(value);
}
