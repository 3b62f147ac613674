import { z } from 'zod';

export const identifier = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,40}$/, 'must be lower-case letters, digits and _, beginning with a letter');
export const tableName = z.string().regex(/^[^.]+\.[^.]+$/, 'must be <schema>.<table>');
export const positive = z.int().positive();

/** How a connection to a Postgres server is secured. */
export const tls = z
  .strictObject({
    mode: z.enum(['disable', 'require', 'verify-ca', 'verify-full']).optional(),
    ca_file: z.string().optional(),
  })
  .default({});
