import { z } from 'zod';
import { MESSAGE_NAMESPACE } from '../model/message-log.ts';

export const identifier = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,40}$/, 'must be lower-case letters, digits and _, beginning with a letter');
export const tableName = z.string().regex(/^[^.]+\.[^.]+$/, 'must be <schema>.<table>');
/** One that a source captures. */
export const capturedTable = tableName.refine(
  (name) => !name.startsWith(`${MESSAGE_NAMESPACE}.`),
  `${MESSAGE_NAMESPACE} is the place of logical messages`,
);
export const positive = z.int().positive();

/** How a connection to a Postgres server is secured. */
export const tls = z
  .strictObject({
    mode: z.enum(['disable', 'require', 'verify-ca', 'verify-full']).optional(),
    ca_file: z.string().optional(),
  })
  .default({});
