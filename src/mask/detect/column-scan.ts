import type { Column } from '../../model/table.ts';
import type { ColumnType } from '../../model/type.ts';
import { mapArray } from '../method/array.ts';
import { classOfColumnName, doubtOf } from './column-name.ts';
import type { ColumnWord } from './column-words.ts';
import type { DataClass } from './data-class.ts';
import { type JsonPlace, jsonPlaces } from './json-places.ts';
import type { TextClass } from './text-scanner.ts';
import {
  contentsOf,
  contentTitles,
  evidenceOf,
  plausibleCount,
  spreadLikeBirths,
  type ValueEvidence,
} from './value-evidence.ts';
import { type Shape, shapeOf } from './value-shape.ts';

/** Below this a finding is not worth a line. */
export const CONFIDENCE_MIN = 0.3;
const VALUE_CHARACTERS_MAX = 10_000;

/** A column with what was read of it; raw. */
export interface SampledColumn {
  /** `namespace.name`. */
  readonly table: string;
  readonly column: Column;
  /** One a row. */
  readonly values: readonly (string | null)[];
}

/** One class of personal data that a column, or a place in its documents, seems to hold. Never carries a value. */
export interface ClassFinding {
  readonly class: DataClass;
  /** 0 to 1. */
  readonly confidence: number;
  /** In words, for people. */
  readonly evidence: readonly string[];
  /** Of free text: what was found inside. */
  readonly contains: readonly TextClass[];
}

export interface ScannedPlace {
  /** Path in the documents of the column; null: the column itself. */
  readonly path: string | null;
  /** Objects or arrays stand in this place too. */
  readonly mixed: boolean;
  readonly shape: Shape;
  /** The most certain first. */
  readonly findings: readonly ClassFinding[];
}

export interface ColumnScan extends ScannedPlace {
  readonly column: Column;
  readonly path: null;
  /** Rows that were read. */
  readonly rows: number;
  /** Documents that were read, where the column holds some; null: it holds none. */
  readonly documents: number | null;
  readonly places: readonly ScannedPlace[];
}

/** What a column holds, by its name, its type and a sample of its values. Pure. */
export function scanColumn(sampled: SampledColumn): ColumnScan {
  const { table, column } = sampled;
  const values = scalarsOf(sampled.values, column.type);
  const whole = { column, path: null, mixed: false, rows: sampled.values.length } as const;
  const { documents, places } = documentsOf(values, column.type);
  if (documents !== null) {
    const word = classOfColumnName(table, column);
    return {
      ...whole,
      documents,
      places: places.map((place) => scanPlace(table, column, place)),
      shape: shapeOf([], column.type),
      findings: word === null ? [] : [byName(word)],
    };
  }
  const typed = wordOfType(column);
  return {
    ...whole,
    documents: null,
    places: [],
    shape: shapeOf(values, column.type),
    findings:
      typed === null
        ? combine(values, column.type, classOfColumnName(table, column), doubtOf(table, column.name))
        : [{ ...byName(typed), evidence: [`the type says so: ${column.sourceType}`] }],
  };
}

/** Trimmed and not empty; of an array its elements. */
function scalarsOf(cells: readonly (string | null)[], type: ColumnType): readonly string[] {
  const values: string[] = [];
  const add = (value: string): void => {
    const trimmed = value.slice(0, isDocument(type) ? undefined : VALUE_CHARACTERS_MAX).trim();
    if (trimmed !== '') values.push(trimmed);
  };
  for (const cell of cells) {
    if (cell === null) continue;
    if (type.kind !== 'array') {
      add(cell);
      continue;
    }
    mapArray(cell, (element) => {
      add(element);
      return element;
    });
  }
  return values;
}

function isDocument(type: ColumnType): boolean {
  return elementOf(type).kind === 'json';
}

function elementOf(type: ColumnType): ColumnType {
  return type.kind === 'array' ? type.element : type;
}

/** Texts that are JSON objects or arrays make a column of documents too. */
function documentsOf(
  values: readonly string[],
  type: ColumnType,
): { readonly documents: number | null; readonly places: readonly JsonPlace[] } {
  const kind = elementOf(type).kind;
  if (kind === 'json') return jsonPlaces(values);
  const none = { documents: null, places: [] };
  if (kind !== 'text' || values.length === 0) return none;
  const braced = values.filter((value) => /^(?:\{[\s\S]*\}|\[[\s\S]*\])$/.test(value));
  if (braced.length < values.length * 0.9) return none;
  const found = jsonPlaces(braced);
  return found.documents < values.length * 0.9 ? none : found;
}

const TEXT: ColumnType = { kind: 'text', maxLength: null, padded: false };
const NUMBER: ColumnType = { kind: 'decimal', precision: null, scale: null };
const BOOLEAN: ColumnType = { kind: 'boolean' };

function scanPlace(table: string, column: Column, place: JsonPlace): ScannedPlace {
  const values = [...place.texts, ...place.numbers]
    .map((value) => value.trim())
    .filter((value) => value !== '');
  const type = place.texts.length > 0 ? TEXT : place.numbers.length > 0 ? NUMBER : BOOLEAN;
  const [leaf = column.name, parent = column.name] = [place.names.at(-1), place.names.at(-2)];
  const word = wordOfPlace(table, leaf, parent, type);
  return {
    path: place.path,
    mixed: place.mixed,
    shape: { ...shapeOf(values, type), filled: values.length + place.words },
    findings: combine(values, type, word, doubtOf(table, leaf)),
  };
}

/** `$.customer.name` is read as `customer_name`, too; not where the words of the parent alone say the same. */
function wordOfPlace(table: string, leaf: string, parent: string, type: ColumnType): ColumnWord | null {
  const own = classOfColumnName(table, { name: leaf, type });
  const joined = classOfColumnName(table, { name: `${parent}_${leaf}`, type });
  if (joined === null || classOfColumnName(table, { name: parent, type })?.class === joined.class) return own;
  return own === null || joined.confidence > own.confidence ? joined : own;
}

/** Types that say what they hold. */
function wordOfType(column: Column): ColumnWord | null {
  const type = column.sourceType.replace(/(?:\(.*)?(?:\[\])*$/, '');
  if (type === 'inet' || type === 'cidr') return { class: 'ip', confidence: 0.95 };
  if (type === 'macaddr' || type === 'macaddr8') return { class: 'mac', confidence: 0.97 };
  if (type === 'point' || type.endsWith('geography') || type.endsWith('geometry'))
    return { class: 'coordinates', confidence: 0.7 };
  return null;
}

function byName({ class: found, confidence }: ColumnWord): ClassFinding {
  return {
    class: found,
    confidence: rounded(confidence),
    evidence: ['the name says so'],
    contains: [],
  };
}

/** Classes that are kinds of one thing: where the name says one and the values another, both mean the same. */
const families: readonly ReadonlySet<DataClass>[] = [
  new Set(['person_name', 'first_name', 'last_name']),
  new Set(['national_id', 'tax_id', 'us_ssn', 'health_plan', 'medical_record', 'driver_licence', 'passport']),
  new Set(['bank_account', 'iban', 'pan']),
  new Set(['password', 'secret']),
];

function related(a: DataClass, b: DataClass): boolean {
  return a === b || families.some((family) => family.has(a) && family.has(b));
}

/** Name and values that agree strengthen each other; values that contradict a name weaken it. */
function combine(
  values: readonly string[],
  type: ColumnType,
  word: ColumnWord | null,
  doubt: (found: DataClass) => number,
): readonly ClassFinding[] {
  const element = elementOf(type);
  const evidence = LOOKED_AT.has(element.kind) ? evidenceOf(values, element) : [];
  const findings: ClassFinding[] = [];
  const used = new Set<ValueEvidence>();
  const meant = word === null ? null : meaningOf(word, evidence);
  if (meant !== null) findings.push(named(meant, values, element, evidence, used));
  for (const found of strongest(evidence)) {
    if (used.has(found)) continue;
    const confidence = found.confidence * doubt(found.class);
    findings.push({
      class: found.class,
      confidence: rounded(confidence),
      evidence: [sampledValues(found, values.length)],
      contains: [],
    });
  }
  if (word?.class !== 'date_of_birth' && word?.class !== 'event_date' && spreadLikeBirths(values)) {
    findings.push({
      class: 'date_of_birth',
      confidence: 0.5,
      evidence: ['the sampled days lie as far apart and as far back as dates of birth'],
      contains: [],
    });
  }
  const text = freeText(values, element, word, findings, doubt);
  return [
    ...(text === null ? findings : [...findings.filter(({ class: found }) => found !== 'free_text'), text]),
  ]
    .filter((finding) => finding.confidence >= CONFIDENCE_MIN)
    .sort((a, b) => b.confidence - a.confidence);
}

/** Types of which values are looked at; of the others the name must do. */
const LOOKED_AT: ReadonlySet<ColumnType['kind']> = new Set([
  'text',
  'other',
  'int',
  'decimal',
  'date',
  'timestamp',
]);

/** One of each family: three lists of names match the same column. */
function strongest(evidence: readonly ValueEvidence[]): readonly ValueEvidence[] {
  const sorted = evidence
    .filter((found) => found.confidence > 0)
    .sort((a, b) => b.matched - a.matched || b.confidence - a.confidence);
  const kept: ValueEvidence[] = [];
  for (const found of sorted)
    if (!kept.some((other) => related(other.class, found.class) && !DISTINCT.has(found.class)))
      kept.push(found);
  return kept;
}

/** Members of a family whose values cannot be taken for another's. */
const DISTINCT: ReadonlySet<DataClass> = new Set(['iban', 'pan']);

/** `user_name`, `$.user.name`: the name of a user where values are names. */
function meaningOf(word: ColumnWord, evidence: readonly ValueEvidence[]): ColumnWord {
  if (word.class !== 'username') return word;
  const names = strongest(evidence).find((found) => related(found.class, 'person_name'));
  return names === undefined ? word : { class: names.class, confidence: word.confidence };
}

function named(
  word: ColumnWord,
  values: readonly string[],
  type: ColumnType,
  evidence: readonly ValueEvidence[],
  used: Set<ValueEvidence>,
): ClassFinding {
  const says = byName(word);
  const agreeing = evidence
    .filter(
      (found) =>
        related(found.class, word.class) && !(DISTINCT.has(found.class) && found.class !== word.class),
    )
    .sort((a, b) => b.matched - a.matched);
  for (const found of agreeing) used.add(found);
  const best = agreeing[0];
  if (best !== undefined && best.matched >= values.length * 0.05) {
    const more = Math.max(best.confidence, 0.5 * Math.min(1, best.matched / values.length));
    return {
      ...says,
      confidence: rounded(1 - (1 - word.confidence) * (1 - more)),
      evidence: [...says.evidence, sampledValues(best, values.length)],
    };
  }
  const plausible =
    LOOKED_AT.has(type.kind) && values.length >= 5 ? plausibleCount(values, word.class) : null;
  if (plausible === null || plausible >= values.length * 0.3) return says;
  return {
    ...says,
    confidence: rounded(word.confidence * 0.35),
    evidence: [
      ...says.evidence,
      plausible === 0
        ? `none of the ${values.length} sampled values looks like one`
        : `only ${plausible} of ${values.length} sampled values look${plausible === 1 ? 's' : ''} like one`,
    ],
  };
}

/** `all 200 sampled values are e-mail addresses`, `1 of 200 sampled values is an IP address`. */
function sampledValues(
  { matched, says: [one, many] }: Pick<ValueEvidence, 'matched' | 'says'>,
  of: number,
): string {
  if (of === 1) return `the one sampled value ${one}`;
  if (matched === of) return `all ${of} sampled values ${many}`;
  return `${matched} of ${of} sampled values ${matched === 1 ? one : many}`;
}

/** From this share of texts of many words on a column holds what people wrote. */
const WORDY_SHARE = 0.15;
/** A find in one text of fifty is no accident of a name like a street's. */
const INSIDE_SHARE = 0.02;

/** Texts that people wrote may hold anything; what is inside is evidence, what is not found is none. */
function freeText(
  values: readonly string[],
  type: ColumnType,
  word: ColumnWord | null,
  findings: readonly ClassFinding[],
  doubt: (found: DataClass) => number,
): ClassFinding | null {
  if (type.kind !== 'text' && type.kind !== 'other') return null;
  // What whole values are is not free text, however long.
  const known = findings.some((finding) => finding.confidence >= 0.5 && finding.class !== 'free_text');
  if (known) return null;
  const shape = shapeOf(values, type);
  const wordy = shape.wordy >= Math.max(1, values.length * WORDY_SHARE);
  const spaced = values.filter((value) => /\s/.test(value));
  const contents = [...contentsOf(spaced)].filter(
    ([found, count]) => count >= values.length * INSIDE_SHARE && (wordy || doubt(found) === 1),
  );
  if (!wordy && contents.length === 0) return null;
  if (!wordy && word?.class !== 'free_text' && !contents.some(([, count]) => count >= values.length * 0.1))
    return null;
  const evidence: string[] = [];
  let confidence = word?.class === 'free_text' ? word.confidence : 0;
  if (wordy) {
    const says = ['is a text of many words', 'are texts of many words'] as const;
    evidence.push(sampledValues({ matched: shape.wordy, says }, values.length));
    confidence = 1 - (1 - confidence) * 0.4;
  }
  for (const [found, count] of contents) {
    const [one, many] = contentTitles[found];
    evidence.push(
      `${count} of ${values.length} texts ${count === 1 ? `contains ${one}` : `contain ${many}`}`,
    );
  }
  if (contents.length > 0) confidence = 1 - (1 - confidence) * 0.3;
  return {
    class: 'free_text',
    confidence: rounded(confidence),
    evidence,
    contains: contents.map(([found]) => found),
  };
}

function rounded(confidence: number): number {
  return Math.round(Math.min(0.99, confidence) * 100) / 100;
}
