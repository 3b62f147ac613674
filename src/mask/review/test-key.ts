import { MaskKeys } from '../keys.ts';

/**
 * The key of `mask test --test-key`: published, so that expected tokens are the same on every machine and no secret has
 * to be in CI. It protects nothing. 32 bytes of ASCII: `rowseal published key, for tests`.
 */
export const PUBLISHED_TEST_KEY = 'rowseal-mask-key-v1:cm93c2VhbCBwdWJsaXNoZWQga2V5LCBmb3IgdGVzdHM=';

/** Always of epoch 1: a rotation of the real key must not change what tests expect. */
export function publishedTestKeys(): MaskKeys {
  return MaskKeys.parse(PUBLISHED_TEST_KEY, 1);
}
