import { RowsealError } from '../../error/rowseal-error.ts';

export type JsonStep =
  | { readonly kind: 'member'; readonly name: string }
  | { readonly kind: 'any-member' }
  | { readonly kind: 'any-element' };

const STEP = /\.\*|\.([A-Za-z_\u0080-\uffff][\w\u0080-\uffff-]*)|\[\*\]|\['((?:[^'\\]|\\.)*)'\]/y;

/**
 * The part of JSONPath (RFC 9535) that names places without looking at values: `$.a.b`, `$['a b']`, `$.list[*]`,
 * `$.*`.
 *
 * @throws RowsealError RS-MASK-009
 */
export function parseJsonPath(path: string, where: string): readonly JsonStep[] {
  const steps: JsonStep[] = [];
  STEP.lastIndex = 1;
  if (!path.startsWith('$')) throw malformed(path, where);
  while (STEP.lastIndex < path.length) {
    const match = STEP.exec(path);
    if (match === null) throw malformed(path, where);
    const name = match[1] ?? match[2]?.replace(/\\(.)/g, '$1');
    if (name !== undefined) steps.push({ kind: 'member', name });
    else steps.push({ kind: match[0] === '.*' ? 'any-member' : 'any-element' });
  }
  return steps;
}

function malformed(path: string, where: string): RowsealError {
  return new RowsealError('RS-MASK-009', { detail: `${where}: \`${path}\`` });
}
