import { type DataClass, dataClasses } from '../detect/data-class.ts';
import { byMethod, DROP, KEEP, type Preset, type PresetRule, REDACT } from './preset.ts';

/** Ages up to 89 may stay; 90 and more are one category (C). Ranges of five years, because an exact age is seldom needed. */
const AGE_BOUNDS = Array.from({ length: 18 }, (_, i) => String((i + 1) * 5));
const AGE_LABELS = [...AGE_BOUNDS.map((bound) => `${Number(bound) - 5}-${Number(bound) - 1}`), '90+'];

/** A policy is not rewritten every January: who turns 90 within these years is counted among them already. */
const YEARS_OF_GRACE = 5;

/** The place of a class in the list of 45 CFR 164.514(b)(2)(i). */
function place(found: DataClass): string {
  const number = dataClasses[found].hipaa;
  return number === null ? 'not listed' : `164.514(b)(2)(i)(${String.fromCharCode(64 + number)})`;
}

const removed: readonly DataClass[] = [
  'person_name',
  'first_name',
  'last_name',
  'username',
  'address',
  'city',
  'coordinates',
  'phone',
  'email',
  'us_ssn',
  'medical_record',
  'health_plan',
  'iban',
  'bank_account',
  'pan',
  'driver_licence',
  'passport',
  'national_id',
  'tax_id',
  'vehicle',
  'device',
  'mac',
  'url',
  'ip',
  'biometric',
  'photo',
  'user_agent',
];

/**
 * 45 CFR 164.514(b)(2), Safe Harbor. Identifiers are removed, not tokenised: a token of an identifier is "derived from
 * or related to information about the individual", which (c)(1) does not allow for a code that stays in the data. Row
 * keys become tokens, so that rows still belong together and nobody meets a number of another system (R).
 *
 * @param year the present one: people over 89 are those born before a year that moves
 */
export function hipaa(year: number): Preset {
  const oldestYear = year - 89 + YEARS_OF_GRACE;
  const dated: PresetRule = {
    choices: [byMethod({ method: 'generalize', to: { kind: 'date', unit: 'year', oldestYear } })],
    reference: place('date_of_birth'),
  };
  const classes: Partial<Record<DataClass, PresetRule>> = {};
  for (const found of removed) classes[found] = { choices: [REDACT], reference: place(found) };
  const kept: PresetRule = { choices: [KEEP], reference: 'not one of the eighteen' };
  const left: PresetRule = { choices: [REDACT], reference: 'not one of the eighteen; seldom needed' };
  return {
    name: 'hipaa',
    title: 'HIPAA Safe Harbor',
    scope: `Safe Harbor also needs that nobody has actual knowledge that what is left identifies somebody, 164.514(b)(2)(ii). Born before ${oldestYear} counts as over 89 until the end of ${year + YEARS_OF_GRACE}: raise oldest_year then.`,
    surrogateKeys: 'token',
    unknown: REDACT,
    otherDates: dated.choices,
    classes: {
      ...(classes as Record<DataClass, PresetRule>),
      postcode: {
        choices: [byMethod({ method: 'generalize', to: { kind: 'zip3' } })],
        reference: place('postcode'),
      },
      date_of_birth: dated,
      event_date: dated,
      age: {
        choices: [byMethod({ method: 'bucket', bounds: AGE_BOUNDS, labels: AGE_LABELS })],
        reference: place('age'),
      },
      gender: kept,
      ethnicity: kept,
      health: kept,
      nationality: left,
      religion: left,
      orientation: left,
      politics: left,
      salary: left,
      financial: left,
      card_expiry: left,
      free_text: {
        choices: [REDACT],
        reference: '164.514(b)(2)(i): identifiers in text count as any others',
      },
      card_security_code: { choices: [DROP], reference: 'a secret, not data' },
      password: { choices: [DROP], reference: 'a secret, not data' },
      secret: { choices: [DROP], reference: 'a secret, not data' },
    },
  };
}
