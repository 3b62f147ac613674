import { inject } from 'vitest';
import type { PostgresMajor } from './postgres.ts';

/** For `it.skipIf`: true when there is no such server here; the probe has said so. */
export function noPostgres(major: PostgresMajor): boolean {
  return !inject('postgresMajors').includes(major);
}
