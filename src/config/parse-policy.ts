import { parse } from 'yaml';
import type { PolicyDocument } from '../mask/policy-document.ts';
import { policyDocument } from './policy.ts';
import { configSchema } from './schema.ts';

/**
 * The policy of a configuration in memory, without its secrets and files: to check what was written before it is kept.
 *
 * @throws ZodError, YAMLParseError when it is not valid
 */
export function parsePolicy(text: string): PolicyDocument {
  return policyDocument(configSchema.parse(parse(text)).mask, () => {
    throw new Error('a written policy names no module');
  });
}
