import { luhn } from '../../src/mask/detect/check-digit.ts';
import type { DataClass } from '../../src/mask/detect/data-class.ts';
import { FAMILY_NAMES, GIVEN_NAMES } from '../../src/mask/detect/name-list.ts';
import { nationalIdSchemes } from '../../src/mask/detect/national-id-schemes.ts';
import { isVin } from '../../src/mask/detect/vehicle-id.ts';
import { ibanCheckDigits } from '../../src/mask/method/shapes.ts';
import type { ColumnType } from '../../src/model/type.ts';

/** Columns as they are found in databases, with what they hold; all values are made up. */
export interface LabelledColumn {
  readonly table: string;
  readonly name: string;
  readonly type: ColumnType;
  readonly sourceType: string;
  /** What it holds: the first, or as good; empty: nothing personal. */
  readonly holds: readonly DataClass[];
  readonly values: readonly (string | null)[];
}

const ROWS = 120;

/** A generator of numbers that is the same in every run (xorshift32). */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % limit;
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  digits(count: number): string {
    return Array.from({ length: count }, () => this.below(10)).join('');
  }

  between(from: number, to: number): number {
    return from + this.below(to - from + 1);
  }

  /** `#` becomes a digit, `@` a capital letter, `?` a lower-case one. */
  form(pattern: string): string {
    return pattern.replace(/[#@?]/g, (sign) =>
      sign === '#' ? String(this.below(10)) : String.fromCharCode((sign === '@' ? 65 : 97) + this.below(26)),
    );
  }
}

type Make = (dice: Dice, row: number) => string | null;

const given = GIVEN_NAMES.trim().split(/\s+/);
const family = FAMILY_NAMES.trim().split(/\s+/);
/** Names that no list has: most columns of names are full of them. */
const rare =
  'Wrobleska Okonjo Thistlewood Zubiri Quintrell Vandersloot Ackerknecht Ibarguen Petrossian Lowthorpe'.split(
    ' ',
  );
const capital = (word: string): string => word[0]!.toUpperCase() + word.slice(1);
const two = (number: number): string => String(number).padStart(2, '0');

const first: Make = (dice) => capital(dice.below(4) === 0 ? dice.form('?????') : dice.of(given));
const last: Make = (dice) => (dice.below(3) === 0 ? dice.of(rare) : capital(dice.of(family)));
const full: Make = (dice, row) => `${first(dice, row)} ${last(dice, row)}`;
const email: Make = (dice) =>
  `${dice
    .of(given)
    .normalize('NFKD')
    .replace(/[^a-z]/g, '')}.${dice.form('?????')}@${dice.of(['example.com', 'example.org', 'mail.test'])}`;
const day = (dice: Dice, from: number, to: number): string =>
  `${dice.between(from, to)}-${two(dice.between(1, 12))}-${two(dice.between(1, 28))}`;
const birth: Make = (dice) => day(dice, 1938, 2006);
const recent: Make = (dice) => day(dice, 2021, 2025);
const stamp: Make = (dice) =>
  `${day(dice, 2021, 2025)} ${two(dice.below(24))}:${two(dice.below(60))}:${two(dice.below(60))}+00`;
const withLuhn = (body: string): string => {
  for (let check = 0; check < 10; check++) if (luhn(body + check)) return body + check;
  return body;
};
const pan: Make = (dice) => withLuhn(dice.of(['4', '51', '2221', '6011']).padEnd(4, '0') + dice.digits(11));
const iban: Make = (dice) => {
  const bban = dice.digits(18);
  return `DE${ibanCheckDigits('DE', bban)}${bban}`;
};
const american: Make = (dice) =>
  dice.form(dice.of(['(2##) 555-01##', '303-555-01##', '+1 415 555 01##']).replace('2##', '212'));
const german: Make = (dice) => dice.form(dice.of(['+49 170 #######', '030/#######', '+49 89 #######']));
const french: Make = (dice) => dice.form(dice.of(['06 ## ## ## ##', '+33 6 ## ## ## ##', '01 ## ## ## ##']));
const ssn: Make = (dice) =>
  `${dice.between(100, 599)}-${two(dice.between(1, 99))}-${dice.between(1000, 9999)}`;
const uuid: Make = (dice) => {
  const hex = Array.from({ length: 32 }, () => dice.below(16).toString(16)).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
};
const ip: Make = (dice) =>
  [dice.between(11, 220), dice.below(256), dice.below(256), dice.between(1, 254)].join('.');
const street: Make = (dice) =>
  `${dice.between(1, 400)} ${dice.of(['Maple', 'Oak Hill', 'Station', 'Kings'])} ${dice.of(['Street', 'Road', 'Lane', 'Ave'])}`;
const strasse: Make = (dice) =>
  `${dice.of(['Bahnhofstraße', 'Gartenweg', 'Hauptstr.', 'Am Markt', 'Lindenallee'])} ${dice.between(1, 140)}`;
const rue: Make = (dice) =>
  `${dice.between(1, 90)} rue ${dice.of(['de la Paix', 'Victor Hugo', 'des Lilas', 'du Moulin'])}`;
const hash: Make = (dice) =>
  `$2b$12$${Array.from({ length: 53 }, () => dice.of([...'abcdefghijkLMNOPQRSTUVwxyz0123456789'])).join('')}`;
const key: Make = (dice) =>
  `sk_live_${Array.from({ length: 24 }, () => dice.of([...'abcdefghijkLMNOPQRSTUVwxyz0123456789'])).join('')}`;
const vin: Make = (dice) => {
  for (;;) {
    const candidate = `1HGCM${dice.digits(3)}${dice.of([...'0123456789X'])}${dice.of([...'ABCDEFGH'])}A${dice.digits(6)}`;
    if (isVin(candidate)) return candidate;
  }
};
const choice =
  (...words: readonly string[]): Make =>
  (dice) =>
    dice.of(words);
const form =
  (...patterns: readonly string[]): Make =>
  (dice) =>
    dice.form(dice.of(patterns));
const number =
  (from: number, to: number): Make =>
  (dice) =>
    String(dice.between(from, to));
const money: Make = (dice) => `${dice.between(1, 4000)}.${two(dice.below(100))}`;
const serial =
  (from: number): Make =>
  (_, row) =>
    String(from + row);
const sometimes =
  (make: Make, oneIn: number): Make =>
  (dice, row) =>
    dice.below(oneIn) === 0 ? make(dice, row) : null;
const ticket: Make = (dice, row) =>
  dice.of([
    'Hello, my parcel has not arrived yet and the tracking page shows nothing new since last week.',
    `Please call me back at ${american(dice, row)} because the app does not open on my phone any more.`,
    `The invoice should go to ${email(dice, row)} and not to the old address that you have on file.`,
    `I am ${full(dice, row)} and I cannot log in to my account since the update of yesterday evening.`,
  ]);
const blurb: Make = (dice) =>
  `${dice.of(['A sturdy', 'A light', 'An elegant', 'A simple'])} ${dice.of(['lamp', 'chair', 'table', 'shelf'])} made of ${dice.of(['oak', 'steel', 'glass', 'pine'])}, easy to clean and quick to put together in a few minutes.`;
const productName: Make = (dice) =>
  `${dice.of(['Rose', 'Victoria', 'Nordic', 'Urban', 'Grand', 'Amber'])} ${dice.of(['Gold', 'Chair', 'Lamp', 'Table', 'Vase', 'Desk'])} ${dice.of(['XL', '2', 'Set', 'Mini', ''])}`.trim();
const city: Make = choice(
  'Leeds',
  'Graz',
  'Lyon',
  'Sevilla',
  'Parma',
  'Porto',
  'Utrecht',
  'Dallas',
  'Bremen',
  'Nantes',
);
const national = (country: string, pattern: string): Make => {
  const schemes = nationalIdSchemes.filter((scheme) => scheme.country === country);
  return (dice) => {
    for (;;) {
      const candidate = dice.form(pattern);
      const bare = candidate.replace(/[ .\-/]/g, '');
      if (schemes.some((scheme) => scheme.form.test(bare) && scheme.valid(bare))) return candidate;
    }
  };
};
const latitude: Make = (dice) => `${dice.between(36, 58)}.${dice.digits(6)}`;
const longitude: Make = (dice) => `${dice.of(['-', ''])}${dice.between(0, 24)}.${dice.digits(6)}`;
const agent: Make = (dice) =>
  `Mozilla/5.0 (${dice.of(['X11; Linux x86_64', 'Windows NT 10.0; Win64; x64'])}) AppleWebKit/537.36 Chrome/${dice.between(90, 140)}.0.0.0`;

const T: ColumnType = { kind: 'text', maxLength: null, padded: false };
const I: ColumnType = { kind: 'int', bits: 64, unsigned: false };
const N: ColumnType = { kind: 'decimal', precision: 12, scale: 2 };
const F: ColumnType = { kind: 'float', bits: 64 };
const D: ColumnType = { kind: 'date' };
const S: ColumnType = { kind: 'timestamp', withZone: true };
const B: ColumnType = { kind: 'boolean' };
const U: ColumnType = { kind: 'uuid' };
const bytes: ColumnType = { kind: 'bytes' };
const TA: ColumnType = { kind: 'array', element: T };
const O: ColumnType = { kind: 'other' };

const array =
  (make: Make): Make =>
  (dice, row) =>
    `{"${make(dice, row)}","${make(dice, row)}"}`;
const boolean: Make = choice('t', 'f');
const blob: Make = (dice) => `\\x${dice.digits(40)}`;

type Row = readonly [table: string, name: string, type: ColumnType, holds: readonly DataClass[], make: Make];

const names: readonly DataClass[] = ['person_name', 'first_name', 'last_name'];

const rows: readonly Row[] = [
  // English
  ['customers', 'email', T, ['email'], email],
  ['customers', 'first_name', T, ['first_name'], first],
  ['customers', 'last_name', T, ['last_name'], last],
  ['customers', 'name', T, names, full],
  ['customers', 'phone', T, ['phone'], american],
  ['customers', 'dob', D, ['date_of_birth'], birth],
  ['customers', 'street', T, ['address'], street],
  ['customers', 'zip', T, ['postcode'], form('#####')],
  ['customers', 'city', T, ['city'], city],
  ['customers', 'last_login_ip', T, ['ip'], ip],
  ['employees', 'ssn', T, ['us_ssn'], ssn],
  ['employees', 'salary', N, ['salary'], money],
  ['employees', 'homeAddress', T, ['address'], street],
  ['employees', 'workEmail', T, ['email'], email],
  ['employees', 'manager_name', T, names, full],
  ['employees', 'emergencyContact', T, names, full],
  ['employees', 'hired_on', D, ['event_date'], recent],
  ['employees', 'bank_account_number', T, ['bank_account'], form('########')],
  ['employees', 'gender', T, ['gender'], choice('f', 'm', 'x')],
  ['payments', 'card_number', T, ['pan'], pan],
  ['payments', 'cvv', T, ['card_security_code'], form('###')],
  ['payments', 'iban', T, ['iban'], iban],
  ['payments', 'cardholder', T, names, full],
  ['payments', 'expiry_month', I, ['card_expiry'], number(1, 12)],
  ['users', 'password_hash', T, ['password'], hash],
  ['users', 'api_key', T, ['secret'], key],
  ['users', 'user_agent', T, ['user_agent'], agent],
  ['users', 'avatar_url', T, ['photo', 'url'], form('https://img.example.com/???????.png')],
  ['users', 'username', T, ['username'], form('?????##')],
  ['users', 'lat', F, ['coordinates'], latitude],
  ['users', 'lng', F, ['coordinates'], longitude],
  ['users', 'date_of_birth', T, ['date_of_birth'], birth],
  ['patients', 'mrn', T, ['medical_record'], form('MRN######')],
  ['patients', 'diagnosis', T, ['health'], choice('J45.9', 'E11.9', 'I10')],
  ['patients', 'blood_type', T, ['health'], choice('A+', 'O-', 'B+', 'AB+')],
  ['patients', 'insurance_member_id', T, ['health_plan'], form('@@#########')],
  ['patients', 'religion', T, ['religion'], choice('none', 'catholic', 'muslim')],
  ['patients', 'admitted_at', S, ['event_date'], stamp],
  ['patients', 'is_smoker', B, [], boolean],
  ['patients', 'smoker', B, ['health'], boolean],
  ['patients', 'next_of_kin', T, names, full],
  ['patients', 'fingerprint_template', bytes, ['biometric'], blob],
  ['drivers', 'license_number', T, ['driver_licence'], form('@#######')],
  ['drivers', 'passport_no', T, ['passport'], form('@########')],
  ['vehicles', 'vin', T, ['vehicle'], vin],
  ['vehicles', 'license_plate', T, ['vehicle'], form('@@-###-@@')],
  ['devices', 'imei', T, ['device'], form('35############')],
  ['devices', 'mac_address', T, ['mac'], form('0a:1b:##:##:##:##')],
  ['support_tickets', 'body', T, ['free_text'], ticket],
  ['support_tickets', 'notes', T, ['free_text'], ticket],
  // German
  ['kunden', 'vorname', T, ['first_name'], first],
  ['kunden', 'nachname', T, ['last_name'], last],
  ['kunden', 'strasse', T, ['address'], strasse],
  ['kunden', 'plz', T, ['postcode'], form('#####')],
  ['kunden', 'ort', T, ['city'], city],
  ['kunden', 'geburtsdatum', D, ['date_of_birth'], birth],
  ['kunden', 'telefonnummer', T, ['phone'], german],
  ['kunden', 'e_mail', T, ['email'], email],
  ['kunden', 'steuer_id', T, ['national_id', 'tax_id'], form('###########')],
  ['mitarbeiter', 'gehalt', N, ['salary'], money],
  ['mitarbeiter', 'staatsangehörigkeit', T, ['nationality'], choice('DE', 'AT', 'TR')],
  ['mitarbeiter', 'konfession', T, ['religion'], choice('rk', 'ev', '--')],
  ['mitarbeiter', 'sozialversicherungsnummer', T, ['national_id'], form('########@###')],
  ['patienten', 'versichertennummer', T, ['health_plan'], form('@#########')],
  ['patienten', 'bemerkungen', T, ['free_text'], ticket],
  // French
  ['clients', 'prenom', T, ['first_name'], first],
  ['clients', 'nom_de_famille', T, ['last_name'], last],
  ['clients', 'nom', T, names, full],
  ['clients', 'adresse', T, ['address'], rue],
  ['clients', 'code_postal', T, ['postcode'], form('#####')],
  ['clients', 'ville', T, ['city'], city],
  ['clients', 'numero_de_telephone', T, ['phone'], french],
  ['clients', 'date_naissance', D, ['date_of_birth'], birth],
  ['salaries', 'numero_de_securite_sociale', T, ['national_id'], form('1##############')],
  ['salaries', 'courriel', T, ['email'], email],
  // Spanish
  ['usuarios', 'nombre', T, names, full],
  ['usuarios', 'apellidos', T, ['last_name'], last],
  ['usuarios', 'correo_electronico', T, ['email'], email],
  ['usuarios', 'fecha_nacimiento', D, ['date_of_birth'], birth],
  ['usuarios', 'dni', T, ['national_id'], national('ES', '########@')],
  ['usuarios', 'telefono', T, ['phone'], form('+34 6## ### ###')],
  ['usuarios', 'direccion', T, ['address'], choice('Calle Mayor 12', 'Avenida del Puerto 4', 'Calle Luna 8')],
  ['usuarios', 'contraseña', T, ['password'], hash],
  ['empleados', 'sueldo', N, ['salary'], money],
  // Italian
  ['clienti', 'cognome', T, ['last_name'], last],
  ['clienti', 'codice_fiscale', T, ['national_id'], form('@@@@@@##@##@###@')],
  ['clienti', 'indirizzo', T, ['address'], choice('Via Roma 12', 'Piazza Dante 4', 'Viale Europa 88')],
  ['clienti', 'data_di_nascita', D, ['date_of_birth'], birth],
  ['clienti', 'cellulare', T, ['phone'], form('+39 3## ### ####')],
  ['pazienti', 'diagnosi', T, ['health'], choice('asma', 'diabete')],
  // Portuguese
  ['clientes', 'nome_completo', T, names, full],
  ['clientes', 'cpf', T, ['national_id'], national('BR', '###.###.###-##')],
  [
    'clientes',
    'endereco',
    T,
    ['address'],
    choice('Rua das Flores 12', 'Rua Augusta 900', 'Travessa do Carmo 3'),
  ],
  ['clientes', 'telemovel', T, ['phone'], form('+351 9## ### ###')],
  ['clientes', 'senha', T, ['password'], hash],
  // Dutch
  ['klanten', 'voornaam', T, ['first_name'], first],
  ['klanten', 'achternaam', T, ['last_name'], last],
  ['klanten', 'bsn', T, ['national_id'], national('NL', '#########')],
  ['klanten', 'geboortedatum', D, ['date_of_birth'], birth],
  ['klanten', 'woonplaats', T, ['city'], city],
  ['klanten', 'rekeningnummer', T, ['bank_account', 'iban'], iban],
  // The name says nothing: the values must
  ['t1', 'c1', T, ['email'], email],
  ['t1', 'c2', T, ['pan'], pan],
  ['t1', 'c3', T, ['iban'], iban],
  ['t1', 'c4', T, ['phone'], american],
  ['t1', 'c5', T, ['us_ssn'], ssn],
  ['t1', 'c6', T, names, full],
  ['t1', 'c7', T, ['ip'], ip],
  ['t1', 'c8', T, ['secret'], key],
  ['t1', 'c9', T, names, first],
  ['t1', 'c10', T, ['address'], street],
  ['t1', 'c11', T, ['vehicle'], vin],
  ['t1', 'c12', T, ['national_id'], national('BR', '###########')],
  ['t1', 'c13', T, ['free_text'], ticket],
  ['t1', 'c14', T, ['email'], sometimes(email, 6)],
  ['t1', 'c15', I, ['pan'], pan],
  ['t1', 'c16', T, ['coordinates'], (dice, row) => `${latitude(dice, row)},${longitude(dice, row)}`],
  ['t1', 'c17', T, ['mac'], form('0a:1b:##:##:##:##')],
  ['t1', 'c18', T, ['user_agent'], agent],
  ['t1', 'c19', TA, ['email'], array(email)],
  ['t1', 'c20', D, ['date_of_birth'], birth],
  ['audit', 'changed_by', T, ['email', 'username'], email],
  ['leads', 'misc', T, ['phone'], german],
  ['orders', 'reference', T, ['email'], sometimes(email, 3)],
  ['sessions', 'addr', O, ['ip', 'address'], ip],
  ['contacts', 'other_phones', TA, ['phone'], array(german)],
  // Nothing personal
  ['orders', 'id', I, [], serial(1)],
  ['orders', 'order_number', T, [], form('ORD-########')],
  ['orders', 'order_no', I, [], serial(100_000_017)],
  ['orders', 'status', T, [], choice('open', 'paid', 'shipped', 'cancelled')],
  ['orders', 'total', N, [], money],
  ['orders', 'currency', T, [], choice('EUR', 'USD', 'GBP')],
  ['orders', 'created_at', S, [], stamp],
  ['orders', 'shipped_on', D, [], recent],
  ['orders', 'quantity', I, [], number(1, 20)],
  ['orders', 'tracking_number', T, [], form('1Z###@@########')],
  ['orders', 'invoice_no', T, [], form('2025-#####')],
  ['orders', 'customer_id', I, [], number(1, 5000)],
  ['orders', 'coupon', T, [], form('SAVE##', 'WINTER##')],
  ['orders', 'email_sent', B, [], boolean],
  ['orders', 'email_count', I, [], number(0, 9)],
  ['products', 'name', T, [], productName],
  ['products', 'product_name', T, [], productName],
  ['products', 'title', T, [], productName],
  ['products', 'sku', T, [], form('@@@-####-@#')],
  ['products', 'ean', T, [], form('400##########')],
  ['products', 'description', T, ['free_text'], blurb],
  ['products', 'price', N, [], money],
  ['products', 'weight_grams', I, [], number(10, 9000)],
  ['products', 'brand', T, [], choice('Nelson', 'Ford', 'Rose', 'Kim', 'Taylor', 'Gray', 'Martin')],
  ['products', 'color', T, [], choice('Red', 'Olive', 'Rose', 'Amber', 'Violet', 'Gray')],
  ['products', 'category', T, [], choice('lamps', 'tables', 'chairs')],
  ['products', 'model_number', T, [], form('X-###-@')],
  ['products', 'isbn', T, [], form('978##########')],
  ['products', 'dimensions', T, [], form('##x##x## cm')],
  ['products', 'tags', TA, [], array(choice('new', 'sale', 'eco'))],
  ['releases', 'version', T, [], form('#.#.##', '1#.#.###')],
  ['releases', 'firmware_version', T, [], form('#.#.#.#')],
  ['releases', 'build', T, [], form('10.0.1904.##')],
  [
    'releases',
    'commit',
    T,
    [],
    (dice) => Array.from({ length: 40 }, () => dice.below(16).toString(16)).join(''),
  ],
  [
    'releases',
    'checksum',
    T,
    [],
    (dice) => Array.from({ length: 64 }, () => dice.below(16).toString(16)).join(''),
  ],
  ['companies', 'name', T, [], choice('Acme GmbH', 'Globex Ltd', 'Initech Inc', 'Umbrella SA', 'Hooli BV')],
  ['companies', 'industry', T, [], choice('retail', 'mining', 'software')],
  ['countries', 'name', T, [], choice('France', 'Jordan', 'Georgia', 'Chad', 'Austria', 'Israel')],
  ['countries', 'iso_code', T, [], form('@@')],
  ['events', 'event_type', T, [], choice('click', 'view', 'buy')],
  ['events', 'request_id', U, [], uuid],
  ['events', 'trace', T, [], uuid],
  ['events', 'duration_ms', I, [], number(1, 90_000)],
  ['events', 'path', T, [], choice('/home', '/cart', '/item/12', '/search')],
  ['events', 'occurred_at', S, [], stamp],
  ['events', 'epoch_ms', I, [], (dice) => `17${dice.digits(11)}`],
  ['metrics', 'value', F, [], money],
  ['metrics', 'host', T, [], form('web-##.internal', 'db-##.internal')],
  ['metrics', 'metric_name', T, [], choice('cpu.load', 'disk.free', 'net.in')],
  ['jobs', 'queue', T, [], choice('mail', 'import', 'billing')],
  ['jobs', 'job_title', T, [], choice('Engineer', 'Accountant', 'Driver')],
  ['jobs', 'attempts', I, [], number(0, 5)],
  ['inventory', 'serial', T, [], form('SN########')],
  ['inventory', 'batch_no', T, [], form('B######')],
  ['inventory', 'bin', T, [], form('@-##-##')],
  ['inventory', 'gtin', I, [], form('400##########')],
  ['invoices', 'rechnungsnummer', T, [], form('RE-2025-#####')],
  ['invoices', 'artikelnummer', T, [], form('########')],
  ['invoices', 'betrag', N, [], money],
  ['invoices', 'due_date', D, [], recent],
  ['settings', 'key', T, [], choice('theme', 'locale', 'beta')],
  ['settings', 'locale', T, [], choice('de_DE', 'en_GB', 'fr_FR')],
  ['settings', 'timezone', T, [], choice('Europe/Berlin', 'Europe/Paris', 'UTC')],
  ['settings', 'email_enabled', B, [], boolean],
  ['settings', 'phone_verified_at', S, [], stamp],
  ['flights', 'flight_number', T, [], form('LH###', 'BA####')],
  ['flights', 'gate', T, [], form('@##')],
  ['books', 'published_on', D, [], (dice) => day(dice, 2001, 2024)],
  ['sensors', 'reading', N, [], money],
  ['sensors', 'sensor_code', T, [], form('T-###')],
  ['files', 'file_name', T, [], form('report-##.pdf', 'image_###.png')],
  ['files', 'content', bytes, [], blob],
  ['files', 'mime_type', T, [], choice('image/png', 'text/csv')],
  ['files', 'size_bytes', I, [], number(10, 900_000)],
];

/** Written without a look at the vocabulary: abbreviations, and names that mislead. */
const hard: readonly Row[] = [
  ['crm_person', 'fst_nm', T, names, first],
  ['crm_person', 'lst_nm', T, names, last],
  ['crm_person', 'eml', T, ['email'], email],
  ['crm_person', 'tel1', T, ['phone'], german],
  ['crm_person', 'addr1', T, ['address'], street],
  ['crm_person', 'bdate', D, ['date_of_birth'], birth],
  ['crm_person', 'sal_amt', N, ['salary'], money],
  ['crm_person', 'zip5', T, ['postcode'], form('#####')],
  ['crm_person', 'cty', T, ['city'], city],
  ['members', 'mobilnummer', T, ['phone'], german],
  ['members', 'privatadresse', T, ['address'], strasse],
  ['members', 'ansprechpartnerin', T, names, full],
  ['members', 'geb_dat', D, ['date_of_birth'], birth],
  ['members', 'KtoNr', T, ['bank_account'], form('########')],
  ['abonnés', 'téléphone_portable', T, ['phone'], french],
  ['abonnés', 'né_le', D, ['date_of_birth'], birth],
  ['socios', 'fecha_nac', D, ['date_of_birth'], birth],
  ['socios', 'num_telefono', T, ['phone'], form('+34 6## ### ###')],
  ['soci', 'luogo_nascita', T, ['city'], city],
  ['guests', 'passportNumber', T, ['passport'], form('@########')],
  ['patients', 'icd10_codes', TA, ['health'], array(choice('J45.9', 'E11.9'))],
  ['patients', 'hba1c', N, ['health'], money],
  ['patients', 'allergy_list', T, ['health'], choice('pollen', 'nuts')],
  ['visits', 'visit_reason', T, ['free_text', 'health'], ticket],
  ['users', 'twofa_secret', T, ['secret'], form('@@@@@@@@@@@@@@@@')],
  ['users', 'last_seen_ip', T, ['ip'], ip],
  ['users', 'fb_profile', T, ['url'], form('https://social.example/????????')],
  ['orders', 'ship_to_name', T, names, full],
  ['orders', 'ship_to_line1', T, ['address'], street],
  ['orders', 'gift_message', T, ['free_text'], ticket],
  ['orders', 'delivery_instructions', T, ['free_text'], ticket],
  ['calls', 'caller', T, ['phone'], american],
  ['messages', 'to', T, ['email'], email],
  ['messages', 'from', T, ['email'], email],
  ['staff', 'pay', N, ['salary'], money],
  ['staff', 'cell', T, ['phone'], american],
  ['phones', 'model_name', T, [], choice('Nova 5', 'Pixel', 'Galaxy')],
  ['phones', 'phone_model', T, [], choice('Nova 5', 'Pixel', 'Galaxy')],
  ['airports', 'iata', T, [], form('@@@')],
  ['stocks', 'isin', T, [], form('US##########')],
  ['pages', 'slug', T, [], form('page-????')],
  ['pages', 'name_en', T, [], productName],
  ['teams', 'name', T, [], choice('Blue', 'Red', 'Platform', 'Growth')],
  ['dns', 'name', T, [], form('host-##.example')],
  ['addresses', 'id', I, [], serial(1)],
  ['emails', 'id', I, [], serial(1)],
  ['plans', 'monthly_price', N, [], money],
  ['age_groups', 'label', T, [], choice('18-25', '26-40')],
  ['tax_rates', 'rate', N, [], money],
  ['race_results', 'race_no', I, [], number(1, 90)],
  ['races', 'distance_km', N, [], money],
  ['locations', 'capacity', I, [], number(10, 900)],
  ['password_policies', 'min_length', I, [], number(8, 20)],
  ['tokens', 'token_count', I, [], number(1, 9000)],
  ['health_checks', 'latency_ms', I, [], number(1, 900)],
  ['health_checks', 'health_status', T, [], choice('up', 'down')],
  ['campaigns', 'email_subject', T, [], choice('Spring sale', 'News of May', 'Last days')],
  ['address_types', 'address_type', T, [], choice('home', 'work')],
  ['parts', 'part_no', T, [], form('##-####-##')],
  ['ledger', 'account_type', T, [], choice('asset', 'liability')],
  ['ledger', 'entry_no', I, [], serial(4_000_000)],
  ['weather', 'humidity', N, [], money],
  [
    'songs',
    'title',
    T,
    [],
    choice('Angie', 'Roxanne', 'Jolene', 'Layla', 'Gloria', 'Maria', 'Michelle', 'Julia'),
  ],
  ['films', 'director', T, names, full],
];

const all: readonly Row[] = [...rows, ...hard];

export const HARD = hard.length;

export const corpus: readonly LabelledColumn[] = all.map(([table, name, type, holds, make], index) => {
  const dice = new Dice(7919 * (index + 1));
  return {
    table: `public.${table}`,
    name,
    type,
    sourceType: type.kind === 'other' ? 'inet' : type.kind,
    holds,
    values: Array.from({ length: ROWS }, (_, row) => make(dice, row)),
  };
});
