import type { ColumnType, TypeKind } from '../../model/type.ts';
import {
  ABOUT,
  ABOUT_BEFORE,
  type ColumnWord,
  columnPhrases,
  NAME_WORDS,
  NEUTRAL,
  NUMBER_WORDS,
  PERSON_NOUNS,
  THING_NOUNS,
  TITLE_WORDS,
} from './column-words.ts';
import type { DataClass } from './data-class.ts';

/** What the detectors need to know of a column. */
export interface ColumnLike {
  readonly name: string;
  readonly type: ColumnType;
}

/**
 * What a column's name says it holds, in the light of its type and its table: `name` is a person's in `customers`, a
 * thing's in `products`; `email_verified` is about an address; a boolean is no address whatever it is called.
 *
 * @param table with or without its schema
 * @returns null: it says nothing
 */
export function classOfColumnName(table: string, column: ColumnLike): ColumnWord | null {
  const words = wordsOf(column.name);
  const tells = tableTells(table);
  const found = phraseIn(words) ?? nameIn(words, tells);
  if (found === null || !fits(found.class, column.type)) return null;
  const confidence = found.confidence * beside(words, found, column.type);
  if (confidence === 0) return null;
  // Among people, a word that has other meanings too most likely has this one.
  return {
    class: found.class,
    confidence: tells === 'person' && confidence < 0.7 ? 1 - (1 - confidence) * 0.7 : confidence,
  };
}

/** Lower-case words of a name in any of the usual cases, without accents. */
export function wordsOf(name: string): readonly string[] {
  return name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/ß/g, 'ss')
    .replace(/[øØ]/g, 'o')
    .slice(0, 200)
    .replace(/([\p{Ll}\d])(\p{Lu})/gu, '$1 $2')
    .replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '');
}

interface Phrase extends ColumnWord {
  /** Indexes of its words. */
  readonly start: number;
  readonly end: number;
}

const PHRASE_WORDS_MAX = 5;

/** The longest known phrase; of equally long ones the last, as in `contact_email`. */
function phraseIn(words: readonly string[]): Phrase | null {
  for (let length = Math.min(PHRASE_WORDS_MAX, words.length); length > 0; length--) {
    for (let start = words.length - length; start >= 0; start--) {
      const glued = words.slice(start, start + length).join('');
      const word = columnPhrases.get(glued) ?? columnPhrases.get(glued.replace(/\d+$/, ''));
      if (word !== undefined) return { ...word, start, end: start + length };
    }
  }
  return null;
}

/** `name`, `customer_name`: whose, the word before or the table tells. */
function nameIn(words: readonly string[], tells: 'person' | 'thing' | null): Phrase | null {
  const at = words.findLastIndex((word) => NAME_WORDS.has(word.replace(/\d+$/, '')));
  if (at < 0) return null;
  const place = { start: at, end: at + 1 };
  const nouns = words.slice(0, at).reverse().map(nounKind);
  const nearest = nouns.find((kind) => kind !== null) ?? null;
  if (nearest === 'person') return { ...place, class: 'person_name', confidence: 0.9 };
  if (nearest === null && tells === 'person')
    return { ...place, class: 'person_name', confidence: at === 0 ? 0.88 : 0.6 };
  return null;
}

function nounKind(word: string): 'person' | 'thing' | null {
  const singular = [word, word.replace(/s$/, ''), word.replace(/es$/, ''), word.replace(/ies$/, 'y')];
  if (singular.some((noun) => PERSON_NOUNS.has(noun))) return 'person';
  return singular.some((noun) => THING_NOUNS.has(noun)) ? 'thing' : null;
}

/** What the rows of a table are, by the last noun of its name that is known. */
function tableTells(table: string): 'person' | 'thing' | null {
  const words = wordsOf(table.slice(table.lastIndexOf('.') + 1));
  return words.map(nounKind).findLast((kind) => kind !== null) ?? null;
}

/** Classes that values of many other things satisfy by chance. */
const BY_CHANCE: ReadonlySet<DataClass> = new Set([
  'ip',
  'phone',
  'national_id',
  'us_ssn',
  'vehicle',
  'coordinates',
]);
const NAMES: ReadonlySet<DataClass> = new Set(['person_name', 'first_name', 'last_name']);

/**
 * How much of what values seem to be is left when the column's name says that they are something else: a version of four
 * numbers is no IP address, a product called Victoria no person. 1: the name says nothing of the kind.
 */
export function doubtOf(table: string, name: string): (found: DataClass) => number {
  const words = wordsOf(name);
  const numbered = words.some((word) => NUMBER_WORDS.has(word));
  const last = words.map(nounKind).findLast((kind) => kind !== null) ?? null;
  const thing = (last ?? tableTells(table)) === 'thing' || words.some((word) => TITLE_WORDS.has(word));
  return (found) => {
    if (BY_CHANCE.has(found) && numbered) return 0.3;
    if ((NAMES.has(found) || found === 'address') && (thing || numbered)) return 0.35;
    return 1;
  };
}

/** Classes of which `…_id` is the number itself, not a reference to a row. */
const NUMBERED: ReadonlySet<DataClass> = new Set([
  'email',
  'passport',
  'driver_licence',
  'national_id',
  'tax_id',
  'medical_record',
  'health_plan',
]);

/** How far the words beside a phrase take its meaning away: 1 not at all, 0 wholly. */
function beside(words: readonly string[], phrase: Phrase, type: ColumnType): number {
  let factor = 1;
  for (const [i, word] of words.entries()) {
    if (i >= phrase.start && i < phrase.end) continue;
    const after = i >= phrase.end;
    if (
      after &&
      word === 'id' &&
      i === words.length - 1 &&
      NUMBERED.has(phrase.class) &&
      type.kind === 'text'
    ) {
      factor *= 0.8;
    } else if (after ? ABOUT.has(word) : ABOUT_BEFORE.has(word) && type.kind !== 'text') return 0;
    else if (!NEUTRAL.has(word) && !/^\d+$/.test(word)) factor *= after ? 0.7 : 0.9;
  }
  return factor;
}

/** Types that hold text, or what only the source knows. */
const ANY_TEXT: readonly TypeKind[] = ['text', 'other', 'json', 'bytes'];
const NUMBER: readonly TypeKind[] = ['int', 'decimal'];
const MEASURE: readonly TypeKind[] = ['int', 'decimal', 'float'];
const DAY: readonly TypeKind[] = ['date', 'timestamp'];

/** Types besides text that columns of a class have. */
const OTHER_TYPES: Partial<Readonly<Record<DataClass, readonly TypeKind[]>>> = {
  phone: NUMBER,
  us_ssn: NUMBER,
  national_id: NUMBER,
  tax_id: NUMBER,
  pan: NUMBER,
  bank_account: NUMBER,
  medical_record: [...NUMBER, 'uuid'],
  health_plan: NUMBER,
  driver_licence: NUMBER,
  passport: NUMBER,
  postcode: NUMBER,
  card_security_code: NUMBER,
  device: [...NUMBER, 'uuid'],
  secret: ['uuid', 'int'],
  ip: NUMBER,
  mac: NUMBER,
  password: ['int'],
  coordinates: MEASURE,
  salary: [...MEASURE, 'enum'],
  financial: [...MEASURE, 'enum'],
  age: [...MEASURE, 'enum'],
  card_expiry: [...NUMBER, ...DAY],
  date_of_birth: [...DAY, 'int'],
  event_date: DAY,
  gender: ['enum', 'int'],
  religion: ['enum', 'int', 'boolean'],
  ethnicity: ['enum', 'int'],
  nationality: ['enum', 'int'],
  orientation: ['enum', 'int'],
  politics: ['enum', 'int', 'boolean'],
  health: [...MEASURE, ...DAY, 'enum', 'boolean'],
  city: ['enum'],
};

/** Whether a column of the type can hold the class; of an array its elements count. */
export function fits(wanted: DataClass, type: ColumnType): boolean {
  const element = type.kind === 'array' ? type.element : type;
  return ANY_TEXT.includes(element.kind) || OTHER_TYPES[wanted]?.includes(element.kind) === true;
}
