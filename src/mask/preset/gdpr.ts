import { byMethod, DROP, inDomain, KEEP, type Preset, type PresetRule, REDACT, TOKEN } from './preset.ts';

const pseudonymised = 'Art. 4(5)';
const special = 'Art. 9(1)';
const minimised = 'Art. 5(1)(c)';

const domain = (name: Parameters<typeof inDomain>[0], reference = pseudonymised): PresetRule => ({
  choices: [inDomain(name)],
  reference,
});
const redacted = (reference: string): PresetRule => ({ choices: [REDACT], reference });

/** A region, not a neighbourhood. */
const POSTCODE_KEPT = 2;

/**
 * Regulation (EU) 2016/679. Direct identifiers become tokens that need a key kept elsewhere (pseudonymisation, Article
 * 4(5)); special categories (Article 9(1)) are not carried over; what describes a person is made coarser or left out,
 * because an analysis seldom needs it (data minimisation, Article 5(1)(c)).
 */
export const gdpr: Preset = {
  name: 'gdpr',
  title: 'GDPR pseudonymisation',
  scope:
    'Pseudonymised data stay personal data (recital 26): who holds the mask key can link them, and the Regulation applies to them in full.',
  surrogateKeys: 'keep',
  unknown: TOKEN,
  otherDates: [KEEP],
  classes: {
    person_name: domain('person_name'),
    first_name: domain('first_name'),
    last_name: domain('last_name'),
    username: domain('username'),
    email: domain('email'),
    phone: domain('phone'),
    us_ssn: domain('us_ssn'),
    national_id: domain('national_id', 'Art. 4(5), 87'),
    tax_id: domain('tax_id'),
    passport: domain('passport'),
    driver_licence: domain('driver_licence'),
    iban: domain('iban'),
    bank_account: domain('bank_account'),
    pan: domain('pan'),
    vehicle: domain('vehicle'),
    device: domain('device', 'Art. 4(5), recital 30'),
    mac: domain('mac', 'Art. 4(5), recital 30'),
    ip: domain('ip', 'Art. 4(5), recital 30'),
    url: domain('url'),
    user_agent: domain('user_agent', 'Art. 4(5), recital 30'),
    address: redacted(minimised),
    city: redacted(minimised),
    postcode: {
      choices: [byMethod({ method: 'partial', keepFirst: POSTCODE_KEPT, keepLast: 0, fill: '*' })],
      reference: minimised,
    },
    // A tenth of a degree is about 11 km.
    coordinates: { choices: [byMethod({ method: 'round', to: '0.1' })], reference: minimised },
    date_of_birth: {
      choices: [
        byMethod({ method: 'generalize', to: { kind: 'date', unit: 'year', oldestYear: null } }),
        byMethod({ method: 'generalize', to: { kind: 'size', size: '10' } }),
      ],
      reference: minimised,
    },
    event_date: {
      choices: [byMethod({ method: 'generalize', to: { kind: 'date', unit: 'month', oldestYear: null } })],
      reference: minimised,
    },
    age: {
      choices: [byMethod({ method: 'generalize', to: { kind: 'size', size: '10' } })],
      reference: minimised,
    },
    salary: {
      choices: [byMethod({ method: 'generalize', to: { kind: 'size', size: '10000' } })],
      reference: minimised,
    },
    financial: {
      choices: [byMethod({ method: 'generalize', to: { kind: 'size', size: '10000' } })],
      reference: minimised,
    },
    gender: redacted(minimised),
    nationality: redacted(minimised),
    photo: redacted(minimised),
    card_expiry: redacted(minimised),
    free_text: redacted(minimised),
    health: redacted(special),
    medical_record: redacted(`${special}, 4(15)`),
    health_plan: redacted(`${special}, 4(15)`),
    biometric: redacted(`${special}, 4(14)`),
    religion: redacted(special),
    ethnicity: redacted(special),
    orientation: redacted(special),
    politics: redacted(special),
    card_security_code: { choices: [DROP], reference: 'Art. 32(1)' },
    password: { choices: [DROP], reference: 'Art. 32(1)' },
    secret: { choices: [DROP], reference: 'Art. 32(1)' },
  },
};
