import { RE2JS, RE2JSException } from 're2js';
import { RowsealError } from '../error/rowseal-error.ts';
import type { ColumnType } from '../model/type.ts';
import { dataClasses } from './detect/data-class.ts';
import { TEXT_CLASSES, type TextClass, TextScanner, withoutOverlaps } from './detect/text-scanner.ts';
import type { KeySpace } from './key-space.ts';
import { type CompiledMethod, TEXT, UNFIT } from './method.ts';
import type { MethodDocument } from './policy-document.ts';

interface Found {
  readonly start: number;
  readonly end: number;
  readonly label: string;
}

/**
 * Running text with the personal data in it replaced: by a label, by fill characters, or by a token of the space (a
 * name written twice is the same token twice). What is not recognised stays: for columns that may hold anything, redact.
 * User patterns run on RE2's engine, in time linear in the text whatever the pattern.
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
        const found: Found[] = patterns.flatMap(({ name, expression }) => matchesOf(expression, value, name));
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
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    const why =
      error instanceof RE2JSException
        ? 'RE2 does not know this syntax (no look-around, no back-references)'
        : 'it cannot be compiled';
    throw new RowsealError('RS-MASK-009', { detail: `${where}: pattern \`${pattern}\`: ${why}` });
  }
}

function matchesOf(expression: RE2JS, value: string, label: string): Found[] {
  const found: Found[] = [];
  const matcher = expression.matcher(value);
  while (matcher.find()) {
    const [start, end] = [matcher.start(), matcher.end()];
    if (end > start) found.push({ start, end, label });
  }
  return found;
}

/** For messages: what a class is called. */
export function titleOf(name: TextClass): string {
  return dataClasses[name].title;
}
