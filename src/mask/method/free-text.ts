import { RE2JS, RE2JSException } from 're2js';
import { RowsealError } from '../../error/rowseal-error.ts';
import type { ColumnType } from '../../model/type.ts';
import { TEXT_CLASSES, type TextClass, TextScanner, withoutOverlaps } from '../detect/text-scanner.ts';
import type { KeySpace } from '../key-space.ts';
import { type CompiledMethod, TEXT, UNFIT } from '../method.ts';
import type { MethodDocument } from '../policy-document.ts';

interface Found {
  readonly start: number;
  readonly end: number;
  readonly label: string;
}

/**
 * Running text with the personal data in it replaced: by a label, by fill characters, or by a token of the space (a
 * name written twice is the same token twice). What is not recognised stays: for columns that may hold anything, redact.
 * User patterns run on RE2's engine, in time linear in the text for each place that is found, and within a bound for all.
 *
 * @throws RowsealError RS-MASK-005, -009
 */
export function compileFreeText(
  options: Extract<MethodDocument, { method: 'scan' }>,
  space: KeySpace,
  type: ColumnType,
  where: string,
): CompiledMethod {
  if (type.kind !== 'text')
    throw new RowsealError('RS-MASK-005', {
      detail: `${where}: scan needs text, the column is ${type.kind}`,
    });
  const classes = options.classes ?? TEXT_CLASSES;
  const unknown = classes.find((name) => !TEXT_CLASSES.includes(name as TextClass));
  if (unknown !== undefined) {
    throw new RowsealError('RS-MASK-005', {
      detail: `${where}: \`${unknown}\` cannot be found in text; known are ${TEXT_CLASSES.join(', ')}`,
    });
  }
  const scanner = new TextScanner(classes as readonly TextClass[]);
  const patterns = options.patterns.map(({ name, pattern }) => ({
    name,
    expression: linear(pattern, where),
  }));
  const hmac = space.hmac();
  const replacement = (found: string, label: string): string => {
    switch (options.replace) {
      case 'label':
        return `[${label}]`;
      case 'fill':
        return '*'.repeat(found.length);
      case 'token':
        return `[${label}:${hmac.text(found, 'hex').slice(0, 16)}]`;
    }
  };
  return {
    transform: {
      kind: 'map',
      map: (value) => {
        if (!value.isWellFormed()) return UNFIT.malformed;
        const found: Found[] = [];
        for (const { name, expression } of patterns)
          if (!findAll(expression, value, name, found)) return UNFIT.range;
        for (const span of scanner.find(value))
          found.push({ start: span.start, end: span.end, label: span.class });
        if (found.length === 0) return value;
        let masked = '';
        let at = 0;
        for (const { start, end, label } of withoutOverlaps(found)) {
          masked += value.slice(at, start) + replacement(value.slice(start, end), label);
          at = end;
        }
        return masked + value.slice(at);
      },
    },
    type: TEXT,
    showsParts: true,
    injective: false,
    reversible: false,
    description: {
      method: 'scan',
      domain: space.name,
      classes,
      patterns: options.patterns.map(({ name, pattern }) => [name, pattern]),
      replace: options.replace,
    },
  };
}

/** @throws RowsealError RS-MASK-009 */
function linear(pattern: string, where: string): RE2JS {
  let why = 'it matches where nothing is';
  try {
    const expression = RE2JS.compile(pattern);
    if (!expression.matcher('').find()) return expression;
  } catch (error) {
    why =
      error instanceof RE2JSException
        ? 'RE2 does not know this syntax (no look-around, no back-references)'
        : 'it cannot be compiled';
  }
  throw new RowsealError('RS-MASK-009', { detail: `${where}: pattern \`${pattern}\`: ${why}` });
}

/**
 * Characters that the searches for one pattern may read in one text, as if each read to the end: one search is linear
 * in the text, but all of them together are not (`x.*y|x`). About half a second.
 */
const READ_MAX = 8_388_608;
const READ_MAX_PER_CHARACTER = 64;

/** false: there are too many places in too long a text to look for. */
function findAll(expression: RE2JS, value: string, label: string, found: Found[]): boolean {
  let left = Math.max(READ_MAX, READ_MAX_PER_CHARACTER * value.length);
  const matcher = expression.matcher(value);
  while (matcher.find()) {
    const [start, end] = [matcher.start(), matcher.end()];
    found.push({ start, end, label });
    left -= value.length - start;
    if (left < 0) return false;
  }
  return true;
}
