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

/** How a connection to a database server is secured. */
export const tls = z
  .strictObject({
    mode: z.enum(['disable', 'require', 'verify-ca', 'verify-full']).optional(),
    ca_file: z.string().optional(),
  })
  .default({});

/** The same as libpq has it. */
export const postgresTls = z
  .strictObject({
    mode: z
      .enum(['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'])
      .optional()
      .describe('as sslmode of libpq; default: verify-full, or disable on the loopback interface'),
    ca_file: z
      .string()
      .optional()
      .describe('authorities that are trusted, PEM; `system`: those of the operating system'),
    cert_file: z.string().optional().describe('certificate of the client, PEM'),
    key_file: z.string().optional().describe('its key, PEM; nobody else may read it'),
    key_password: z.string().optional().describe('of an encrypted key; use ${env:NAME} or ${file:/path}'),
    negotiation: z
      .enum(['postgres', 'direct'])
      .optional()
      .describe('direct: the TLS handshake comes first; PostgreSQL 17'),
  })
  .default({});
