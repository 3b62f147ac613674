import type { ColumnType } from '../../model/type.ts';
import { parseJsonPath } from '../method/json-path.ts';
import type { MethodName, Rule } from '../policy-document.ts';

/** Invented values that a method takes, to measure it by: nothing is read from a source. */
export function syntheticValues(rule: Rule, type: ColumnType, howMany = 64): readonly string[] {
  return Array.from({ length: howMany }, (_, i) => synthetic(rule, type, i));
}

/** The type that a rule is most likely written for, where the schema is not known. */
export function likelyType(rule: Rule): ColumnType {
  switch (rule.method) {
    case 'date_shift':
      return { kind: 'date' };
    case 'round':
    case 'bucket':
      return { kind: 'decimal', precision: null, scale: null };
    case 'generalize':
      return rule.to.kind === 'date'
        ? { kind: 'timestamp', withZone: true }
        : rule.to.kind === 'size'
          ? { kind: 'decimal', precision: null, scale: null }
          : TEXT;
    case 'json':
      return { kind: 'json' };
    case 'uuid':
      return { kind: 'uuid' };
    case 'fpe':
      return rule.min !== null || rule.max !== null ? { kind: 'int', bits: 64, unsigned: false } : TEXT;
    default:
      return TEXT;
  }
}

const TEXT: ColumnType = { kind: 'text', maxLength: null, padded: false };

const IBANS = [
  'DE89370400440532013000',
  'GB82WEST12345698765432',
  'NL91ABNA0417164300',
  'NO9386011117947',
  'FR1420041010050500013M02606',
];

/** By method, for text: what it is made for. */
const TEXTS: Partial<Readonly<Record<MethodName, (i: number) => string>>> = {
  pan: (i) => withLuhn(`45320151128${String(3000 + i)}`),
  phone: (i) => `+1 202 555 ${String(1000 + i)}`,
  email: (i) => `person${i}@mail${i % 5}.example.com`,
  iban: (i) => IBANS[i % IBANS.length]!,
  us_ssn: (i) => `123-45-${String(1000 + i)}`,
  uuid: (i) => `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`,
  ip: (i) => `203.0.113.${i % 256}`,
  generalize: (i) => String(10_000 + i * 37),
  scan: (i) =>
    `Called again about order ${7000 + i}; she asked to be reached at person${i}@example.com or +1 202 555 ${1000 + i}.`,
};

function synthetic(rule: Rule, type: ColumnType, i: number): string {
  switch (type.kind) {
    case 'boolean':
      return i % 2 === 0 ? 't' : 'f';
    case 'int':
      return String((i * 7919) % 127);
    case 'decimal':
      return String((i * 7919) % 1000);
    case 'float':
      return `${i}.25`;
    case 'bytes':
      return `\\x${i.toString(16).padStart(32, '0')}`;
    case 'date':
      return date(i);
    case 'time':
      return `12:34:${String(i % 60).padStart(2, '0')}${type.withZone ? '+00' : ''}`;
    case 'timestamp':
      return `${date(i)} 12:34:56${type.withZone ? '+00' : ''}`;
    case 'interval':
      return `${i} days`;
    case 'uuid':
      return TEXTS.uuid!(i);
    case 'json':
      return document(rule, i);
    case 'enum':
      return type.labels[i % type.labels.length] ?? '';
    case 'array': {
      const quoted = [i, i + 1].map((n) => JSON.stringify(synthetic(rule, type.element, n)));
      return `{${quoted.join(',')}}`;
    }
    case 'other':
      return TEXTS.ip!(i);
    case 'text':
      return rule.method === 'fpe'
        ? fpeText(rule, i)
        : (TEXTS[rule.method]?.(i) ?? `Value number ${1000 + i}`);
  }
}

function date(i: number): string {
  return `19${70 + (i % 30)}-${String((i % 12) + 1).padStart(2, '0')}-${String((i % 28) + 1).padStart(2, '0')}`;
}

function fpeText({ alphabet }: Extract<Rule, { method: 'fpe' }>, i: number): string {
  const characters = /digits|alphanumeric|hex/.test(alphabet)
    ? '0123456789'
    : alphabet === 'upper'
      ? 'ABCDEFGHIJ'
      : /^(lower|letters)$/.test(alphabet)
        ? 'abcdefghij'
        : alphabet;
  const radix = [...characters].length;
  return Array.from({ length: 16 }, (_, at) => [...characters][(i * 7 + at * 3) % radix]).join('');
}

function withLuhn(digits: string): string {
  for (let check = 0; check < 10; check++) {
    const number = `${digits}${check}`;
    const sum = [...number].reverse().reduce((total, digit, i) => {
      const value = Number(digit) * (i % 2 === 1 ? 2 : 1);
      return total + (value > 9 ? value - 9 : value);
    }, 0);
    if (sum % 10 === 0) return number;
  }
  return digits;
}

/** A document that has each named place. */
function document(rule: Rule, i: number): string {
  if (rule.method !== 'json') return JSON.stringify({ id: i, note: `Value number ${1000 + i}` });
  const root: Record<string, unknown> = {};
  for (const { path, rule: inner } of rule.paths) {
    const leaf =
      inner.kind === 'method' ? (TEXTS[inner.method.method]?.(i) ?? `Value ${i}`) : `person${i}@example.com`;
    plant(root, path, leaf);
  }
  return JSON.stringify(root);
}

function plant(root: Record<string, unknown>, path: string, leaf: string): void {
  const names = parseJsonPath(path, 'a json rule').map((step) => (step.kind === 'member' ? step.name : null));
  let node: Record<string, unknown> | unknown[] = root;
  names.forEach((name, at) => {
    const last = at === names.length - 1;
    const next: unknown = last ? leaf : names[at + 1] === null ? [] : {};
    if (Array.isArray(node)) {
      if (node.length === 0) node.push(next);
      if (!last) node = node[0] as Record<string, unknown>;
    } else {
      const key = name ?? 'any';
      if (last || typeof node[key] !== 'object') node[key] = next;
      if (!last) node = node[key] as Record<string, unknown>;
    }
  });
}
