/** What the law says of a class of personal data. */
export interface DataClassFacts {
  /** Singular, for messages. */
  readonly title: string;
  /** How much harm its disclosure does. */
  readonly sensitivity: 'high' | 'medium' | 'low';
  /** Regulation (EU) 2016/679: `special` of Article 9, `personal` of Article 4(1). */
  readonly gdpr: 'special' | 'personal' | 'none';
  /**
   * Place in Safe Harbor's list of eighteen identifiers, 45 CFR 164.514(b)(2)(i), A being 1 and R 18; null: not in it. A
   * fax number (5) is a phone number here.
   */
  readonly hipaa: number | null;
  /** PCI DSS 4.0, section 2: cardholder data, or sensitive authentication data, which is never to be stored. */
  readonly pci: 'cardholder' | 'authentication' | null;
}

function facts(
  title: string,
  sensitivity: DataClassFacts['sensitivity'],
  hipaa: number | null,
  gdpr: DataClassFacts['gdpr'] = 'personal',
  pci: DataClassFacts['pci'] = null,
): DataClassFacts {
  return { title, sensitivity, gdpr, hipaa, pci };
}

export const dataClasses = {
  person_name: facts('name of a person', 'medium', 1),
  first_name: facts('given name', 'medium', 1),
  last_name: facts('family name', 'medium', 1),
  username: facts('user name', 'medium', 18),
  address: facts('postal address', 'high', 2),
  city: facts('town', 'low', 2),
  postcode: facts('postcode', 'medium', 2),
  coordinates: facts('coordinates', 'high', 2),
  date_of_birth: facts('date of birth', 'high', 3),
  event_date: facts('date about a person', 'low', 3),
  age: facts('age', 'low', 3),
  phone: facts('phone number', 'high', 4),
  email: facts('e-mail address', 'high', 6),
  us_ssn: facts('US social security number', 'high', 7),
  medical_record: facts('medical record number', 'high', 8, 'special'),
  health_plan: facts('health plan number', 'high', 9, 'special'),
  iban: facts('IBAN', 'high', 10),
  bank_account: facts('bank account', 'high', 10),
  pan: facts('payment card number', 'high', 10, 'personal', 'cardholder'),
  card_expiry: facts('card expiry', 'medium', null, 'personal', 'cardholder'),
  card_security_code: facts('card security code', 'high', null, 'personal', 'authentication'),
  driver_licence: facts('driving licence', 'high', 11),
  passport: facts('passport number', 'high', 11),
  national_id: facts('national identity number', 'high', 18),
  tax_id: facts('tax number', 'high', 18),
  vehicle: facts('vehicle identification or plate', 'medium', 12),
  device: facts('device identifier', 'medium', 13),
  mac: facts('MAC address', 'medium', 13),
  url: facts('web address', 'low', 14),
  ip: facts('IP address', 'medium', 15),
  biometric: facts('biometric data', 'high', 16, 'special'),
  photo: facts('picture of a person', 'high', 17),
  gender: facts('gender', 'medium', null),
  health: facts('health', 'high', null, 'special'),
  religion: facts('religion', 'high', null, 'special'),
  ethnicity: facts('ethnic origin', 'high', null, 'special'),
  nationality: facts('nationality', 'medium', null),
  orientation: facts('sexual orientation', 'high', null, 'special'),
  politics: facts('political opinion or union membership', 'high', null, 'special'),
  salary: facts('income', 'medium', null),
  financial: facts('financial standing', 'medium', null),
  password: facts('password or its hash', 'high', 18, 'personal', 'authentication'),
  secret: facts('key, token or other secret', 'high', 18, 'none'),
  user_agent: facts('browser', 'low', 18),
  free_text: facts('free text', 'medium', null),
} as const satisfies Readonly<Record<string, DataClassFacts>>;

export type DataClass = keyof typeof dataClasses;
