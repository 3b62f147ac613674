import { parse } from 'yaml';
import { RowsealError } from '../error/rowseal-error.ts';
import type { PolicyDocument } from '../mask/policy-document.ts';
import { policyDocument } from './policy.ts';
import { configSchema } from './schema.ts';

/**
 * The policy of a configuration in memory, without its secrets and files: to check what was written before it is kept.
 *
 * @throws RowsealError RS-CFG-003
 */
export function parsePolicy(text: string): PolicyDocument {
  const parsed = configSchema.safeParse(parse(text));
  if (!parsed.success) {
    const places = parsed.error.issues.map((issue) => issue.path.map(String).join('.'));
    throw new RowsealError('RS-CFG-003', { detail: places.join(', ') });
  }
  return policyDocument(parsed.data.mask, () => {
    throw new RowsealError('RS-CFG-008', { detail: 'a written policy names no module' });
  });
}
